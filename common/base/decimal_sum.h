/*
 * decimal_sum.h -- exact sums of decimals and of their products.
 *
 * Units       value = words / 10^scale; the words are one number in two's
 *             complement, the least first.  scale is that of the summand with
 *             the most fraction digits.
 * Bounds      2^64 products of two decimals: below 10^72 * 2^64 < 2^304 in
 *             units of 10^-36; what is written takes DECIMAL_SUM_TEXT_MAX
 * Errors      sums have none; a quotient has none of sums within the bounds
 * Ownership   plain values; copy freely.  No allocation, no I/O, no locale.
 */
#pragma once

#include "common/base/decimal.h"

enum {
    DECIMAL_SUM_WORDS = 5,
    DECIMAL_SUM_SCALE_MAX = 36,
    DECIMAL_SUM_TEXT_MAX = 104, /* of any 320 bits, with a NUL */
};

struct decimal_sum {
    uint64_t word[DECIMAL_SUM_WORDS];
    uint8_t scale; /* 0..36; of a middle 37 */
};

struct decimal_sum decimal_sum_of(int128 mant, uint8_t scale);
/* Nearly all fit 128 bits: decimal_sum_low() is all of it then. */
bool decimal_sum_is_narrow(const struct decimal_sum *s);
int128 decimal_sum_low(const struct decimal_sum *s);
bool decimal_sum_is_zero(const struct decimal_sum *s);

/* *sum += d, *sum += a * b, *sum += *other.  The scale of the sum grows as
 * needed. */
void decimal_sum_add(struct decimal_sum *sum, struct decimal d);
void decimal_sum_add_sum(struct decimal_sum *sum,
                         const struct decimal_sum *other);
void decimal_sum_add_product(struct decimal_sum *sum, struct decimal a,
                             struct decimal b);

/* *mant / 10^*scale += other / 10^other_scale; false, and nothing changed,
 * where that takes more than 38 digits. */
bool decimal_sum_add_narrow(int128 *mant, uint8_t *scale, int128 other,
                            uint8_t other_scale);

/* a - b; and (a + b) / 2, with one more fraction digit where the sum is odd.
 * Exact, whatever the scales. */
struct decimal_sum decimal_sum_difference(struct decimal a, struct decimal b);
struct decimal_sum decimal_sum_mid(struct decimal a, struct decimal b);

/* num / den rounded half to even to `scale` fraction digits; false for den 0
 * and for what does not fit. */
bool decimal_sum_div(const struct decimal_sum *num,
                     const struct decimal_sum *den, uint8_t scale,
                     struct decimal_sum *out);

/* Writes the text (a valid JSON number, no exponent, NUL-terminated) and
 * returns its length. */
unsigned decimal_sum_format(const struct decimal_sum *s,
                            char text[DECIMAL_SUM_TEXT_MAX]);
