#include "ratelimitd/door/limiter.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "ratelimitd/redis/limit_client.h"

struct limiter {
    const struct options *opts;
    struct ruleset *set;
    struct limit_store *store; /* --no-redis, or the local limits */
    struct deny_cache *cache;
    struct breaker breaker;
    struct top top;
    bool with_redis;       /* its answers are those of Redis, or degraded */
    struct redis_cmd *cmd; /* these three: NULL once they are closed */
    struct keeper *keeper;
    struct asker *asker;
    unsigned instances;     /* that were there when it was closed */
    struct outcome outcome; /* of the question that is answered now */
};

static int64_t now_us(void)
{
    return (int64_t)(clock_mono_ns() / 1000);
}

/* --- saying it --- */

/* What must be told to a callback, counted and given back. */
static void say(struct limiter *l, const struct ruleset *set, struct outcome *o,
                struct span key, enum limit_mode mode, limiter_fn *fn,
                void *arg)
{
    for (unsigned i = 0; i < o->n && mode != LIMIT_RESET; i++) {
        stats_count(set->stats[o->rules[i]->group], &o->verdicts[i], o->source,
                    o->degraded);
        if (!o->verdicts[i].allowed && mode == LIMIT_CHECK)
            top_add(&l->top, o->rules[i], key);
    }
    fn(arg, o);
}

static void say_error(struct outcome *o, const char *error, limiter_fn *fn,
                      void *arg)
{
    stats.unknown_rules.value++;
    o->n = 0;
    o->error = error;
    o->bad_rule = true;
    fn(arg, o);
}

/* --- without Redis --- */

static void decide_in_memory(struct limiter *l, struct outcome *o,
                             struct span key, int64_t cost,
                             enum limit_mode mode)
{
    struct limit limits[RULE_CHECK_MAX];

    for (unsigned i = 0; i < o->n; i++)
        limits[i] = o->rules[i]->limit;
    o->source = ANSWER_LOCAL;
    o->allowed = limit_store_ask_all(l->store, o->rules, limits, o->n, key,
                                     now_us(), cost, mode, o->verdicts);
}

/* An equal share of the limit for each instance, but never nothing. */
static struct limit share_of(const struct rule *rule, unsigned instances)
{
    struct limit share = rule->limit;
    int64_t n = rule->limit.limit / instances;

    if (n < 1)
        n = rule->limit.limit < 1 ? 0 : 1;
    share.limit = n;
    if (rule->algorithm == RULE_GCRA &&
        !limit_make(n, rule->limit.window_us, &share))
        share = rule->limit;
    return share;
}

static struct verdict by_decree(const struct rule *rule, int64_t cost,
                                bool allowed)
{
    struct verdict v = {.allowed = allowed, .limit = rule->limit.limit};

    if (allowed) {
        v.remaining = cost < v.limit ? v.limit - cost : 0;
    } else {
        v.retry_after_ms = 1000; /* when Redis may be back */
        v.reset_ms = rule->limit.window_us / 1000;
    }
    return v;
}

static unsigned instance_count(const struct limiter *l)
{
    return l->keeper ? keeper_instances(l->keeper) : l->instances;
}

static void decide_degraded(struct limiter *l, struct outcome *o,
                            struct span key, int64_t cost, enum limit_mode mode)
{
    const struct rule *local[RULE_CHECK_MAX];
    struct limit limits[RULE_CHECK_MAX];
    struct verdict said[RULE_CHECK_MAX];
    unsigned n_local = 0, instances = instance_count(l);
    bool all = true;

    o->source = ANSWER_LOCAL;
    o->degraded = true;
    for (unsigned i = 0; i < o->n; i++) {
        const struct rule *rule = o->rules[i];
        if (rule->on_error == RULE_LOCAL) {
            local[n_local] = rule;
            limits[n_local++] = share_of(rule, instances);
            continue;
        }
        o->verdicts[i] =
            by_decree(rule, cost, rule->on_error == RULE_ALLOW || rule->shadow);
        all = all && o->verdicts[i].allowed;
    }
    /* Denied by decree: look at the others, but charge nothing. */
    if (!limit_store_ask_all(
            l->store, local, limits, n_local, key, now_us(), cost,
            !all && mode == LIMIT_CHECK ? LIMIT_PEEK : mode, said))
        all = false;
    for (unsigned i = 0, k = 0; i < o->n; i++)
        if (o->rules[i]->on_error == RULE_LOCAL)
            o->verdicts[i] = said[k++];
    o->allowed = all;
}

/* --- with Redis --- */

static void begin_from(struct outcome *o, const struct ask *a)
{
    *o = (struct outcome){.n = a->n};
    for (unsigned i = 0; i < a->n; i++)
        o->rules[i] = a->rules[i];
}

/* The local limits know what Redis allowed here. */
static void keep_warm(struct limiter *l, const struct ask *a, int64_t now)
{
    struct span key = span_make(a->key, a->key_len);

    for (unsigned i = 0; i < a->n; i++)
        if (a->rules[i]->on_error == RULE_LOCAL)
            (void)limit_store_ask(l->store, a->rules[i], &a->rules[i]->limit,
                                  key, now, a->cost, a->mode);
}

