/*
 * hash.h -- 64 bits of a rule name and a key; seeded once per process.
 *
 * Keys come from anybody, so tables would be easy to fill with collisions
 * without the seed.
 */
#ifndef COMMON_LIMIT_HASH_H
#define COMMON_LIMIT_HASH_H

#include <stdint.h>

#include "common/base/span.h"

void hash_seed(uint64_t seed);
uint64_t hash_pair(struct span name, struct span key);

#endif
