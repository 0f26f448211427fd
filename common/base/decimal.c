#include "common/base/decimal.h"

__extension__ typedef unsigned __int128 uint128;

enum {
    DIGITS_MAX = DECIMAL_DIGITS_MAX,
    EXPONENT_MAX = 100000, /* larger ones are out of range whatever follows */
};

const int64_t decimal_pow10[DECIMAL_DIGITS_MAX + 1] = {
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
        t.mant *= (uint64_t)decimal_pow10[-scale];
        scale = 0;
    }
    if (t.digits > DIGITS_MAX || scale > DIGITS_MAX)
        return false;
    out->mant = t.negative ? -(int64_t)t.mant : (int64_t)t.mant;
    out->scale = (uint8_t)scale;
    return true;
}

/* Of a half: 0.5 are five tenths. */
unsigned decimal_format(struct decimal d, char text[DECIMAL_TEXT_MAX])
{
    uint64_t m = d.mant < 0 ? -(uint64_t)d.mant : (uint64_t)d.mant;
    char back[DECIMAL_TEXT_MAX]; /* least digit first */
    unsigned n = 0, len = 0, digits = 0, scale = d.scale;

    if (scale & DECIMAL_HALF) {
        m *= 5; /* 10^19 < 2^64 */
        scale = (scale & ~(unsigned)DECIMAL_HALF) + 1;
    }
    /* At least one digit stands before the dot: 0.05, not .05. */
    do {
        if (digits == scale && scale > 0)
            back[n++] = '.';
        back[n++] = (char)('0' + m % 10);
        digits++;
        m /= 10;
    } while (m > 0 || digits <= scale);
    if (d.mant < 0)
        text[len++] = '-';
    while (n > 0)
        text[len++] = back[--n];
    text[len] = '\0';
    return len;
}

bool decimal_valid(struct decimal d)
{
    int64_t limit = decimal_pow10[DIGITS_MAX];

    if (!(d.scale & DECIMAL_HALF))
        return d.scale <= DIGITS_MAX && d.mant > -limit && d.mant < limit;
    return (d.scale & ~DECIMAL_HALF) <= DIGITS_MAX && d.mant > -2 * limit &&
           d.mant < 2 * limit && d.mant % 2 != 0;
}

static unsigned above(unsigned scale, unsigned other)
{
    return other > scale ? other - scale : 0;
}

/* Ten times a * 10^up, which cannot overflow: 10^37 < 2^127. */
static int128 widen(struct decimal d, unsigned up)
{
    return (int128)d.mant * decimal_pow10[up] *
           (d.scale & DECIMAL_HALF ? 5 : 10);
}

int decimal_cmp(struct decimal a, struct decimal b)
{
    unsigned a_scale = a.scale & ~(unsigned)DECIMAL_HALF;
    unsigned b_scale = b.scale & ~(unsigned)DECIMAL_HALF;
    int128 x, y;

    if (a.scale == b.scale)
        return (a.mant > b.mant) - (a.mant < b.mant);
    x = widen(a, above(a_scale, b_scale));
    y = widen(b, above(b_scale, a_scale));
    return (x > y) - (x < y);
}

/* --- the middle --- */

static uint128 magnitude(int128 v)
{
    return v < 0 ? -(uint128)v : (uint128)v;
}

static bool narrow(int128 mant, unsigned scale, struct decimal *out)
{
    if (scale > DIGITS_MAX ||
        magnitude(mant) >= (uint128)decimal_pow10[DIGITS_MAX])
        return false;
    *out = (struct decimal){(int64_t)mant, (uint8_t)scale};
    return true;
}

/* twice / 2 / 10^scale, half to even to as many digits as a decimal holds. */
static struct decimal round_half(int128 twice, unsigned scale)
{
    uint128 m = magnitude(twice), by = 1, q, rest;
    int64_t mant;

    do {
        by *= scale > 0 ? 10 : 1;
        scale -= scale > 0;
        q = m / (2 * by);
        rest = m % (2 * by);
        q += rest > by || (rest == by && q % 2 == 1);
    } while (q >= (uint128)decimal_pow10[DIGITS_MAX] && scale > 0);
    mant = (int64_t)q;
    return (struct decimal){twice < 0 ? -mant : mant, (uint8_t)scale};
}

struct decimal decimal_mid_slow(struct decimal a, struct decimal b)
{
    unsigned scale = a.scale > b.scale ? a.scale : b.scale;
    /* Below 2 * 10^36. */
    int128 sum = (int128)a.mant * decimal_pow10[above(a.scale, scale)] +
                 (int128)b.mant * decimal_pow10[above(b.scale, scale)];
    uint128 limit = 2 * (uint128)decimal_pow10[DIGITS_MAX];
    struct decimal out;

    if (sum % 2 == 0 ? narrow(sum / 2, scale, &out)
                     : narrow(sum * 5, scale + 1, &out))
        return out;
    for (; magnitude(sum) >= limit && sum % 10 == 0 && scale > 0; scale--)
        sum /= 10;
    if (magnitude(sum) >= limit)
        return round_half(sum, scale);
    if (sum % 2 == 0)
        return (struct decimal){(int64_t)(sum / 2), (uint8_t)scale};
    return (struct decimal){(int64_t)sum, (uint8_t)(scale | DECIMAL_HALF)};
}
