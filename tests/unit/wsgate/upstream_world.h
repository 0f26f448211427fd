/*
 * upstream_world.h -- an upstream with a Redis in memory and a clock that stands.
 *
 * The fakes are those of the fuzz target for clients.  What Redis answers lies
 * there until world_redis() or world_deliver() brings it.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/line.h"
#include "common/base/log.h"
#include "tests/fuzz/wsgate/client/fake_clock.h"
#include "tests/fuzz/wsgate/client/fake_redis.h"
#include "wsgate/channels/upstream_internal.h"

enum { WORLD_STEP_MS = 50 };

struct upstream_world {
    uv_loop_t loop;
    struct fanout fanout;
    struct redis_config redis;
    struct route_table *routes;
    struct upstream *upstream;
    unsigned settled, ups, downs; /* times that it said so */
    enum upstream_state state;    /* that it said last */
    void (*on_settled)(void *arg);
    void (*on_access)(void *arg, struct span name, bool pattern, bool refused);
    void (*on_no_room)(void *arg, struct span pattern);
    void *on_settled_arg; /* of both */
};

static void world_on_settled(void *arg)
{
    struct upstream_world *w = arg;

    w->settled++;
    if (w->on_settled)
        w->on_settled(w->on_settled_arg);
}

static void world_on_access(void *arg, struct span name, bool pattern,
                            bool refused)
{
    struct upstream_world *w = arg;

    if (w->on_access)
        w->on_access(w->on_settled_arg, name, pattern, refused);
}

static void world_on_no_room(void *arg, struct span pattern)
{
    struct upstream_world *w = arg;

    if (w->on_no_room)
        w->on_no_room(w->on_settled_arg, pattern);
}

static void world_on_upstream(void *arg, enum upstream_state now)
{
    ((struct upstream_world *)arg)->state = now;
}

static void world_on_up(void *arg)
{
    ((struct upstream_world *)arg)->ups++;
}

static void world_on_down(void *arg, const char *why, bool refused)
{
    (void)why;
    (void)refused;
    ((struct upstream_world *)arg)->downs++;
}

static inline void upstream_world_open(struct upstream_world *w, bool redis,
                                       const struct fanout_io *io)
{
    static const struct upstream_events events = {
        .on_settled = world_on_settled,
        .on_access = world_on_access,
        .on_no_room = world_on_no_room,
        .on_upstream = world_on_upstream,
        .on_up = world_on_up,
        .on_down = world_on_down,
    };
    const struct fanout_limits limits = {.backlog_bytes = 65536,
                                         .backlog_all_bytes = 1 << 20,
                                         .out_bytes = 1 << 20};
    struct upstream_config config = {.self = {"wsgate", "0123456789abcdef", 1}};
    struct err err = {0};

    memset(w, 0, sizeof *w);
    log_init("wsgate", LOG_LEVEL_ERROR);
    fake_redis.cache = FAKE_CACHE_EMPTY;
    fake_redis.denies = false;
    memset(fake_redis.values, 0, sizeof fake_redis.values);
    assert_int_equal(uv_loop_init(&w->loop), 0);
    assert_true(
        redis_config_read(&w->redis, "redis://127.0.0.1:1", "p:", &err));
    assert_non_null(w->routes = route_table_new(NULL, &err));
    fanout_init(&w->fanout, 1 << 20, &limits, io);
    config.redis = redis ? &w->redis : NULL;
    config.routes = w->routes;
    w->upstream = upstream_new(&w->loop, &config, &w->fanout, &events, w);
    upstream_start(w->upstream);
}

static inline void world_turn(struct upstream_world *w)
{
    uv_run(&w->loop, UV_RUN_NOWAIT);
}

/* What lies there for links with subscriptions, and for the others. */
static inline void world_deliver(struct upstream_world *w, bool subscriptions,
                                 bool commands)
{
    world_turn(w); /* what is asked is written at the end of a turn */
    for (struct redis_conn *c = fake_redis.first, *next; c; c = next) {
        next = c->next;
        if (c->n_names > 0 ? subscriptions : commands)
            fake_deliver(c, SIZE_MAX);
    }
    world_turn(w);
}

