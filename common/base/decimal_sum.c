#include "common/base/decimal_sum.h"

#include <assert.h>

#include "common/base/wide.h"

__extension__ typedef unsigned __int128 uint128;

enum {
    NARROW_DIGITS_MAX = 38, /* 10^38 < 2^127 */
    STEP_DIGITS = DECIMAL_DIGITS_MAX,
    WORD_BITS = WIDE_WORD_BITS,
};

#define POW10_18 ((uint128)1000000000000000000)
#define NARROW_END (POW10_18 * POW10_18 * 100) /* 10^NARROW_DIGITS_MAX */

/* --- 128 bits --- */

static uint128 pow10_128(unsigned n)
{
    assert(n <= NARROW_DIGITS_MAX);
    if (n <= STEP_DIGITS)
        return (uint128)decimal_pow10[n];
    if (n <= 2 * STEP_DIGITS)
        return POW10_18 * (uint128)decimal_pow10[n - STEP_DIGITS];
    return POW10_18 * POW10_18 * (uint128)decimal_pow10[n - 2 * STEP_DIGITS];
}

/* Unsigned on purpose: clang has no 128-bit signed overflow check in libgcc. */
static uint128 magnitude(int128 v)
{
    return v < 0 ? -(uint128)v : (uint128)v;
}

static int128 with_sign(uint128 m, bool negative)
{
    return negative ? (int128)-m : (int128)m;
}

/* m * 10^up; false where that has more than NARROW_DIGITS_MAX digits. */
static bool scale_up(uint128 m, unsigned up, uint128 *out)
{
    /* Nearly all: below 2^63 * 10^18. */
    if (m <= INT64_MAX && up <= STEP_DIGITS) {
        *out = m * (uint64_t)decimal_pow10[up];
        return true;
    }
    if (up > NARROW_DIGITS_MAX || m >= pow10_128(NARROW_DIGITS_MAX - up))
        return false;
    *out = m * pow10_128(up);
    return true;
}

static unsigned above(uint8_t scale, uint8_t other)
{
    return other > scale ? (unsigned)(other - scale) : 0;
}

bool decimal_sum_add_narrow(int128 *mant, uint8_t *scale, int128 other,
                            uint8_t other_scale)
{
    uint8_t to = *scale > other_scale ? *scale : other_scale;
    uint128 x, y;

    if (!scale_up(magnitude(*mant), above(*scale, to), &x) ||
        !scale_up(magnitude(other), above(other_scale, to), &y))
        return false;
    /* Both below 10^38: the sum of the two may pass 2^127. */
    if ((*mant < 0) == (other < 0) && x >= NARROW_END - y)
        return false;
    *mant = with_sign(x, *mant < 0) + with_sign(y, other < 0);
    *scale = to;
    return true;
}

/* What is left behind the last digit kept, against one half: <0, 0, >0. */
static int against_half(uint128 rest, uint128 whole, bool more)
{
    if (rest != whole - rest)
        return rest > whole - rest ? 1 : -1;
    return more ? 1 : 0;
}

/* num * 10^up / den, half to even, below 10^38; den <= 10^37. */
static bool divide_up(uint128 num, unsigned up, uint128 den, uint128 *out)
{
    uint128 limit = pow10_128(NARROW_DIGITS_MAX - 1), q = num / den,
            rest = num % den;
    int half;

    for (; up > 0 && q < limit; up--) {
        rest *= 10;
        q = q * 10 + rest / den;
        rest %= den;
    }
    if (up > 0)
        return false;
    half = against_half(rest, den, false);
    *out = q + (half > 0 || (half == 0 && q % 2 == 1));
    return true;
}

/* num / (den * 10^down), half to even. */
static bool divide_down(uint128 num, unsigned down, uint128 den, uint128 *out)
{
    uint128 whole = num / den, p, q;
    bool more = num % den != 0;
    int half;

    if (down > NARROW_DIGITS_MAX)
        return false;
    p = pow10_128(down);
    q = whole / p;
    half = against_half(whole % p, p, more);
    *out = q + (half > 0 || (half == 0 && q % 2 == 1));
    return true;
}

