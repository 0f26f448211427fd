/*
 * limit.h -- may this address ask the API now?
 *
 * Runs the rate limiter's function in Redis itself (rule `api`, key = address):
 *   FCALL tickwire_limit 2 {prefix}ratelimit:rules {prefix}ratelimit:api:KEY
 *         api 1 check
 * as ratelimitd/redis/function.lua defines it, one round trip.  What is not answered
 * within LIMIT_ANSWER_MS, or cannot be (no Redis, no function, no rule), is
 * decided here: a window per address in this process (limit_local.h), so that
 * a Redis that is away neither blocks nor opens the API.
 *
 * A "no" is remembered for at most LIMIT_DENY_MS: asking again sooner costs
 * no round trip.
 */
#ifndef WSGATE_HTTP_LIMIT_H
#define WSGATE_HTTP_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "wsgate/wsgate.h"

enum { LIMIT_ANSWER_MS = 50, LIMIT_DENY_MS = 1000 };

struct limit;

struct limit_answer {
    bool allowed;
    bool degraded; /* decided here: the numbers below are not the rule's */
    int64_t limit, remaining;
    int64_t window_ms; /* 0: not known */
    int64_t retry_after_ms, reset_ms;
};

typedef void limit_fn(void *arg, const struct limit_answer *answer);

/* NULL: err (a bad --api-limit). */
struct limit *limit_new(struct wsgate *w, struct err *err);
/* Calls fn once, now or later. */
void limit_ask(struct limit *l, const char *address, limit_fn *fn, void *arg);
/* Questions that are open are decided here; closes its timer. */
void limit_stop(struct limit *l);
void limit_free(struct limit *l);

#endif
