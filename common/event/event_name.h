/*
 * event_name.h -- the letters of symbols and of other names in channels.
 *
 * Letters, digits and ._/-@+#.  A colon parts channel names, a * is a wildcard
 * in them, and the other signs mean something to Redis patterns or to URLs.
 */
#pragma once

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "common/event/event.h"

static inline bool event_name_letter(char c)
{
    unsigned char u = (unsigned char)c;

    /* - . / and digits are one run, and so are @ and the capitals. */
    return (u >= '-' && u <= '9') || (u >= '@' && u <= 'Z') ||
           (u >= 'a' && u <= 'z') || u == '_' || u == '#' || u == '+';
}

/* How many of the 16 bytes at s, from the first, are such letters. */
static inline unsigned event_name_run(const char *s)
{
#ifdef __SSE2__
    const __m128i x = _mm_loadu_si128((const void *)s);
/* The sign of each byte: is it outside of low to high?  Saturation carries what
 * is more than the width of the range into the sign. */
#define OUTSIDE(low, high)                                                     \
    _mm_adds_epu8(_mm_sub_epi8(x, _mm_set1_epi8(low)),                         \
                  _mm_set1_epi8(0x7f - ((high) - (low))))
    __m128i out = _mm_and_si128(
        _mm_and_si128(OUTSIDE('-', '9'), OUTSIDE('@', 'Z')), OUTSIDE('a', 'z'));
#undef OUTSIDE
    /* # and + differ in one bit. */
    __m128i sign =
        _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('_')),
                     _mm_cmpeq_epi8(_mm_or_si128(x, _mm_set1_epi8('#' ^ '+')),
                                    _mm_set1_epi8('+')));

    return (unsigned)__builtin_ctz(
        (unsigned)_mm_movemask_epi8(_mm_andnot_si128(sign, out)) | 1u << 16);
#else
    unsigned n = 0;

    while (n < 16 && event_name_letter(s[n]))
        n++;
    return n;
#endif
}

/* At least 16 readable bytes must follow. */
static inline bool event_name_ok(struct span name)
{
    if (name.len == 0 || name.len > EVENT_NAME_MAX)
        return false;
    while (name.len > 16) {
        if (event_name_run(name.ptr) < 16)
            return false;
        name.ptr += 16;
        name.len -= 16;
    }
    return event_name_run(name.ptr) >= name.len;
}
