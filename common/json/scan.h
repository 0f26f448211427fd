/*
 * scan.h -- the words of JSON: spaces, strings, numbers, whole values.
 *
 * Strict as RFC 8259 is, with UTF-8 checked, and with jansson's two limits so
 * that what passes here passes there: no \u0000 in a string, and at most
 * SCAN_DEPTH_MAX values inside each other.  Pure: no allocation, no I/O.
 *
 * Functions take where to start and where the text ends and return where the
 * word ends, or NULL.  Those named scan_fast_* may look up to LINE_PAD bytes
 * behind the end and may even run over it: their caller has to compare what
 * they return with the end, and to ask the careful ones why where they say
 * NULL.
 */
#pragma once

#include <endian.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "common/base/decimal.h"
#include "common/base/span.h"

enum {
    SCAN_DEPTH_MAX = 2048,
    /* scale of a decimal whose number is JSON but does not fit a decimal */
    SCAN_NO_DECIMAL = 255,
};

/* Careful: never look at end or behind it.  On failure *bad is where. */
const char *scan_string(const char *s, const char *end, const char **bad);
const char *scan_number(const char *s, const char *end, const char **bad);
/* One value of any kind, `depth` values inside others already. */
const char *scan_value(const char *s, const char *end, unsigned depth,
                       const char **bad);

/* Is the text one JSON value, with spaces around it? */
bool scan_text(struct span text, const char **bad);

/* Length of the UTF-8 character at s, 0 where it is none. */
unsigned scan_utf8(const char *s, const char *end);

/* The text between the quotes of a valid string with its escapes replaced;
 * false where that takes more than room. */
bool scan_unescape(struct span raw, char *out, size_t room, size_t *len);

/* Is this key of a valid text, perhaps written with escapes, that name? */
bool scan_key_is(struct span raw, const char *name);

/* Does no object in this valid JSON text have two members of one name?  Names
 * are compared without escapes.  Allocates where there are many. */
bool scan_unique(struct span text, const char **bad);

/* The members of a valid object, one after the other; begin with at = its {.
 * Keys and string values come without quotes and with their escapes. */
struct scan_member {
    const char *at;
    struct span key;
    struct span value; /* with quotes, where it is a string */
};
bool scan_member_next(struct scan_member *m, const char *end);

static inline bool scan_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static inline bool scan_is_digit(char c)
{
    return (unsigned char)(c - '0') <= 9;
}

static inline const char *scan_space(const char *s, const char *end)
{
    while (s < end && scan_is_space(*s))
        s++;
    return s;
}

static inline const char *scan_fast_space(const char *s, const char *end)
{
    return (unsigned char)*s > ' ' ? s : scan_space(s, end);
}

static inline uint64_t scan_load8(const char *s)
{
    uint64_t w;

    memcpy(&w, s, sizeof w);
    return le64toh(w);
}

/* How many of the 8 bytes, from the lowest, are digits. */
static inline unsigned scan_digits8(uint64_t w)
{
    uint64_t x = w ^ 0x3030303030303030u;
    uint64_t stop = ((x + 0x7676767676767676u) | x) & 0x8080808080808080u;

    return stop ? (unsigned)__builtin_ctzll(stop) >> 3 : 8;
}

/* The value of 8 digits, the first one in the lowest byte.  Zero bytes count
 * as zeros: n digits are w << (64 - 8 * n). */
static inline uint64_t scan_value8(uint64_t w)
{
    w = (w & 0x0f0f0f0f0f0f0f0fu) * 2561 >> 8;
    w = (w & 0x00ff00ff00ff00ffu) * 6553601 >> 16;
    return (w & 0x0000ffff0000ffffu) * 42949672960001u >> 32;
}

/* The first byte that is not a plain character of a string: a quote, a
 * backslash, a control character or the start of a longer UTF-8 one. */
