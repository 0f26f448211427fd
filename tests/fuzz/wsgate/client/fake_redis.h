/*
 * fake_redis.h -- Redis for a fuzz target, in memory.
 *
 * Takes the place of common/redis/redis_conn.c: links, handshakes, subscriptions and
 * commands are the real ones.  What is written is answered at once, but the
 * answers, and what is published, lie here until the target delivers them, in
 * pieces of any size.
 */
#pragma once

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/glob.h"
#include "common/base/line.h"
#include "common/redis/redis_conn.h"
#include "common/redis/redis_resp.h"

enum { FAKE_ARGS_MAX = 600, FAKE_NAMES_MAX = 64, FAKE_NAME_MAX = 200 };

/* What is in last:{channel}. */
enum fake_cache {
    FAKE_CACHE_EMPTY,
    FAKE_CACHE_ONE,
    FAKE_CACHE_TWO,
    FAKE_CACHE_BAD,
    FAKE_CACHE_ERROR,
    FAKE_CACHES
};

struct fake_name {
    bool pattern;
    size_t len;
    char text[FAKE_NAME_MAX];
};

struct redis_conn {
    uv_idle_t handle; /* for its close callback */
    struct redis_conn_events events;
    void *arg;
    struct redis_conn *next;
    bool open, closed, blocked;
    struct bytes asked, said;
    unsigned n_names;
    struct fake_name names[FAKE_NAMES_MAX];
};

static struct fake_redis {
    struct redis_conn *first;
    enum fake_cache cache;
    const char *values[4]; /* of tests: what last: holds, whatever its name */
    bool denies;           /* subscriptions */
} fake_redis;

/* --- what is published --- */

static void fake_message(struct redis_conn *c, const struct fake_name *name,
                         struct span channel, struct span payload)
{
    resp_array(&c->said, name->pattern ? 4 : 3);
    resp_bulk_str(&c->said, name->pattern ? "pmessage" : "message");
    if (name->pattern)
        resp_bulk(&c->said, name->text, name->len);
    resp_bulk(&c->said, channel.ptr, channel.len);
    resp_bulk(&c->said, payload.ptr, payload.len);
}

static void fake_publish(struct span channel, struct span payload)
{
    for (struct redis_conn *c = fake_redis.first; c; c = c->next) {
        for (unsigned i = 0; i < c->n_names; i++) {
            const struct fake_name *n = &c->names[i];
            struct span name = span_make(n->text, n->len);
            if (n->pattern ? glob_match(name, channel) : span_eq(name, channel))
                fake_message(c, n, channel, payload);
        }
    }
}

/* --- commands --- */

static void fake_subscribe(struct redis_conn *c, const char *kind, bool on,
                           bool pattern, struct span name)
{
    unsigned at = 0;

    while (at < c->n_names &&
           (c->names[at].pattern != pattern ||
            !span_eq(span_make(c->names[at].text, c->names[at].len), name)))
        at++;
    if (!on && at < c->n_names)
        c->names[at] = c->names[--c->n_names];
    if (on && at == c->n_names && at < FAKE_NAMES_MAX &&
        name.len <= FAKE_NAME_MAX) {
        struct fake_name *n = &c->names[c->n_names++];
        n->pattern = pattern;
        n->len = name.len;
        memcpy(n->text, name.ptr, name.len);
    }
    resp_array(&c->said, 3);
    resp_bulk_str(&c->said, kind);
    resp_bulk(&c->said, name.ptr, name.len);
    bytes_printf(&c->said, ":%u\r\n", c->n_names);
}

static bool fake_subscribes(struct redis_conn *c, const struct span *args,
                            unsigned n)
{
    static const struct {
        const char *word, *kind;
        bool on, pattern;
    } kinds[] = {{"SUBSCRIBE", "subscribe", true, false},
                 {"PSUBSCRIBE", "psubscribe", true, true},
                 {"UNSUBSCRIBE", "unsubscribe", false, false},
                 {"PUNSUBSCRIBE", "punsubscribe", false, true}};

    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        if (!span_is(args[0], kinds[k].word))
            continue;
        if (fake_redis.denies && kinds[k].on) {
            bytes_add_str(&c->said, "-NOPERM not this one\r\n");
            return true;
        }
        for (unsigned i = 1; i < n; i++)
            fake_subscribe(c, kinds[k].kind, kinds[k].on, kinds[k].pattern,
                           args[i]);
        return true;
    }
    return false;
}

