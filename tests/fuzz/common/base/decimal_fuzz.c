/*
 * Decimals against a plain number of many words: what is parsed prints and
 * parses as the same; sums, middles, orders and quotients are exact.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/decimal_sum.h"
#include "common/json/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WORDS = 16 }; /* of 32 bits: 10^154 */

/* A whole number with a sign; slow and simple. */
struct big {
    uint32_t w[WORDS];
    bool negative;
};

static int big_cmp_abs(const struct big *a, const struct big *b)
{
    for (int i = WORDS; i-- > 0;)
        if (a->w[i] != b->w[i])
            return a->w[i] > b->w[i] ? 1 : -1;
    return 0;
}

static struct big big_mul(struct big a, struct big b)
{
    struct big out = {.negative = a.negative != b.negative};

    for (int i = 0; i < WORDS; i++) {
        uint64_t carry = 0;

        for (int k = 0; k + i < WORDS && (a.w[i] || carry); k++) {
            carry += (uint64_t)a.w[i] * b.w[k] + out.w[i + k];
            out.w[i + k] = (uint32_t)carry;
            carry >>= 32;
        }
        assert(carry == 0);
    }
    return out;
}

static struct big big_small(uint64_t v)
{
    struct big out = {.w = {(uint32_t)v, (uint32_t)(v >> 32)}};

    return out;
}

static struct big big_of(int128 v)
{
    __extension__ unsigned __int128 m = (unsigned __int128)v;
    struct big out = {.negative = v < 0};

    if (v < 0)
        m = -m;
    for (int i = 0; i < 4; i++)
        out.w[i] = (uint32_t)(m >> (32 * i));
    return out;
}

static struct big big_sum(const struct decimal_sum *s)
{
    bool negative = s->word[DECIMAL_SUM_WORDS - 1] >> 63;
    struct big out = {.negative = negative};
    uint64_t carry = negative;

    for (int i = 0; i < DECIMAL_SUM_WORDS; i++) {
        uint64_t word = negative ? ~s->word[i] : s->word[i];

        out.w[2 * i] = (uint32_t)word;
        out.w[2 * i + 1] = (uint32_t)(word >> 32);
    }
    for (int i = 0; i < WORDS && carry; i++) {
        carry += out.w[i];
        out.w[i] = (uint32_t)carry;
        carry >>= 32;
    }
    return out;
}

static struct big big_up(struct big a, unsigned tens)
{
    while (tens > 0) {
        uint64_t carry = 0;
        uint32_t factor = 1;

        for (unsigned n = 0; n < 9 && tens > 0; n++, tens--)
            factor *= 10;
        for (int i = 0; i < WORDS; i++) {
            carry += (uint64_t)a.w[i] * factor;
            a.w[i] = (uint32_t)carry;
            carry >>= 32;
        }
        assert(carry == 0);
    }
    return a;
}

static struct big big_add(struct big a, struct big b)
{
    struct big out = {.negative = a.negative};
    int64_t carry = 0;

    if (a.negative == b.negative) {
        for (int i = 0; i < WORDS; i++) {
            carry += (int64_t)a.w[i] + b.w[i];
            out.w[i] = (uint32_t)carry;
            carry >>= 32;
        }
        return out;
    }
    if (big_cmp_abs(&a, &b) < 0) {
        struct big swap = a;

        a = b;
        b = swap;
        out.negative = a.negative;
    }
    for (int i = 0; i < WORDS; i++) {
        carry += (int64_t)a.w[i] - b.w[i];
        out.w[i] = (uint32_t)carry;
        carry >>= 32; /* arithmetic: borrows stay -1 */
    }
    return out;
}

static struct big big_neg(struct big a)
{
    a.negative = !a.negative;
    return a;
}

static int big_sign(const struct big *a)
{
    for (int i = 0; i < WORDS; i++)
        if (a->w[i])
            return a->negative ? -1 : 1;
    return 0;
}

static int big_cmp(struct big a, struct big b)
{
    struct big d = big_add(a, big_neg(b));

    return big_sign(&d);
}

/* a / 10^a_scale against b / 10^b_scale. */
static int value_cmp(struct big a, unsigned a_scale, struct big b,
                     unsigned b_scale)
{
    return big_cmp(big_up(a, b_scale), big_up(b, a_scale));
}

static bool fits(struct big a, unsigned digits)
{
    struct big limit = big_up(big_small(1), digits);

    return big_cmp_abs(&a, &limit) < 0;
}

static void check_valid(struct decimal d)
{
    assert(d.scale <= 18 && fits(big_of(d.mant), 18));
}

static void check_text(struct span text)
{
    struct decimal d, again;
    char out[DECIMAL_TEXT_MAX];
    const char *bad;
    unsigned len;

    if (!decimal_parse(text, &d))
        return;
    assert(scan_number(text.ptr, text.ptr + text.len, &bad) ==
           text.ptr + text.len);
    check_valid(d);
    len = decimal_format(d, out);
    assert(len == strlen(out) && len < sizeof out);
    assert(decimal_parse(span_make(out, len), &again));
    assert(again.mant == d.mant && again.scale == d.scale);
}

static int sign(int v)
{
    return (v > 0) - (v < 0);
}

/* Twice what it stands for, in units of 10^-scale. */
static struct big twice_of(struct decimal d, unsigned *scale)
{
    *scale = d.scale & ~(unsigned)DECIMAL_HALF;
    return big_mul(big_of(d.mant), big_small(d.scale & DECIMAL_HALF ? 1 : 2));
}