static inline const char *scan_fast_plain(const char *s, const char *end)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'),
                  space = _mm_set1_epi8(' ');

    for (; s < end; s += 16) {
        __m128i x = _mm_loadu_si128((const void *)s);
        /* Signed and saturating: what is below a space becomes or stays
         * negative, and so do bytes from 0x80. */
        __m128i stop = _mm_or_si128(
            _mm_subs_epi8(x, space),
            _mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, slash)));
        unsigned mask = (unsigned)_mm_movemask_epi8(stop);

        if (mask)
            return s + __builtin_ctz(mask);
    }
#else
    while (s < end && (unsigned char)*s >= ' ' && (unsigned char)*s < 0x80 &&
           *s != '"' && *s != '\\')
        s++;
#endif
    return s;
}

/* s is behind the opening quote; returns the closing one. */
static inline const char *scan_fast_string(const char *s, const char *end,
                                           bool *plain)
{
    const char *p = scan_fast_plain(s, end), *bad;

    *plain = *p == '"' && p < end;
    if (*plain)
        return p;
    p = scan_string(s, end, &bad);
    return p ? p - 1 : NULL;
}

#ifdef __SSE2__
/* Bit i: byte i is no digit. */
static inline unsigned scan_no_digits16(const char *s)
{
    /* '0'..'9' become 0..9 and all others more; saturation carries those into
     * the sign. */
    __m128i x =
        _mm_xor_si128(_mm_loadu_si128((const void *)s), _mm_set1_epi8('0'));

    return (unsigned)_mm_movemask_epi8(
        _mm_adds_epu8(x, _mm_set1_epi8(0x80 - 10)));
}
#endif

/* Where the digits at s end, and where those behind a dot that follows end;
 * *second is *first where there is no dot, and SCAN_FAR where it is not within
 * sixteen bytes. */
enum { SCAN_FAR = 16 };
static inline void scan_digit_ends(const char *s, unsigned *first,
                                   unsigned *second)
{
#ifdef __SSE2__
    unsigned other = scan_no_digits16(s) | 1u << SCAN_FAR, next;

    *first = (unsigned)__builtin_ctz(other);
    next = (other & (other - 1)) | 1u << SCAN_FAR;
    *second = s[*first] == '.' ? (unsigned)__builtin_ctz(next) : *first;
#else
    unsigned n = 0;

    while (n < SCAN_FAR && scan_is_digit(s[n]))
        n++;
    *first = n;
    if (s[n] == '.')
        for (n++; n < SCAN_FAR && scan_is_digit(s[n]);)
            n++;
    *second = n;
#endif
}

#ifdef __SSE2__
/* Sixteen digits in bytes of 0 to 9: four a lane, then eight. */
static inline uint64_t scan_value16(__m128i x)
{
    __m128i first = _mm_and_si128(x, _mm_set1_epi16(0xff));
    __m128i second = _mm_srli_epi16(x, 8);
    uint64_t pair;

    x = _mm_add_epi32(_mm_madd_epi16(first, _mm_set1_epi32(10 << 16 | 1000)),
                      _mm_madd_epi16(second, _mm_set1_epi32(1 << 16 | 100)));
    x = _mm_madd_epi16(_mm_packs_epi32(x, x), _mm_set1_epi32(1 << 16 | 10000));
    pair = (uint64_t)_mm_cvtsi128_si64(x);
    return (pair & UINT32_MAX) * 100000000 + (pair >> 32);
}
#endif

/* Unix milliseconds of today are thirteen digits; three readable bytes must
 * stand before them.  False where the thirteen bytes are something else or
 * begin with a zero; more digits, a dot or an exponent may follow. */
