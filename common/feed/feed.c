#include "common/feed/feed.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/line.h"
#include "common/event/event_reader.h"
#include "common/event/event_time.h"
#include "common/feed/feed_map.h"
#include "common/feed/feed_message.h"
#include "common/feed/feed_time.h"
#include "common/json/scan.h"

const struct feed *const feed_map[] = {&feed_binance, NULL};

enum {
    COUNT_DIGITS_MAX = 18,
    /* Around the values, which take less than the line: names and numbers that
     * grow when they are converted. */
    AROUND_MAX = 64 + FEED_MEMBERS_MAX * (FEED_INTRO_MAX + 32),
    BLOCK = 16,
};

struct feed_reader {
    const struct feed *feed;
    struct event_reader *events; /* of what the lines become */
    struct bytes text;           /* of the newest event */
};

/* Room was made before.  By blocks: the source has as many readable bytes
 * behind it, and what is written too much is overwritten. */
static inline void put(struct bytes *out, const char *text, size_t len)
{
    char *to = out->ptr + out->len;

    for (size_t i = 0; i < len; i += BLOCK)
        memcpy(to + i, text + i, BLOCK);
    out->len += len;
}

static inline void put_letter(struct bytes *out, char c)
{
    out->ptr[out->len++] = c;
}

static inline void put_span(struct bytes *out, struct span s)
{
    put(out, s.ptr, s.len);
}

static const struct feed *feed_of(const char *name, struct err *err)
{
    char names[128] = "";
    size_t len = 0;

    for (const struct feed *const *f = feed_map; *f; f++) {
        size_t n = strlen((*f)->name);

        if (strcmp((*f)->name, name) == 0)
            return *f;
        if (len + n + 3 < sizeof names) {
            len += (size_t)snprintf(names + len, sizeof names - len, ", %s",
                                    (*f)->name);
        }
    }
    err_set(err, ERR_USAGE, "--feed: '%s' is not a feed (try native%s)", name,
            names);
    return NULL;
}

struct feed_reader *feed_reader_new(const char *feed, struct err *err)
{
    const struct feed *f = feed_of(feed, err);
    struct feed_reader *reader;

    if (!f)
        return NULL;
    reader = mem_zero(sizeof *reader);
    reader->feed = f;
    reader->events = event_reader_new();
    return reader;
}

void feed_reader_free(struct feed_reader *reader)
{
    if (!reader)
        return;
    event_reader_free(reader->events);
    bytes_close(&reader->text);
    free(reader);
}

void feed_reader_by(struct feed_reader *reader, const struct event_rules *rules)
{
    struct event_rules ours = *rules;

    ours.unit = EVENT_UNIT_MS;
    event_reader_by(reader->events, &ours);
}

static bool is_quoted(struct span value)
{
    return *value.ptr == '"';
}

static struct span unquoted(struct span value)
{
    return is_quoted(value) ? span_make(value.ptr + 1, value.len - 2) : value;
}

static bool has_all(const struct feed_row *row, const struct feed_message *m)
{
    for (const struct feed_member *want = row->member; want->how; want++)
        if (want->key && !want->optional && !feed_message_find(m, want->key))
            return false;
    return true;
}

static bool is_kind(struct span value, const struct feed_row *row)
{
    return is_quoted(value) &&
           span_eq(unquoted(value), span_make(row->kind, row->kind_len));
}

static const struct feed_row *row_of(const struct feed *f,
                                     const struct feed_message *m)
{
    const struct feed_field *kind = feed_message_find(m, f->kind_key);

    for (const struct feed_row *row = f->row; row->member[0].how; row++) {
        if (!kind ? !row->kind && has_all(row, m)
                  : row->kind && is_kind(kind->value, row))
            return row;
    }
    return NULL;
}

/* A JSON number, also where the source has it in quotes. */
static bool number_text(struct span value, struct span *out)
{
    struct span text = unquoted(value);
    const char *end = text.ptr + text.len;

    *out = text;
    return scan_fast_skip(text.ptr, end) == end;
}