static void fake_cached(struct bytes *out)
{
    static const char tick[] = "{\"type\":\"tick\",\"symbol\":\"A\",\"bid\":1}";
    static const char trade[] = "{\"type\":\"trade\",\"symbol\":\"A\"}";
    unsigned n = 0;

    while (n < 4 && fake_redis.values[n])
        n++;
    if (n > 0) {
        resp_array(out, 2 * n);
        for (unsigned i = 0; i < n; i++) {
            resp_bulk_str(out, "field");
            resp_bulk_str(out, fake_redis.values[i]);
        }
        return;
    }
    switch (fake_redis.cache) {
    case FAKE_CACHE_ONE:
    case FAKE_CACHE_TWO:
        resp_array(out, fake_redis.cache == FAKE_CACHE_ONE ? 2 : 4);
        resp_bulk_str(out, "tick");
        resp_bulk_str(out, tick);
        if (fake_redis.cache == FAKE_CACHE_ONE)
            return;
        resp_bulk_str(out, "trade");
        resp_bulk_str(out, trade);
        return;
    case FAKE_CACHE_BAD:
        resp_array(out, 2);
        resp_bulk_str(out, "tick");
        resp_bulk_str(out, "{\"type\":");
        return;
    case FAKE_CACHE_ERROR:
        bytes_add_str(out, "-LOADING not now\r\n");
        return;
    case FAKE_CACHE_EMPTY:
    case FAKE_CACHES:
        bytes_add_str(out, "*0\r\n");
        return;
    }
}

/* What the endpoints ask for. */
static bool fake_api(struct redis_conn *c, const struct span *args, unsigned n)
{
    static const char bar[] = "{\"type\":\"bar\",\"symbol\":\"A\","
                              "\"resolution\":\"1\",\"time\":1700000000000}";
    struct bytes *out = &c->said;
    bool some = fake_redis.cache != FAKE_CACHE_EMPTY;

    if (span_is(args[0], "FCALL")) {
        bytes_add_str(out, fake_redis.cache == FAKE_CACHE_ERROR
                               ? "-ERR Function not found\r\n"
                           : fake_redis.denies
                               ? "*5\r\n:0\r\n:2\r\n:0\r\n:900\r\n:900\r\n"
                               : "*5\r\n:1\r\n:2\r\n:1\r\n:0\r\n:900\r\n");
    } else if (span_is(args[0], "SCAN")) {
        bool more = some && span_is(args[1], "0");
        bytes_add_str(out, more ? "*2\r\n$1\r\n7\r\n" : "*2\r\n$1\r\n0\r\n");
        resp_array(out, 2);
        resp_bulk_str(out, "last:market_data:A");
        resp_bulk_str(out, "p:last:bars:A:1");
    } else if (span_is(args[0], "GET") || span_is(args[0], "HGET")) {
        if (some)
            resp_bulk_str(out, bar);
        else
            bytes_add_str(out, "$-1\r\n");
    } else if (span_is(args[0], "MGET")) {
        resp_array(out, n - 1);
        for (unsigned i = 1; i < n; i++)
            bytes_add_str(out, "$-1\r\n");
    } else if (span_is(args[0], "ZREVRANGEBYSCORE")) {
        resp_array(out, 1);
        resp_bulk_str(out, bar);
    } else {
        return false;
    }
    return true;
}

static void fake_command(struct redis_conn *c, const struct span *args,
                         unsigned n)
{
    if (fake_subscribes(c, args, n) || fake_api(c, args, n))
        return;
    if (span_is(args[0], "PING")) {
        bytes_add_str(&c->said, c->n_names > 0
                                    ? "*2\r\n$4\r\npong\r\n$0\r\n\r\n"
                                    : "+PONG\r\n");
    } else if (span_is(args[0], "HGETALL")) {
        fake_cached(&c->said);
    } else if (span_is(args[0], "PUBLISH") && n == 3) {
        fake_publish(args[1], args[2]);
        bytes_add_str(&c->said, ":1\r\n");
    } else {
        bytes_add_str(&c->said, "+OK\r\n");
    }
}

