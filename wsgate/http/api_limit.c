#include "wsgate/http/api_limit.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/quantity.h"
#include "common/limit/limit_client.h"
#include "wsgate/http/api_target.h"

#define LOCAL_DEFAULT "100/60s"
/* A hundred years: microseconds stay exact in gcra. */
#define WINDOW_MAX_MS (INT64_C(36500) * 24 * 3600 * 1000)

struct api_limit {
    struct limit_store *store;
    struct limit_client *client;
    struct rule rule; /* its limit: what holds without Redis */
    bool with_redis;
    bool degraded_said;
};

/* A question on its way to Redis. */
struct question {
    struct pending_check check; /* first */
    struct api_limit *limit;
    api_limit_fn *fn;
    void *arg;
};

#define RESULT(result, help)                                                   \
    {                                                                          \
        METRIC(COUNTER, "tickwire_wsgate_limit_total",                         \
               "result=\"" result "\"", help)                                  \
    }

static struct metric answers[] = {
    RESULT("allowed", "API requests by what the rate limit said"),
    RESULT("denied", NULL),
    RESULT("denied_cached", NULL),
    RESULT("degraded_allowed", NULL),
    RESULT("degraded_denied", NULL),
};

enum { ALLOWED, DENIED, DENIED_CACHED, DEGRADED_ALLOWED, DEGRADED_DENIED };

static unsigned result_of(const struct outcome *o)
{
    if (o->degraded)
        return o->allowed ? DEGRADED_ALLOWED : DEGRADED_DENIED;
    if (o->source == OUTCOME_CACHE)
        return DENIED_CACHED;
    return o->allowed ? ALLOWED : DENIED;
}

/* Said once, until Redis has answered again.  Without Redis on purpose nothing
 * is amiss. */
static void note_degraded(struct api_limit *l, const struct outcome *o)
{
    if (o->degraded && l->with_redis && !l->degraded_said)
        log_warn("limit_degraded", "why=%s local=%" PRId64 "/%" PRId64 "ms",
                 LOG_Q(o->why), l->rule.limit.limit,
                 l->rule.limit.window_us / 1000);
    if (o->degraded || o->source == OUTCOME_REDIS)
        l->degraded_said = o->degraded;
}

static void answer(struct api_limit *l, const struct outcome *o,
                   api_limit_fn *fn, void *arg)
{
    note_degraded(l, o);
    answers[result_of(o)].value++;
    fn(arg, o);
}

static void on_outcome(struct pending_check *p, const struct outcome *o)
{
    struct question *q = (struct question *)p;

    answer(q->limit, o, q->fn, q->arg);
    free(q);
}

void api_limit_ask(struct api_limit *l, const char *address, api_limit_fn *fn,
                   void *arg)
{
    const struct rule *rule = &l->rule;
    struct limit_check check = {
        .rules = &rule,
        .n = 1,
        .key = span_make(address, strnlen(address, RULE_KEY_MAX)),
        .cost = 1,
        .mode = LIMIT_CHECK,
        .now_us = (int64_t)(clock_mono_ns() / 1000)};
    struct outcome o;
    struct question *q;

    if (limit_client_decide(l->client, &check, &o)) {
        answer(l, &o, fn, arg);
        return;
    }
    q = mem_alloc(sizeof *q);
    q->check.on_outcome = on_outcome;
    q->limit = l;
    q->fn = fn;
    q->arg = arg;
    limit_client_send(l->client, &q->check, &check);
}

/* A log of the times is exact.  Above what it may hold, gcra counts in constant
 * memory; a pair that it cannot count exactly gets a shorter window at the same
 * rate. */
static void set_limit(struct rule *rule, int64_t limit, int64_t window_us)
{
    rule->algorithm = limit <= API_LIMIT_LOG_MAX ? RULE_LOG : RULE_GCRA;
    rule->limit = (struct limit){.limit = limit, .window_us = window_us};
    while (rule->algorithm == RULE_GCRA &&
           !limit_make(limit, window_us, &rule->limit)) {
        limit /= 2;
        window_us /= 2;
    }
}

bool api_limit_parse(const char *text, struct rule *rule)
{
    const char *slash = strchr(text, '/');
    int64_t n, ms;

    if (!slash || !quantity_duration(slash + 1, &ms) || ms < 1 ||
        !api_number(span_make(text, (size_t)(slash - text)), 1, 1000000000, &n))
        return false;
    set_limit(rule, n, (ms < WINDOW_MAX_MS ? ms : WINDOW_MAX_MS) * 1000);
    return true;
}

struct api_limit *api_limit_new(uv_loop_t *loop, const char *prefix,
                                const char *text, struct err *err)
{
    static const struct limit_client_events none = {NULL, NULL, NULL, NULL};
    struct limit_client_config config = {.prefix = prefix,
                                         .timeout_ms = API_LIMIT_ANSWER_MS,
                                         .deny_cache = true,
                                         .window = true};
    struct rule rule = {
        .name = "api", .name_len = 3, .pattern = "*", .on_error = RULE_LOCAL};
    struct api_limit *l;

    if (!api_limit_parse(text ? text : LOCAL_DEFAULT, &rule)) {
        err_set(err, ERR_USAGE,
                "--api-limit: '%s' is not REQUESTS/TIME (try %s)", text,
                LOCAL_DEFAULT);
        return NULL;
    }
    l = mem_zero(sizeof *l);
    l->rule = rule;
    l->store = limit_store_new(API_LIMIT_ADDRESSES_MAX);
    l->client = limit_client_new(loop, l->store, &config, &none, NULL);
    metrics_add_all(answers, sizeof answers / sizeof *answers);
    return l;
}

void api_limit_connect(struct api_limit *l, struct redis_cmd *cmd)
{
    l->with_redis = cmd != NULL;
    limit_client_connect(l->client, cmd);
}

void api_limit_stop(struct api_limit *l)
{
    limit_client_stop(l->client);
}

void api_limit_free(struct api_limit *l)
{
    if (!l)
        return;
    limit_client_free(l->client);
    limit_store_free(l->store);
    free(l);
}