static void on_verdicts(void *arg, struct ask *a, bool allowed,
                        const struct verdict *verdicts)
{
    struct limiter *l = arg;
    struct outcome o;
    struct span key = span_make(a->key, a->key_len);
    int64_t now = now_us();

    breaker_answered(&l->breaker);
    metrics_observe(&stats.latency, (uint64_t)(now - a->asked_us));
    begin_from(&o, a);
    o.source = ANSWER_REDIS;
    o.allowed = allowed;
    memcpy(o.verdicts, verdicts, a->n * sizeof *verdicts);
    if (allowed && a->mode != LIMIT_PEEK)
        keep_warm(l, a, now);
    /* A reset takes away what other questions in flight have put there. */
    for (unsigned i = 0; i < a->n && a->mode == LIMIT_RESET; i++)
        deny_cache_drop(l->cache, a->rules[i], key);
    if (!allowed && a->n == 1 && a->mode == LIMIT_CHECK && a->set == l->set)
        deny_cache_put(l->cache, a->rules[0], key, a->cost, &verdicts[0],
                       a->asked_us, now);
    say(l, a->set, &o, key, a->mode, a->fn, a->arg);
    ask_free(a);
}

static void on_late(void *arg)
{
    struct limiter *l = arg;
    bool was_open = l->breaker.open;

    breaker_failed(&l->breaker, now_us() / 1000);
    if (l->breaker.open && !was_open)
        log_warn("breaker_open", "why=\"no answer from Redis in %d ms\"",
                 (int)l->opts->timeout_ms);
}

static void on_failed(void *arg, struct ask *a, enum asker_fault fault)
{
    struct limiter *l = arg;
    struct outcome o;
    struct span key = span_make(a->key, a->key_len);

    if (a->probe && fault != ASKER_LATE) /* it said nothing: try another */
        l->breaker.probing = false;
    begin_from(&o, a);
    decide_degraded(l, &o, key, a->cost, a->mode);
    say(l, a->set, &o, key, a->mode, a->fn, a->arg);
    ask_free(a);
}

static bool can_ask(struct limiter *l, int64_t now, bool *probe)
{
    if (!l->cmd || !redis_cmd_ready(l->cmd) || !keeper_ready(l->keeper) ||
        asker_out(l->asker) >= ASKER_OUT_MAX ||
        !breaker_allows(&l->breaker, now / 1000))
        return false;
    *probe = l->breaker.open;
    return true;
}

/* --- public --- */

/* False: it was answered with an error. */
static bool find_rules(struct limiter *l, const struct question *q,
                       struct outcome *o, limiter_fn *fn, void *arg)
{
    char text[64 + RULE_NAME_MAX + RULE_KEY_MAX];
    bool known;

    for (unsigned i = 0; i < q->n_rules; i++) {
        o->rules[i] = rules_find(&l->set->rules, q->rules[i], q->key, &known);
        if (o->rules[i])
            continue;
        snprintf(text, sizeof text,
                 known ? "rule '%.*s' has no line for the key '%.*s'"
                       : "unknown rule '%.*s'",
                 SPAN_ARG(q->rules[i]), SPAN_ARG(q->key));
        say_error(o, text, fn, arg);
        return false;
    }
    o->n = q->n_rules;
    return true;
}

void limiter_ask(struct limiter *l, const struct question *q, limiter_fn *fn,
                 void *arg)
{
    struct outcome *o = &l->outcome;
    int64_t now = now_us();
    bool probe = false;

    o->error = NULL;
    o->bad_rule = o->degraded = false;
    if (!find_rules(l, q, o, fn, arg))
        return;
    if (!l->with_redis) {
        decide_in_memory(l, o, q->key, q->cost, q->mode);
    } else if (l->opts->deny_cache && q->mode == LIMIT_CHECK && o->n == 1 &&
               deny_cache_get(l->cache, o->rules[0], q->key, q->cost, now,
                              &o->verdicts[0])) {
        o->allowed = false;
        o->source = ANSWER_CACHE;
    } else if (can_ask(l, now, &probe)) {
        struct ask *a = ask_new(l->set, o->rules, o->n, q, now, fn, arg);
        a->probe = probe;
        asker_send(l->asker, a);
        return;
    } else {
        decide_degraded(l, o, q->key, q->cost, q->mode);
    }
    say(l, l->set, o, q->key, q->mode, fn, arg);
}

struct limiter *limiter_new(const struct options *opts, struct ruleset *set)
{
    struct limiter *l = mem_zero(sizeof *l);

    l->opts = opts;
    l->set = ruleset_ref(set);
    l->store = limit_store_new((size_t)opts->max_keys);
    l->cache = deny_cache_new();
    return l;
}

void limiter_use_redis(struct limiter *l, uv_loop_t *loop,
                       struct redis_cmd *cmd, struct keeper *keeper,
                       const char *prefix)
{
    static const struct asker_events events = {on_verdicts, on_failed, on_late};

    l->with_redis = true;
    l->cmd = cmd;
    l->keeper = keeper;
    l->asker =
        asker_new(loop, cmd, keeper, prefix, l->opts->timeout_ms, &events, l);
}

void limiter_disconnected(struct limiter *l)
{
    breaker_reset(&l->breaker);
}

void limiter_close_redis(struct limiter *l)
{
    asker_close(l->asker);
    l->instances = keeper_instances(l->keeper);
    l->asker = NULL;
    l->keeper = NULL;
    l->cmd = NULL;
}

void limiter_free(struct limiter *l)
{
    if (!l)
        return;
    ruleset_unref(l->set);
    limit_store_free(l->store);
    deny_cache_free(l->cache);
    free(l);
}

void limiter_set_rules(struct limiter *l, struct ruleset *set)
{
    ruleset_unref(l->set);
    l->set = ruleset_ref(set);
    deny_cache_clear(l->cache);
}

const struct ruleset *limiter_rules(const struct limiter *l)
{
    return l->set;
}

size_t limiter_out(const struct limiter *l)
{
    return l->asker ? asker_out(l->asker) : 0;
}

bool limiter_breaker_open(const struct limiter *l)
{
    return l->breaker.open;
}

const struct top *limiter_top(const struct limiter *l)
{
    return &l->top;
}

const struct limit_store *limiter_store(const struct limiter *l)
{
    return l->store;
}
