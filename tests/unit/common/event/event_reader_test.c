/*
 * A reader remembers shapes of lines; these tests read many lines of many
 * shapes and compare with event_read_strict(), which remembers nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/bytes.h"
#include "common/base/line.h"
#include "common/event/event_reader.h"

static struct event_reader *reader;
static uint64_t seed = 42;

/* splitmix64: the same lines in every run */
static uint64_t draw(uint64_t below)
{
    uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (z ^ z >> 31) % below;
}

static void same_decimal(struct decimal a, struct decimal b)
{
    assert_true(a.mant == b.mant);
    assert_int_equal(a.scale, b.scale);
}

static void same_span(struct span a, struct span b)
{
    assert_true(span_eq(a, b));
}

static void same_event(const struct event *a, const struct event *b)
{
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->have, b->have);
    same_span(a->text, b->text);
    same_span(a->symbol, b->symbol);
    assert_true(a->time_ns == b->time_ns);
    same_decimal(a->bid, b->bid);
    same_decimal(a->ask, b->ask);
    same_decimal(a->price, b->price);
    same_decimal(a->size, b->size);
    same_span(a->id, b->id);
    same_span(a->side, b->side);
    same_span(a->src, b->src);
    assert_true(a->seq == b->seq);
    same_span(a->account_id, b->account_id);
    same_span(a->user_id, b->user_id);
    same_span(a->expiry, b->expiry);
}

/* Reads the line both ways, in memory that ends with its padding. */
static enum event_fault check(const char *text, size_t len, char pad)
{
    char *line = mem_alloc(len + LINE_PAD);
    struct event ev, strict;
    unsigned column = 0, strict_column = 0;
    enum event_fault f, g;

    memcpy(line, text, len);
    memset(line + len, pad, LINE_PAD);
    f = event_read(reader, span_make(line, len), &ev, &column);
    g = event_read_strict(span_make(line, len), &strict, &strict_column);
    if (f != g)
        fail_msg("%.*s: %s, strictly: %s", (int)len, text, event_fault_text(f),
                 event_fault_text(g));
    if (f == EVENT_OK)
        same_event(&ev, &strict);
    else
        assert_int_equal(column, strict_column);
    free(line);
    return f;
}

static void put_number(struct bytes *b)
{
    static const char *const odd[] = {"0",     "0.0", "-1",    "1e5",  "1E-3",
                                      "1e999", "01",  "1.",    ".5",   "-",
                                      "00.5",  "0.5", "\"1\"", "null", "1.2.3"};
    unsigned fraction = (unsigned)draw(12);

    if (draw(12) == 0) {
        bytes_add_str(b, odd[draw(sizeof odd / sizeof *odd)]);
        return;
    }
    bytes_add_int(b, (int64_t)draw((uint64_t)1 << draw(50)) + 1);
    if (fraction > 0)
        bytes_add_str(b, ".");
    while (fraction-- > 0)
        bytes_add_int(b, (int64_t)draw(10));
}

static void put_time(struct bytes *b)
{
    switch (draw(12)) {
    case 0:
        bytes_add_int(b, (int64_t)draw(100000));
        break;
    case 1:
        bytes_add_str(b, "1705575045123.25");
        break;
    case 2:
        bytes_add_str(b, "9999999999999");
        break;
    default:
        bytes_add_int(b, INT64_C(1705575045123) + (int64_t)draw(1000000));
        break;
    }
}

static void put_text(struct bytes *b)
{
    static const char *const all[] = {"OANDA",
                                      "",
                                      "a\\u0062",
                                      "\xc3\xa9",
                                      "a long name of a liquidity provider",
                                      "x\\\"y",
                                      "\x01",
                                      "\xff",
                                      "exactly 16 chars"};

    bytes_add_str(b, "\"");
    bytes_add_str(b, all[draw(3) ? 0 : draw(sizeof all / sizeof *all)]);
    bytes_add_str(b, "\"");
}

