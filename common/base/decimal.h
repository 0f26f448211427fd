/*
 * decimal.h -- exact decimal numbers for prices, sizes and their sums.
 *
 * Units       value = mant / 10^scale.  scale is the number of fraction digits
 *             as written, so 95000.50 keeps its zero and prints as it came.
 * Invariants  0 <= scale <= 18, |mant| < 10^18
 * Errors      parsing refuses text that is not a JSON number and numbers that
 * do not fit (more than 18 digits); sums refuse overflow.  Outputs are
 *             untouched when a function returns false.
 * Ownership   plain values; copy freely.  No allocation, no I/O, no locale.
 */
#pragma once

#include "common/base/span.h"

__extension__ typedef __int128 int128;

struct decimal {
    int64_t mant;
    uint8_t scale;
};

/* Wide enough for the sum of 10^19 sizes or products price * size. */
struct decimal_sum {
    int128 mant;
    uint8_t scale; /* 0..36 */
};

enum { DECIMAL_TEXT_MAX = 48 }; /* longest text of either, with a NUL */

/* The whole span must be one JSON number; exponents are applied (1.5e-7 is
 * mant 15, scale 8). */
bool decimal_parse(struct span text, struct decimal *out);
/* What follows the e of a number: returns where it ends or NULL. */
const char *decimal_exponent(const char *s, const char *end, long *out);

/* Write the text (a valid JSON number, no exponent, NUL-terminated) and return
 * its length. */
unsigned decimal_format(struct decimal d, char text[DECIMAL_TEXT_MAX]);
unsigned decimal_sum_format(struct decimal_sum s, char text[DECIMAL_TEXT_MAX]);

/* <0, 0, >0; exact whatever the scales: 1.50 equals 1.5. */
int decimal_cmp(struct decimal a, struct decimal b);

bool decimal_sub(struct decimal a, struct decimal b, struct decimal *out);

/* (a + b) / 2, exact: one more fraction digit where the sum is odd. */
bool decimal_mid(struct decimal a, struct decimal b, struct decimal *out);

/* *sum += d, and *sum += a * b.  The scale of the sum grows as needed. */
bool decimal_sum_add(struct decimal_sum *sum, struct decimal d);
bool decimal_sum_add_product(struct decimal_sum *sum, struct decimal a,
                             struct decimal b);

/* num / den rounded half to even to `scale` fraction digits; false for den 0.
 */
bool decimal_sum_div(struct decimal_sum num, struct decimal_sum den,
                     uint8_t scale, struct decimal *out);
