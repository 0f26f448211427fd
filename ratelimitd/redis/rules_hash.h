/*
 * rules_hash.h -- the rules as they stand in Redis: {prefix}ratelimit:rules.
 *
 * A hash with the text of each rule name, and under "@stamp", a name that no rule
 * can have, when they were loaded and their digest: "MILLISECONDS DIGEST".
 */
#pragma once

#include "common/redis/redis_cmd.h"
#include "ratelimitd/limit/ruleset.h"

/* Through the function, which keeps rules of a later stamp: the answer is 1, or
 * 0 where there are such.  False: the link is not ready. */
bool rules_hash_write(struct redis_cmd *cmd, const char *key,
                      const struct ruleset *set, redis_reply_fn *fn, void *arg);
/* The answer to HGETALL.  NULL: not what an instance wrote. */
struct ruleset *rules_hash_read(const struct redis_reply *reply);
/* Was a loaded before b? */
bool rules_hash_earlier(struct span a, const char *b);
