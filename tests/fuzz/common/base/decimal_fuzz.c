/*
 * Decimals against a plain number of many words: what is parsed prints and
 * parses as the same; sums, middles, orders and quotients are exact.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/decimal.h"
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

static void check_pair(struct decimal a, struct decimal b)
{
    struct big x = big_up(big_of(a.mant), b.scale);
    struct big y = big_up(big_of(b.mant), a.scale);
    struct big sum = big_add(x, y), difference = big_add(x, big_neg(y));
    unsigned scale = a.scale + b.scale;
    struct decimal d;

    assert(sign(decimal_cmp(a, b)) == big_cmp(x, y));
    b.mant = -b.mant;
    if (decimal_sub(a, b, &d)) {
        check_valid(d);
        assert(value_cmp(big_of(d.mant), d.scale, sum, scale) == 0);
    }
    b.mant = -b.mant;
    if (decimal_sub(a, b, &d)) {
        check_valid(d);
        assert(value_cmp(big_of(d.mant), d.scale, difference, scale) == 0);
    }
    if (decimal_mid(a, b, &d)) {
        check_valid(d);
        assert(value_cmp(big_mul(big_of(d.mant), big_small(2)), d.scale, sum,
                         scale) == 0);
    }
}

/* |num / den - q| is at most half of the last digit of q; at a tie q is even.
 */
static void check_quotient(struct decimal_sum num, struct decimal_sum den,
                           struct decimal q)
{
    struct big left = big_up(big_of(num.mant), den.scale + q.scale);
    struct big whole = big_up(big_of(den.mant), num.scale);
    struct big rest = big_add(left, big_neg(big_mul(big_of(q.mant), whole)));
    struct big twice = big_mul(rest, big_small(2));
    int half = big_cmp_abs(&twice, &whole);

    assert(half < 0 || (half == 0 && q.mant % 2 == 0));
}

static void check_sum(const struct decimal *d, size_t n, uint8_t scale)
{
    struct decimal_sum sum = {0}, sizes = {0}, before;
    struct big exact = big_small(0);
    char text[DECIMAL_TEXT_MAX];
    struct decimal q;

    for (size_t i = 0; i + 1 < n; i++) {
        struct big product = big_mul(big_of(d[i].mant), big_of(d[i + 1].mant));

        before = sum;
        if (decimal_sum_add_product(&sum, d[i], d[i + 1]))
            exact = big_add(exact,
                            big_up(product, 36u - d[i].scale - d[i + 1].scale));
        else
            assert(before.mant == sum.mant && before.scale == sum.scale);
        decimal_sum_add(&sizes, d[i]);
    }
    assert(sum.scale <= 36 && fits(big_of(sum.mant), 38));
    assert(value_cmp(big_of(sum.mant), sum.scale, exact, 36) == 0);
    assert(decimal_sum_format(sum, text) < sizeof text);
    if (decimal_sum_div(sum, sizes, scale, &q)) {
        assert(q.scale == scale);
        check_valid(q);
        check_quotient(sum, sizes, q);
    }
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
        check_sum(d, n, data[0] % 19);
    return 0;
}
