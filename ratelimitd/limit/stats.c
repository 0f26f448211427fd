#include "ratelimitd/limit/stats.h"

#include <stdio.h>

#define NAME "tickwire_ratelimitd_"

static const uint64_t latency_bounds_us[] = {
    100, 200, 500, 1000, 2000, 5000, 10000, 20000, 30000, 40000, 50000, 100000};
enum { N_BOUNDS = sizeof latency_bounds_us / sizeof latency_bounds_us[0] };
static uint64_t latency_counts[N_BOUNDS + 1];

static struct rule_stats *all;

#define COUNTER(n, l, h)                                                       \
    {                                                                          \
        .name = NAME n, .labels = (l), .help = (h), .kind = METRIC_COUNTER     \
    }

struct stats stats = {
    .bad_questions =
        COUNTER("bad_questions_total", NULL, "questions that are malformed"),
    .unknown_rules = COUNTER("unknown_rules_total", NULL,
                             "questions for a rule that does not exist"),
    .redis_errors = COUNTER("redis_errors_total", NULL,
                            "checks that Redis answered with an error"),
    .timeouts = COUNTER("timeouts_total", NULL,
                        "calls that Redis did not answer in time"),
    .reloads = COUNTER("reloads_total", "result=\"ok\"", "rules read again"),
    .reloads_bad =
        COUNTER("reloads_total", "result=\"bad\"", "rules read again"),
    .queue_requests = COUNTER("queue_requests_total", NULL,
                              "requests taken from the Redis queue"),
    .queue_expired = COUNTER("queue_expired_total", NULL,
                             "of them dropped as expired, uncharged"),
    .queue_bad = COUNTER("queue_bad_total", NULL, "of them malformed"),
    .latency = {METRIC(HISTOGRAM, NAME "latency_seconds", NULL,
                       "from a question to the answer of Redis"),
                .bounds = latency_bounds_us, .n_bounds = N_BOUNDS,
                .counts = latency_counts, .scale = 1e-6},
};

void stats_init(void)
{
    struct metric *own[] = {
        &stats.bad_questions,  &stats.unknown_rules, &stats.redis_errors,
        &stats.timeouts,       &stats.reloads,       &stats.reloads_bad,
        &stats.queue_requests, &stats.queue_expired, &stats.queue_bad,
        &stats.latency,
    };

    for (unsigned i = 0; i < sizeof own / sizeof own[0]; i++)
        metrics_add(own[i]);
}

struct rule_stats *stats_of_rule(const char *name)
{
    struct rule_stats *rs;
    char labels[sizeof rs->labels];

    snprintf(labels, sizeof labels, "rule=\"%s\"", name);
    for (rs = all; rs; rs = rs->next)
        if (strcmp(rs->labels, labels) == 0)
            return rs;
    rs = mem_zero(sizeof *rs);
    memcpy(rs->labels, labels, sizeof labels);
    rs->questions = (struct metric)COUNTER("questions_total", rs->labels,
                                           "questions that were answered");
    rs->within = (struct metric)COUNTER("within_total", rs->labels,
                                        "questions that were allowed");
    rs->over = (struct metric)COUNTER("over_total", rs->labels,
                                      "questions that were denied");
    rs->near =
        (struct metric)COUNTER("near_total", rs->labels,
                               "allowed with 80 % or more of the limit used");
    rs->shadow_over =
        (struct metric)COUNTER("shadow_over_total", rs->labels,
                               "allowed only because the rule is a shadow");
    rs->deny_cache = (struct metric)COUNTER(
        "deny_cache_total", rs->labels, "denied again without asking Redis");
    rs->degraded = (struct metric)COUNTER(
        "degraded_total", rs->labels, "answered while Redis was unavailable");
    metrics_add(&rs->questions);
    metrics_add(&rs->within);
    metrics_add(&rs->over);
    metrics_add(&rs->near);
    metrics_add(&rs->shadow_over);
    metrics_add(&rs->deny_cache);
    metrics_add(&rs->degraded);
    rs->next = all;
    all = rs;
    return rs;
}

void stats_count(struct rule_stats *rs, const struct verdict *v,
                 enum outcome_source source, bool degraded)
{
    rs->questions.value++;
    rs->within.value += v->allowed;
    rs->over.value += !v->allowed;
    rs->near.value += v->allowed && v->remaining * 5 <= v->limit;
    rs->shadow_over.value += v->shadow_over;
    rs->deny_cache.value += source == OUTCOME_CACHE;
    rs->degraded.value += degraded;
}

void stats_totals(uint64_t *questions, uint64_t *over, uint64_t *degraded)
{
    *questions = *over = *degraded = 0;
    for (const struct rule_stats *rs = all; rs; rs = rs->next) {
        *questions += rs->questions.value;
        *over += rs->over.value;
        *degraded += rs->degraded.value;
    }
}
