/*
 * idring.h -- the last few thousand trade ids that are not numbers.
 *
 * Remembers 64-bit fingerprints: with 4,096 of them the chance that a new id
 * is taken for a duplicate is 2^-52 for each id.
 *
 * Fingerprints are stored in Redis and therefore unseeded; their slots come from
 * the seeded hash (common/base/hash.h).  Not common/base/table.h, because eight
 * bytes per id are all there is to keep.
 *
 * Bounds      IDRING_MAX ids; the oldest is forgotten first
 * Ownership   idring_init/idring_close; grows from nothing as ids come
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/span.h"

enum { IDRING_MAX = 4096 };

struct idring {
    uint64_t *ring;  /* in order of arrival; next is the oldest when full */
    uint64_t *table; /* open addressing, twice the ring; 0: free */
    unsigned cap, n, next; /* cap: a power of two */
};

void idring_init(struct idring *r);
void idring_close(struct idring *r);
uint64_t idring_fingerprint(struct span id);             /* never 0 */
bool idring_add(struct idring *r, uint64_t fingerprint); /* false: seen */
/* The i-th newest, from 0; i < r->n. */
uint64_t idring_newest(const struct idring *r, unsigned i);
