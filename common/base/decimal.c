#include "common/base/decimal.h"

#include <assert.h>

__extension__ typedef unsigned __int128 uint128;

enum {
    DIGITS_MAX = 18,       /* of a decimal */
    SUM_DIGITS_MAX = 38,   /* of a sum: 10^38 < 2^127 */
    EXPONENT_MAX = 100000, /* larger ones are out of range whatever follows */
};

static const int64_t pow10_64[] = {
    1,
    10,
    100,
    1000,
    10000,
    100000,
    1000000,
    10000000,
    100000000,
    1000000000,
    10000000000,
    100000000000,
    1000000000000,
    10000000000000,
    100000000000000,
    1000000000000000,
    10000000000000000,
    100000000000000000,
    1000000000000000000,
};

static uint128 pow10_128(unsigned n)
{
    assert(n <= SUM_DIGITS_MAX);
    if (n <= DIGITS_MAX)
        return (uint128)pow10_64[n];
    if (n <= 2 * DIGITS_MAX)
        return (uint128)pow10_64[DIGITS_MAX] * (uint128)pow10_64[n - 18];
    return (uint128)pow10_64[DIGITS_MAX] * (uint128)pow10_64[DIGITS_MAX] *
           (uint128)pow10_64[n - 36];
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

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The digits of a number token with their dot taken out. */
struct token {
    uint64_t mant;   /* without leading zeros; exact while digits <= 18 */
    unsigned digits; /* of mant */
    long fraction;   /* digits behind the dot */
    bool negative;
};

static void take_digit(struct token *t, char c)
{
    if (t->digits > 0 || c != '0')
        t->digits++;
    if (t->digits <= DIGITS_MAX)
        t->mant = t->mant * 10 + (uint64_t)(c - '0');
}

/* Reads one JSON number; returns where it ends or NULL. */
static const char *read_mantissa(const char *s, const char *end,
                                 struct token *t)
{
    if (s < end && *s == '-') {
        t->negative = true;
        s++;
    }
    if (s == end || !is_digit(*s))
        return NULL;
    if (*s == '0') {
        s++;
    } else {
        for (; s < end && is_digit(*s); s++)
            take_digit(t, *s);
    }
    if (s < end && *s == '.') {
        const char *first = ++s;

        for (; s < end && is_digit(*s); s++)
            take_digit(t, *s);
        if (s == first)
            return NULL;
        t->fraction = s - first;
    }
    return s;
}

const char *decimal_exponent(const char *s, const char *end, long *out)
{
    bool negative = false;
    const char *first;
    long e = 0;

    if (s < end && (*s == '+' || *s == '-'))
        negative = *s++ == '-';
    for (first = s; s < end && is_digit(*s); s++)
        if (e < EXPONENT_MAX)
            e = e * 10 + (*s - '0');
    *out = negative ? -e : e;
    return s == first ? NULL : s;
}

bool decimal_parse(struct span text, struct decimal *out)
{
    const char *end = text.ptr + text.len;
    struct token t = {0};
    const char *s = read_mantissa(text.ptr, end, &t);
    long exponent = 0, scale;

    if (s && s < end && (*s == 'e' || *s == 'E'))
        s = decimal_exponent(s + 1, end, &exponent);
    if (s != end)
        return false;
    scale = t.fraction - exponent;
    if (t.digits == 0) {
        /* Zero stays zero whatever its exponent says. */
        scale = scale < 0 ? 0 : scale > DIGITS_MAX ? DIGITS_MAX : scale;
    } else if (scale < 0) {
        if (scale < -DIGITS_MAX || (long)t.digits - scale > DIGITS_MAX)
            return false;
        t.mant *= (uint64_t)pow10_64[-scale];
        scale = 0;
    }
    if (t.digits > DIGITS_MAX || scale > DIGITS_MAX)
        return false;
    out->mant = t.negative ? -(int64_t)t.mant : (int64_t)t.mant;
    out->scale = (uint8_t)scale;
    return true;
}

/* At least one digit stands before the dot: 0.05, not .05. */
static unsigned format(uint128 m, bool negative, unsigned scale,
                       char text[DECIMAL_TEXT_MAX])
{
    char back[DECIMAL_TEXT_MAX]; /* least digit first */
    unsigned n = 0, len = 0, digits = 0;

    do {
        /* 64-bit division while it will do: the other one is a call. */
        unsigned digit =
            m <= UINT64_MAX ? (unsigned)((uint64_t)m % 10) : (unsigned)(m % 10);

        if (digits == scale && scale > 0)
            back[n++] = '.';
        back[n++] = (char)('0' + digit);
        digits++;
        m = m <= UINT64_MAX ? (uint64_t)m / 10 : m / 10;
    } while (m > 0 || digits <= scale);
    if (negative)
        text[len++] = '-';
    while (n > 0)
        text[len++] = back[--n];
    text[len] = '\0';
    return len;
}

unsigned decimal_format(struct decimal d, char text[DECIMAL_TEXT_MAX])
{
    return format(magnitude(d.mant), d.mant < 0, d.scale, text);
}

unsigned decimal_sum_format(struct decimal_sum s, char text[DECIMAL_TEXT_MAX])
{
    return format(magnitude(s.mant), s.mant < 0, s.scale, text);
}

/* a * 10^up, which cannot overflow: 10^18 * 10^18 < 2^127. */
static int128 widen(struct decimal d, unsigned up)
{
    return (int128)d.mant * pow10_64[up];
}

static unsigned above(uint8_t scale, uint8_t other)
{
    return other > scale ? (unsigned)(other - scale) : 0;
}

int decimal_cmp(struct decimal a, struct decimal b)
{
    int128 x, y;

    if (a.scale == b.scale)
        return (a.mant > b.mant) - (a.mant < b.mant);
    x = widen(a, above(a.scale, b.scale));
    y = widen(b, above(b.scale, a.scale));
    return (x > y) - (x < y);
}

static bool narrow(int128 mant, uint8_t scale, struct decimal *out)
{
    if (magnitude(mant) >= (uint128)pow10_64[DIGITS_MAX])
        return false;
    out->mant = (int64_t)mant;
    out->scale = scale;
    return true;
}

static uint8_t wider(uint8_t a, uint8_t b)
{
    return a > b ? a : b;
}

bool decimal_sub(struct decimal a, struct decimal b, struct decimal *out)
{
    int128 difference =
        widen(a, above(a.scale, b.scale)) - widen(b, above(b.scale, a.scale));

    return narrow(difference, wider(a.scale, b.scale), out);
}

bool decimal_mid(struct decimal a, struct decimal b, struct decimal *out)
{
    uint8_t scale = wider(a.scale, b.scale);
    int128 sum;

    /* Nearly all quotes, and 64 bits hold it: 2 * 10^18 < 2^63. */
    if (a.scale == b.scale && (a.mant + b.mant) % 2 == 0) {
        *out = (struct decimal){(a.mant + b.mant) / 2, scale};
        return true;
    }
    sum = widen(a, above(a.scale, b.scale)) + widen(b, above(b.scale, a.scale));
    if (sum % 2 == 0)
        return narrow(sum / 2, scale, out);
    return scale < DIGITS_MAX && narrow(sum * 5, (uint8_t)(scale + 1), out);
}

/* m * 10^up; false where that has more than SUM_DIGITS_MAX digits. */
static bool scale_up(uint128 m, unsigned up, uint128 *out)
{
    if (m == 0) {
        *out = 0;
        return true;
    }
    if (up > SUM_DIGITS_MAX || m >= pow10_128(SUM_DIGITS_MAX - up))
        return false;
    *out = m * pow10_128(up);
    return true;
}

static bool sum_add(struct decimal_sum *sum, int128 mant, uint8_t scale)
{
    uint8_t to = wider(sum->scale, scale);
    uint128 x, y, limit = pow10_128(SUM_DIGITS_MAX);
    int128 total;

    if (!scale_up(magnitude(sum->mant), above(sum->scale, to), &x) ||
        !scale_up(magnitude(mant), above(scale, to), &y))
        return false;
    /* |x|, |y| < 10^38: the sum of the two may pass 2^127. */
    if ((sum->mant < 0) == (mant < 0) && x >= limit - y)
        return false;
    total = with_sign(x, sum->mant < 0) + with_sign(y, mant < 0);
    sum->mant = total;
    sum->scale = to;
    return true;
}

bool decimal_sum_add(struct decimal_sum *sum, struct decimal d)
{
    return sum_add(sum, d.mant, d.scale);
}

bool decimal_sum_add_product(struct decimal_sum *sum, struct decimal a,
                             struct decimal b)
{
    return sum_add(sum, (int128)a.mant * b.mant, (uint8_t)(a.scale + b.scale));
}

/* What is left behind the last digit kept, against one half: <0, 0, >0. */
static int against_half(uint128 rest, uint128 whole, bool more)
{
    if (rest != whole - rest)
        return rest > whole - rest ? 1 : -1;
    return more ? 1 : 0;
}

/* num * 10^up / den, half to even. */
static bool divide_up(uint128 num, unsigned up, uint128 den, uint128 *out)
{
    uint128 limit = (uint128)pow10_64[DIGITS_MAX], q = num / den,
            rest = num % den;
    int half;

    for (; up > 0 && q < limit; up--) {
        rest *= 10; /* den <= 10^37: no overflow */
        q = q * 10 + rest / den;
        rest %= den;
    }
    if (q >= limit)
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

    if (down > SUM_DIGITS_MAX) { /* below 10^-1 of the last digit */
        *out = 0;
        return true;
    }
    p = pow10_128(down);
    q = whole / p;
    half = against_half(whole % p, p, more);
    *out = q + (half > 0 || (half == 0 && q % 2 == 1));
    return true;
}

bool decimal_sum_div(struct decimal_sum num, struct decimal_sum den,
                     uint8_t scale, struct decimal *out)
{
    int up = scale + den.scale - num.scale;
    uint128 n = magnitude(num.mant), d = magnitude(den.mant), q;

    if (d == 0 || d > pow10_128(SUM_DIGITS_MAX - 1) || scale > DIGITS_MAX)
        return false;
    if (up >= 0 ? !divide_up(n, (unsigned)up, d, &q)
                : !divide_down(n, (unsigned)-up, d, &q))
        return false;
    return narrow(with_sign(q, (num.mant < 0) != (den.mant < 0)), scale, out);
}
