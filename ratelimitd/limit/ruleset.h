/*
 * ruleset.h -- the rules as one reload left them, shared by counting.
 *
 * A question on its way to Redis keeps the rules it was asked under.
 */
#pragma once

#include "ratelimitd/limit/rules.h"
#include "ratelimitd/limit/stats.h"

struct ruleset {
    struct rules rules;
    struct rule_stats **stats; /* by rule.group */
    char stamp[48];            /* "MILLISECONDS DIGEST": later wins in Redis */
    unsigned refs;
};

/* path NULL: the built-in rules, which are older than any others.  now_ms goes
 * into the stamp. */
struct ruleset *ruleset_load(const char *path, int64_t now_ms, struct err *err);
/* Takes the rules over; stamp as it was found. */
struct ruleset *ruleset_of(struct rules *rules, struct span stamp);
/* The same rules, whenever they were loaded? */
bool ruleset_same(const struct ruleset *set, struct span stamp);
struct ruleset *ruleset_ref(struct ruleset *set);
struct ruleset *ruleset_unref(struct ruleset *set); /* accepts NULL */
