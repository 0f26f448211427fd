#include "common/event/event_reader.h"

#include <stdlib.h>

#include "common/base/bytes.h"
#include "common/event/event_clear.h"
#include "common/event/event_unit.h"
#include "common/event/event_usual.h"

enum {
    SHAPES_MAX = 4, /* quotes and trades, each of two kinds */
    WAIT_MAX = 1023,
    WORTH_HITS = 16,
    GUESS_BEFORE = 16, /* lines may get that much shorter, or longer */
};

struct event_reader {
    struct shape *newest;   /* the one that was right last; NULL: none yet */
    unsigned hits;          /* since the last one was learnt */
    unsigned wait, backoff; /* misses to let pass before learning again */
    unsigned count, next;   /* shapes known; where the next one goes */
    struct event_rules rules;
    struct bytes text; /* of the newest event in another unit */
    /* What event_reader_next() has read, and the shape whose values are in it:
     * all others are clear.  NULL: nobody knows. */
    struct event event;
    const struct shape *event_shape;
    size_t guess; /* where to look for the end of a line */
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

/*
 * s is behind the text before the first value; what is there ends at `end`.
 * Returns where the text after the last value ends, perhaps behind the end;
 * NULL: another shape.
 *
 * Kinds are single bits that are asked one after the other: a switch would
 * become an indirect jump, and one per value that is not foreseen takes a third
 * of the time of a line.
 */
static inline __attribute__((always_inline)) const char *
read_values(const char *s, const char *end, const struct shape *shape,
            struct event *ev)
{
    const struct value *v = shape->value;

#ifdef __SSE2__
    if (shape->usual) {
        s = s < end ? event_usual_read(s, end, v, ev) : NULL;
        if (!s)
            return NULL;
        v += USUAL_VALUES;
    }
#endif
    for (;;) {
        unsigned kind = v->kind;

        if (kind == VALUE_END)
            return s;
        if (s >= end)
            return NULL;
        if (kind & VALUE_NUMBERS)
            s = event_value_number(s, end, v, ev);
        else if (kind & (VALUE_TEXT | VALUE_NAME))
            s = event_value_text(s, end, kind, event_value_at(ev, v));
        else if (kind & VALUE_TIME)
            s = event_value_time(s, ev);
        else if (kind & VALUE_SYMBOL)
            s = event_value_symbol(s, end, ev);
        else if (kind & VALUE_SEQ)
            s = event_value_seq(s, ev);
        else
            s = event_value_id_digits(s, event_value_at(ev, v));
        v++;
        if (!s || !shape_same(s, v))
            return NULL;
        s += v->len;
    }
}

static inline __attribute__((always_inline)) bool
read_shape(struct span line, const struct shape *shape, struct event *ev)
{
    const char *end = line.ptr + line.len;

    /* Most lines that are of another shape say so here. */
    if (!shape_same(line.ptr, shape->value))
        return false;
    event_clear(ev, line);
    ev->type = shape->type;
    ev->have = shape->have;
    return read_values(line.ptr + shape->value->len, end, shape, ev) == end;
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
    if (!event_shape_make(ev, &shape) || !has_shape(ev->text, &shape, &again))
        return;
    reader->event_shape = NULL;
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

/* --- lines whose ends are not known --- */

/*
 * Where the line after this one probably begins; NULL: no idea.  Where it does
 * begin is known when all values are read, and the processor would wait for it;
 * with a guess that is only compared later it goes on with the next line.
 */
static inline const char *guess_next(const struct event_reader *reader,
                                     const char *s, const char *end)
{
#ifdef __SSE2__
    const __m128i lf = _mm_set1_epi8('\n');
    const char *next = s + reader->guess;
    unsigned hits;

    if (next >= end)
        return NULL;
    hits = (unsigned)_mm_movemask_epi8(
        _mm_cmpeq_epi8(_mm_loadu_si128((const void *)next), lf));
    hits |= (unsigned)_mm_movemask_epi8(
                _mm_cmpeq_epi8(_mm_loadu_si128((const void *)(next + 16)), lf))
            << 16;
    next = hits ? next + __builtin_ctz(hits) + 1 : NULL;
    /* Else the compiler, too, would see that a right guess is what it is
     * compared with, and use that. */
    __asm__("" : "+r"(next));
    return next;
#else
    (void)reader;
    (void)s;
    (void)end;
    return NULL;
#endif
}

/* What follows the text of a line: a line feed, perhaps behind a carriage
 * return; NULL: neither. */
static inline const char *after_line(const char *s, const char *end)
{
    if (s < end && *s == '\n')
        return s + 1;
    return s + 1 < end && *s == '\r' && s[1] == '\n' ? s + 2 : NULL;
}

/* As no value and no text between two has a line feed, the first one is where
 * the line ends.  Returns what follows; NULL: another shape. */
static inline __attribute__((always_inline)) const char *
read_ahead(struct event_reader *reader, struct span ahead,
           const struct shape *shape)
{
    const char *end = ahead.ptr + ahead.len, *stop;
    struct event *ev = &reader->event;

    if (!shape_same(ahead.ptr, shape->value))
        return NULL;
    if (reader->event_shape != shape) {
        event_clear(ev, ahead);
        ev->type = shape->type;
        ev->have = shape->have;
        reader->event_shape = shape;
    }
    stop = read_values(ahead.ptr + shape->value->len, end, shape, ev);
    if (!stop)
        return NULL;
    ev->text.ptr = ahead.ptr;
    ev->text.len = (size_t)(stop - ahead.ptr);
    return after_line(stop, end);
}

static __attribute__((noinline)) const char *
read_other_ahead(struct event_reader *reader, struct span ahead)
{
    for (unsigned i = 0; i < reader->count; i++) {
        struct shape *other = &reader->shape[i];
        const char *next;

        if (other == reader->newest)
            continue;
        next = read_ahead(reader, ahead, other);
        if (next) {
            reader->newest = other;
            return next;
        }
    }
    return NULL;
}

const struct event *event_reader_next(struct event_reader *reader,
                                      struct span *ahead)
{
    const struct shape *newest = reader->newest;
    const char *end = ahead->ptr + ahead->len, *guess, *next;

    if (!newest)
        return NULL;
    guess = guess_next(reader, ahead->ptr, end);
    next = read_ahead(reader, *ahead, newest);
    if (!next)
        next = read_other_ahead(reader, *ahead);
    if (!next)
        return NULL;
    if (next != guess) {
        reader->guess = reader->event.text.len < GUESS_BEFORE
                            ? 0
                            : reader->event.text.len - GUESS_BEFORE;
        guess = next;
    }
    *ahead = span_make(guess, (size_t)(end - guess));
    reader->hits++;
    return &reader->event;
}
