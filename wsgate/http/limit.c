#include "wsgate/http/limit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/timeout_queue.h"
#include "wsgate/http/limit_local.h"

enum { RULES_AGAIN_MS = 10000 };

#define RULE "api"
#define LOCAL_DEFAULT "100/60s"

struct limit {
    struct wsgate *gate;
    struct timeout_queue timeouts;
    struct limit_local local;
    struct bytes key; /* scratch */
    /* The rule's text as it stands in Redis: lines that begin with limit and
     * window.  Only the window is wanted from it, for the header. */
    char rules[1024];
    uint64_t rules_asked_ms;
    bool degraded_said;
    bool stopping;
};

/* One question to Redis.  It ends when the reply has come, which may be long
 * after its asker was answered. */
struct question {
    struct timeout timeout; /* first */
    struct limit *limit;
    char address[LOCAL_ADDRESS_MAX];
    limit_fn *fn; /* NULL: answered */
    void *arg;
};

static struct metric answers[] = {
    {.name = "tickwire_wsgate_limit_total",
     .labels = "result=\"allowed\"",
     .help = "API requests by what the rate limit said",
     .kind = METRIC_COUNTER},
    {.name = "tickwire_wsgate_limit_total",
     .labels = "result=\"denied\"",
     .kind = METRIC_COUNTER},
    {.name = "tickwire_wsgate_limit_total",
     .labels = "result=\"denied_cached\"",
     .kind = METRIC_COUNTER},
    {.name = "tickwire_wsgate_limit_total",
     .labels = "result=\"degraded_allowed\"",
     .kind = METRIC_COUNTER},
    {.name = "tickwire_wsgate_limit_total",
     .labels = "result=\"degraded_denied\"",
     .kind = METRIC_COUNTER},
};

enum { ALLOWED, DENIED, DENIED_CACHED, DEGRADED_ALLOWED, DEGRADED_DENIED };

static uint64_t now_ms(const struct limit *l)
{
    return uv_now(l->timeouts.timer.loop);
}

/* Nobody could be asked: the window of this process decides. */
static void degrade(struct limit *l, const char *address, const char *why,
                    limit_fn *fn, void *arg)
{
    struct limit_answer a = {.degraded = true};
    struct local_entry *e = limit_local_of(&l->local, address, now_ms(l));

    /* Without Redis on purpose nothing is amiss. */
    if (!l->degraded_said && l->gate->redis)
        log_warn("limit_degraded", "why=\"%s\" local=%" PRId64 "/%" PRId64 "ms",
                 why, l->local.limit, l->local.window_ms);
    l->degraded_said = true;
    a.limit = l->local.limit;
    a.window_ms = l->local.window_ms;
    a.allowed =
        limit_local_take(&l->local, e, now_ms(l), &a.remaining, &a.reset_ms);
    a.retry_after_ms = a.allowed ? 0 : a.reset_ms;
    answers[a.allowed ? DEGRADED_ALLOWED : DEGRADED_DENIED].value++;
    fn(arg, &a);
}

/* The window of the rule line that has this limit: the first that matches
 * decides in the function, and several lines of one rule differ in it. */
static int64_t window_of(const char *rules, int64_t limit)
{
    while (*rules != '\0') {
        char *rest;
        long long n = strtoll(rules, &rest, 10);
        long long ms = strtoll(rest, NULL, 10);

        if (n == limit && ms > 0)
            return ms;
        rules = strchr(rules, '\n');
        if (!rules)
            break;
        rules++;
    }
    return 0;
}

static bool read_answer(const struct limit *l, const struct redis_reply *r,
                        struct limit_answer *a)
{
    if (r->type != REDIS_ARRAY || r->count < 5)
        return false;
    for (size_t i = 0; i < 5; i++)
        if (r->item[i].type != REDIS_INTEGER)
            return false;
    *a = (struct limit_answer){
        .allowed = r->item[0].integer != 0,
        .limit = r->item[1].integer,
        .remaining = r->item[2].integer,
        .retry_after_ms = r->item[3].integer,
        .reset_ms = r->item[4].integer,
    };
    a->window_ms = window_of(l->rules, a->limit);
    return true;
}

/* "Denied until T" stays true whatever others do; not for long, as the rule
 * may be changed or the key reset. */
static void remember(struct limit *l, const char *address,
                     const struct limit_answer *a)
{
    struct local_entry *e = limit_local_of(&l->local, address, now_ms(l));
    int64_t keep_ms =
        a->retry_after_ms < LIMIT_DENY_MS ? a->retry_after_ms : LIMIT_DENY_MS;

    e->denied_until_ms = now_ms(l) + (uint64_t)(keep_ms > 0 ? keep_ms : 0);
    e->retry_at_ms = now_ms(l) + (uint64_t)a->retry_after_ms;
    e->denied_limit = a->limit;
    e->denied_window_ms = a->window_ms;
}

static bool deny_cached(struct limit *l, const char *address, limit_fn *fn,
                        void *arg)
{
    struct local_entry *e = limit_local_of(&l->local, address, now_ms(l));
    struct limit_answer a = {.limit = e->denied_limit,
                             .window_ms = e->denied_window_ms};

    if (e->denied_until_ms <= now_ms(l))
        return false;
    a.retry_after_ms = (int64_t)(e->retry_at_ms - now_ms(l));
    a.reset_ms = a.retry_after_ms;
    answers[DENIED_CACHED].value++;
    fn(arg, &a);
    return true;
}