static bool divide_narrow(int128 num, int128 den, int up, int128 *out)
{
    uint128 n = magnitude(num), d = magnitude(den), q;

    if (d > pow10_128(NARROW_DIGITS_MAX - 1))
        return false;
    if (up >= 0 ? !divide_up(n, (unsigned)up, d, &q)
                : !divide_down(n, (unsigned)-up, d, &q))
        return false;
    *out = with_sign(q, (num < 0) != (den < 0));
    return true;
}

/* --- sums --- */

static uint64_t sign_word(bool negative)
{
    return negative ? UINT64_MAX : 0;
}

static bool is_negative(const struct decimal_sum *s)
{
    return s->word[DECIMAL_SUM_WORDS - 1] >> (WORD_BITS - 1);
}

struct decimal_sum decimal_sum_of(int128 mant, uint8_t scale)
{
    uint64_t sign = sign_word(mant < 0);

    return (struct decimal_sum){{(uint64_t)(uint128)mant,
                                 (uint64_t)((uint128)mant >> WORD_BITS), sign,
                                 sign, sign},
                                scale};
}

bool decimal_sum_is_narrow(const struct decimal_sum *s)
{
    uint64_t sign = sign_word(s->word[1] >> (WORD_BITS - 1));

    return s->word[2] == sign && s->word[3] == sign && s->word[4] == sign;
}

int128 decimal_sum_low(const struct decimal_sum *s)
{
    return (int128)((uint128)s->word[1] << WORD_BITS | s->word[0]);
}

bool decimal_sum_is_zero(const struct decimal_sum *s)
{
    uint64_t any = 0;

    for (unsigned i = 0; i < DECIMAL_SUM_WORDS; i++)
        any |= s->word[i];
    return any == 0;
}

/* Its magnitude. */
static struct wide widen(const struct decimal_sum *s)
{
    bool negative = is_negative(s);
    struct wide w;

    for (unsigned i = 0; i < WIDE_WORDS; i++)
        w.word[i] = i < DECIMAL_SUM_WORDS ? s->word[i] : sign_word(negative);
    if (negative)
        wide_negate(&w);
    return w;
}

/* False where it does not fit. */
static bool set(struct decimal_sum *s, struct wide w, bool negative,
                uint8_t scale)
{
    bool fits = wide_bits(&w) < DECIMAL_SUM_WORDS * WORD_BITS;

    if (negative)
        wide_negate(&w);
    memcpy(s->word, w.word, sizeof s->word);
    s->scale = scale;
    return fits;
}

/* w * 10^up; false where that does not fit. */
static bool scale_up_wide(struct wide *w, unsigned up)
{
    uint64_t lost = 0;

    for (; up > STEP_DIGITS; up -= STEP_DIGITS)
        lost |= wide_multiply(w, (uint64_t)decimal_pow10[STEP_DIGITS]);
    return !(lost | wide_multiply(w, (uint64_t)decimal_pow10[up]));
}

static void add_wide(struct decimal_sum *sum, const struct decimal_sum *other)
{
    uint8_t to = sum->scale > other->scale ? sum->scale : other->scale;
    bool x_negative = is_negative(sum), y_negative = is_negative(other);
    struct wide x = widen(sum), y = widen(other);

    scale_up_wide(&x, above(sum->scale, to));
    scale_up_wide(&y, above(other->scale, to));
    if (x_negative != y_negative && wide_compare(&x, &y) < 0) {
        wide_add(&y, &x, true);
        set(sum, y, y_negative, to);
        return;
    }
    wide_add(&x, &y, x_negative != y_negative);
    set(sum, x, x_negative, to);
}

static void sum_add(struct decimal_sum *sum, int128 mant, uint8_t scale)
{
    struct decimal_sum other;
    int128 low = decimal_sum_low(sum);
    uint8_t low_scale = sum->scale;

    if (decimal_sum_is_narrow(sum) &&
        decimal_sum_add_narrow(&low, &low_scale, mant, scale)) {
        *sum = decimal_sum_of(low, low_scale);
        return;
    }
    other = decimal_sum_of(mant, scale);
    add_wide(sum, &other);
}

