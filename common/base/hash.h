/*
 * hash.h -- a 64-bit hash of names, seeded with a secret of this process.
 *
 * Names come from anyone.  Whoever can predict their hashes can choose thousands
 * for one bucket, and each lookup there walks past all of them.  app_init()
 * draws the secret; without it (tests, fuzz targets) the secret is a constant.
 *
 * Sixteen bytes per step: multiply two words, fold the high half of the product
 * onto the low half, as wyhash does.  Both factors contain a secret: a name that
 * makes a factor 0 cancels the rest of itself, and with one public factor that
 * works under every seed.  The last multiplication, by a constant, mixes the low
 * bits, which select the bucket.
 *
 * Strength: for words of 5 to 8 bits, over all pairs of words and all secrets,
 * the pairs that collide most are complements of each other, under (3/4)^bits of
 * the secrets; sampling confirms that rate up to 24 bits.  Extrapolated to 64
 * bits it is 10^-8, or two pairs among 20,000 chosen names.  SipHash-1-3 is
 * better studied but takes 8.5 ns for 20 bytes instead of 3.0, and tickpub and
 * bargen spend 90 to 130 ns on an event: 5 % more.
 *
 * Not for values that other processes or later runs read: journal shards
 * (route.h) and the fingerprints in bargen's state (fingerprint.h) use unseeded
 * hashes of their own.
 */
#pragma once

#include "common/base/span.h"

struct hash_secret {
    uint64_t start, factor;
};

/* Set before anything is hashed: tables made earlier could not be searched. */
extern struct hash_secret hash_secret;

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

/* All of a text of less than eight bytes.  Reads no byte outside of it:
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

/* Inline: called for every event and every message. */
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

/* Lengths are part of it: ("ab", "c") is not ("a", "bc"). */
static inline uint64_t hash_pair(struct span a, struct span b)
{
    return hash_add(hash_text(a), b);
}

/* For two words that are the whole text: one step is enough. */
static inline uint64_t hash_words(uint64_t a, uint64_t b)
{
    return hash_fold(a ^ hash_secret.start, b ^ hash_secret.factor);
}

/* For numbers that are unseeded hashes already: one step is enough. */
static inline uint64_t hash_number(uint64_t n)
{
    return hash_fold(n ^ hash_secret.start, hash_secret.factor);
}