/* 18 digits are kept: what is off is at most half of the last one. */
static void check_mid(struct decimal mid, struct big sum, unsigned sum_scale)
{
    unsigned scale;
    struct big twice = twice_of(mid, &scale);
    struct big off =
        big_add(big_up(twice, sum_scale), big_neg(big_up(sum, scale)));
    struct big half = big_up(big_small(1), sum_scale);

    assert(decimal_valid(mid));
    if (big_sign(&off) == 0)
        return;
    assert(!(mid.scale & DECIMAL_HALF));
    assert(!fits(big_of(mid.mant), 17)); /* not a digit was given away */
    assert(big_cmp_abs(&off, &half) <= 0);
}

static void check_pair(struct decimal a, struct decimal b)
{
    struct big x = big_up(big_of(a.mant), b.scale);
    struct big y = big_up(big_of(b.mant), a.scale);
    struct big sum = big_add(x, y), difference = big_add(x, big_neg(y));
    unsigned scale = a.scale + b.scale;
    struct decimal_sum s;
    struct decimal mid;

    assert(sign(decimal_cmp(a, b)) == big_cmp(x, y));
    s = decimal_sum_difference(a, b);
    assert(value_cmp(big_sum(&s), s.scale, difference, scale) == 0);
    s = decimal_sum_mid(a, b);
    assert(value_cmp(big_mul(big_sum(&s), big_small(2)), s.scale, sum, scale) ==
           0);
    mid = decimal_mid(a, b);
    check_mid(mid, sum, scale);
    x = big_up(twice_of(mid, &scale), b.scale);
    y = big_up(big_mul(big_of(b.mant), big_small(2)), scale);
    assert(sign(decimal_cmp(mid, b)) == big_cmp(x, y));
    assert(sign(decimal_cmp(b, mid)) == big_cmp(y, x));
}

/* |num / den - q| is at most half of the last digit of q; at a tie q is even.
 */
static void check_quotient(const struct decimal_sum *num,
                           const struct decimal_sum *den,
                           const struct decimal_sum *q)
{
    struct big left = big_up(big_sum(num), den->scale + q->scale);
    struct big whole = big_up(big_sum(den), num->scale);
    struct big rest = big_add(left, big_neg(big_mul(big_sum(q), whole)));
    struct big twice = big_mul(rest, big_small(2));
    int half = big_cmp_abs(&twice, &whole);

    assert(half < 0 || (half == 0 && q->word[0] % 2 == 0));
}

/* The text says the same number. */
static void check_sum_text(const struct decimal_sum *s)
{
    char text[DECIMAL_SUM_TEXT_MAX];
    unsigned len = decimal_sum_format(s, text), fraction = 0;
    struct big said = big_small(0), is = big_sum(s);
    bool dot = false;

    assert(len == strlen(text) && len < sizeof text);
    for (const char *c = text; *c; c++) {
        if (*c == '-' || *c == '.') {
            dot |= *c == '.';
            continue;
        }
        assert(*c >= '0' && *c <= '9');
        said = big_add(big_up(said, 1), big_small((uint64_t)(*c - '0')));
        fraction += dot;
    }
    said.negative = text[0] == '-';
    assert(fraction == s->scale);
    assert(text[said.negative] != '0' || text[said.negative + 1] == '.' ||
           len == 1u + said.negative);
    assert(big_cmp(said, is) == 0);
}

static void check_sum(const struct decimal *d, size_t n, uint8_t scale)
{
    struct decimal_sum sum = {0}, sizes = {0}, q;
    struct big exact = big_small(0), exact_sizes = big_small(0);

    for (size_t i = 0; i + 1 < n; i++) {
        struct big product = big_mul(big_of(d[i].mant), big_of(d[i + 1].mant));

        decimal_sum_add_product(&sum, d[i], d[i + 1]);
        exact =
            big_add(exact, big_up(product, 36u - d[i].scale - d[i + 1].scale));
        decimal_sum_add(&sizes, d[i]);
        exact_sizes =
            big_add(exact_sizes, big_up(big_of(d[i].mant), 18u - d[i].scale));
    }
    assert(sum.scale <= 36 && sizes.scale <= 18);
    assert(value_cmp(big_sum(&sum), sum.scale, exact, 36) == 0);
    assert(value_cmp(big_sum(&sizes), sizes.scale, exact_sizes, 18) == 0);
    check_sum_text(&sum);
    check_sum_text(&sizes);
    if (!decimal_sum_div(&sum, &sizes, scale, &q)) {
        assert(decimal_sum_is_zero(&sizes));
        return;
    }
    assert(q.scale == scale);
    check_quotient(&sum, &sizes, &q);
    check_sum_text(&q);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct decimal d[8];
    size_t n = 0;

    check_text(span_make((const char *)data, size));
    for (; n < 8 && size >= (n + 1) * 9; n++) {
        int64_t mant;

        memcpy(&mant, data + n * 9, sizeof mant);
        d[n].scale = data[n * 9 + 8] % 19;
        /* Small ones too: the low bits of the last byte say how small. */
        mant >>= (data[n * 9 + 8] / 19 % 8) * 8;
        d[n].mant = mant % INT64_C(1000000000000000000);
    }
    for (size_t i = 0; i + 1 < n; i++)
        check_pair(d[i], d[i + 1]);
    if (n > 1)
        check_sum(d, n, data[0] % 37);
    return 0;
}
