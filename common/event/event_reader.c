#include "common/event/event_reader.h"

#include <stdlib.h>

#include "common/base/bytes.h"
#include "common/event/event_clear.h"
#include "common/event/event_name.h"
#include "common/event/event_time.h"
#include "common/event/event_unit.h"
#include "common/json/scan.h"

enum {
    SHAPES_MAX = 4, /* quotes and trades, each of two kinds */
    VALUES_MAX = 16,
    /* Text between two values.  Three loads of 16 bytes that begin up to 15
     * bytes behind the end of the line stay within LINE_PAD. */
    BETWEEN_MAX = 48,
    WAIT_MAX = 1023,
    WORTH_HITS = 16,
};

/* One bit each: see take(). */
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
};

enum { BLOCK = 16, BLOCKS = BETWEEN_MAX / BLOCK };

struct value {
    _Alignas(BLOCK) char before[BETWEEN_MAX];
    uint16_t other[BLOCKS]; /* bits of bytes that do not belong to it */
    uint8_t len;            /* of before */
    uint16_t kind;
    uint16_t at; /* in struct event; the store: unknown */
};

struct shape {
    enum event_type type;
    unsigned have;
    struct value value[VALUES_MAX];
};

struct event_reader {
    struct shape *newest;   /* the one that was right last; NULL: none yet */
    unsigned hits;          /* since the last one was learnt */
    unsigned wait, backoff; /* misses to let pass before learning again */
    unsigned count, next;   /* shapes known; where the next one goes */
    struct event_rules rules;
    struct bytes text; /* of the newest event in another unit */
    struct shape shape[SHAPES_MAX];
};

struct event_reader *event_reader_new(void)
{
    return mem_zero(sizeof(struct event_reader));
}

void event_reader_free(struct event_reader *reader)
{
    if (reader)
        bytes_close(&reader->text);
    free(reader);
}

void event_reader_by(struct event_reader *reader,
                     const struct event_rules *rules)
{
    reader->rules = *rules;
}

#ifdef __SSE2__
static inline bool same_block(const char *s, const struct value *v, unsigned i)
{
    __m128i x = _mm_loadu_si128((const void *)(s + BLOCK * i));
    __m128i y = _mm_load_si128((const void *)(v->before + BLOCK * i));

    return ((unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, y)) | v->other[i]) ==
           0xffff;
}
#endif

static inline bool same(const char *s, const struct value *v)
{
#ifdef __SSE2__
    if (!same_block(s, v, 0))
        return false;
    return v->len <= BLOCK || (same_block(s, v, 1) &&
                               (v->len <= 2 * BLOCK || same_block(s, v, 2)));
#else
    return memcmp(s, v->before, v->len) == 0;
#endif
}

static inline void *value_at(struct event *ev, const struct value *v)
{
    return (char *)ev + v->at;
}

/* A quote comes next, or this is not the shape: no need to look for it. */
static const char *take_long_symbol(const char *s, const char *end,
                                    struct event *ev)
{
    unsigned len = 0, more;

    do {
        more = event_name_run(s + len);
        len += more;
    } while (more == BLOCK && len < EVENT_NAME_MAX && s + len < end);
    ev->symbol = span_make(s, len);
    return s + len;
}

static inline const char *take_symbol(const char *s, const char *end,
                                      struct event *ev)
{
    unsigned len = event_name_run(s);

    if (len - 1 >= BLOCK - 1)
        return len == 0 ? NULL : take_long_symbol(s, end, ev);
    ev->symbol = span_make(s, len);
    return s + len;
}

/* That no more digits follow is seen by what stands behind them. */
static inline const char *take_time(const char *s, struct event *ev)
{
    uint64_t ms;

    if (!scan_time13(s, &ms) || ms >= EVENT_TIME_END_MS)
        return NULL;
    ev->time_ns = (int64_t)ms * 1000000;
    return s + SCAN_TIME_DIGITS;
}

/* Signs, exponents and very long ones. */
static __attribute__((noinline)) const char *
take_odd_number(const char *s, const char *end, unsigned kind,
                struct decimal *out)
{
    s = scan_fast_number_rest(s, end, out);
    if (!s || out->scale == SCAN_NO_DECIMAL || out->mant < 0 ||
        (out->mant == 0 && kind == VALUE_PRICE))
        return NULL;
    return s;
}

static inline const char *take_number(const char *s, const char *end,
                                      unsigned kind, struct decimal *out)
{
    const char *stop = scan_number_inside(s, out);

    if (!stop || (out->mant == 0 && kind == VALUE_PRICE))
        return take_odd_number(s, end, kind, out);
    return stop;
}

