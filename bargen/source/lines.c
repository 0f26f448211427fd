#include "bargen/source/lines.h"

#include <stdlib.h>

#include "bargen/core/stats.h"
#include "common/app/input.h"
#include "common/app/line_fault.h"
#include "common/base/clock.h"
#include "common/event/event_reader.h"
#include "common/event/event_time.h"

struct lines {
    struct source source;
    struct source_context to;
    struct lines_config config;
    struct input *input;
    bool paused;
    bool wall_stale;
    int64_t wall_ns; /* when the lines at hand arrived */
    unsigned column; /* where the line at hand is wrong */
    struct event_reader *reader;
    struct event event;
};

/* l may be gone when it returns. */
static void report(struct lines *l, const char *why, uint64_t number,
                   unsigned column)
{
    const struct line_fault fault = {number, column, why};
    struct err err = {0};

    stats_bad_line();
    if (!line_fault_skip(&fault, l->config.strict, &err))
        l->to.events.on_end(l->to.arg, &err);
}

static void look_at_clock(struct lines *l)
{
    if (!l->wall_stale)
        return;
    l->wall_ns = clock_wall_ns();
    l->wall_stale = false;
}

/* False: it was reported, and l may be gone. */
static inline bool take(struct lines *l, const struct event *ev,
                        struct span line, uint64_t number)
{
    if (l->to.events.on_accepted)
        l->to.events.on_accepted(l->to.arg, ev->text);
    if (engine_event(l->to.engine, ev, l->wall_ns) != ENGINE_FUTURE)
        return true;
    report(l, event_fault_text(EVENT_FUTURE_TIME), number,
           event_time_column(line));
    return false;
}

static void on_line(void *arg, struct span line, uint64_t number)
{
    struct lines *l = arg;
    enum event_fault fault;

    if (line.len == 0)
        return;
    look_at_clock(l);
    fault = event_read(l->reader, line, &l->event, &l->column);
    if (fault == EVENT_OK)
        take(l, &l->event, line, number);
    else
        report(l, event_fault_text(fault), number, l->column);
}

static size_t on_ahead(void *arg, struct span ahead, uint64_t *number)
{
    struct lines *l = arg;
    const char *from = ahead.ptr;
    size_t taken = 0;

    look_at_clock(l);
    while (!l->paused) {
        const struct event *ev = event_reader_next(l->reader, &ahead);

        if (!ev || ev->text.len > l->config.line_max_bytes)
            break;
        taken = (size_t)(ahead.ptr - from);
        if (!take(l, ev, ev->text, ++*number))
            break;
    }
    return taken;
}

static void on_too_long(void *arg, uint64_t number)
{
    struct lines *l = arg;

    report(l, "line is too long", number, (unsigned)l->config.line_max_bytes);
}

static void on_drained(void *arg)
{
    struct lines *l = arg;

    l->wall_stale = true;
    l->to.events.on_drained(l->to.arg);
}

static void on_end(void *arg, int errnum)
{
    struct lines *l = arg;
    struct err err = {0};

    if (errnum != 0)
        err_errno(&err, ERR_SYSTEM, errnum, "standard input");
    l->to.events.on_end(l->to.arg, errnum != 0 ? &err : NULL);
}

static void lines_pause(void *self)
{
    struct lines *l = self;

    l->paused = true;
    input_pause(l->input);
}

static void lines_resume(void *self)
{
    struct lines *l = self;

    l->paused = false;
    input_resume(l->input);
}

static bool lines_caught_up(const void *self)
{
    return !((const struct lines *)self)->paused;
}

static void lines_close(void *self)
{
    struct lines *l = self;

    input_close(l->input);
    event_reader_free(l->reader);
    free(l);
}

struct source *lines_new(const struct source_context *to,
                         const struct lines_config *config, struct err *err)
{
    static const struct source_ops ops = {.pause = lines_pause,
                                          .resume = lines_resume,
                                          .caught_up = lines_caught_up,
                                          .close = lines_close};
    struct input_events events = {.on_line = on_line,
                                  .on_ahead = on_ahead,
                                  .on_too_long = on_too_long,
                                  .on_drained = on_drained,
                                  .on_end = on_end};
    struct lines *l = mem_zero(sizeof *l);

    *l = (struct lines){.source = {&ops, l},
                        .to = *to,
                        .config = *config,
                        .wall_stale = true,
                        .reader = event_reader_new()};
    event_reader_by(l->reader, &config->rules);
    l->input = input_new(to->loop, config->fd, config->line_max_bytes, &events,
                         l, err);
    if (!l->input) {
        event_reader_free(l->reader);
        free(l);
        return NULL;
    }
    return &l->source;
}
