/*
 * event_shape.h -- what stands between the values of a line.
 *
 * A shape is a list of values, each with the text before it; what it is made of
 * is a line that the strict scanner has taken.  Private to event_reader.c.
 *
 * Ownership   plain values; nothing points into the line
 * Bounds      VALUES_MAX values, BETWEEN_MAX bytes before each
 */
#pragma once

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "common/event/event.h"

enum {
    VALUES_MAX = 16,
    /* Text between two values.  Three loads of 16 bytes that begin up to 15
     * bytes behind the end of the line stay within LINE_PAD. */
    BETWEEN_MAX = 48,
};

/* One bit each: see event_value.h. */
enum value_kind {
    VALUE_END = 0, /* nothing comes: what stands before it ends the line */
    VALUE_SYMBOL = 1,
    VALUE_TIME = 2,
    VALUE_PRICE = 4,   /* above zero */
    VALUE_SIZE = 8,    /* zero or more */
    VALUE_NUMBER = 16, /* of no member that is known */
    VALUE_TEXT = 32,   /* any string: side, src or unknown */
    VALUE_NAME = 64,   /* a string that must not be empty */
    VALUE_SEQ = 128,
    VALUE_DIGITS = 256,
    VALUE_NUMBERS = VALUE_PRICE | VALUE_SIZE | VALUE_NUMBER,
};

enum { USUAL_VALUES = 4 }; /* that are read in one piece */
enum { BLOCK = 16, BLOCKS = BETWEEN_MAX / BLOCK };

struct value {
    _Alignas(BLOCK) char before[BETWEEN_MAX];
    char any[BLOCK];        /* 0xff where the first ones do not belong to it */
    uint16_t other[BLOCKS]; /* bits of bytes that do not belong to it */
    uint8_t len;            /* of before */
    uint8_t least;          /* mantissa of a number: 1 for a price */
    uint16_t kind;
    uint16_t at; /* in struct event; the store: unknown */
};

struct shape {
    enum event_type type;
    unsigned have;
    bool usual; /* see event_usual.h */
    struct value value[VALUES_MAX];
};

/* False: a line like this one has no shape.  The event was read from it. */
bool event_shape_make(const struct event *ev, struct shape *shape);

#ifdef __SSE2__
static inline bool shape_same_block(const char *s, const struct value *v,
                                    unsigned i)
{
    __m128i x = _mm_loadu_si128((const void *)(s + BLOCK * i));
    __m128i y = _mm_load_si128((const void *)(v->before + BLOCK * i));

    return ((unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, y)) | v->other[i]) ==
           0xffff;
}
#endif

/* Is that the text before the value? */
static inline bool shape_same(const char *s, const struct value *v)
{
#ifdef __SSE2__
    if (!shape_same_block(s, v, 0))
        return false;
    return v->len <= BLOCK ||
           (shape_same_block(s, v, 1) &&
            (v->len <= 2 * BLOCK || shape_same_block(s, v, 2)));
#else
    return memcmp(s, v->before, v->len) == 0;
#endif
}
