/*
 * ask.h -- one question while it is on its way to Redis and back.
 *
 * Copied from the question, as its line is gone by then.
 */
#ifndef RATELIMITD_REDIS_PENDING_CHECK_H
#define RATELIMITD_REDIS_PENDING_CHECK_H

#include "ratelimitd/limit/answer.h"
#include "ratelimitd/limit/ruleset.h"

typedef void limiter_fn(void *arg, const struct outcome *o);

struct ask {
    struct ruleset *set; /* a reference: rules[] point into it */
    const struct rule *rules[RULE_CHECK_MAX];
    unsigned n;
    char key[RULE_KEY_MAX];
    size_t key_len;
    int64_t cost;
    enum limit_mode mode;
    int64_t asked_us; /* monotonic */
    bool probe;       /* let through by an open breaker */
    limiter_fn *fn;
    void *arg;
};

struct ask *ask_new(struct ruleset *set, const struct rule *const *rules,
                    unsigned n, const struct question *q, int64_t now_us,
                    limiter_fn *fn, void *arg);
void ask_free(struct ask *a);

#endif