/* Links open, and everything that is said arrives, until nothing is left. */
static inline void world_redis(struct upstream_world *w)
{
    for (int i = 0; i < 8; i++) {
        for (struct redis_conn *c = fake_redis.first, *next; c; c = next) {
            next = c->next;
            if (!c->closed)
                fake_open(c);
        }
        world_deliver(w, true, true);
    }
}

/* Time goes on, and Redis answers, or it does not. */
static inline void world_wait(struct upstream_world *w, unsigned ms, bool redis)
{
    for (unsigned step; ms > 0; ms -= step) {
        step = ms < WORLD_STEP_MS ? ms : WORLD_STEP_MS;
        fake_mono_ns += (int64_t)step * 1000000;
        world_turn(w);
        if (redis)
            world_redis(w);
    }
}

/* Both links are gone; they come back by themselves in world_wait(). */
static inline void world_lose_redis(struct upstream_world *w)
{
    for (struct redis_conn *c = fake_redis.first, *next; c; c = next) {
        next = c->next;
        if (!c->closed)
            fake_lose(c);
    }
    world_turn(w);
}

/* As another process publishes. */
static inline void world_publish(const char *channel, const char *payload)
{
    fake_publish(span_str(channel), span_str(payload));
}

/* Is Redis subscribed to that name, in the fake's own books? */
static inline bool world_redis_has(const char *name, bool pattern)
{
    for (struct redis_conn *c = fake_redis.first; c; c = c->next) {
        for (unsigned i = 0; !c->closed && i < c->n_names; i++) {
            if (c->names[i].pattern == pattern &&
                span_is(span_make(c->names[i].text, c->names[i].len), name))
                return true;
        }
    }
    return false;
}

/* A line of standard input; room behind it, as it needs. */
static inline bool world_line(struct upstream_world *w, const char *text,
                              struct err *err)
{
    struct bytes line = {0};
    unsigned column;
    bool ok;

    memset(bytes_reserve(&line, strlen(text) + LINE_PAD), 0,
           strlen(text) + LINE_PAD);
    bytes_add_str(&line, text);
    ok = upstream_publish_local(w->upstream, bytes_span(&line), &column, err);
    upstream_flush(w->upstream);
    bytes_close(&line);
    return ok;
}

/* --- somebody who hears everything --- */

struct listener {
    struct member m;
    struct bytes got; /* payloads of frames, a line each */
};

static inline ssize_t listener_take(struct member *m, const struct iovec *iov,
                                    unsigned n)
{
    struct listener *l = (struct listener *)(void *)m;
    struct bytes all = {0};
    size_t total;

    for (unsigned i = 0; i < n; i++)
        bytes_add(&all, iov[i].iov_base, iov[i].iov_len);
    total = all.len;
    for (const char *at = all.ptr, *end = at + all.len; at < end;) {
        size_t len = (unsigned char)at[1], head = 2;
        if (len == 126) {
            len = (size_t)(unsigned char)at[2] << 8 | (unsigned char)at[3];
            head = 4;
        }
        bytes_add(&l->got, at + head, len);
        bytes_add_str(&l->got, "\n");
        at += head + len;
    }
    bytes_close(&all);
    return (ssize_t)total;
}

static inline void listener_want_writable(struct member *m, bool on)
{
    (void)m;
    (void)on;
}

static inline void listener_lost(struct member *m, enum fanout_lost why,
                                 int errnum)
{
    (void)m;
    (void)why;
    (void)errnum;
    fail();
}

static inline const struct fanout_io *listener_io(void)
{
    static const struct fanout_io io = {.send = listener_take,
                                        .want_writable = listener_want_writable,
                                        .lost = listener_lost};

    return &io;
}

/* How often the text came. */
static inline unsigned listener_count(struct listener *l, const char *text)
{
    unsigned n = 0;

    bytes_add(&l->got, "", 1);
    for (const char *at = l->got.ptr; (at = strstr(at, text)) != NULL; at++)
        n++;
    l->got.len--;
    return n;
}

/* Everything else that was opened on the loop is being closed. */
static inline void upstream_world_close(struct upstream_world *w)
{
    upstream_stop(w->upstream);
    for (int i = 0; i < 8 && uv_loop_alive(&w->loop); i++)
        world_turn(w);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    upstream_free(w->upstream);
    route_table_free(w->routes);
}
