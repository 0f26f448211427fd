/*
 * model_conn.h -- links to the Redis of the model: opened, lost, and delivered
 * what Redis has said on them.
 *
 * Takes the place of common/redis/redis_conn.c.
 */
#pragma once

#include "tests/unit/wsgate/model/model_redis.h"

/* --- what the model does --- */

static void redis_told(struct redis_conn *c, const struct redis_mark *m)
{
    for (unsigned i = 0; m->what == SAID_CONFIRMED && i < c->n_names; i++) {
        if (c->names[i].pattern == m->pattern &&
            strcmp(c->names[i].text, m->text) == 0)
            c->names[i].told = true;
    }
    redis.on_mark(m);
}

static void redis_deliver(struct redis_conn *c, size_t max)
{
    size_t n = c->said.len < max ? c->said.len : max;
    char *part;

    if (n == 0 || c->closed || !c->open)
        return;
    /* Exactly, so that reading past it is seen. */
    part = mem_alloc(n + LINE_PAD);
    memcpy(part, c->said.ptr, n);
    bytes_drop(&c->said, n);
    c->said_total += n;
    c->heard_total += n;
    c->events.on_bytes(c->arg, part, n);
    free(part);
    while (c->n_marks > 0) {
        const struct redis_mark *m = &c->marks[c->first_mark % REDIS_MARKS_MAX];
        if (m->end > c->heard_total)
            break;
        redis_told(c, m);
        c->first_mark++;
        c->n_marks--;
    }
}

static void redis_open(struct redis_conn *c)
{
    if (c->open || c->closed || redis.away)
        return;
    c->open = true;
    c->events.on_open(c->arg);
}

static void redis_lose(struct redis_conn *c)
{
    if (!c->closed)
        c->events.on_lost(c->arg, "lost by the model");
}

/* Is the link told that it has the channel, by its name or also by a pattern? */
static bool redis_has(const struct redis_conn *c, struct span channel,
                      bool by_pattern)
{
    for (unsigned i = 0; i < c->n_names; i++) {
        const struct redis_name *n = &c->names[i];
        if (n->told &&
            (n->pattern ? by_pattern && glob_match(span_str(n->text), channel)
                        : span_is(channel, n->text)))
            return true;
    }
    return false;
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
    c->number = ++redis.conns;
    c->marks = mem_alloc(REDIS_MARKS_MAX * sizeof *c->marks);
    c->next = redis.first;
    redis.first = c;
    return c;
}

bool redis_conn_resolving(const struct redis_conn *c)
{
    (void)c;
    return false;
}

void redis_conn_write(struct redis_conn *c, struct bytes *out)
{
    if (c->closed || !c->open)
        return;
    if (c->asked.len > 0 && c->asked_on != redis.connection())
        redis_work(c);
    c->asked_on = redis.connection();
    bytes_add(&c->asked, out->ptr, out->len);
    bytes_clear(out);
}

size_t redis_conn_unsent(const struct redis_conn *c)
{
    (void)c;
    return 0;
}

static void redis_on_closed(uv_handle_t *handle)
{
    struct redis_conn *c = handle->data, **at = &redis.first;

    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    c->events.on_closed(c->arg);
    bytes_close(&c->asked);
    bytes_close(&c->said);
    free(c->marks);
    free(c);
}

void redis_conn_close(struct redis_conn *c)
{
    if (!c || c->closed)
        return;
    if (c->n_names > 0)
        redis.on_end();
    c->closed = true;
    c->n_names = 0;
    uv_close((uv_handle_t *)&c->handle, redis_on_closed);
}
