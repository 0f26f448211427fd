#include "wsgate/channels/stdio.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/app/input.h"
#include "common/app/tee.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/json/json_writer.h"
#include "wsgate/channels/upstream.h"

struct stdio {
    struct wsgate *gate;
    struct input *in;
    struct tee *out;
};

static struct metric lines[] = {
    {.name = "tickwire_wsgate_stdin_lines_total",
     .labels = "result=\"accepted\"",
     .help = "Lines of standard input",
     .kind = METRIC_COUNTER},
    {.name = "tickwire_wsgate_stdin_lines_total",
     .labels = "result=\"refused\"",
     .kind = METRIC_COUNTER},
    {.name = "tickwire_wsgate_stdin_lines_total",
     .labels = "result=\"too_long\"",
     .kind = METRIC_COUNTER},
};

enum { ACCEPTED, REFUSED, TOO_LONG };

static struct metric stdout_dropped = {
    .name = "tickwire_wsgate_stdout_dropped_total",
    .help = "Lines not written because the reader of standard output is slow",
    .kind = METRIC_COUNTER,
};

/* --- standard input --- */

static void on_line(void *arg, struct span line, uint64_t number)
{
    struct stdio *l = arg;
    struct log_quote why;
    struct err err = {0};
    unsigned column = 1;

    if (line.len == 0)
        return; /* an empty line is no message, and no mistake */
    if (upstream_publish_local(l->gate->upstream, line, &column, &err)) {
        lines[ACCEPTED].value++;
        return;
    }
    lines[REFUSED].value++;
    log_warn("bad_line", "line=%" PRIu64 " column=%u why=%s", number, column,
             log_quote(&why, span_str(err.text)));
}

static void on_too_long(void *arg, uint64_t number)
{
    const struct stdio *l = arg;

    lines[TOO_LONG].value++;
    log_warn("bad_line",
             "line=%" PRIu64 " column=1 why=\"longer than %" PRId64 " bytes\"",
             number, l->gate->opts->max_line_bytes);
}

static void on_drained(void *arg)
{
    const struct stdio *l = arg;

    upstream_flush(l->gate->upstream);
}

static void on_end(void *arg, int errnum)
{
    struct stdio *l = arg;
    struct err err = {0};

    upstream_flush(l->gate->upstream);
    log_info("input_end",
             "accepted=%" PRIu64 " refused=%" PRIu64 " too_long=%" PRIu64
             " then=%s",
             lines[ACCEPTED].value, lines[REFUSED].value, lines[TOO_LONG].value,
             l->gate->opts->linger ? "serve" : "stop");
    stdio_stop_input(l->gate);
    if (errnum != 0) {
        err_errno(&err, ERR_SYSTEM, errnum, "standard input");
        app_fail(l->gate->app, &err);
    } else if (!l->gate->opts->linger) {
        app_stop(l->gate->app);
    }
}

/* --- standard output --- */

static void add_text(struct json_writer *json, const char *key,
                     struct span text)
{
    if (text.len > 0)
        json_write_span(json, key, text);
}

static void on_request(void *arg, const struct gate_request *req)
{
    struct stdio *l = arg;
    struct json_writer json = {0};
    size_t before;

    if (!l->out)
        return;
    if (tee_full(l->out)) { /* clients must not wait for its reader */
        stdout_dropped.value++;
        return;
    }
    json.out = tee_bytes(l->out);
    before = json.out->len;
    json_write_object(&json, NULL);
    json_write_int(&json, "time", clock_wall_ms());
    json_write_str(&json, "action", req->action);
    json_write_uint(&json, "client", req->client);
    add_text(&json, "peer", span_str(req->peer));
    add_text(&json, "channel", req->channel);
    add_text(&json, "mode", req->mode);
    if (req->interval_ms > 0)
        json_write_int(&json, "interval_ms", req->interval_ms);
    if (req->close_code != 0)
        json_write_uint(&json, "code", req->close_code);
    if (req->close_why)
        add_text(&json, "why", span_str(req->close_why));
    json_write_object_end(&json);
    bytes_add_str(json.out, "\n");
    tee_added(l->out, before);
    tee_flush(l->out);
}

/* --- life --- */

static bool open_input(struct stdio *l, struct err *err)
{
    static const struct input_events events = {.on_line = on_line,
                                               .on_too_long = on_too_long,
                                               .on_drained = on_drained,
                                               .on_end = on_end};

    if (!l->gate->opts->read_stdin)
        return true;
    metrics_add_all(lines, sizeof lines / sizeof *lines);
    l->in = input_new(&l->gate->app->loop, STDIN_FILENO,
                      (size_t)l->gate->opts->max_line_bytes, &events, l, err);
    return l->in != NULL;
}

static bool open_output(struct stdio *l, struct err *err)
{
    if (!l->gate->opts->write_stdout)
        return true;
    metrics_add(&stdout_dropped);
    l->out = tee_new(l->gate->app, STDOUT_FILENO, NULL, NULL, err);
    if (!l->out)
        return false;
    l->gate->on_request = on_request;
    l->gate->on_request_arg = l;
    return true;
}

bool stdio_open(struct wsgate *w, struct err *err)
{
    struct stdio *l;

    if (!w->opts->read_stdin && !w->opts->write_stdout)
        return true;
    l = mem_zero(sizeof *l);
    l->gate = w;
    w->stdio = l;
    if (open_input(l, err) && open_output(l, err))
        return true;
    stdio_stop(w); /* its handles close in the loop; stdio_free() follows */
    return false;
}

void stdio_stop_input(struct wsgate *w)
{
    struct stdio *l = w->stdio;

    if (!l || !l->in)
        return;
    input_close(l->in);
    l->in = NULL;
}

void stdio_stop(struct wsgate *w)
{
    struct stdio *l = w->stdio;

    if (!l)
        return;
    stdio_stop_input(w);
    w->on_request = NULL;
    tee_close(l->out, NULL, NULL);
    l->out = NULL;
}

void stdio_free(struct wsgate *w)
{
    free(w->stdio);
    w->stdio = NULL;
}
