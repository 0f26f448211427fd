#include "ratelimitd/door/limiter.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/limit/limit_client.h"
#include "common/limit/limit_local.h"
#include "ratelimitd/redis/function_sync.h"

struct limiter {
    struct limiter_config config;
    struct ruleset *set;
    struct limit_store *store;
    struct limit_client *client; /* NULL: --no-redis */
    struct function_sync *sync;  /* NULL once it is closed */
    struct heavy_hitters heavy_hitters;
    struct outcome outcome; /* of the question that is answered now */
};

/* A question on its way to Redis. */
struct pending_question {
    struct pending_check check; /* first */
    struct limiter *limiter;
    struct ruleset *set; /* a reference: the check's rules are in it */
    limiter_fn *fn;
    void *arg;
};

static int64_t now_us(void)
{
    return (int64_t)(clock_mono_ns() / 1000);
}

/* --- what is answered --- */

/* Counted, and given back. */
static void answer(struct limiter *l, const struct ruleset *set,
                   const struct outcome *o, struct span key,
                   enum limit_mode mode, limiter_fn *fn, void *arg)
{
    for (unsigned i = 0; i < o->n && mode != LIMIT_RESET; i++) {
        stats_count(set->stats[o->rules[i]->group], &o->verdicts[i], o->source,
                    o->degraded);
        if (!o->verdicts[i].allowed && mode == LIMIT_CHECK)
            heavy_hitters_add(&l->heavy_hitters, o->rules[i], key);
    }
    fn(arg, o);
}

static void on_outcome(struct pending_check *c, const struct outcome *o)
{
    struct pending_question *p = (struct pending_question *)c;

    answer(p->limiter, p->set, o, c->check.key, c->check.mode, p->fn, p->arg);
    ruleset_unref(p->set);
    free(p);
}

static void ask_redis(struct limiter *l, const struct limit_check *check,
                      limiter_fn *fn, void *arg)
{
    struct pending_question *p = mem_alloc(sizeof *p);

    p->check.on_outcome = on_outcome;
    p->limiter = l;
    p->set = ruleset_ref(l->set);
    p->fn = fn;
    p->arg = arg;
    limit_client_send(l->client, &p->check, check);
}

/* --- what is asked --- */

static void say_error(struct outcome *o, const char *error, limiter_fn *fn,
                      void *arg)
{
    stats.unknown_rules.value++;
    o->n = 0;
    o->error = error;
    fn(arg, o);
}

/* False: it was answered with an error. */
static bool find_rules(struct limiter *l, const struct question *q,
                       const struct rule **rules, limiter_fn *fn, void *arg)
{
    char text[64 + RULE_NAME_MAX + RULE_KEY_MAX];
    bool known;

    for (unsigned i = 0; i < q->n_rules; i++) {
        rules[i] = rules_find(&l->set->rules, q->rules[i], q->key, &known);
        if (rules[i])
            continue;
        snprintf(text, sizeof text,
                 known ? "rule '%.*s' has no line for the key '%.*s'"
                       : "unknown rule '%.*s'",
                 SPAN_ARG(q->rules[i]), SPAN_ARG(q->key));
        say_error(&l->outcome, text, fn, arg);
        return false;
    }
    return true;
}

void limiter_ask(struct limiter *l, const struct question *q, limiter_fn *fn,
                 void *arg)
{
    const struct rule *rules[RULE_CHECK_MAX];
    struct limit_check check = {.rules = rules,
                                .n = q->n_rules,
                                .key = q->key,
                                .cost = q->cost,
                                .mode = q->mode};

    if (!find_rules(l, q, rules, fn, arg))
        return;
    check.now_us = now_us();
    if (!l->client) {
        limit_local_decide(l->store, &check, &l->outcome);
    } else if (!limit_client_decide(l->client, &check, &l->outcome)) {
        ask_redis(l, &check, fn, arg);
        return;
    }
    answer(l, l->set, &l->outcome, q->key, q->mode, fn, arg);
}

/* --- with Redis --- */

static void on_late(void *arg, bool opened)
{
    const struct limiter *l = arg;

    stats.timeouts.value++;
    if (opened)
        log_warn("breaker_open", "why=\"no answer from Redis in %d ms\"",
                 (int)l->config.timeout_ms);
}

static void on_answer(void *arg, int64_t took_us)
{
    (void)arg;
    metrics_observe(&stats.latency, (uint64_t)took_us);
}

static void on_error(void *arg, struct span text)
{
    (void)arg;
    stats.redis_errors.value++;
    log_warn("check_error", "why=%s", LOG_Q(text));
}

/* The commands that restore it go out ahead of the check that is sent again. */
static bool on_missing(void *arg, enum limit_missing what)
{
    const struct limiter *l = arg;

    if (!l->sync)
        return false;
    if (what == LIMIT_NO_RULES)
        function_sync_restore_rules(l->sync);
    else
        function_sync_restore_function(l->sync);
    return true;
}

void limiter_use_redis(struct limiter *l, uv_loop_t *loop,
                       struct redis_cmd *cmd, struct function_sync *sync,
                       const char *prefix)
{
    static const struct limit_client_events events = {on_late, on_answer,
                                                      on_error, on_missing};
    struct limit_client_config config = {.prefix = prefix,
                                         .timeout_ms = l->config.timeout_ms,
                                         .deny_cache = l->config.deny_cache,
                                         .breaker = true,
                                         .count_allowed = true};

    l->sync = sync;
    l->client = limit_client_new(loop, l->store, &config, &events, l);
    limit_client_connect(l->client, cmd);
    limit_client_pause(l->client);
}

void limiter_pause(struct limiter *l)
{
    limit_client_pause(l->client);
}

void limiter_resume(struct limiter *l)
{
    limit_client_resume(l->client);
}

void limiter_share(struct limiter *l, unsigned instances)
{
    limit_client_share(l->client, instances);
}

void limiter_close_redis(struct limiter *l)
{
    limit_client_stop(l->client);
    l->sync = NULL;
}

/* --- public --- */

struct limiter *limiter_new(const struct limiter_config *config,
                            struct ruleset *set)
{
    struct limiter *l = mem_zero(sizeof *l);

    l->config = *config;
    l->set = ruleset_ref(set);
    l->store = limit_store_new(config->max_keys);
    return l;
}

void limiter_free(struct limiter *l)
{
    if (!l)
        return;
    limit_client_free(l->client);
    ruleset_unref(l->set);
    limit_store_free(l->store);
    free(l);
}

void limiter_set_rules(struct limiter *l, struct ruleset *set)
{
    ruleset_unref(l->set);
    l->set = ruleset_ref(set);
    if (l->client)
        limit_client_forget(l->client);
}

const struct ruleset *limiter_rules(const struct limiter *l)
{
    return l->set;
}

size_t limiter_out(const struct limiter *l)
{
    return l->client ? limit_client_out(l->client) : 0;
}

bool limiter_has_redis(const struct limiter *l)
{
    return l->client && limit_client_ready(l->client);
}

bool limiter_breaker_open(const struct limiter *l)
{
    return l->client && limit_client_breaker_open(l->client);
}

const struct heavy_hitters *limiter_heavy_hitters(const struct limiter *l)
{
    return &l->heavy_hitters;
}

const struct limit_store *limiter_store(const struct limiter *l)
{
    return l->store;
}