static void put_symbol(struct bytes *b)
{
    static const char *const all[] = {
        "A",
        "BTCUSD",
        "BTC/USD",
        "A B",
        "",
        "A:B",
        "SIXTEENLETTERS16",
        "SEVENTEENLETTERS1",
        "A_VERY_LONG_SYMBOL_OF_A_CONTRACT_WITH_42_LETTERS",
        "ONE_THAT_IS_SO_LONG_THAT_IT_HAS_MORE_THAN_SIXTY_FOUR_LETTERS_IN_IT",
        "a\\/b"};

    bytes_add_str(b, "\"");
    bytes_add_str(b, all[draw(2) ? 1 : draw(sizeof all / sizeof *all)]);
    bytes_add_str(b, "\"");
}

/* A letter a member: what a feed writes, in its order. */
static void put_line(struct bytes *b, const char *members, const char *comma,
                     const char *colon)
{
    static const struct {
        char letter;
        const char *key;
        void (*put)(struct bytes *b);
    } all[] = {
        {'S', "symbol", put_symbol},
        {'T', "time", put_time},
        {'b', "bid", put_number},
        {'a', "ask", put_number},
        {'p', "price", put_number},
        {'s', "size", put_number},
        {'i', "id", put_text},
        {'n', "id", put_number},
        {'d', "side", put_text},
        {'l', "lp", put_text},
        {'c', "src", put_text},
        {'q', "seq", put_number},
        {'x', "a_key_of_thirty_letters_or_more", put_number},
        {'u', "user_id", put_text},
    };

    bytes_clear(b);
    bytes_add_str(b, "{");
    for (const char *m = members; *m; m++) {
        if (m > members)
            bytes_add_str(b, comma);
        if (*m == 'k' || *m == 'r') {
            bytes_printf(b, "\"type\"%s\"%s\"", colon,
                         *m == 'k' ? "tick" : "trade");
            continue;
        }
        for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
            if (all[i].letter != *m)
                continue;
            bytes_printf(b, "\"%s\"%s", all[i].key, colon);
            all[i].put(b);
        }
    }
    bytes_add_str(b, "}");
}

static const char *const feeds[] = {
    "kSTbal", "rSTpsid", "rSTpsidcq", "kSTbalcq", "rnSTps", "bakST", "STbak",
    "rSTpsx", "kSTbau",  "TrpSsi",    "cqkSTab",  "kxSTba", "rSTp",
};

static void lines_of_any_shape_are_read_as_the_strict_scanner_does(void **state)
{
    struct bytes b;
    unsigned good = 0;

    (void)state;
    bytes_init(&b);
    for (int i = 0; i < 20000; i++) {
        /* The same feed for a while, sometimes two that alternate. */
        size_t n = sizeof feeds / sizeof *feeds;
        size_t feed = ((size_t)i / 200 + (i % 2) * ((size_t)i / 1000 % 2)) % n;
        bool spaces = (i / 400) % 2;

        put_line(&b, feeds[feed], spaces ? ", " : ",", spaces ? ": " : ":");
        good += check(b.ptr, b.len, i % 3 ? '0' : '}') == EVENT_OK;
    }
    assert_true(good > 4000);
    bytes_close(&b);
}

static void a_line_that_was_changed_anywhere_is_read_anew(void **state)
{
    static const char odd[] = "\",:{}[] 0e.-\\x\x01\xff";
    struct bytes b;

    (void)state;
    bytes_init(&b);
    for (int i = 0; i < 20000; i++) {
        const char *feed = feeds[(i / 500) % 5];

        do
            put_line(&b, feed, ",", ":");
        while (check(b.ptr, b.len, 'x') != EVENT_OK);
        b.ptr[draw(b.len)] = odd[draw(sizeof odd - 1)];
        check(b.ptr, b.len, i % 2 ? '"' : '9');
        check(b.ptr, draw(b.len), i % 2 ? '"' : '9');
    }
    bytes_close(&b);
}

