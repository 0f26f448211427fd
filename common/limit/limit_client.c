#include "common/limit/limit_client.h"

#include <stdlib.h>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/limit/breaker.h"
#include "common/limit/deny_cache.h"
#include "common/limit/limit_local.h"

struct limit_client {
    struct limit_sender sender;
    struct limit_store *store;
    struct deny_cache *cache;
    struct breaker breaker;
    struct limit_client_config config;
    struct limit_client_events events;
    void *arg;
    unsigned epoch, instances;
    bool paused;
};

static int64_t now_us(void)
{
    return (int64_t)(clock_mono_ns() / 1000);
}

/* --- what comes back --- */

static void remember(struct limit_client *c, const struct pending_check *p,
                     const struct limit_check *q, const struct outcome *o)
{
    if (c->config.count_allowed && o->allowed && q->mode != LIMIT_PEEK)
        limit_local_note(c->store, q);
    /* A reset takes away what other checks in flight have put there. */
    for (unsigned i = 0; i < q->n && q->mode == LIMIT_RESET; i++)
        deny_cache_drop(c->cache, q->rules[i], q->key);
    if (!o->allowed && q->n == 1 && q->mode == LIMIT_CHECK &&
        p->epoch == c->epoch)
        deny_cache_put(c->cache, q->rules[0], q->key, q->cost, &o->verdicts[0],
                       p->check.now_us, q->now_us);
}

static void on_answer(void *arg, struct pending_check *p, struct outcome *o)
{
    struct limit_client *c = arg;
    struct limit_check q = p->check;

    q.now_us = now_us();
    breaker_answered(&c->breaker);
    if (c->events.on_answer)
        c->events.on_answer(c->arg, q.now_us - p->check.now_us);
    outcome_begin(o, &q, OUTCOME_REDIS);
    remember(c, p, &q, o);
    p->on_outcome(p, o);
}

static void on_failed(void *arg, struct pending_check *p, struct span why)
{
    struct limit_client *c = arg;
    struct limit_check q = p->check;
    struct outcome o;

    q.now_us = now_us();
    if (p->probe) /* it said nothing: try another */
        c->breaker.probing = false;
    limit_local_degrade(c->store, &q, c->instances, why, &o);
    p->on_outcome(p, &o);
}

static void on_late(void *arg)
{
    struct limit_client *c = arg;
    bool was_open = c->breaker.open;

    if (c->config.breaker)
        breaker_failed(&c->breaker, now_us() / 1000);
    if (c->events.on_late)
        c->events.on_late(c->arg, c->breaker.open && !was_open);
}

static void on_error(void *arg, struct span text)
{
    struct limit_client *c = arg;

    if (c->events.on_error)
        c->events.on_error(c->arg, text);
}

static bool on_missing(void *arg, enum limit_missing what)
{
    struct limit_client *c = arg;

    return c->events.on_missing && c->events.on_missing(c->arg, what);
}

/* --- what is asked --- */

bool limit_client_ready(const struct limit_client *c)
{
    const struct redis_cmd *cmd = c->sender.cmd;

    return cmd && redis_cmd_ready(cmd) && !c->paused;
}

static bool can_ask(struct limit_client *c, int64_t clock_us)
{
    return limit_client_ready(c) && !redis_cmd_full(c->sender.cmd) &&
           c->sender.out < LIMIT_CLIENT_OUT_MAX &&
           breaker_allows(&c->breaker, clock_us / 1000);
}

bool limit_client_decide(struct limit_client *c, const struct limit_check *q,
                         struct outcome *o)
{
    if (c->config.deny_cache && q->mode == LIMIT_CHECK && q->n == 1 &&
        deny_cache_get(c->cache, q->rules[0], q->key, q->cost, q->now_us,
                       &o->verdicts[0])) {
        outcome_begin(o, q, OUTCOME_CACHE);
        o->allowed = false;
        return true;
    }
    if (can_ask(c, q->now_us))
        return false;
    limit_local_degrade(
        c->store, q, c->instances,
        span_str(c->sender.stopped ? "stopping" : "Redis is not there"), o);
    return true;
}

void limit_client_send(struct limit_client *c, struct pending_check *p,
                       const struct limit_check *q)
{
    pending_check_fill(p, q);
    p->epoch = c->epoch;
    p->probe = c->breaker.open;
    limit_sender_send(&c->sender, p);
}

/* --- public --- */

struct limit_client *limit_client_new(uv_loop_t *loop,
                                      struct limit_store *store,
                                      const struct limit_client_config *config,
                                      const struct limit_client_events *events,
                                      void *arg)
{
    static const struct limit_sender_events own = {
        on_answer, on_failed, on_late, on_error, on_missing};
    struct limit_client *c = mem_zero(sizeof *c);

    c->store = store;
    c->config = *config;
    c->events = *events;
    c->arg = arg;
    c->instances = 1;
    c->cache = deny_cache_new();
    limit_sender_init(&c->sender, loop, config->prefix, config->timeout_ms,
                      config->window, &own, c);
    return c;
}

void limit_client_connect(struct limit_client *c, struct redis_cmd *cmd)
{
    c->sender.cmd = cmd;
}

void limit_client_pause(struct limit_client *c)
{
    c->paused = true;
    breaker_reset(&c->breaker); /* of this connection */
}

void limit_client_resume(struct limit_client *c)
{
    c->paused = false;
}

void limit_client_share(struct limit_client *c, unsigned instances)
{
    c->instances = instances > 0 ? instances : 1;
}

void limit_client_forget(struct limit_client *c)
{
    c->epoch++;
    deny_cache_clear(c->cache);
}

size_t limit_client_out(const struct limit_client *c)
{
    return c->sender.out;
}

bool limit_client_breaker_open(const struct limit_client *c)
{
    return c->breaker.open;
}

void limit_client_stop(struct limit_client *c)
{
    limit_sender_stop(&c->sender);
}

void limit_client_free(struct limit_client *c)
{
    if (!c)
        return;
    deny_cache_free(c->cache);
    free(c);
}
