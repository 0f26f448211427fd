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
#ifndef COMMON_SCAN_H
#define COMMON_SCAN_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "common/decimal.h"
#include "common/span.h"

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
        /* Signed: bytes from 0x80 are less than a space too. */
        __m128i stop = _mm_or_si128(
            _mm_cmplt_epi8(x, space),
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

/* A number that the fast way leaves alone. */
const char *scan_fast_number_rest(const char *s, const char *end,
                                  struct decimal *out);

/* Up to seven digits, then perhaps a dot and up to eight: any price.  The rest
 * (signs, exponents, longer ones) takes the careful way. */
static inline const char *scan_fast_number(const char *s, const char *end,
                                           struct decimal *out)
{
    static const uint32_t tens[] = {1,      10,      100,      1000,     10000,
                                    100000, 1000000, 10000000, 100000000};
    uint64_t whole = scan_load8(s), fraction;
    unsigned k = scan_digits8(whole), f;

    if (k == 0 || k == 8 || (*s == '0' && k > 1))
        return scan_fast_number_rest(s, end, out);
    whole = scan_value8(whole << (64 - 8 * k));
    if (s[k] != '.') {
        if ((s[k] | 0x20) == 'e')
            return scan_fast_number_rest(s, end, out);
        *out = (struct decimal){(int64_t)whole, 0};
        return s + k;
    }
    fraction = scan_load8(s + k + 1);
    f = scan_digits8(fraction);
    if (f == 0 || scan_is_digit(s[k + 1 + f]) || (s[k + 1 + f] | 0x20) == 'e')
        return scan_fast_number_rest(s, end, out);
    fraction = scan_value8(fraction << (64 - 8 * f));
    out->mant = (int64_t)(whole * tens[f] + fraction);
    out->scale = (uint8_t)f;
    return s + k + 1 + f;
}

#endif