/* What is behind a line in the buffer is mostly the rest of one before. */
static void a_line_cut_short_does_not_go_on_in_the_next_one(void **state)
{
    static const char whole[] =
        "{\"type\":\"tick\",\"symbol\":\"BTCUSD\",\"time\":1705575045123,"
        "\"bid\":95000.50,\"ask\":95001.50,\"lp\":\"OANDA\"}";
    char line[sizeof whole + LINE_PAD];
    struct event ev;
    unsigned column;

    (void)state;
    memset(line, 0, sizeof line);
    memcpy(line, whole, sizeof whole - 1);
    assert_int_equal(
        event_read(reader, span_make(line, sizeof whole - 1), &ev, &column),
        EVENT_OK);
    for (size_t len = 0; len < sizeof whole - 1; len++)
        assert_int_equal(event_read(reader, span_make(line, len), &ev, &column),
                         EVENT_NOT_JSON);
}

/* The first line of a text, read in both ways; returns its bytes. */
static size_t check_ahead(struct span text, unsigned *found)
{
    const char *lf = memchr(text.ptr, '\n', text.len);
    struct span ahead = text, line = text;
    struct event ev, strict;
    const struct event *next = event_reader_next(reader, &ahead);
    unsigned column = 0, strict_column = 0;
    enum event_fault f, g;

    line.len = lf ? (size_t)(lf - text.ptr) : text.len;
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    g = event_read_strict(line, &strict, &strict_column);
    if (next) {
        assert_non_null(lf);
        assert_ptr_equal(ahead.ptr, lf + 1);
        assert_int_equal(ahead.len, text.ptr + text.len - (lf + 1));
        assert_int_equal(g, EVENT_OK);
        same_event(next, &strict);
        ++*found;
    } else {
        assert_ptr_equal(ahead.ptr, text.ptr);
        f = event_read(reader, line, &ev, &column);
        assert_int_equal(f, g);
        if (f == EVENT_OK)
            same_event(&ev, &strict);
        else
            assert_int_equal(column, strict_column);
    }
    return lf ? (size_t)(lf + 1 - text.ptr) : text.len;
}

/* What is behind the text in memory is more of the same, but not of it. */
static void lines_that_lie_ahead_are_cut_where_they_end(void **state)
{
    static const char odd[] = "\n\n\n\r\",:{}[] 0e.-\\x\x01\xff";
    struct bytes b, line;
    unsigned found = 0, lines = 0;

    (void)state;
    bytes_init(&b);
    bytes_init(&line);
    for (int i = 0; i < 4000; i++) {
        size_t n = sizeof feeds / sizeof *feeds, len;
        char *text;

        bytes_clear(&b);
        for (unsigned k = 0; k < 12; k++) {
            put_line(&line, feeds[((size_t)i / 50 + k % (1 + draw(2))) % n],
                     ",", ":");
            bytes_add(&b, line.ptr, line.len);
            bytes_add_str(&b, draw(20) ? "\n" : "\r\n");
        }
        while (draw(3) == 0)
            b.ptr[draw(b.len)] = odd[draw(sizeof odd - 1)];
        len = b.len - LINE_PAD - draw(200);
        text = mem_alloc(len + LINE_PAD);
        memcpy(text, b.ptr, len + LINE_PAD);
        for (size_t at = 0; at < len; lines++)
            at += check_ahead(span_make(text + at, len - at), &found);
        free(text);
    }
    assert_true(lines > 40000);
    assert_true(found > lines / 20);
    bytes_close(&line);
    bytes_close(&b);
}

static void an_empty_line_has_no_shape(void **state)
{
    char pad[LINE_PAD] = {0};
    struct event ev;
    unsigned column = 0;

    (void)state;
    assert_int_equal(event_read(reader, span_make(pad, 0), &ev, &column),
                     EVENT_NOT_JSON);
    assert_int_equal(column, 1);
}

static int open_reader(void **state)
{
    (void)state;
    reader = event_reader_new();
    return 0;
}

static int close_reader(void **state)
{
    (void)state;
    event_reader_free(reader);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_line_has_no_shape),
        cmocka_unit_test(
            lines_of_any_shape_are_read_as_the_strict_scanner_does),
        cmocka_unit_test(a_line_that_was_changed_anywhere_is_read_anew),
        cmocka_unit_test(lines_that_lie_ahead_are_cut_where_they_end),
        cmocka_unit_test(a_line_cut_short_does_not_go_on_in_the_next_one),
    };

    return cmocka_run_group_tests(tests, open_reader, close_reader);
}