/* "*2\r\n$3\r\nGET\r\n..": what is written is whole, or not there yet. */
static const char *fake_number(const char *at, const char *end, char mark,
                               unsigned *n)
{
    *n = 0;
    assert(at < end && *at == mark);
    for (at++; at < end && *at >= '0' && *at <= '9'; at++)
        *n = *n * 10 + (unsigned)(*at - '0');
    assert(end - at >= 2 && at[0] == '\r' && at[1] == '\n');
    return at + 2;
}

static void fake_answer(struct redis_conn *c)
{
    const char *at = c->asked.ptr, *end = at + c->asked.len;
    struct span args[FAKE_ARGS_MAX];

    while (at < end) {
        unsigned n, len;
        at = fake_number(at, end, '*', &n);
        assert(n > 0 && n <= FAKE_ARGS_MAX);
        for (unsigned i = 0; i < n; i++) {
            at = fake_number(at, end, '$', &len);
            assert((size_t)(end - at) >= len + 2);
            args[i] = span_make(at, len);
            at += len + 2;
        }
        fake_command(c, args, n);
    }
    bytes_clear(&c->asked);
}

/* --- what the target does --- */

/* The k-th connection that is not closed; NULL: there is none. */
static inline struct redis_conn *fake_conn(unsigned k)
{
    struct redis_conn *c = fake_redis.first;
    unsigned n = 0;

    for (; c; c = c->next)
        n += !c->closed;
    if (n == 0)
        return NULL;
    k %= n;
    for (c = fake_redis.first; c->closed || k-- > 0; c = c->next) {
    }
    return c;
}

static inline void fake_open(struct redis_conn *c)
{
    if (c->open)
        return;
    c->open = true;
    c->events.on_open(c->arg);
}

static inline void fake_deliver(struct redis_conn *c, size_t max)
{
    size_t n = c->said.len < max ? c->said.len : max;
    char *part;

    if (n == 0 || c->closed || !c->open)
        return;
    /* Exactly, so that reading past it is seen. */
    part = mem_alloc(n + LINE_PAD);
    memcpy(part, c->said.ptr, n);
    bytes_drop(&c->said, n);
    c->events.on_bytes(c->arg, part, n);
    free(part);
}

static inline void fake_lose(struct redis_conn *c)
{
    c->events.on_lost(c->arg, "closed by the fuzzer");
}

static inline void fake_block(struct redis_conn *c, bool on)
{
    if (c->blocked && !on) {
        c->blocked = false;
        c->events.on_written(c->arg);
    }
    c->blocked = on;
}

/* --- the interface of redis_conn.h --- */

struct redis_conn *redis_conn_new(uv_loop_t *loop,
                                  const struct redis_config *config,
                                  unsigned first,
                                  const struct redis_conn_events *events,
                                  void *arg)
{
    struct redis_conn *c = mem_zero(sizeof *c);

    (void)config;
    (void)first;
    uv_idle_init(loop, &c->handle);
    c->handle.data = c;
    c->events = *events;
    c->arg = arg;
    bytes_init(&c->asked);
    bytes_init(&c->said);
    c->next = fake_redis.first;
    fake_redis.first = c;
    return c;
}

bool redis_conn_resolving(const struct redis_conn *c)
{
    (void)c;
    return false;
}

void redis_conn_write(struct redis_conn *c, struct bytes *out)
{
    if (c->closed || c->blocked || !c->open)
        return;
    bytes_add(&c->asked, out->ptr, out->len);
    bytes_clear(out);
    fake_answer(c);
}

size_t redis_conn_unsent(const struct redis_conn *c)
{
    (void)c;
    return 0;
}

static void fake_on_closed(uv_handle_t *handle)
{
    struct redis_conn *c = handle->data, **at = &fake_redis.first;

    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    c->events.on_closed(c->arg);
    bytes_close(&c->asked);
    bytes_close(&c->said);
    free(c);
}

void redis_conn_close(struct redis_conn *c)
{
    if (!c || c->closed)
        return;
    c->closed = true;
    c->n_names = 0;
    uv_close((uv_handle_t *)&c->handle, fake_on_closed);
}
