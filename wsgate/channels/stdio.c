#include "wsgate/channels/stdio.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "common/app/input.h"
#include "common/app/line_fault.h"
#include "common/app/tee.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/json/json_writer.h"

static struct metric lines[] = {
    {METRIC(COUNTER, "tickwire_wsgate_stdin_lines_total", "result=\"accepted\"",
            "Lines of standard input")},
    {METRIC(COUNTER, "tickwire_wsgate_stdin_lines_total", "result=\"refused\"",
            NULL)},
    {METRIC(COUNTER, "tickwire_wsgate_stdin_lines_total", "result=\"too_long\"",
            NULL)},
};

enum { ACCEPTED, REFUSED, TOO_LONG };

static struct metric stdout_dropped = {
    METRIC(COUNTER, "tickwire_wsgate_stdout_dropped_total", NULL,
           "Lines not written because the reader of standard output is slow")};

/* --- standard input --- */

static void on_line(void *arg, struct span line, uint64_t number)
{
    struct stdio *s = arg;
    struct line_fault fault = {.line = number, .column = 1};
    struct err err = {0};

    if (line.len == 0)
        return; /* an empty line is no message, and no mistake */
    if (upstream_publish_local(s->upstream, line, &fault.column, &err)) {
        lines[ACCEPTED].value++;
        return;
    }
    lines[REFUSED].value++;
    fault.why = err.text;
    line_fault_skip(&fault, false, NULL);
}

static void on_too_long(void *arg, uint64_t number)
{
    const struct stdio *s = arg;
    char why[48];
    const struct line_fault fault = {number, 1, why};

    snprintf(why, sizeof why, "longer than %" PRId64 " bytes",
             s->options.max_line_bytes);
    lines[TOO_LONG].value++;
    line_fault_skip(&fault, false, NULL);
}

static void on_drained(void *arg)
{
    const struct stdio *s = arg;

    upstream_flush(s->upstream);
}

static void on_end(void *arg, int errnum)
{
    struct stdio *s = arg;
    struct err err = {0};

    upstream_flush(s->upstream);
    log_info("input_end",
             "accepted=%" PRIu64 " refused=%" PRIu64 " too_long=%" PRIu64
             " then=%s",
             lines[ACCEPTED].value, lines[REFUSED].value, lines[TOO_LONG].value,
             s->options.linger ? "serve" : "stop");
    stdio_stop_input(s);
    if (errnum != 0) {
        err_errno(&err, ERR_SYSTEM, errnum, "standard input");
        app_fail(s->app, &err);
    } else if (!s->options.linger) {
        app_stop(s->app);
    }
}

/* --- standard output --- */

static void add_text(struct json_writer *json, const char *key,
                     struct span text)
{
    if (text.len > 0)
        json_write_span(json, key, text);
}

void stdio_activity(void *stdio, const struct activity *a)
{
    static const char *const actions[] = {
        [ACTIVITY_CONNECT] = "connect",
        [ACTIVITY_SUBSCRIBE] = "subscribe",
        [ACTIVITY_UNSUBSCRIBE] = "unsubscribe",
        [ACTIVITY_DISCONNECT] = "disconnect",
    };
    struct stdio *s = stdio;
    struct json_writer json = {0};
    size_t before;

    if (!s->out)
        return;
    if (tee_full(s->out)) { /* clients must not wait for its reader */
        stdout_dropped.value++;
        return;
    }
    json.out = tee_bytes(s->out);
    before = json.out->len;
    json_write_object(&json, NULL);
    json_write_int(&json, "time", clock_wall_ms());
    json_write_str(&json, "action", actions[a->action]);
    json_write_uint(&json, "client", a->client);
    add_text(&json, "peer", span_str(a->peer));
    add_text(&json, "channel", a->channel);
    add_text(&json, "mode", a->mode);
    if (a->interval_ms > 0)
        json_write_int(&json, "interval_ms", a->interval_ms);
    if (a->close_code != 0)
        json_write_uint(&json, "code", a->close_code);
    if (a->close_why)
        add_text(&json, "why", span_str(a->close_why));
    json_write_object_end(&json);
    bytes_add_str(json.out, "\n");
    tee_added(s->out, before);
    tee_flush(s->out);
}

/* --- life --- */

static bool open_input(struct stdio *s, struct err *err)
{
    static const struct input_events events = {.on_line = on_line,
                                               .on_too_long = on_too_long,
                                               .on_drained = on_drained,
                                               .on_end = on_end};

    if (!s->options.read)
        return true;
    metrics_add_all(lines, sizeof lines / sizeof *lines);
    s->in = input_new(&s->app->loop, STDIN_FILENO,
                      (size_t)s->options.max_line_bytes, &events, s, err);
    return s->in != NULL;
}

static bool open_output(struct stdio *s, struct err *err)
{
    if (!s->options.write)
        return true;
    metrics_add(&stdout_dropped);
    s->out = tee_new(s->app, STDOUT_FILENO, NULL, NULL, err);
    return s->out != NULL;
}

bool stdio_open(struct stdio *s, struct app *app, struct upstream *upstream,
                const struct stdio_options *options, struct err *err)
{
    *s = (struct stdio){.app = app, .upstream = upstream, .options = *options};
    if (open_input(s, err) && open_output(s, err))
        return true;
    stdio_stop(s);
    return false;
}

void stdio_stop_input(struct stdio *s)
{
    if (s->in)
        input_close(s->in);
    s->in = NULL;
}

void stdio_stop(struct stdio *s)
{
    stdio_stop_input(s);
    tee_close(s->out, NULL, NULL);
    s->out = NULL;
}
