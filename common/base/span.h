/*
 * span.h -- a run of bytes that somebody else owns.
 *
 * Not NUL-terminated.  A span is valid for as long as the buffer it points
 * into; who keeps one longer copies the bytes.
 *
 * Nearly every header needs a span, so this one brings the standard types and
 * <string.h>: a file that includes it, through whatever header, does not name
 * them again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const char *ptr;
    size_t len;
};

/* For printf: printf("%.*s", SPAN_ARG(s)). */
#define SPAN_ARG(s) (int)(s).len, (s).ptr

static inline struct span span_make(const char *ptr, size_t len)
{
    return (struct span){ptr, len};
}

static inline struct span span_str(const char *text)
{
    return (struct span){text, strlen(text)};
}

static inline bool span_eq(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool span_is(struct span s, const char *text)
{
    return span_eq(s, span_str(text));
}

static inline bool span_starts(struct span s, const char *text)
{
    size_t n = strlen(text);
    return s.len >= n && memcmp(s.ptr, text, n) == 0;
}

/* 0 to 15; -1: it is none. */
static inline int span_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum { SPAN_DIGITS_MAX = 19 }; /* always fit in a uint64_t */

/* A whole number of 1 to max_digits digits and nothing else; false leaves *out
 * alone. */
static inline bool span_number(struct span s, size_t max_digits, uint64_t *out)
{
    uint64_t n = 0;

    if (s.len == 0 || s.len > max_digits)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        n = n * 10 + (uint64_t)(s.ptr[i] - '0');
    }
    *out = n;
    return true;
}