/* 0, 0.00, -0e5: no digit before an exponent is another one. */
static bool is_zero(struct span value)
{
    struct span text = unquoted(value);

    for (size_t i = 0; i < text.len && (text.ptr[i] | 0x20) != 'e'; i++)
        if (text.ptr[i] >= '1' && text.ptr[i] <= '9')
            return false; /* nearly always the first one */
    return number_text(value, &text);
}

/* It uses up an id, but was not made in the market. */
static bool is_off_market(const struct feed_row *row,
                          const struct feed_message *m)
{
    const struct feed_field *p = feed_message_find(m, row->market_key);

    return p && is_quoted(p->value) &&
           !span_eq(unquoted(p->value), span_str(row->market_word));
}

/* Nor was one in which nothing was paid or sold. */
static bool has_zero(const struct feed_row *row, const struct feed_message *m)
{
    for (const struct feed_member *want = row->member; want->how; want++) {
        const struct feed_field *p =
            want->how == FEED_DECIMAL ? feed_message_find(m, want->key) : NULL;

        if (p && is_zero(p->value))
            return true;
    }
    return false;
}

static bool put_time(struct span value, struct bytes *out)
{
    struct span text;
    int64_t ns;

    if (number_text(value, &text)) {
        if (text.len == SCAN_TIME_DIGITS && !memchr(text.ptr, '.', text.len)) {
            put_span(out, text); /* milliseconds, as nearly always */
            return true;
        }
        if (!feed_time_number(text, &ns))
            return false;
    } else if (!feed_time_rfc3339(text, &ns)) {
        return false;
    }
    event_time_add_ms(out, ns);
    return ns > 0;
}

static bool put_id(struct span value, struct bytes *out)
{
    if (!is_quoted(value) && !scan_is_digit(*value.ptr))
        return false;
    put_letter(out, '"');
    put_span(out, unquoted(value));
    put_letter(out, '"');
    return true;
}

static bool put_sell_true(struct span value, struct bytes *out)
{
    bool sell = span_is(value, "true");

    if (!sell && !span_is(value, "false"))
        return false;
    put(out, sell ? "\"sell\"          " : "\"buy\"           ", sell ? 6 : 5);
    return true;
}

static bool put_count(struct span first, const struct feed_field *last,
                      struct bytes *out)
{
    uint64_t from, to;

    if (!last || !span_number(unquoted(first), COUNT_DIGITS_MAX, &from) ||
        !span_number(unquoted(last->value), COUNT_DIGITS_MAX, &to) || to < from)
        return false;
    if (to - from < 9) /* as nearly always */
        put_letter(out, (char)('1' + (to - from)));
    else
        bytes_add_uint(out, to - from + 1);
    return true;
}

static bool put_value(const struct feed_message *m,
                      const struct feed_member *want, struct span value,
                      struct bytes *out)
{
    struct span text;

    switch (want->how) {
    case FEED_TEXT:
        put_span(out, value);
        return is_quoted(value);
    case FEED_DECIMAL:
        if (!number_text(value, &text))
            return false;
        put_span(out, text);
        return true;
    case FEED_TIME:
        return put_time(value, out);
    case FEED_ID:
        return put_id(value, out);
    case FEED_SELL_TRUE:
        return put_sell_true(value, out);
    case FEED_COUNT:
        return put_count(value, feed_message_find(m, want->key2), out);
    case FEED_RECEIVED:
    case FEED_PRESENT:
        break;
    }
    return false;
}

/* What a native member is called when it is missing or wrong. */
static enum event_fault fault_of(const char *native, bool missing)
{
    if (strcmp(native, "symbol") == 0)
        return missing ? EVENT_NO_SYMBOL : EVENT_BAD_SYMBOL;
    if (strcmp(native, "time") == 0)
        return missing ? EVENT_NO_TIME : EVENT_BAD_TIME;
    if (strcmp(native, "price") == 0 || strcmp(native, "bid") == 0 ||
        strcmp(native, "ask") == 0)
        return missing ? EVENT_NO_PRICE : EVENT_BAD_PRICE;
    if (strcmp(native, "id") == 0)
        return missing ? EVENT_NO_ID : EVENT_BAD_NAME;
    return strstr(native, "size") ? EVENT_BAD_SIZE : EVENT_BAD_NAME;
}

