/*
 * top.h -- the keys that were denied most, in fixed memory.
 *
 * Space-saving: a key that is not among the TOP_SLOTS takes the place of the
 * least one and inherits its count, so a count may be too high by at most `over`
 * but a frequent key is never missing.
 */
#ifndef RATELIMITD_LIMIT_HEAVY_HITTERS_H
#define RATELIMITD_LIMIT_HEAVY_HITTERS_H

#include "common/json/json_writer.h"
#include "ratelimitd/limit/rules.h"

enum { TOP_SLOTS = 32 };

struct top_entry {
    uint64_t hash, count, over;
    char rule[RULE_NAME_MAX + 1];
    char key[RULE_KEY_MAX + 1];
};

struct top {
    uint64_t hashes[TOP_SLOTS]; /* side by side: looked through each time */
    struct top_entry at[TOP_SLOTS];
    unsigned count;
};

void top_add(struct top *t, const struct rule *rule, struct span key);
/* An array, most first. */
void top_json(const struct top *t, const char *key, struct json_writer *json);

#endif
