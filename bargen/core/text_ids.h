/*
 * text_ids.h -- the last few thousand trade ids that are not numbers.
 *
 * Remembers 64-bit fingerprints: with 4,096 of them the chance that a new id
 * is taken for a duplicate is 2^-52 for each id.
 *
 * Fingerprints are stored in Redis and therefore unseeded; their slots come from
 * the seeded hash (common/base/hash.h).  Not common/base/table.h, because eight
 * bytes per id are all there is to keep.
 *
 * Bounds      TEXT_IDS_MAX ids; the oldest is forgotten first
 * Ownership   text_ids_init/text_ids_close; grows from nothing as ids come
 */
#pragma once

#include "common/base/span.h"

enum { TEXT_IDS_MAX = 4096 };

struct text_ids {
    uint64_t *ring;  /* in order of arrival; next is the oldest when full */
    uint64_t *table; /* open addressing, twice the ring; 0: free */
    unsigned cap, n, next; /* cap: a power of two */
};

void text_ids_init(struct text_ids *r);
void text_ids_close(struct text_ids *r);
uint64_t text_ids_fingerprint(struct span id);               /* never 0 */
bool text_ids_add(struct text_ids *r, uint64_t fingerprint); /* false: seen */
/* The i-th newest, from 0; i < r->n. */
uint64_t text_ids_newest(const struct text_ids *r, unsigned i);
