#include "common/redis/redis_cmd.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/redis/redis_metrics.h"

enum {
    IN_FLIGHT_MAX = 100000,
    UNSENT_MAX = 8 * 1024 * 1024,
    /* Queued in one turn beyond this, it goes out at once: Redis works while
     * we encode the rest. */
    FLUSH_BYTES = 256 * 1024,
    REPLICA_SAID_MS = 60000, /* a replica's refusals are logged as often */
};

struct redis_cmd {
    uv_loop_t *loop;
    struct redis_link *link;
    struct redis_cmd_events events;
    void *arg;
    struct redis_cmd_limits limits;
    struct redis_metrics *metrics;
    struct redis_pending pending;
    unsigned args_left; /* of the command begun last */
    bool ignoring;      /* the command begun last was not accepted */
    bool said_full;     /* on_room is owed */
    bool replica_ok;
    bool said_replica; /* since: said_replica_ms */
    uint64_t said_replica_ms;
    bool closed;
    void (*on_done)(void *arg);
    void *done_arg;
};

/* --- bounds --- */

static bool above(const struct redis_cmd *c, unsigned parts)
{
    return c->pending.count >= c->limits.max_in_flight / parts ||
           redis_link_unsent(c->link) >= c->limits.max_unsent / parts;
}

bool redis_cmd_full(const struct redis_cmd *c)
{
    return c->said_full;
}

static void note_full(struct redis_cmd *c)
{
    if (!c->said_full && above(c, 1))
        c->said_full = true;
}

static void note_room(void *arg)
{
    struct redis_cmd *c = arg;

    if (!c->said_full || above(c, 2))
        return;
    c->said_full = false;
    if (c->events.on_room)
        c->events.on_room(c->arg);
}

/* --- events of the link --- */

static void on_ready(void *arg)
{
    struct redis_cmd *c = arg;

    if (c->events.on_ready)
        c->events.on_ready(c->arg);
}

/* Callbacks may queue (refused, as the link is not ready) or close. */
static void fail_pending(struct redis_cmd *c)
{
    struct redis_pending lost = c->pending;
    struct redis_waiter w;

    c->pending = (struct redis_pending){0};
    c->args_left = 0;
    c->ignoring = true;
    c->said_full = false;
    c->metrics->in_flight.value -= lost.count;
    while (redis_pending_take(&lost, &w)) {
        if (w.fn)
            w.fn(w.arg, NULL);
    }
    redis_pending_close(&lost);
}

static void on_down(void *arg, const char *why, bool refused)
{
    struct redis_cmd *c = arg;

    fail_pending(c);
    if (!c->closed && c->events.on_down)
        c->events.on_down(c->arg, why, refused);
}

static void say_replica(struct redis_cmd *c, struct span why)
{
    uint64_t now = uv_now(c->loop);

    if (c->said_replica && now - c->said_replica_ms < REPLICA_SAID_MS)
        return;
    c->said_replica = true;
    c->said_replica_ms = now;
    log_warn("redis_replica", "role=%s why=%s", c->limits.role, LOG_Q(why));
}

/* Returns false when the link must be given up for it. */
static bool count_error(struct redis_cmd *c, const struct redis_reply *r)
{
    enum redis_error class = redis_error_of(r->str);

    c->metrics->errors[class].value++;
    if (class == REDIS_ERR_RESOLVE && c->replica_ok) {
        say_replica(c, r->str);
        return true;
    }
    return class != REDIS_ERR_RESOLVE && !span_starts(r->str, "NOAUTH");
}

static bool on_reply(void *arg, const struct redis_reply *r)
{
    struct redis_cmd *c = arg;
    struct redis_waiter w;
    bool keep = true;

    if (!redis_pending_take(&c->pending, &w)) {
        redis_link_drop(c->link, "reply that nobody asked for");
        return false;
    }
    c->metrics->in_flight.value--;
    if (r->type == REDIS_ERROR_REPLY)
        keep = count_error(c, r);
    if (w.fn)
        w.fn(w.arg, r);
    else if (r->type == REDIS_ERROR_REPLY && c->events.on_error)
        c->events.on_error(c->arg, r->str);
    if (!keep && !c->closed) {
        char why[128];

        snprintf(why, sizeof why, "%.*s", SPAN_ARG(r->str));
        redis_link_drop(c->link, why);
    }
    return keep && !c->closed;
}

static void on_ping(void *arg)
{
    struct redis_cmd *c = arg;

    redis_pending_add(&c->pending, NULL, NULL, 1);
    c->metrics->in_flight.value++;
}