static bool put_member(struct feed_message *m, const struct feed_member *want,
                       int64_t now_ns, struct bytes *out)
{
    const struct feed_field *p =
        want->key ? feed_message_find(m, want->key) : NULL;
    size_t from = out->len;

    if (want->how == FEED_PRESENT)
        return true;
    put(out, want->intro, want->intro_len);
    if (want->how == FEED_RECEIVED) {
        event_time_add_ms(out, now_ns - now_ns % 1000000);
        return true;
    }
    if (p && put_value(m, want, p->value, out))
        return true;
    out->len = from;
    if (want->optional)
        return true;
    return feed_message_bad(m, p ? p->value.ptr : m->line.ptr,
                            fault_of(want->native, !p));
}

/* Can this number of a feed not be what the fault is about? */
static bool is_innocent(const struct feed_member *want, struct decimal d,
                        enum event_fault fault)
{
    bool side = strcmp(want->native, "price") != 0; /* or a size */

    return fault == EVENT_BAD_PRICE || d.mant > 0 || (d.mant == 0 && side);
}

/* What the event scanner found wrong with a value, in the line it came from. */
static void blame(struct feed_message *m, const struct feed_row *row,
                  enum event_fault fault)
{
    enum event_fault kind = fault == EVENT_LOW_PRICE ? EVENT_BAD_PRICE : fault;

    feed_message_bad(m, m->line.ptr, fault);
    for (const struct feed_member *want = row->member; want->how; want++) {
        const struct feed_field *p =
            want->key ? feed_message_find(m, want->key) : NULL;
        struct span text;
        struct decimal d;

        if (!p || !want->native || fault_of(want->native, false) != kind)
            continue;
        if (want->how == FEED_DECIMAL && number_text(p->value, &text) &&
            decimal_parse(text, &d) && is_innocent(want, d, fault))
            continue; /* not this one */
        m->fault_at = p->value.ptr;
        return;
    }
}

static bool put_event(struct feed_reader *reader, struct feed_message *m,
                      const struct feed_row *row, int64_t now_ns,
                      struct event *ev)
{
    struct bytes *out = &reader->text;
    enum event_fault fault;
    unsigned column;

    bytes_clear(out);
    bytes_reserve(out, m->line.len + AROUND_MAX + LINE_PAD);
    put(out, row->head, row->head_len);
    for (const struct feed_member *want = row->member; want->how; want++)
        if (!put_member(m, want, now_ns, out))
            return false;
    put_letter(out, '}');
    fault = event_read(reader->events, bytes_span(out), ev, &column);
    if (fault >= EVENT_TIME_IN_S && fault <= EVENT_TIME_IN_NS)
        fault = EVENT_BAD_TIME; /* the unit was seen from the magnitude */
    if (fault != EVENT_OK)
        blame(m, row, fault);
    return fault == EVENT_OK;
}

/* Zeros are looked for where the event that came out has one, or none did. */
static bool put_row(struct feed_reader *reader, struct feed_message *m,
                    const struct feed_row *row, int64_t now_ns,
                    struct event *ev)
{
    bool ok;

    if (!row->excluded)
        return put_event(reader, m, row, now_ns, ev);
    if (is_off_market(row, m))
        return put_event(reader, m, row->excluded, now_ns, ev);
    ok = put_event(reader, m, row, now_ns, ev);
    if (ok && ev->price.mant != 0 && ev->size.mant != 0)
        return true;
    return has_zero(row, m) ? put_event(reader, m, row->excluded, now_ns, ev)
                            : ok;
}

enum feed_result feed_read(struct feed_reader *reader, struct span line,
                           int64_t now_ns, struct event *ev,
                           enum event_fault *fault, unsigned *column)
{
    struct feed_message m; /* big: read_message() sets what is used */
    const struct feed_row *row;

    m.line = line;
    if (feed_message_read(reader->feed, &m)) {
        row = row_of(reader->feed, &m);
        if (!row)
            return FEED_IGNORED;
        if (put_row(reader, &m, row, now_ns, ev))
            return FEED_EVENT;
    } else if (m.fault == EVENT_NOT_OBJECT) {
        return FEED_IGNORED; /* valid JSON: a list, say */
    }
    *fault = m.fault;
    *column = (unsigned)(m.fault_at - line.ptr) + 1;
    return FEED_BAD;
}
