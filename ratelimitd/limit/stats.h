/*
 * stats.h -- what happened: counters per rule, never per key.
 */
#pragma once

#include "common/base/metrics.h"
#include "ratelimitd/limit/answer.h"

/* Of one rule name.  Made once per name and kept for the life of the process,
 * so that a reload does not lose counts. */
struct rule_stats {
    struct metric questions, within, over, near, shadow_over;
    struct metric deny_cache, degraded;
    char labels[RULE_NAME_MAX + 16];
    struct rule_stats *next;
};

struct stats {
    struct metric bad_questions, unknown_rules, redis_errors, timeouts;
    struct metric reloads, reloads_bad;
    struct metric queue_requests, queue_expired, queue_bad;
    struct metric latency;
};

extern struct stats stats;

void stats_init(void);
struct rule_stats *stats_of_rule(const char *name);
/* One answer to a question about this rule. */
void stats_count(struct rule_stats *rs, const struct verdict *v,
                 enum outcome_source source, bool degraded);
/* Totals over all rules, for status pages. */
void stats_totals(uint64_t *questions, uint64_t *over, uint64_t *degraded);