struct redis_cmd *redis_cmd_new(uv_loop_t *loop,
                                const struct redis_config *config,
                                const struct redis_cmd_limits *limits,
                                const struct redis_cmd_events *events,
                                void *arg)
{
    struct redis_cmd *c = mem_zero(sizeof *c);
    struct redis_link_events link_events = {
        .on_ready = on_ready,
        .on_down = on_down,
        .on_reply = on_reply,
        .on_drained = note_room,
        .on_ping = on_ping,
        .on_room = note_room,
    };

    if (limits)
        c->limits = *limits;
    if (c->limits.max_in_flight == 0)
        c->limits.max_in_flight = IN_FLIGHT_MAX;
    if (c->limits.max_unsent == 0)
        c->limits.max_unsent = UNSENT_MAX;
    if (!c->limits.role)
        c->limits.role = "cmd";
    link_events.role = c->limits.role;
    c->loop = loop;
    c->replica_ok = config->replica_ok;
    c->events = *events;
    c->arg = arg;
    c->link = redis_link_new(loop, config, &link_events, c);
    c->metrics = redis_metrics_of(c->limits.role);
    return c;
}

bool redis_cmd_ready(const struct redis_cmd *c)
{
    return redis_cmd_state(c) == REDIS_READY;
}

enum redis_state redis_cmd_state(const struct redis_cmd *c)
{
    return c->closed ? REDIS_CLOSED : redis_link_state(c->link);
}

size_t redis_cmd_in_flight(const struct redis_cmd *c)
{
    return c->pending.count;
}

/* --- queueing --- */

static void accept_commands(struct redis_cmd *c, size_t n, redis_reply_fn *fn,
                            void *arg)
{
    c->ignoring = false;
    redis_pending_add(&c->pending, fn, arg, n);
    c->metrics->commands.value += n;
    c->metrics->in_flight.value += n;
    if (redis_link_out(c->link)->len >= FLUSH_BYTES)
        redis_link_flush(c->link);
    redis_link_queued(c->link);
    note_full(c);
}

bool redis_cmd_begin(struct redis_cmd *c, unsigned argc, redis_reply_fn *fn,
                     void *arg)
{
    assert(c->args_left == 0 && argc > 0);
    c->ignoring = !redis_cmd_ready(c);
    if (c->ignoring)
        return false;
    accept_commands(c, 1, fn, arg);
    resp_array(redis_link_out(c->link), argc);
    c->args_left = argc;
    return true;
}

void redis_cmd_arg(struct redis_cmd *c, const void *data, size_t len)
{
    if (c->ignoring)
        return;
    assert(c->args_left > 0);
    c->args_left--;
    resp_bulk(redis_link_out(c->link), data, len);
}

void redis_cmd_str(struct redis_cmd *c, const char *text)
{
    redis_cmd_arg(c, text, strlen(text));
}

void redis_cmd_int(struct redis_cmd *c, int64_t value)
{
    if (c->ignoring)
        return;
    assert(c->args_left > 0);
    c->args_left--;
    resp_bulk_int(redis_link_out(c->link), value);
}

bool redis_cmd_argv(struct redis_cmd *c, redis_reply_fn *fn, void *arg,
                    const char *const *words)
{
    unsigned argc = 0;

    while (words[argc])
        argc++;
    if (!redis_cmd_begin(c, argc, fn, arg))
        return false;
    for (unsigned i = 0; i < argc; i++)
        redis_cmd_str(c, words[i]);
    return true;
}

bool redis_cmd_raw(struct redis_cmd *c, const void *resp, size_t len,
                   unsigned n_commands, redis_reply_fn *fn, void *arg)
{
    assert(c->args_left == 0);
    c->ignoring = !redis_cmd_ready(c);
    if (c->ignoring)
        return false;
    bytes_add(redis_link_out(c->link), resp, len);
    accept_commands(c, n_commands, fn, arg);
    return true;
}

void redis_cmd_flush(struct redis_cmd *c)
{
    assert(c->args_left == 0);
    if (redis_cmd_ready(c))
        redis_link_flush(c->link);
}

void redis_cmd_drop(struct redis_cmd *c, const char *why)
{
    if (!c->closed)
        redis_link_drop(c->link, why);
}

static void on_link_closed(void *arg)
{
    struct redis_cmd *c = arg;
    void (*on_done)(void *arg) = c->on_done;
    void *done_arg = c->done_arg;

    free(c);
    if (on_done)
        on_done(done_arg);
}

void redis_cmd_close(struct redis_cmd *c, void (*done)(void *arg), void *arg)
{
    if (c->closed)
        return;
    c->closed = true;
    c->on_done = done;
    c->done_arg = arg;
    redis_link_close(c->link, on_link_closed, c);
    fail_pending(c);
}
