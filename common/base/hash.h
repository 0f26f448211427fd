/*
 * hash.h -- 64 bits of a text, with a secret that each process draws anew.
 *
 * Names come from anybody.  Who knew where they fall could choose thousands
 * that fall into one place of a table, so that each search there walks past all
 * of them.  app_init() draws the secret; without it (tests, fuzz targets) it is
 * a fixed one.
 *
 * Eight bytes a step: the high half of a product folded onto its low half, as
 * wyhash does, but with a secret in both factors: where one of them is public, a
 * name can make it 0 and so forget all that was before, whatever the secret.
 * The last product, by a public number, is for the low bits, which choose the
 * place.  How well it keeps its secret: with words of 6 to 10 bits, all counted,
 * the pair that meets most (a word and its complement) meets in some (3/4)^bits
 * of the cases; with 64 that is one pair of 10^8, and 20,000 names have 2*10^8.
 * SipHash-1-3 takes 8.5 ns for 20 bytes, this 2.6: of the 100 to 130 ns that
 * tickpub and bargen need for an event, 5 % more.
 *
 * Not for what another process reads, or this one after a restart: the numbers
 * of journal shards and the fingerprints in bargen's state have hashes of their
 * own, without a secret.
 */
#ifndef COMMON_BASE_HASH_H
#define COMMON_BASE_HASH_H

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
    uint64_t last;

    if (s.len < 8) {
        last = hash_short(s);
    } else {
        for (size_t i = 0; i + 8 < s.len; i += 8)
            h = hash_fold(h ^ hash_load8(s.ptr + i), hash_secret.factor);
        last = hash_load8(s.ptr + s.len - 8);
    }
    h = hash_fold(h ^ last, hash_secret.factor);
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

#endif
