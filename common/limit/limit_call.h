/*
 * limit_call.h -- calls of the limiter's Redis function, and what it answers.
 *
 * The function is ratelimitd's, and its head says what it takes and gives.
 */
#pragma once

#include "common/limit/limit_check.h"
#include "common/redis/redis_cmd.h"

enum { LIMIT_CALL_MAX = 64 /* checks of one call */ };

struct limit_keys {
    char head[80];  /* "{prefix}ratelimit:" */
    char rules[96]; /* key of the rules */
};

void limit_keys_init(struct limit_keys *k, const char *prefix);

/* n checks of one rule each, decided one by one.  False: the link is not ready.
 */
bool limit_call_batch(struct redis_cmd *cmd, const struct limit_keys *keys,
                      struct pending_check *const *checks, unsigned n,
                      redis_reply_fn *fn, void *arg);
/* One check, of one rule or several. */
bool limit_call_alone(struct redis_cmd *cmd, const struct limit_keys *keys,
                      const struct limit_check *p, redis_reply_fn *fn,
                      void *arg);

/* One answer to a batch: [allowed, limit, remaining, retry_after_ms, reset_ms,
 * shadow_over, window_ms], of which the last two may be missing.  The window is
 * given to a check of one rule alone, by a function of version 2. */
bool limit_call_verdict(const struct redis_reply *reply, struct verdict *v);
/* The answer to a check alone of n rules. */
bool limit_call_verdicts(const struct redis_reply *reply, unsigned n,
                         struct outcome *o);
/* The rules, or the function, are not in Redis. */
bool limit_call_unknown_rule(const struct redis_reply *reply);
bool limit_call_no_function(const struct redis_reply *reply);
