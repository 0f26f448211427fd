/*
 * event_name.h -- the letters of symbols and of other names in channels.
 *
 * Letters, digits and ._/-@+#.  A colon parts channel names, a * is a wildcard
 * in them, and the other signs mean something to Redis patterns or to URLs.
 */
#ifndef COMMON_EVENT_NAME_H
#define COMMON_EVENT_NAME_H

#include <stdbool.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "common/event.h"

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
/* Unsigned x in [low, high], by a signed comparison: SSE2 has no other. */
#define EVENT_NAME_IN(low, high)                                               \
    _mm_cmplt_epi8(_mm_add_epi8(x, _mm_set1_epi8((char)(-128 - (low)))),       \
                   _mm_set1_epi8((char)(-127 + (high) - (low))))
#define EVENT_NAME_IS(c) _mm_cmpeq_epi8(x, _mm_set1_epi8(c))
    __m128i ok = _mm_or_si128(
        _mm_or_si128(EVENT_NAME_IN('-', '9'), EVENT_NAME_IN('@', 'Z')),
        _mm_or_si128(EVENT_NAME_IN('a', 'z'),
                     _mm_or_si128(EVENT_NAME_IS('_'),
                                  _mm_or_si128(EVENT_NAME_IS('#'),
                                               EVENT_NAME_IS('+')))));
#undef EVENT_NAME_IN
#undef EVENT_NAME_IS

    return (unsigned)__builtin_ctz(~(unsigned)_mm_movemask_epi8(ok));
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

#endif