void decimal_sum_add(struct decimal_sum *sum, struct decimal d)
{
    sum_add(sum, d.mant, d.scale);
}

void decimal_sum_add_sum(struct decimal_sum *sum,
                         const struct decimal_sum *other)
{
    if (decimal_sum_is_narrow(other))
        sum_add(sum, decimal_sum_low(other), other->scale);
    else
        add_wide(sum, other);
}

void decimal_sum_add_product(struct decimal_sum *sum, struct decimal a,
                             struct decimal b)
{
    sum_add(sum, (int128)a.mant * b.mant, (uint8_t)(a.scale + b.scale));
}

struct decimal_sum decimal_sum_difference(struct decimal a, struct decimal b)
{
    struct decimal_sum s = decimal_sum_of(a.mant, a.scale);

    sum_add(&s, -(int128)b.mant, b.scale);
    return s;
}

struct decimal_sum decimal_sum_mid(struct decimal a, struct decimal b)
{
    struct decimal_sum s = decimal_sum_of(a.mant, a.scale);
    int128 mant;

    sum_add(&s, b.mant, b.scale);
    mant = decimal_sum_low(&s); /* below 2 * 10^36 */
    if (mant % 2 == 0)
        return decimal_sum_of(mant / 2, s.scale);
    return decimal_sum_of(mant * 5, (uint8_t)(s.scale + 1));
}

bool decimal_sum_div(const struct decimal_sum *num,
                     const struct decimal_sum *den, uint8_t scale,
                     struct decimal_sum *out)
{
    int up = scale + den->scale - num->scale;
    struct decimal_sum quotient;
    struct wide n, d;
    int128 q;

    if (decimal_sum_is_zero(den) || scale > DECIMAL_SUM_SCALE_MAX)
        return false;
    if (decimal_sum_is_narrow(num) && decimal_sum_is_narrow(den) &&
        divide_narrow(decimal_sum_low(num), decimal_sum_low(den), up, &q)) {
        *out = decimal_sum_of(q, scale);
        return true;
    }
    n = widen(num);
    d = widen(den);
    if (!scale_up_wide(up >= 0 ? &n : &d, (unsigned)(up >= 0 ? up : -up)) ||
        wide_bits(&d) >= WIDE_WORDS * WORD_BITS ||
        !set(&quotient, wide_divide(&n, &d),
             is_negative(num) != is_negative(den), scale))
        return false;
    *out = quotient;
    return true;
}

/* The digits of m behind the n in back, the least first: at least `least` of
 * the number, of which there are `digits` already. */
static unsigned put_digits(char *back, unsigned n, uint64_t m, unsigned digits,
                           unsigned least, unsigned scale)
{
    for (; m > 0 || digits < least; digits++, m /= 10) {
        if (digits == scale && scale > 0)
            back[n++] = '.';
        back[n++] = (char)('0' + m % 10);
    }
    return n;
}

unsigned decimal_sum_format(const struct decimal_sum *s,
                            char text[DECIMAL_SUM_TEXT_MAX])
{
    char back[DECIMAL_SUM_TEXT_MAX]; /* least digit first */
    unsigned n = 0, len = 0, digits = 0;
    /* Nearly all: one stands before the dot, 0.05, not .05. */
    unsigned least = s->scale + 1u;
    uint128 m = magnitude(decimal_sum_low(s));

    if (m <= UINT64_MAX && decimal_sum_is_narrow(s)) {
        n = put_digits(back, 0, (uint64_t)m, 0, least, s->scale);
    } else {
        struct wide w = widen(s);

        for (; wide_bits(&w) > 0 || digits < least; digits += STEP_DIGITS) {
            uint64_t part =
                wide_divide_small(&w, (uint64_t)decimal_pow10[STEP_DIGITS]);
            unsigned stop = digits + STEP_DIGITS;

            if (wide_bits(&w) == 0 && stop > least)
                stop = least;
            n = put_digits(back, n, part, digits, stop, s->scale);
        }
    }
    if (is_negative(s))
        text[len++] = '-';
    while (n > 0)
        text[len++] = back[--n];
    text[len] = '\0';
    return len;
}
