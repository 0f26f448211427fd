/*
 * random.h -- random numbers that are the same for the same seed.
 *
 * For inventing data, not for secrets.  The numbers are the same on every
 * machine: only IEEE arithmetic is used, no function whose last digit depends
 * on the C library.
 *
 * Source      xoshiro256** by D. Blackman and S. Vigna (public domain), seeded
 *             with splitmix64; exponential deviates: von Neumann's comparison
 *             method (1951)
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct random {
    uint64_t state[4];
};

struct random random_seeded(uint64_t seed);

static inline uint64_t random_rotated(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

static inline uint64_t random_draw(struct random *r)
{
    uint64_t *st = r->state;
    uint64_t result = random_rotated(st[1] * 5, 7) * 9;
    uint64_t t = st[1] << 17;

    st[2] ^= st[0];
    st[3] ^= st[1];
    st[1] ^= st[2];
    st[0] ^= st[3];
    st[2] ^= t;
    st[3] = random_rotated(st[3], 45);
    return result;
}

/* [0, 1) */
static inline double random_uniform(struct random *r)
{
    return (double)(random_draw(r) >> 11) * 0x1p-53;
}

static inline bool random_chance(struct random *r, unsigned percent)
{
    return random_draw(r) % 100 < percent;
}

/* Mean 0, variance 1; never beyond six. */
double random_normal(struct random *r);
/* Mean 1. */
double random_exponential(struct random *r);
