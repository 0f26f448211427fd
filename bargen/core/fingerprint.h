/*
 * fingerprint.h -- 64 bits that stand for a text that other processes wrote.
 *
 * Stored in Redis and compared by later runs, therefore unseeded: anybody can
 * make two texts with one fingerprint, of things that are theirs anyway.  A
 * table of fingerprints takes its slots from the seeded hash
 * (common/base/hash.h).
 */
#pragma once

#include "common/base/span.h"

uint64_t fingerprint_make(struct span text); /* never 0 */
