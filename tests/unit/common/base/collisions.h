/*
 * Names chosen to fall into one place of a table, by one who knows the secret.
 */
#pragma once

#include <stdio.h>

#include "common/base/hash.h"
#include "common/base/table.h"

/* A power of two: as many places as names, in a full table. */
enum { COLLISIONS = 1024, COLLISIONS_NAME = 16 };

static const struct hash_secret collisions_known = {
    UINT64_C(0x0123456789abcdef), UINT64_C(0x94d049bb133111eb)};
static const struct hash_secret collisions_other = {
    UINT64_C(0x4b8a1c02d7e3f965), UINT64_C(0xbf58476d1ce4e5b9)};

/* Of `places`, all n fall into the first under the secret that is set. */
static inline void collisions_choose(char (*names)[COLLISIONS_NAME], unsigned n,
                                     uint64_t (*hash)(struct span name),
                                     uint64_t places)
{
    unsigned found = 0;

    for (unsigned i = 0; found < n; i++) {
        snprintf(names[found], COLLISIONS_NAME, "tick:%u", i);
        if ((hash(span_str(names[found])) & (places - 1)) == 0)
            found++;
    }
}

/* Entries that are looked at to find each one once. */
static inline size_t collisions_steps(const struct table *t)
{
    size_t steps = 0;

    for (size_t i = 0; i < t->n_buckets; i++) {
        size_t chain = 0;

        for (const struct node *n = t->buckets[i]; n; n = n->next)
            steps += ++chain;
    }
    return steps;
}
