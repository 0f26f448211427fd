/*
 * wide.h -- whole numbers of 512 bits, for what 128 do not hold.
 *
 * Without a sign; where something is negative, in two's complement.  Simple
 * rather than fast: a division takes some microseconds.
 *
 * Ownership   plain values; copy freely
 * Errors      what does not fit falls out at the top, unless said otherwise
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { WIDE_WORDS = 8, WIDE_WORD_BITS = 64 };

struct wide {
    uint64_t word[WIDE_WORDS]; /* the least first */
};

/* What does not fit is returned. */
uint64_t wide_multiply(struct wide *w, uint64_t factor);
/* Returns the rest. */
uint64_t wide_divide_small(struct wide *w, uint64_t by);
/* num / den, half to even; den has the highest bit to spare. */
struct wide wide_divide(const struct wide *num, const struct wide *den);

int wide_compare(const struct wide *a, const struct wide *b);
/* a += b, or with `subtract` a -= b. */
void wide_add(struct wide *a, const struct wide *b, bool subtract);
void wide_negate(struct wide *w);
/* How many bits it takes; 0 for 0. */
unsigned wide_bits(const struct wide *w);
