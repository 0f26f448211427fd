/*
 * decimal.h -- exact decimal numbers for prices and sizes.
 *
 * Units       value = mant / 10^scale.  scale is the number of fraction digits
 *             as written, so 95000.50 keeps its zero and prints as it came.
 * Invariants  0 <= scale <= 18, |mant| < 10^18.  What decimal_mid() makes may
 *             be a half instead: mant / 2 / 10^(scale - DECIMAL_HALF), odd and
 *             |mant| < 2 * 10^18, which prints with one digit more.
 * Errors      parsing refuses text that is not a JSON number and numbers that
 *             do not fit (more than 18 digits); the output is untouched then
 * Ownership   plain values; copy freely.  No allocation, no I/O, no locale.
 */
#pragma once

#include "common/base/span.h"

__extension__ typedef __int128 int128;

struct decimal {
    int64_t mant;
    uint8_t scale;
};

enum {
    DECIMAL_DIGITS_MAX = 18,
    DECIMAL_HALF = 0x80,   /* in scale */
    DECIMAL_TEXT_MAX = 24, /* longest text, with a NUL */
};

extern const int64_t decimal_pow10[DECIMAL_DIGITS_MAX + 1];

/* The whole span must be one JSON number; exponents are applied (1.5e-7 is
 * mant 15, scale 8). */
bool decimal_parse(struct span text, struct decimal *out);
/* What follows the e of a number: returns where it ends or NULL. */
const char *decimal_exponent(const char *s, const char *end, long *out);

/* Of numbers that were stored: are the invariants true? */
bool decimal_valid(struct decimal d);

/* Write the text (a valid JSON number, no exponent, NUL-terminated) and return
 * its length. */
unsigned decimal_format(struct decimal d, char text[DECIMAL_TEXT_MAX]);

/* <0, 0, >0; exact whatever the scales: 1.50 equals 1.5. */
int decimal_cmp(struct decimal a, struct decimal b);

/* (a + b) / 2 of two that are no halves.  Exact if it has at most 18 digits, or
 * 19 where the sum is odd; rounded half to even to 18 digits if it has more.
 * One more fraction digit where the sum is odd. */
struct decimal decimal_mid_slow(struct decimal a, struct decimal b);

static inline struct decimal decimal_mid(struct decimal a, struct decimal b)
{
    const int64_t limit = INT64_C(200000000000000000); /* 5 of it: 10^18 */
    int64_t sum = a.mant + b.mant; /* below 2 * 10^18 < 2^63 */

    if (a.scale == b.scale) {
        if (sum % 2 == 0)
            return (struct decimal){sum / 2, a.scale};
        if (a.scale < DECIMAL_DIGITS_MAX && sum < limit && sum > -limit)
            return (struct decimal){sum * 5, (uint8_t)(a.scale + 1)};
    }
    return decimal_mid_slow(a, b);
}
