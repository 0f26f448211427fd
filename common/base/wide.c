#include "common/base/wide.h"

__extension__ typedef unsigned __int128 uint128;

uint64_t wide_multiply(struct wide *w, uint64_t factor)
{
    uint64_t carry = 0;

    for (unsigned i = 0; i < WIDE_WORDS; i++) {
        uint128 product = (uint128)w->word[i] * factor + carry;

        w->word[i] = (uint64_t)product;
        carry = (uint64_t)(product >> WIDE_WORD_BITS);
    }
    return carry;
}

uint64_t wide_divide_small(struct wide *w, uint64_t by)
{
    uint64_t rest = 0;

    for (unsigned i = WIDE_WORDS; i-- > 0;) {
        uint128 part = (uint128)rest << WIDE_WORD_BITS | w->word[i];

        /* 64-bit division while it will do: the other one is a call. */
        if (rest == 0) {
            rest = w->word[i] % by;
            w->word[i] /= by;
        } else {
            w->word[i] = (uint64_t)(part / by);
            rest = (uint64_t)(part % by);
        }
    }
    return rest;
}

int wide_compare(const struct wide *a, const struct wide *b)
{
    for (unsigned i = WIDE_WORDS; i-- > 0;)
        if (a->word[i] != b->word[i])
            return a->word[i] > b->word[i] ? 1 : -1;
    return 0;
}

/* a - b is a + ~b + 1. */
void wide_add(struct wide *a, const struct wide *b, bool subtract)
{
    uint64_t carry = subtract, mask = subtract ? UINT64_MAX : 0;

    for (unsigned i = 0; i < WIDE_WORDS; i++) {
        uint128 sum = (uint128)a->word[i] + (b->word[i] ^ mask) + carry;

        a->word[i] = (uint64_t)sum;
        carry = (uint64_t)(sum >> WIDE_WORD_BITS);
    }
}

void wide_negate(struct wide *w)
{
    struct wide zero = {0};

    wide_add(&zero, w, true);
    *w = zero;
}

unsigned wide_bits(const struct wide *w)
{
    for (unsigned i = WIDE_WORDS; i-- > 0;)
        if (w->word[i])
            return (i + 1) * WIDE_WORD_BITS -
                   (unsigned)__builtin_clzll(w->word[i]);
    return 0;
}

/* w * 2 + bit; the bit that falls out is lost. */
static void shift_in(struct wide *w, uint64_t bit)
{
    for (unsigned i = 0; i < WIDE_WORDS; i++) {
        uint64_t next = w->word[i] >> (WIDE_WORD_BITS - 1);

        w->word[i] = w->word[i] << 1 | bit;
        bit = next;
    }
}

/* Bit by bit. */
struct wide wide_divide(const struct wide *num, const struct wide *den)
{
    struct wide q = {0}, rest = {0}, one = {{1}};
    int half;

    for (unsigned i = wide_bits(num); i-- > 0;) {
        shift_in(&rest,
                 num->word[i / WIDE_WORD_BITS] >> i % WIDE_WORD_BITS & 1);
        shift_in(&q, 0);
        if (wide_compare(&rest, den) >= 0) {
            wide_add(&rest, den, true);
            q.word[0] |= 1;
        }
    }
    shift_in(&rest, 0);
    half = wide_compare(&rest, den);
    if (half > 0 || (half == 0 && q.word[0] & 1))
        wide_add(&q, &one, false);
    return q;
}