static inline const char *take_text(const char *s, const char *end,
                                    unsigned kind, struct span *out)
{
    const char *stop = scan_fast_plain(s, end);

    *out = span_make(s, (size_t)(stop - s));
    return stop == s && kind == VALUE_NAME ? NULL : stop;
}

/* A whole number without a sign, short enough for two words. */
static inline const char *take_digits(const char *s, unsigned *digits)
{
    unsigned stop;

    scan_digit_ends(s, digits, &stop);
    if (*digits == 0 || *digits != stop || stop >= SCAN_FAR ||
        (*s == '0' && stop > 1))
        return NULL;
    return s + stop;
}

static inline const char *take_seq(const char *s, struct event *ev)
{
    unsigned digits = 0;
    const char *stop = take_digits(s, &digits);

    if (!stop)
        return NULL;
    if (digits <= 8) {
        ev->seq = scan_value8(scan_load8(s) << (64 - 8 * digits));
    } else {
        static const uint32_t tens[] = {1,     10,     100,     1000,
                                        10000, 100000, 1000000, 10000000};

        ev->seq = scan_value8(scan_load8(s)) * tens[digits - 8] +
                  scan_value8(scan_load8(s + 8) << (64 - 8 * (digits - 8)));
    }
    return stop;
}

static inline const char *take_id_digits(const char *s, struct span *out)
{
    unsigned digits = 0;
    const char *stop = take_digits(s, &digits);

    *out = span_make(s, digits);
    return stop;
}

/*
 * Kinds are single bits that are asked one after the other: a switch would
 * become an indirect jump, and one per value that is not foreseen takes a third
 * of the time of a line.
 */
static inline __attribute__((always_inline)) bool
read_shape(struct span line, const struct shape *shape, struct event *ev)
{
    const char *s = line.ptr, *end = s + line.len;
    const struct value *v = shape->value;
    unsigned kind;

    /* Most lines that are of another shape say so here. */
    if (!same(s, v))
        return false;
    event_clear(ev, line);
    ev->type = shape->type;
    ev->have = shape->have;
    for (;;) {
        s += v->len;
        kind = v->kind;
        if (s >= end)
            return kind == VALUE_END && s == end;
        if (kind & (VALUE_PRICE | VALUE_SIZE | VALUE_NUMBER))
            s = take_number(s, end, kind, value_at(ev, v));
        else if (kind & (VALUE_TEXT | VALUE_NAME))
            s = take_text(s, end, kind, value_at(ev, v));
        else if (kind & VALUE_TIME)
            s = take_time(s, ev);
        else if (kind & VALUE_SYMBOL)
            s = take_symbol(s, end, ev);
        else if (kind & VALUE_SEQ)
            s = take_seq(s, ev);
        else if (kind & VALUE_DIGITS)
            s = take_id_digits(s, value_at(ev, v));
        else
            return false;
        v++;
        if (!s || !same(s, v))
            return false;
    }
}

static bool has_shape(struct span line, const struct shape *shape,
                      struct event *ev)
{
    return read_shape(line, shape, ev);
}

/* Another shape than that of the line before. */
static bool read_other(struct event_reader *reader, struct span line,
                       struct event *ev)
{
    for (unsigned i = 0; i < reader->count; i++) {
        struct shape *other = &reader->shape[i];

        if (other != reader->newest && has_shape(line, other, ev)) {
            reader->newest = other;
            reader->hits++;
            return true;
        }
    }
    return false;
}

/* What a member of a tick or trade is to event_read_strict(). */
static const struct {
    const char *key;
    uint16_t at;
    uint16_t text, number; /* kinds; VALUE_END: has no shape */
} known[] = {
    {"symbol", offsetof(struct event, symbol), VALUE_SYMBOL, VALUE_END},
    {"time", offsetof(struct event, time_ns), VALUE_END, VALUE_TIME},
    {"bid", offsetof(struct event, bid), VALUE_END, VALUE_PRICE},
    {"ask", offsetof(struct event, ask), VALUE_END, VALUE_PRICE},
    {"price", offsetof(struct event, price), VALUE_END, VALUE_PRICE},
    {"size", offsetof(struct event, size), VALUE_END, VALUE_SIZE},
    {"id", offsetof(struct event, id), VALUE_NAME, VALUE_DIGITS},
    {"side", offsetof(struct event, side), VALUE_TEXT, VALUE_END},
    {"src", offsetof(struct event, src), VALUE_TEXT, VALUE_END},
    {"seq", offsetof(struct event, seq), VALUE_END, VALUE_SEQ},
    /* Names that a tick may have though no route of its own asks for them. */
    {"expiry", 0, VALUE_END, VALUE_END},
    {"user_id", 0, VALUE_END, VALUE_END},
    {"event", 0, VALUE_END, VALUE_END},
    {"account_id", 0, VALUE_END, VALUE_END},
    {"resolution", 0, VALUE_END, VALUE_END},
};

