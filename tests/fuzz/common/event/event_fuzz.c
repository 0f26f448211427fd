/*
 * Any bytes as a line: what is JSON is what jansson takes as JSON, numbers and
 * names are those that jansson reads, and the shapes of lines before change
 * nothing.  An input of several lines is read line by line, so that a later one
 * meets the shape of an earlier one.
 */
#include <assert.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/line.h"
#include "common/event/event_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct verdict {
    bool json, twice, object;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/*
 * jansson refuses numbers that do not fit a double or an int64_t, which is not
 * a matter of syntax.  Runs of digits outside of strings are cut short: the
 * text stays as good or as bad as it was.
 */
static void shorten_numbers(struct span text, struct bytes *out)
{
    bool quoted = false;
    unsigned run = 0, keep = 9;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i], before = i > 0 ? text.ptr[i - 1] : ' ';
        bool sign = before == '+' || before == '-';
        char e = sign && i > 1 ? text.ptr[i - 2] : before;

        if (quoted) {
            bytes_add(out, &c, 1);
            if (c == '\\' && i + 1 < text.len)
                bytes_add(out, &text.ptr[++i], 1);
            else if (c == '"')
                quoted = false;
            continue;
        }
        quoted = c == '"';
        if (!is_digit(c)) {
            run = 0;
        } else if (run++ == 0) {
            keep = e == 'e' || e == 'E' ? 1 : 9;
        }
        if (run <= keep)
            bytes_add(out, &c, 1);
    }
}

static struct verdict ask_jansson(struct span line)
{
    const size_t flags = JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL;
    struct verdict v = {false, false, false};
    struct bytes text;
    json_error_t why;
    json_t *root;

    /* jansson swallows a NUL byte behind a number; that is no JSON. */
    if (line.len > 0 && memchr(line.ptr, 0, line.len))
        return v;
    bytes_init(&text);
    shorten_numbers(line, &text);
    bytes_reserve(&text, 1);
    root = json_loadb(text.ptr, text.len, flags, &why);
    v.json = root != NULL;
    v.object = json_is_object(root);
    json_decref(root);
    root = json_loadb(text.ptr, text.len, flags | JSON_REJECT_DUPLICATES, &why);
    v.twice = v.json && !root;
    assert(!v.twice || json_error_code(&why) == json_error_duplicate_key);
    json_decref(root);
    bytes_close(&text);
    return v;
}

static void same_number(const json_t *v, struct decimal d)
{
    char text[DECIMAL_TEXT_MAX];

    if (!json_is_number(v)) /* jansson could not read it at all */
        return;
    decimal_format(d, text);
    assert(strtod(text, NULL) == json_number_value(v));
}

static void same_text(const json_t *v, struct span s)
{
    assert(json_is_string(v));
    assert(span_eq(s, span_make(json_string_value(v), json_string_length(v))));
}

/* The event against the values that jansson reads from the same line. */
static void check_values(struct span line, const struct event *ev)
{
    json_t *root = json_loadb(line.ptr, line.len, 0, NULL), *v;

    if (!root) /* a number that is too large for it */
        return;
    same_text(json_object_get(root, "type"),
              span_str(event_type_name(ev->type)));
    if (ev->have & EVENT_HAS_SYMBOL)
        same_text(json_object_get(root, "symbol"), ev->symbol);
    if (ev->have & EVENT_HAS_SIDE)
        same_text(json_object_get(root, "side"), ev->side);
    if (ev->have & EVENT_HAS_BID)
        same_number(json_object_get(root, "bid"), ev->bid);
    if (ev->have & EVENT_HAS_ASK)
        same_number(json_object_get(root, "ask"), ev->ask);
    if (ev->have & EVENT_HAS_PRICE)
        same_number(json_object_get(root, "price"), ev->price);
    if (ev->have & EVENT_HAS_SIZE)
        same_number(json_object_get(root, "size"), ev->size);
    v = json_object_get(root, "seq");
    if (ev->have & EVENT_HAS_SEQ && json_is_integer(v))
        assert((uint64_t)json_integer_value(v) == ev->seq);
    v = json_object_get(root, "time");
    if (ev->type <= EVENT_TRADE && json_is_integer(v))
        assert(ev->time_ns / 1000000 == json_integer_value(v) &&
               ev->time_ns % 1000000 == 0);
    json_decref(root);
}

static void same_decimal(struct decimal a, struct decimal b)
{
    assert(a.mant == b.mant && a.scale == b.scale);
}

static void same_event(const struct event *a, const struct event *b)
{
    assert(a->type == b->type && a->have == b->have);
    assert(span_eq(a->text, b->text) && a->text.ptr == b->text.ptr);
    assert(span_eq(a->symbol, b->symbol) && a->time_ns == b->time_ns);
    same_decimal(a->bid, b->bid);
    same_decimal(a->ask, b->ask);
    same_decimal(a->price, b->price);
    same_decimal(a->size, b->size);
    assert(span_eq(a->id, b->id) && span_eq(a->side, b->side));
    assert(span_eq(a->src, b->src) && a->seq == b->seq);
    assert(span_eq(a->account_id, b->account_id));
    assert(span_eq(a->user_id, b->user_id) && span_eq(a->expiry, b->expiry));
    assert(span_eq(a->resolution, b->resolution));
    assert(span_eq(a->exchange_event, b->exchange_event));
}

