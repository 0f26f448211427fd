#include "common/event/event_field.h"

#include "common/event/event_time.h"
#include "common/json/scan.h"

/*
 * Keys of up to eight letters are one word, as scan_load8() makes it.  The
 * multiplication was searched for: it spreads these fifteen over a table of 32
 * with no two in one place.
 */
#define WORD(a, b, c, d, e, f, g)                                              \
    ((uint64_t)(a) | (uint64_t)(b) << 8 | (uint64_t)(c) << 16 |                \
     (uint64_t)(d) << 24 | (uint64_t)(e) << 32 | (uint64_t)(f) << 40 |         \
     (uint64_t)(g) << 48)
#define SPREAD UINT64_C(0xbaeb41a5e65a8149)
#define PLACE(w) ((unsigned)((w)*SPREAD >> 59))
#define KEY(field, ...) [PLACE(WORD(__VA_ARGS__))] = {WORD(__VA_ARGS__), field}

static const struct {
    uint64_t word;
    enum event_field field;
} short_keys[32] = {
    KEY(FIELD_BID, 'b', 'i', 'd', 0, 0, 0, 0),
    KEY(FIELD_ASK, 'a', 's', 'k', 0, 0, 0, 0),
    KEY(FIELD_PRICE, 'p', 'r', 'i', 'c', 'e', 0, 0),
    KEY(FIELD_SIZE, 's', 'i', 'z', 'e', 0, 0, 0),
    KEY(FIELD_TIME, 't', 'i', 'm', 'e', 0, 0, 0),
    KEY(FIELD_TYPE, 't', 'y', 'p', 'e', 0, 0, 0),
    KEY(FIELD_SYMBOL, 's', 'y', 'm', 'b', 'o', 'l', 0),
    KEY(FIELD_ID, 'i', 'd', 0, 0, 0, 0, 0),
    KEY(FIELD_SIDE, 's', 'i', 'd', 'e', 0, 0, 0),
    KEY(FIELD_SRC, 's', 'r', 'c', 0, 0, 0, 0),
    KEY(FIELD_SEQ, 's', 'e', 'q', 0, 0, 0, 0),
    KEY(FIELD_BAR, 'b', 'a', 'r', 0, 0, 0, 0),
    KEY(FIELD_EVENT, 'e', 'v', 'e', 'n', 't', 0, 0),
    KEY(FIELD_EXPIRY, 'e', 'x', 'p', 'i', 'r', 'y', 0),
    KEY(FIELD_USER_ID, 'u', 's', 'e', 'r', '_', 'i', 'd'),
};

static enum event_field long_key(struct span key)
{
    if (span_is(key, "timestamp"))
        return FIELD_TIMESTAMP;
    if (span_is(key, "account_id"))
        return FIELD_ACCOUNT_ID;
    if (span_is(key, "resolution"))
        return FIELD_RESOLUTION;
    return FIELD_NONE;
}

static inline enum event_field field_of(const char *key, size_t len)
{
    uint64_t word;
    unsigned place;

    if (len > 8)
        return long_key(span_make(key, len));
    if (len == 0) /* the word of an empty place */
        return FIELD_NONE;
    word = scan_load8(key) & UINT64_MAX >> (64 - 8 * len);
    place = PLACE(word);
    return short_keys[place].word == word ? short_keys[place].field
                                          : FIELD_NONE;
}

/* A key that was written with escapes is still that key. */
static enum event_field escaped_field(struct event_fields *p, struct span raw)
{
    char text[32]; /* eight readable bytes behind any field's name */
    size_t len;

    p->look_closer = true;
    if (!scan_unescape(raw, text, sizeof text - 8, &len))
        return FIELD_NONE;
    return field_of(text, len);
}

static void note_unknown(struct event_fields *p, struct span key)
{
    for (unsigned i = 0; i < p->unknown; i++)
        if (span_eq(key, p->unknown_key[i]) && !p->twice)
            p->twice = key.ptr;
    if (p->unknown < FIELDS_UNKNOWN_MAX)
        p->unknown_key[p->unknown++] = key;
    else
        p->look_closer = true;
}

/* A value that is no plain string. */
static __attribute__((noinline)) const char *
other_value(const char *s, const char *end, struct event_fields *p,
            struct span *value, uint32_t bit)
{
    const char *bad, *stop;

    if (*s == '"') {
        stop = scan_string(s + 1, end, &bad);
        if (!stop)
            return NULL;
        p->escaped |= bit;
        *value = span_make(s + 1, (size_t)(stop - s - 2));
        return stop;
    }
    if (scan_is_digit(*s) || *s == '-') {
        stop = scan_fast_skip(s, end);
    } else {
        p->look_closer |= *s == '{' || *s == '[';
        stop = scan_value(s, end, 1, &bad);
    }
    *value = span_make(s, stop ? (size_t)(stop - s) : 0);
    return stop;
}

