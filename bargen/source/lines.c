#include "bargen/source/lines.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "bargen/bargen.h"
#include "bargen/core/stats.h"
#include "common/base/clock.h"
#include "common/base/log.h"

enum { TEE_CHUNK_BYTES = 64 * 1024 };

static void report(struct bargen *b, const char *why, uint64_t number,
                   unsigned column)
{
    struct err err = {0};

    stats_bad_line();
    if (!b->opts->strict) {
        log_warn("bad_line", "line=%" PRIu64 " column=%u why=\"%s\"", number,
                 column, why);
        return;
    }
    err_set(&err, ERR_INPUT, "line %" PRIu64 ", column %u: %s", number, column,
            why);
    lines_close(b);
    app_fail(b->app, &err);
}

static void pause_if_full(struct bargen *b)
{
    if (b->lines.paused || !b->lines.input || !bargen_full(b))
        return;
    b->lines.paused = true;
    input_pause(b->lines.input);
}

static void pass_on(struct bargen *b, struct span text)
{
    struct bytes *out = output_bytes(b->out);
    char *to = bytes_reserve(out, text.len + 1);

    memcpy(to, text.ptr, text.len);
    to[text.len] = '\n';
    out->len += text.len + 1;
    b->out_unsaid += text.len + 1;
    if (b->out_unsaid < TEE_CHUNK_BYTES)
        return;
    b->out_unsaid = 0;
    output_added(b->out);
    pause_if_full(b);
}

/* Where "time" stands in the line, from 1: the scanner does not keep it. */
static unsigned time_column(struct span line)
{
    const char *at = memmem(line.ptr, line.len, "\"time\"", 6);

    return at ? (unsigned)(at - line.ptr) + 1 : 1;
}

static void on_line(void *arg, struct span line, uint64_t number)
{
    struct bargen *b = arg;
    struct event *ev = &b->lines.event;
    enum event_fault fault;

    if (line.len == 0)
        return;
    if (b->lines.wall_stale) {
        b->lines.wall_ns = clock_wall_ns();
        b->lines.wall_stale = false;
    }
    fault = event_read(line, ev, &b->lines.column);
    if (fault != EVENT_OK) {
        report(b, event_fault_text(fault), number, b->lines.column);
        return;
    }
    if (b->opts->tee)
        pass_on(b, ev->text);
    if (engine_event(&b->engine, ev, b->lines.wall_ns) == ENGINE_FUTURE)
        report(b, event_fault_text(EVENT_FUTURE_TIME), number,
               time_column(line));
}

static void on_too_long(void *arg, uint64_t number)
{
    struct bargen *b = arg;

    report(b, "line is too long", number, (unsigned)b->opts->max_line_bytes);
}

static void on_drained(void *arg)
{
    struct bargen *b = arg;

    b->lines.wall_stale = true;
    bargen_flush(b);
    pause_if_full(b);
}

static void on_end(void *arg, int errnum)
{
    struct bargen *b = arg;
    struct err err = {0};

    lines_close(b);
    if (errnum == 0) {
        bargen_end(b);
        return;
    }
    err_errno(&err, ERR_SYSTEM, errnum, "standard input");
    app_fail(b->app, &err);
}

bool lines_open(struct bargen *b, struct err *err)
{
    struct input_events events = {.on_line = on_line,
                                  .on_too_long = on_too_long,
                                  .on_drained = on_drained,
                                  .on_end = on_end};

    b->lines.wall_stale = true;
    b->lines.input =
        input_new(&b->app->loop, STDIN_FILENO, (size_t)b->opts->max_line_bytes,
                  &events, b, err);
    if (!b->lines.input)
        return false;
    pause_if_full(b);
    return true;
}

void lines_resume(struct bargen *b)
{
    if (!b->lines.paused || !b->lines.input || bargen_full(b))
        return;
    b->lines.paused = false;
    input_resume(b->lines.input);
}

void lines_close(struct bargen *b)
{
    input_close(b->lines.input);
    b->lines.input = NULL;
}