static void check_peek(struct span line, struct verdict v)
{
    struct event_peek peek;
    json_t *root, *type;

    assert(event_peek(line, &peek) == v.json);
    if (!v.json)
        return;
    root = json_loadb(line.ptr, line.len, 0, NULL);
    type = json_object_get(root, "type");
    if (json_is_string(type) && peek.type.len > 0 &&
        !memchr(line.ptr, '\\', line.len))
        same_text(type, peek.type);
    json_decref(root);
}

/* In other units the same lines are events, but for their times, and what comes
 * out is an event in milliseconds. */
static void check_units(struct span line, enum event_fault in_ms)
{
    static struct event_reader *readers[EVENT_UNIT_NS + 1];

    for (int unit = EVENT_UNIT_S; unit <= EVENT_UNIT_NS; unit++) {
        struct event_rules rules = {.unit = (enum event_unit)unit};
        struct event ev, again;
        unsigned column = 0;
        enum event_fault f;

        if (!readers[unit]) {
            readers[unit] = event_reader_new();
            event_reader_by(readers[unit], &rules);
        }
        f = event_read(readers[unit], line, &ev, &column);
        if (f != EVENT_OK) {
            assert(column >= 1 && column <= line.len + 1);
            continue;
        }
        assert(in_ms == EVENT_OK ||
               (in_ms >= EVENT_BAD_TIME && in_ms <= EVENT_TIME_IN_NS));
        assert(event_read_strict(ev.text, &again, &column) == EVENT_OK);
        same_event(&ev, &again);
    }
}

/* Where prices may be negative, all that is an event stays one with the numbers
 * that it had, unless zero became a price; only prices that were too low are
 * taken besides. */
static void check_allowed(struct span line, enum event_fault usual,
                          const struct event *was)
{
    static const struct event_rules rules = {.allow_negative = true};
    static struct event_reader *reader;
    struct event ev, strict;
    unsigned column = 0, strict_column = 0;
    enum event_fault f, g;

    if (!reader) {
        reader = event_reader_new();
        event_reader_by(reader, &rules);
    }
    f = event_read(reader, line, &ev, &column);
    g = event_read_by(&rules, line, &strict, &strict_column);
    assert(f == g && f != EVENT_LOW_PRICE);
    if (f != EVENT_OK) {
        assert(column == strict_column);
        assert(usual == f || usual == EVENT_LOW_PRICE);
        return;
    }
    same_event(&ev, &strict);
    check_values(line, &ev);
    assert(usual == EVENT_OK || usual == EVENT_LOW_PRICE);
    if (usual == EVENT_OK)
        assert((was->have & ev.have) == was->have);
}

/* A line whose end is found while it is read is read like one that was cut. */
static void check_ahead(struct event_reader *reader, const char *text,
                        size_t len, const char *rest)
{
    char *copy = mem_alloc(len + LINE_PAD + 1);
    struct span ahead = span_make(copy, len + 1);
    const struct event *ev;
    struct event strict;
    unsigned column = 0;
    size_t line;

    memcpy(copy, text, len);
    copy[len] = '\n';
    memcpy(copy + len + 1, rest, LINE_PAD);
    ev = event_reader_next(reader, &ahead);
    if (ev) {
        line = (size_t)((const char *)memchr(copy, '\n', len + 1) - copy);
        assert(ahead.ptr == copy + line + 1);
        assert(ahead.len == len - line);
        line -= line > 0 && copy[line - 1] == '\r';
        assert(event_read_strict(span_make(copy, line), &strict, &column) ==
               EVENT_OK);
        same_event(ev, &strict);
    }
    free(copy);
}

/* The line with these bytes behind it. */
static void check_line(const char *text, size_t len, char pad)
{
    static struct event_reader *reader; /* what came before must not matter */
    char *copy = mem_alloc(len + LINE_PAD);
    struct span line = span_make(copy, len);
    struct verdict v;
    struct event ev, strict;
    unsigned column = 0, strict_column = 0;
    enum event_fault f, g;

    if (len > 0)
        memcpy(copy, text, len);
    memset(copy + len, pad, LINE_PAD);
    v = ask_jansson(line);
    reader = reader ? reader : event_reader_new();
    f = event_read(reader, line, &ev, &column);
    g = event_read_strict(line, &strict, &strict_column);
    assert(f == g);
    if (f == EVENT_OK) {
        same_event(&ev, &strict);
        check_values(line, &ev);
        check_ahead(reader, text, len, copy + len);
        if (len > 1)
            check_ahead(reader, text, len - 1, copy + len - 1);
    } else {
        assert(column == strict_column && column >= 1 && column <= len + 1);
    }
    assert((f == EVENT_NOT_JSON || f == EVENT_NUL_BYTE ||
            f == EVENT_BAD_UTF8) == !v.json);
    assert((f == EVENT_NOT_OBJECT) == (v.json && !v.object));
    assert((f == EVENT_DUPLICATE_KEY) == (v.object && v.twice));
    check_peek(line, v);
    check_units(line, f);
    check_allowed(line, f, &ev);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *end = text + size, *lf;

    check_line(text, size, '}');
    while (text < end) {
        lf = memchr(text, '\n', (size_t)(end - text));
        lf = lf ? lf : end;
        check_line(text, (size_t)(lf - text), '0');
        check_line(text, (size_t)(lf - text), '"');
        text = lf + 1;
    }
    return 0;
}
