/*
 * event_usual.h -- the values that nearly every line begins with: a symbol, a
 * time and two numbers.
 *
 * They are read in one piece, for what a line takes is mostly waiting: where a
 * value ends says where the next one begins.  So the ends of both numbers come
 * from one look at the bytes, both are converted at once where they are short,
 * and the texts between are compared together at the end.  Positions are
 * bounded whatever the bytes are.  Private to event_reader.c.
 */
#pragma once

#include "common/event/event_value.h"

#ifdef __SSE2__
/* A number of up to eight digits. */
struct usual_number {
    uint64_t digits; /* in their bytes, the last one in the highest */
    unsigned len;    /* of the text */
    unsigned scale;
};

/* other: a bit for each byte from s that is no digit, and one far behind. */
static inline bool event_usual_number(const char *s, uint64_t other,
                                      struct usual_number *n)
{
    unsigned dot = (unsigned)__builtin_ctzll(other), stop;
    uint64_t left = scan_load8(s), whole;

    if (dot - 1 >= 8 || (*s == '0' && dot > 1))
        return false;
    if (s[dot] != '.') {
        n->digits = left << (64 - 8 * dot);
        n->len = dot;
        n->scale = 0;
        return true;
    }
    stop = (unsigned)__builtin_ctzll(other & (other - 1));
    if (stop > 9 || stop == dot + 1)
        return false;
    /* Close the gap that the dot leaves. */
    whole = ~(UINT64_MAX << 8 * (dot & 7));
    left = (left & whole) | (scan_load8(s + 1) & ~whole);
    n->digits = left << (72 - 8 * stop);
    n->len = stop;
    n->scale = stop - dot - 1;
    return true;
}

/* As scan_value16() does, but the two halves are numbers of their own: the
 * first in the lower half of what is returned. */
static inline uint64_t event_usual_values(uint64_t a, uint64_t b)
{
    __m128i x = _mm_and_si128(_mm_set_epi64x((int64_t)b, (int64_t)a),
                              _mm_set1_epi8(0x0f));
    __m128i first = _mm_and_si128(x, _mm_set1_epi16(0xff));
    __m128i second = _mm_srli_epi16(x, 8);

    x = _mm_add_epi32(_mm_madd_epi16(first, _mm_set1_epi32(10 << 16 | 1000)),
                      _mm_madd_epi16(second, _mm_set1_epi32(1 << 16 | 100)));
    x = _mm_madd_epi16(_mm_packs_epi32(x, x), _mm_set1_epi32(1 << 16 | 10000));
    return (uint64_t)_mm_cvtsi128_si64(x);
}

static inline void event_usual_put(struct event *ev, const struct value *v,
                                   uint64_t mant, unsigned scale)
{
    struct decimal *out = event_value_at(ev, v);

    out->mant = (int64_t)mant;
    out->scale = (uint8_t)scale;
}

/* Bytes of 0xff where those at s are the text before the value. */
static inline __m128i event_usual_same(const char *s, const struct value *v)
{
    __m128i same = _mm_cmpeq_epi8(_mm_loadu_si128((const void *)s),
                                  _mm_load_si128((const void *)v->before));

    return _mm_or_si128(same, _mm_load_si128((const void *)v->any));
}

/* The two numbers at s and the texts behind them; NULL: not so. */
static inline const char *event_usual_short(const char *s,
                                            const struct value *v,
                                            struct event *ev, __m128i same)
{
    uint64_t other = scan_no_digits16(s) | scan_no_digits16(s + 16) << 16;
    struct usual_number a, b;
    uint64_t pair;
    unsigned skip;

    other |= UINT64_C(1) << 63;
    if (!event_usual_number(s, other, &a))
        return NULL;
    same = _mm_and_si128(same, event_usual_same(s + a.len, &v[3]));
    skip = a.len + v[3].len;
    if (!event_usual_number(s + skip, other >> skip, &b))
        return NULL;
    s += skip + b.len;
    same = _mm_and_si128(same, event_usual_same(s, &v[4]));
    pair = event_usual_values(a.digits, b.digits);
    if (_mm_movemask_epi8(same) != 0xffff || (uint32_t)pair < v[2].least ||
        pair >> 32 < v[3].least)
        return NULL;
    event_usual_put(ev, &v[2], (uint32_t)pair, a.scale);
    event_usual_put(ev, &v[3], pair >> 32, b.scale);
    return s + v[4].len;
}

static inline const char *event_usual_long(const char *s, const char *end,
                                           const struct value *v,
                                           struct event *ev)
{
    s = event_value_number(s, end, &v[2], ev);
    if (!s || !shape_same(s, &v[3]) || s + v[3].len >= end)
        return NULL;
    s = event_value_number(s + v[3].len, end, &v[3], ev);
    return s && shape_same(s, &v[4]) ? s + v[4].len : NULL;
}

/* s is behind the text before the first value, and not the end.  Returns where
 * the text behind the fourth ends; NULL: another shape. */
static inline __attribute__((always_inline)) const char *
event_usual_read(const char *s, const char *end, const struct value *v,
                 struct event *ev)
{
    const char *stop;
    __m128i same;

    s = event_value_symbol(s, end, ev);
    if (!s)
        return NULL;
    same = event_usual_same(s, &v[1]);
    s = event_value_time(s + v[1].len, ev);
    if (!s)
        return NULL;
    same = _mm_and_si128(same, event_usual_same(s, &v[2]));
    s += v[2].len;
    if (s >= end)
        return NULL;
    stop = event_usual_short(s, v, ev, same);
    if (stop)
        return stop;
    return _mm_movemask_epi8(same) == 0xffff ? event_usual_long(s, end, v, ev)
                                             : NULL;
}
#endif
