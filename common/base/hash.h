/*
 * hash.h -- 64 bits of a text, with a secret that each process draws anew.
 *
 * Names come from anybody.  Who knew where they fall could choose thousands
 * that fall into one place of a table, so that each search there walks past all
 * of them.  app_init() draws the secret; without it (tests, fuzz targets) it is
 * a fixed one.
 *
 * Sixteen bytes a step: the high half of a product folded onto its low half,
 * as wyhash does, but with a secret in both factors: where one is public, a name
 * can make it 0 and so forget all the rest, whatever the secret.  The last
 * product, by a public number, is for the low bits, which choose the place.
 *
 * How often two names meet that were chosen without the secret: with words of 5
 * to 8 bits, all pairs under all secrets counted, those meet most whose words
 * are complements, under (3/4)^bits of the secrets; so they do up to 24 bits,
 * sampled.  With 64 that is 10^-8, for 20,000 names two pairs.  SipHash-1-3,
 * better studied, takes 8.5 ns for 20 bytes, this 3.0: of the 90 to 130 ns that
 * tickpub and bargen need for an event, 5 % more.
 *
 * Not for what another process reads, or this one after a restart: the numbers
 * of journal shards and the fingerprints in bargen's state have hashes of their
 * own, without a secret.
 */
#pragma once

#include <stdint.h>
#include <string.h>

#include "common/base/span.h"

struct hash_secret {
    uint64_t start, factor;
};

extern struct hash_secret hash_secret;

/* Before the first thing is hashed: none would be found again. */
void hash_seed(struct hash_secret secret);

static inline uint64_t hash_load8(const char *p)
{
    uint64_t w;

    memcpy(&w, p, sizeof w);
    return w;
}

static inline uint64_t hash_load4(const char *p)
{
    uint32_t w;

    memcpy(&w, p, sizeof w);
    return w;
}

/* A text of less than eight bytes, all of it.  Reads no byte outside:
 * overlapping loads cover every length. */
static inline uint64_t hash_short(struct span s)
{
    if (s.len >= 4)
        return hash_load4(s.ptr) << 32 | hash_load4(s.ptr + s.len - 4);
    if (s.len == 0)
        return 0;
    return (uint64_t)(unsigned char)s.ptr[0] << 16 |
           (uint64_t)(unsigned char)s.ptr[s.len / 2] << 8 |
           (unsigned char)s.ptr[s.len - 1];
}

static inline uint64_t hash_fold(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 m = (unsigned __int128)a * b;

    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/* Inline: on the path of every event and every message. */
static inline uint64_t hash_add(uint64_t h, struct span s)
{
    uint64_t k = hash_secret.factor;
    const char *p = s.ptr, *end;

    if (s.len < 8) {
        h = hash_fold(h ^ hash_short(s), k);
    } else if (s.len < 16) {
        end = p + s.len;
        h = hash_fold(h ^ hash_load8(p), k ^ hash_load8(end - 8));
    } else {
        for (end = p + s.len; end - p > 16; p += 16)
            h = hash_fold(h ^ hash_load8(p), k ^ hash_load8(p + 8));
        h = hash_fold(h ^ hash_load8(end - 16), k ^ hash_load8(end - 8));
    }
    return hash_fold(h ^ s.len, UINT64_C(0xe7037ed1a0b428db));
}

static inline uint64_t hash_text(struct span s)
{
    return hash_add(hash_secret.start, s);
}

/* Lengths go in: "ab", "c" is not "a", "bc". */
static inline uint64_t hash_pair(struct span a, struct span b)
{
    return hash_add(hash_text(a), b);
}

/* For numbers that are hashes without a secret; one step does. */
static inline uint64_t hash_number(uint64_t n)
{
    return hash_fold(n ^ hash_secret.start, hash_secret.factor);
}
