/*
 * heavy_hitters.h -- the keys that were denied most, in fixed memory.
 *
 * Space-saving: a key that has no slot takes the place of the least one and
 * inherits its count, so a count may be too high by at most `over`, but a
 * frequent key is never missing.
 */
#pragma once

#include "common/json/json_writer.h"
#include "ratelimitd/limit/rules.h"

enum { HEAVY_HITTERS_MAX = 32 };

struct heavy_hitter {
    uint64_t hash, count, over;
    char rule[RULE_NAME_MAX + 1];
    char key[RULE_KEY_MAX + 1];
};

struct heavy_hitters {
    uint64_t
        hashes[HEAVY_HITTERS_MAX]; /* side by side: looked through each time */
    struct heavy_hitter at[HEAVY_HITTERS_MAX];
    unsigned count;
};

void heavy_hitters_add(struct heavy_hitters *h, const struct rule *rule,
                       struct span key);
/* An array, most first. */
void heavy_hitters_json(const struct heavy_hitters *h, const char *key,
                        struct json_writer *json);