/* Which value a member makes; false where a line with it has no shape.  A
 * value that is the same in every line of the shape makes none (*v is VALUE_END
 * then): the type, true, false, null. */
static bool value_of(const struct scan_member *m, struct value *v)
{
    bool text = m->value.ptr[0] == '"';
    bool number = scan_is_digit(m->value.ptr[0]) || m->value.ptr[0] == '-';

    if (memchr(m->key.ptr, '\\', m->key.len) || m->value.ptr[0] == '{' ||
        m->value.ptr[0] == '[')
        return false;
    v->kind = VALUE_END;
    v->at = offsetof(struct event, store);
    if (span_is(m->key, "type") || (!text && !number))
        return true;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!span_is(m->key, known[i].key))
            continue;
        v->kind = text ? known[i].text : known[i].number;
        v->at = known[i].at;
        return v->kind != VALUE_END;
    }
    v->kind = text ? VALUE_TEXT : VALUE_NUMBER;
    return true;
}

static bool set_before(struct value *v, const char *from, const char *to)
{
    if (to - from > BETWEEN_MAX)
        return false;
    memset(v->before, 0, sizeof v->before);
    memcpy(v->before, from, (size_t)(to - from));
    v->len = (uint8_t)(to - from);
    for (unsigned i = 0; i < BLOCKS; i++) {
        unsigned own = v->len < BLOCK * i ? 0 : v->len - BLOCK * i;

        v->other[i] = (uint16_t)(own >= BLOCK ? 0 : 0xffffu << own);
    }
    return true;
}

static bool make_shape(const struct event *ev, struct shape *shape)
{
    struct scan_member m = {.at = ev->text.ptr};
    const char *end = ev->text.ptr + ev->text.len, *from = ev->text.ptr;
    struct value *v = shape->value;
    size_t texts = 0; /* of all that stands between the values so far */

    shape->type = ev->type;
    shape->have = ev->have;
    while (scan_member_next(&m, end)) {
        unsigned quote = m.value.ptr[0] == '"';

        if (v == shape->value + VALUES_MAX - 1 || !value_of(&m, v))
            return false;
        if (v->kind == VALUE_END)
            continue;
        /* See scan_number_inside(): a shape cannot begin with a price. */
        texts += (size_t)(m.value.ptr - from);
        if ((v->kind & (VALUE_PRICE | VALUE_SIZE | VALUE_NUMBER) &&
             texts < SCAN_BEFORE) ||
            !set_before(v, from, m.value.ptr + quote))
            return false;
        from = m.value.ptr + m.value.len - quote;
        v++;
    }
    v->kind = VALUE_END;
    return set_before(v, from, end);
}

/* A tick or trade that the strict scanner has just read from its whole line. */
static void learn(struct event_reader *reader, const struct event *ev)
{
    struct event again;
    struct shape shape;

    if (reader->wait > 0) {
        reader->wait--;
        return;
    }
    /* A feed without a shape must not pay for looking for one each line. */
    if (reader->hits >= WORTH_HITS)
        reader->backoff = 0;
    else if (reader->backoff < WAIT_MAX)
        reader->backoff = reader->backoff * 2 + 1;
    reader->wait = reader->backoff;
    reader->hits = 0;
    if (!make_shape(ev, &shape) || !has_shape(ev->text, &shape, &again))
        return;
    reader->newest = &reader->shape[reader->next];
    *reader->newest = shape;
    reader->next = (reader->next + 1) % SHAPES_MAX;
    if (reader->count < SHAPES_MAX)
        reader->count++;
}

static __attribute__((noinline)) enum event_fault
read_unusual(struct event_reader *reader, struct span line, struct event *ev,
             unsigned *column)
{
    enum event_fault f;

    if (reader->rules.unit != EVENT_UNIT_MS)
        return event_unit_read(&reader->rules, line, &reader->text, ev, column);
    if (read_other(reader, line, ev))
        return EVENT_OK;
    f = event_read_by(&reader->rules, line, ev, column);
    if (f == EVENT_OK && ev->type <= EVENT_TRADE && ev->text.len == line.len)
        learn(reader, ev);
    return f;
}

enum event_fault event_read(struct event_reader *reader, struct span line,
                            struct event *ev, unsigned *column)
{
    const struct shape *newest = reader->newest;

    if (!newest || !read_shape(line, newest, ev))
        return read_unusual(reader, line, ev, column);
    reader->hits++;
    return EVENT_OK;
}
