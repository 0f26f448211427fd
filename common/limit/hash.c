#include "common/limit/hash.h"

static uint64_t seed_now = UINT64_C(0x9e3779b97f4a7c15);

void hash_seed(uint64_t seed)
{
    seed_now = seed | 1;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 m = (unsigned __int128)a * b;

    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/* Eight bytes at a time; lengths go in, so "ab"+"c" is not "a"+"bc". */
static uint64_t add(uint64_t h, struct span s)
{
    uint64_t word;

    h = mix(h ^ s.len, UINT64_C(0xa0761d6478bd642f));
    while (s.len >= 8) {
        memcpy(&word, s.ptr, 8);
        h = mix(h ^ word, UINT64_C(0xe7037ed1a0b428db));
        s = span_make(s.ptr + 8, s.len - 8);
    }
    word = 0;
    memcpy(&word, s.ptr, s.len);
    return mix(h ^ word, UINT64_C(0x8ebc6af09c88c6e3));
}

uint64_t hash_pair(struct span name, struct span key)
{
    return add(add(seed_now, name), key);
}