/* Any value; strings are noted without their quotes. */
static inline const char *any_value(const char *s, const char *end,
                                    struct event_fields *p, struct span *value,
                                    uint32_t bit)
{
    const char *stop;

    if (*s == '"') {
        stop = scan_fast_plain(s + 1, end);
        if (*stop == '"' && stop < end) {
            *value = span_make(s + 1, (size_t)(stop - s - 1));
            return stop + 1;
        }
    }
    return other_value(s, end, p, value, bit);
}

/* Thirteen digits: every millisecond from 2001 to 2286. */
static inline const char *time_value(const char *s, const char *end,
                                     struct event_fields *p)
{
    const char *stop = s + SCAN_TIME_DIGITS;
    uint64_t ms;

    if (!scan_time13(s, &ms) || scan_is_digit(*stop) || *stop == '.' ||
        (*stop | 0x20) == 'e')
        return any_value(s, end, p, &p->value[FIELD_TIME], 1u << FIELD_TIME);
    p->time_ns = ms < EVENT_TIME_END_MS ? (int64_t)ms * 1000000 : 0;
    p->value[FIELD_TIME] = span_make(s, SCAN_TIME_DIGITS);
    return stop;
}

static inline const char *decimal_value(const char *s, const char *end,
                                        enum event_field field,
                                        struct event_fields *p)
{
    struct decimal *number = &p->number[field];
    const char *stop = NULL;

    p->value[field] = span_make(s, 0);
    if (s - p->start >= SCAN_BEFORE)
        stop = scan_number_inside(s, number);
    if (stop && (*stop | 0x20) != 'e')
        return stop;
    if (scan_is_digit(*s) || *s == '-')
        return scan_fast_number_rest(s, end, number);
    number->scale = SCAN_NO_DECIMAL;
    return any_value(s, end, p, &p->value[field], 1u << field);
}

struct key {
    const char *value; /* where it begins; NULL: not JSON */
    enum event_field field;
};

/* s is behind the opening quote of a key. */
static __attribute__((noinline)) struct key
any_key(const char *s, const char *end, struct event_fields *p)
{
    struct key k = {NULL, FIELD_NONE};
    bool plain;
    const char *stop = scan_fast_string(s, end, &plain);
    struct span name;

    if (!stop)
        return k;
    name = span_make(s, (size_t)(stop - s));
    k.field = plain ? field_of(s, name.len) : escaped_field(p, name);
    if (k.field == FIELD_NONE)
        note_unknown(p, name);
    s = scan_fast_space(stop + 1, end);
    if (*s == ':')
        k.value = scan_fast_space(s + 1, end);
    return k;
}

/*
 * The keys of ticks and trades, compared as constants: with the branches
 * foreseen, the processor goes on behind the key before it has looked at it,
 * where the length of any_key() would have to be waited for.  No switch on the
 * first letter: the indirect jump that it becomes costs more than all of these.
 */
static inline struct key usual_key(const char *s, const char *end,
                                   struct event_fields *p)
{
#define USUAL(which, text)                                                     \
    if (memcmp(s, text, sizeof text - 1) == 0)                                 \
        return (struct key){scan_fast_space(s + sizeof text - 1, end), which};
    USUAL(FIELD_TIME, "time\":")
    USUAL(FIELD_TYPE, "type\":")
    USUAL(FIELD_SYMBOL, "symbol\":")
    if (*s <= 'b') {
        USUAL(FIELD_BID, "bid\":")
        USUAL(FIELD_ASK, "ask\":")
    } else {
        USUAL(FIELD_PRICE, "price\":")
        USUAL(FIELD_SIZE, "size\":")
        USUAL(FIELD_ID, "id\":")
        USUAL(FIELD_SIDE, "side\":")
        USUAL(FIELD_SEQ, "seq\":")
        USUAL(FIELD_SRC, "src\":")
    }
#undef USUAL
    return any_key(s, end, p);
}

static inline const char *member(const char *s, const char *end,
                                 struct event_fields *p)
{
    struct key k;
    uint32_t bit;

    if (s >= end || *s != '"')
        return NULL;
    k = usual_key(s + 1, end, p);
    if (!k.value)
        return NULL;
    bit = 1u << k.field; /* FIELD_NONE has one too, which nobody asks for */
    if (p->seen & bit && k.field != FIELD_NONE && !p->twice)
        p->twice = s + 1;
    p->seen |= bit;
    if (k.field <= FIELD_SIZE)
        return decimal_value(k.value, end, k.field, p);
    if (k.field == FIELD_TIME)
        return time_value(k.value, end, p);
    return any_value(k.value, end, p, &p->value[k.field], bit);
}

const char *event_fields_scan(const char *s, const char *end,
                              struct event_fields *p)
{
    p->start = s;
    p->seen = p->escaped = 0;
    p->time_ns = 0;
    p->unknown = 0;
    p->look_closer = false;
    p->twice = NULL;
    s = scan_fast_space(s + 1, end);
    if (*s == '}')
        return s + 1;
    for (;;) {
        s = member(s, end, p);
        if (!s)
            return NULL;
        s = scan_fast_space(s, end);
        if (*s == '}')
            return s + 1;
        if (*s != ',')
            return NULL;
        s = scan_fast_space(s + 1, end);
    }
}