enum { SCAN_TIME_DIGITS = 13 };
static inline bool scan_time13(const char *s, uint64_t *ms)
{
#ifdef __SSE2__
    const __m128i digits = _mm_set_epi8(15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
                                        15, 15, 15, 0, 0, 0);
    __m128i x = _mm_loadu_si128((const void *)(s - 3));

    if (scan_no_digits16(s - 3) & 0xfff8 || *s == '0')
        return false;
    *ms = scan_value16(_mm_and_si128(x, digits));
    return true;
#else
    if (scan_digits8(scan_load8(s)) != 8 ||
        scan_digits8(scan_load8(s + 5)) != 8 || *s == '0')
        return false;
    *ms = scan_value8(scan_load8(s)) * 100000 +
          scan_value8(scan_load8(s + 8) << 24);
    return true;
#endif
}

/* The end of a number whose value does not matter. */
static inline const char *scan_fast_skip(const char *s, const char *end)
{
    const char *bad;
    unsigned dot, stop;

    scan_digit_ends(s, &dot, &stop);
    if (dot == 0 || stop >= SCAN_FAR || stop == dot + 1 ||
        (*s == '0' && dot > 1) || (s[stop] | 0x20) == 'e')
        return scan_number(s, end, &bad);
    return s + stop;
}

/* A number that the fast way leaves alone. */
const char *scan_fast_number_rest(const char *s, const char *end,
                                  struct decimal *out);

/* Up to fifteen digits or a dot and fourteen (eight without SSE2): most prices.
 * NULL for all others.  SCAN_BEFORE readable bytes must stand before the number;
 * what follows it is not looked at: it may be an exponent or a dot. */
enum { SCAN_BEFORE = 16 };
static inline const char *scan_number_inside(const char *s, struct decimal *out)
{
#ifdef __SSE2__
    /* From byte 16 - n: the last n of 16 bytes. */
    static const char last[32] = {0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
                                  0,  0,  0,  0,  0,  15, 15, 15, 15, 15, 15,
                                  15, 15, 15, 15, 15, 15, 15, 15, 15, 15};
    unsigned other = scan_no_digits16(s) | 1u << SCAN_FAR, stop, fraction;
    unsigned dot = (unsigned)__builtin_ctz(other);
    __m128i x, behind, whole;

    if (dot == 0 || (*s == '0' && dot > 1))
        return NULL;
    if (s[dot] != '.') {
        if (dot == SCAN_FAR)
            return NULL;
        x = _mm_and_si128(_mm_loadu_si128((const void *)(s + dot - 16)),
                          _mm_loadu_si128((const void *)(last + dot)));
        out->mant = (int64_t)scan_value16(x);
        out->scale = 0;
        return s + dot;
    }
    other = (other & (other - 1)) | 1u << SCAN_FAR;
    stop = (unsigned)__builtin_ctz(other);
    fraction = stop - dot - 1;
    if (stop >= SCAN_FAR || fraction == 0)
        return NULL;
    /* What stands before the dot moves one byte to the right. */
    behind = _mm_loadu_si128((const void *)(last + fraction));
    whole = _mm_loadu_si128((const void *)(last + stop - 1));
    x = _mm_and_si128(_mm_loadu_si128((const void *)(s + stop - 16)), behind);
    x = _mm_or_si128(
        x, _mm_and_si128(_mm_loadu_si128((const void *)(s + stop - 17)),
                         _mm_andnot_si128(behind, whole)));
    out->mant = (int64_t)scan_value16(x);
    out->scale = (uint8_t)fraction;
    return s + stop;
#else
    uint64_t left = scan_load8(s), whole;
    unsigned dot, stop, digits;

    scan_digit_ends(s, &dot, &stop);
    digits = stop;
    if (stop > dot) { /* there is a dot: close the gap that it leaves */
        whole = ~(UINT64_MAX << 8 * (dot & 7));
        left = (left & whole) | (scan_load8(s + 1) & ~whole);
        digits--;
        if (stop == dot + 1)
            return NULL;
    }
    if (dot == 0 || digits > 8 || (*s == '0' && dot > 1))
        return NULL;
    out->mant = (int64_t)scan_value8(left << (64 - 8 * digits));
    out->scale = (uint8_t)(digits - dot);
    return s + stop;
#endif
}