static void answer(struct question *q, const struct redis_reply *r)
{
    struct limit *l = q->limit;
    struct limit_answer a;
    char why[96];

    if (!r)
        degrade(l, q->address, "Redis went away", q->fn, q->arg);
    else if (read_answer(l, r, &a)) {
        l->degraded_said = false;
        if (!a.allowed && a.retry_after_ms > 0)
            remember(l, q->address, &a);
        answers[a.allowed ? ALLOWED : DENIED].value++;
        q->fn(q->arg, &a);
    } else {
        struct span text =
            r->type == REDIS_ERROR_REPLY ? r->str : span_str("odd answer");

        snprintf(why, sizeof why, "%.*s", SPAN_ARG(text));
        degrade(l, q->address, why, q->fn, q->arg);
    }
}

static void on_answer(void *arg, const struct redis_reply *r)
{
    struct question *q = arg;

    timeout_queue_remove(&q->timeout);
    if (q->fn)
        answer(q, r);
    free(q);
}

static void on_late(struct timeout *t)
{
    struct question *q = (struct question *)t;
    limit_fn *fn = q->fn;

    q->fn = NULL;
    degrade(q->limit, q->address, "no answer in time", fn, q->arg);
}

static void on_rules(void *arg, const struct redis_reply *r)
{
    struct limit *l = arg;

    if (!r || r->type != REDIS_STRING || r->str.len >= sizeof l->rules)
        return;
    memcpy(l->rules, r->str.ptr, r->str.len);
    l->rules[r->str.len] = '\0';
}

static void add_key(struct limit *l, const char *a, const char *b)
{
    bytes_clear(&l->key);
    bytes_add_str(&l->key, l->gate->redis_config.prefix);
    bytes_add_str(&l->key, a);
    bytes_add_str(&l->key, b);
    redis_cmd_arg(l->gate->redis, l->key.ptr, l->key.len);
}

/* Now and then, and in the same write as the question. */
static void ask_rules(struct limit *l)
{
    struct redis_cmd *c = l->gate->redis;

    if (l->rules_asked_ms != 0 &&
        now_ms(l) - l->rules_asked_ms < RULES_AGAIN_MS)
        return;
    if (!redis_cmd_begin(c, 3, on_rules, l))
        return;
    l->rules_asked_ms = now_ms(l) + 1;
    redis_cmd_str(c, "HGET");
    add_key(l, "ratelimit:rules", "");
    redis_cmd_str(c, RULE);
}

static bool ask_redis(struct limit *l, struct question *q)
{
    struct redis_cmd *c = l->gate->redis;

    if (!c || redis_cmd_full(c))
        return false;
    ask_rules(l);
    if (!redis_cmd_begin(c, 7, on_answer, q))
        return false;
    redis_cmd_str(c, "FCALL");
    redis_cmd_str(c, "tickwire_limit");
    redis_cmd_str(c, "2");
    add_key(l, "ratelimit:rules", "");
    add_key(l, "ratelimit:" RULE ":", q->address);
    redis_cmd_str(c, RULE);
    redis_cmd_str(c, "1");
    return true;
}

struct limit *limit_new(struct wsgate *w, struct err *err)
{
    const char *text = w->opts->api_limit ? w->opts->api_limit : LOCAL_DEFAULT;
    struct limit *l;
    int64_t limit;
    int64_t window_ms;

    if (!limit_local_parse(text, &limit, &window_ms)) {
        err_set(err, ERR_USAGE,
                "--api-limit: '%s' is not REQUESTS/TIME (try %s)", text,
                LOCAL_DEFAULT);
        return NULL;
    }
    l = mem_zero(sizeof *l);
    l->gate = w;
    bytes_init(&l->key);
    limit_local_init(&l->local, limit, window_ms);
    timeout_queue_init(&l->timeouts, &w->app->loop, LIMIT_ANSWER_MS);
    metrics_add_all(answers, sizeof answers / sizeof *answers);
    return l;
}

void limit_ask(struct limit *l, const char *address, limit_fn *fn, void *arg)
{
    struct question *q;

    if (l->stopping) {
        degrade(l, address, "stopping", fn, arg);
        return;
    }
    if (deny_cached(l, address, fn, arg))
        return;
    q = mem_zero(sizeof *q);
    q->limit = l;
    q->fn = fn;
    q->arg = arg;
    snprintf(q->address, sizeof q->address, "%s", address);
    if (ask_redis(l, q)) {
        timeout_queue_add(&l->timeouts, &q->timeout, on_late);
        return;
    }
    free(q);
    degrade(l, address, "Redis is not there", fn, arg);
}

void limit_stop(struct limit *l)
{
    l->stopping = true;
    timeout_queue_close(&l->timeouts);
}

void limit_free(struct limit *l)
{
    if (!l)
        return;
    limit_local_close(&l->local);
    bytes_close(&l->key);
    free(l);
}
