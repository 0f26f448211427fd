#include "common/event_parts.h"

#include "common/scan.h"

/* Keys of up to eight letters as the word that scan_load8() makes of them. */
#define WORD(a, b, c, d, e, f, g, h)                                           \
    ((uint64_t)(a) | (uint64_t)(b) << 8 | (uint64_t)(c) << 16 |                \
     (uint64_t)(d) << 24 | (uint64_t)(e) << 32 | (uint64_t)(f) << 40 |         \
     (uint64_t)(g) << 48 | (uint64_t)(h) << 56)

static enum event_part long_key(struct span key)
{
    if (span_is(key, "timestamp"))
        return PART_TIMESTAMP;
    if (span_is(key, "account_id"))
        return PART_ACCOUNT_ID;
    if (span_is(key, "resolution"))
        return PART_RESOLUTION;
    return PART_NONE;
}

static inline enum event_part part_of(const char *key, size_t len)
{
    uint64_t w;

    if (len > 8)
        return long_key(span_make(key, len));
    if (len == 0)
        return PART_NONE;
    w = scan_load8(key) & (UINT64_MAX >> (64 - 8 * len));
    switch (w) {
    case WORD('b', 'i', 'd', 0, 0, 0, 0, 0):
        return PART_BID;
    case WORD('a', 's', 'k', 0, 0, 0, 0, 0):
        return PART_ASK;
    case WORD('p', 'r', 'i', 'c', 'e', 0, 0, 0):
        return PART_PRICE;
    case WORD('s', 'i', 'z', 'e', 0, 0, 0, 0):
        return PART_SIZE;
    case WORD('t', 'i', 'm', 'e', 0, 0, 0, 0):
        return PART_TIME;
    case WORD('t', 'y', 'p', 'e', 0, 0, 0, 0):
        return PART_TYPE;
    case WORD('s', 'y', 'm', 'b', 'o', 'l', 0, 0):
        return PART_SYMBOL;
    case WORD('i', 'd', 0, 0, 0, 0, 0, 0):
        return PART_ID;
    case WORD('s', 'i', 'd', 'e', 0, 0, 0, 0):
        return PART_SIDE;
    case WORD('s', 'r', 'c', 0, 0, 0, 0, 0):
        return PART_SRC;
    case WORD('s', 'e', 'q', 0, 0, 0, 0, 0):
        return PART_SEQ;
    case WORD('b', 'a', 'r', 0, 0, 0, 0, 0):
        return PART_BAR;
    case WORD('e', 'v', 'e', 'n', 't', 0, 0, 0):
        return PART_EVENT;
    case WORD('e', 'x', 'p', 'i', 'r', 'y', 0, 0):
        return PART_EXPIRY;
    case WORD('u', 's', 'e', 'r', '_', 'i', 'd', 0):
        return PART_USER_ID;
    default:
        return PART_NONE;
    }
}

/* A key that was written with escapes is still that key. */
static enum event_part escaped_part(struct event_parts *p, struct span raw)
{
    char text[32]; /* eight readable bytes behind any part's name */
    size_t len;

    p->look_closer = true;
    if (!scan_unescape(raw, text, sizeof text - 8, &len))
        return PART_NONE;
    return part_of(text, len);
}

static void note_unknown(struct event_parts *p, struct span key)
{
    for (unsigned i = 0; i < p->unknown; i++)
        if (span_eq(key, p->unknown_key[i]) && !p->twice)
            p->twice = key.ptr;
    if (p->unknown < PARTS_UNKNOWN_MAX)
        p->unknown_key[p->unknown++] = key;
    else
        p->look_closer = true;
}

/* Any value; strings are noted without their quotes. */
static inline const char *any_value(const char *s, const char *end,
                                    struct event_parts *p, struct span *value,
                                    uint32_t bit)
{
    const char *bad, *stop;
    struct decimal ignored;
    bool plain;

    if (*s == '"') {
        stop = scan_fast_string(s + 1, end, &plain);
        if (!stop)
            return NULL;
        if (!plain)
            p->escaped |= bit;
        *value = span_make(s + 1, (size_t)(stop - s - 1));
        return stop + 1;
    }
    if (scan_is_digit(*s) || *s == '-') {
        stop = scan_fast_number(s, end, &ignored);
    } else {
        p->look_closer |= *s == '{' || *s == '[';
        stop = scan_value(s, end, 1, &bad);
    }
    *value = span_make(s, stop ? (size_t)(stop - s) : 0);
    return stop;
}

/* Thirteen digits: every millisecond from 2001 to 2286. */
static inline const char *time_value(const char *s, const char *end,
                                     struct event_parts *p, struct span *value,
                                     uint32_t bit)
{
    if (scan_digits8(scan_load8(s)) == 8 &&
        scan_digits8(scan_load8(s + 8)) == 5 && *s != '0' && s[13] != '.' &&
        (s[13] | 0x20) != 'e') {
        *value = span_make(s, 13);
        return s + 13;
    }
    return any_value(s, end, p, value, bit);
}

static inline const char *part_value(const char *s, const char *end,
                                     enum event_part part,
                                     struct event_parts *p)
{
    uint32_t bit = 1u << part;
    struct decimal *number;

    if (part == PART_TIME)
        return time_value(s, end, p, &p->value[part], bit);
    if (part > PART_SIZE)
        return any_value(s, end, p, &p->value[part], bit);
    number = &p->number[part];
    p->value[part] = span_make(s, 0);
    if (scan_is_digit(*s) || *s == '-')
        return scan_fast_number(s, end, number);
    number->scale = SCAN_NO_DECIMAL;
    return any_value(s, end, p, &p->value[part], bit);
}

static inline const char *space(const char *s, const char *end)
{
    return (unsigned char)*s > ' ' ? s : scan_space(s, end);
}

/* s is behind the opening quote of a key; returns where its value begins. */
static inline const char *key(const char *s, const char *end,
                              enum event_part *part, struct event_parts *p)
{
    bool plain;
    const char *stop = scan_fast_string(s, end, &plain);
    struct span name;

    if (!stop)
        return NULL;
    name = span_make(s, (size_t)(stop - s));
    *part = plain ? part_of(s, name.len) : escaped_part(p, name);
    if (*part == PART_NONE)
        note_unknown(p, name);
    else if (event_parts_have(p, *part) && !p->twice)
        p->twice = s;
    s = space(stop + 1, end);
    return *s == ':' ? space(s + 1, end) : NULL;
}

const char *event_parts_scan(const char *s, const char *end,
                             struct event_parts *p)
{
    enum event_part part;
    struct span ignored;

    p->seen = p->escaped = 0;
    p->unknown = 0;
    p->look_closer = false;
    p->twice = NULL;
    s = space(s + 1, end);
    if (*s == '}')
        return s + 1;
    while (s < end && *s == '"') {
        s = key(s + 1, end, &part, p);
        if (!s)
            return NULL;
        if (part == PART_NONE) {
            s = any_value(s, end, p, &ignored, 0);
        } else {
            s = part_value(s, end, part, p);
            p->seen |= 1u << part;
        }
        if (!s)
            return NULL;
        s = space(s, end);
        if (*s == '}')
            return s + 1;
        if (*s != ',')
            return NULL;
        s = space(s + 1, end);
    }
    return NULL;
}
