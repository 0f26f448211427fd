/* Frames from clients, cut in every possible way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/bytes.h"
#include "wsgate/ws/ws_frame.h"

struct heard {
    struct bytes log; /* "T:text;" "P:..;" "O:..;" "C1000:..;" */
    unsigned stop_after;
};

static bool on_frame(void *arg, enum ws_kind kind, struct span payload,
                     uint16_t code)
{
    struct heard *h = arg;

    if (kind == WS_CLOSE)
        bytes_printf(&h->log, "C%u:", code);
    else
        bytes_printf(&h->log, "%c:", "TPO?B"[kind]);
    bytes_add_span(&h->log, payload);
    bytes_add_str(&h->log, ";");
    return h->stop_after == 0 || --h->stop_after > 0;
}

static void add(struct bytes *b, unsigned first, const char *payload,
                size_t len)
{
    static const char mask[4] = {0x11, 0x52, (char)0x93, 0x04};
    char *at;

    at = bytes_reserve(b, len + 14);
    at[0] = (char)first;
    b->len += 2;
    if (len < 126) {
        at[1] = (char)(0x80 | len);
    } else {
        at[1] = (char)(0x80 | 126);
        at[2] = (char)(len >> 8);
        at[3] = (char)len;
        b->len += 2;
    }
    bytes_add(b, mask, 4);
    for (size_t i = 0; i < len; i++) {
        char c = (char)(payload[i] ^ mask[i & 3]);
        bytes_add(b, &c, 1);
    }
}

static void text(struct bytes *b, unsigned first, const char *payload)
{
    add(b, first, payload, strlen(payload));
}

/* Reads the bytes in parts of `step`; the code and what was heard. */
static uint16_t read_from(struct ws_pool *pool, const struct bytes *b,
                          size_t step, struct heard *h)
{
    struct ws_state *state = NULL;
    const char *why = NULL;
    uint16_t code = 0;
    bool stops = h->stop_after > 0;

    for (size_t at = 0; at < b->len && code == 0; at += step) {
        size_t n = b->len - at < step ? b->len - at : step;
        /* An exact copy, so that reading over its end is seen. */
        char *part = malloc(n);
        struct span in = span_make(part, n);
        memcpy(part, b->ptr + at, n);
        code = ws_read(pool, &state, &in, on_frame, h, &why);
        free(part);
    }
    if (code != 0)
        assert_non_null(why);
    else if (!stops)
        assert_null(state); /* nothing is kept in between messages */
    ws_state_free(pool, state);
    ws_pool_free(pool);
    return code;
}

static uint16_t channel(const struct bytes *b, size_t step, struct heard *h,
                        size_t max)
{
    return read_from(ws_pool_new(max, false), b, step, h);
}

static void any_cut_gives_the_same_messages(void **state)
{
    struct bytes b;

    (void)state;
    bytes_init(&b);
    text(&b, 0x81, "one");
    text(&b, 0x01, "fr");
    text(&b, 0x89, "ping");
    text(&b, 0x00, "ag");
    text(&b, 0x8a, "");
    text(&b, 0x80, "ment");
    text(&b, 0x81, "");
    add(&b, 0x88, "\x03\xe8why", 5);
    for (size_t step = 1; step <= b.len; step++) {
        struct heard h = {.stop_after = 0};
        bytes_init(&h.log);
        assert_int_equal(channel(&b, step, &h, 1000), 0);
        assert_true(span_is(bytes_span(&h.log),
                            "T:one;P:ping;O:;T:fragment;T:;C1000:why;"));
        bytes_close(&h.log);
    }
    bytes_close(&b);
}

static void
binary_messages_come_as_they_are_where_they_are_allowed(void **state)
{
    static const char said[] = "B:\xff\0;P:ping;B:fr\xc3;T:\xc3\xa9;";
    struct bytes b = {0};

    (void)state;
    add(&b, 0x82, "\xff\x00", 2);
    text(&b, 0x02, "fr");
    text(&b, 0x89, "ping");
    add(&b, 0x00, "\xc3", 1);
    text(&b, 0x80, "");
    text(&b, 0x01, "\xc3");
    text(&b, 0x80, "\xa9"); /* one character, cut by the frames */
    for (size_t step = 1; step <= b.len; step++) {
        struct heard h = {.stop_after = 0};

        assert_int_equal(read_from(ws_pool_new(1000, true), &b, step, &h), 0);
        assert_true(
            span_eq(bytes_span(&h.log), span_make(said, sizeof said - 1)));
        bytes_close(&h.log);
    }
    bytes_clear(&b);
    text(&b, 0x01, "\xc3");
    text(&b, 0x80, "x");
    for (size_t step = 1; step <= b.len; step++) {
        struct heard h = {.stop_after = 0};

        assert_int_equal(read_from(ws_pool_new(1000, true), &b, step, &h),
                         WS_CLOSE_BAD_DATA);
        bytes_close(&h.log);
    }
    bytes_close(&b);
}

static void long_messages_come_whole(void **state)
{
    char *long_text = malloc(60000);
    struct bytes b;

    (void)state;
    for (int i = 0; i < 60000; i++)
        long_text[i] = (char)('a' + i % 26);
    bytes_init(&b);
    add(&b, 0x81, long_text, 60000);
    add(&b, 0x01, long_text, 30000);
    add(&b, 0x80, long_text + 30000, 30000);
    for (size_t step = 1000; step <= b.len; step += 9973) {
        struct heard h = {.stop_after = 0};
        bytes_init(&h.log);
        assert_int_equal(channel(&b, step, &h, 65536), 0);
        assert_int_equal(h.log.len, 2 * 60003);
        assert_memory_equal(h.log.ptr + 2, long_text, 60000);
        assert_memory_equal(h.log.ptr + 60005, long_text, 60000);
        bytes_close(&h.log);
    }
    free(long_text);
    bytes_close(&b);
}

static uint16_t code_of(const char *bytes, size_t len)
{
    struct bytes b;
    struct heard h = {.stop_after = 0};
    uint16_t code;

    bytes_init(&b);
    bytes_init(&h.log);
    bytes_add(&b, bytes, len);
    code = channel(&b, len, &h, 100);
    bytes_close(&b);
    bytes_close(&h.log);
    return code;
}

#define CODE(literal) code_of(literal, sizeof(literal) - 1)

static void violations_have_their_codes(void **state)
{
    (void)state;
    assert_int_equal(CODE("\x81\x02{}"), WS_CLOSE_PROTOCOL); /* unmasked */
    assert_int_equal(CODE("\xc1\x80\0\0\0\0"), WS_CLOSE_PROTOCOL);
    assert_int_equal(CODE("\x82\x80\0\0\0\0"), WS_CLOSE_UNSUPPORTED);
    assert_int_equal(CODE("\x83\x80\0\0\0\0"), WS_CLOSE_PROTOCOL);
    assert_int_equal(CODE("\x8b\x80\0\0\0\0"), WS_CLOSE_PROTOCOL);
    assert_int_equal(CODE("\x09\x80\0\0\0\0"), WS_CLOSE_PROTOCOL);
    assert_int_equal(CODE("\x80\x80\0\0\0\0"), WS_CLOSE_PROTOCOL);
    assert_int_equal(CODE("\x81\x82\0\0\0\0\xc3\x28"), WS_CLOSE_BAD_DATA);
    assert_int_equal(CODE("\x81\xfe\x00\x7e\0\0\0\0x"), WS_CLOSE_TOO_BIG);
    /* A length that is not written as short as can be. */
    assert_int_equal(CODE("\x81\xfe\x00\x05\0\0\0\0hello"), WS_CLOSE_PROTOCOL);
    assert_int_equal(CODE("\x88\x81\0\0\0\0x"), WS_CLOSE_PROTOCOL);
    assert_int_equal(CODE("\x88\x82\0\0\0\0\x03\xed"), WS_CLOSE_PROTOCOL);
    assert_int_equal(CODE("\x88\x82\0\0\0\0\x03\xe8"), 0);
    assert_int_equal(CODE("\x88\x82\0\0\0\0\x0f\xa0"), 0); /* 4000 */
}

static void the_bound_holds_over_fragments(void **state)
{
    struct bytes b;
    struct heard h = {.stop_after = 0};

    (void)state;
    bytes_init(&b);
    bytes_init(&h.log);
    text(&b, 0x01, "0123456789");
    text(&b, 0x00, "0123456789");
    text(&b, 0x80, "x");
    assert_int_equal(channel(&b, b.len, &h, 20), WS_CLOSE_TOO_BIG);
    assert_int_equal(channel(&b, b.len, &h, 21), 0);
    assert_true(span_is(bytes_span(&h.log), "T:01234567890123456789x;"));
    bytes_close(&h.log);
    bytes_close(&b);
}

static void who_says_stop_hears_no_more(void **state)
{
    struct bytes b;
    struct heard h = {.stop_after = 2};

    (void)state;
    bytes_init(&b);
    bytes_init(&h.log);
    for (int i = 0; i < 5; i++)
        text(&b, 0x81, "m");
    assert_int_equal(channel(&b, b.len, &h, 100), 0);
    assert_true(span_is(bytes_span(&h.log), "T:m;T:m;"));
    bytes_close(&h.log);
    bytes_close(&b);
}

/* Who owns the parser, and goes while it is fed. */
struct owner {
    struct ws_pool *pool;
    struct ws_state *ws;
    enum ws_kind until;
    unsigned left;
    bool go_on; /* what the callback says then */
    bool ended;
};

static bool end_owner(void *arg, enum ws_kind kind, struct span payload,
                      uint16_t code)
{
    struct owner *o = arg;

    (void)code;
    assert_false(o->ended); /* nothing is told to one who has gone */
    if (kind != o->until || --o->left > 0)
        return true;
    ws_state_free(o->pool, o->ws);
    o->ws = NULL;
    o->ended = true;
    /* What it was told is still there. */
    assert_true(kind == WS_CLOSE || span_is(payload, "goodbye"));
    return o->go_on;
}

/* Frame by frame before and behind the one that the owner ends at. */
static void add_farewell(struct bytes *b, enum ws_kind kind, bool whole)
{
    text(b, 0x81, "before");
    if (kind == WS_TEXT && !whole) {
        text(b, 0x01, "good");
        text(b, 0x89, "ping");
        text(b, 0x80, "bye");
    } else if (kind == WS_TEXT) {
        text(b, 0x81, "goodbye");
    } else {
        if (!whole) /* within a message */
            text(b, 0x01, "mess");
        if (kind == WS_CLOSE)
            add(b, 0x88, "\x03\xe8goodbye", 9);
        else
            text(b, kind == WS_PING ? 0x89 : 0x8a, "goodbye");
        if (!whole)
            text(b, 0x80, "age");
    }
    text(b, 0x81, "behind");
    text(b, 0x89, "behind");
}

/* The callback frees the parser in the middle of a read of several frames. */
static void say_farewell(enum ws_kind kind, bool whole, bool go_on, size_t step)
{
    struct bytes b;
    struct owner *o = calloc(1, sizeof *o);
    const char *why = NULL;

    bytes_init(&b);
    add_farewell(&b, kind, whole);
    *o = (struct owner){.pool = ws_pool_new(1000, false),
                        .until = kind,
                        .left = kind == WS_TEXT ? 2 : 1,
                        .go_on = go_on};
    for (size_t at = 0; at < b.len && !o->ended; at += step) {
        size_t n = b.len - at < step ? b.len - at : step;
        struct span in = span_make(b.ptr + at, n);
        assert_int_equal(ws_read(o->pool, &o->ws, &in, end_owner, o, &why), 0);
    }
    assert_true(o->ended);
    assert_null(o->ws);
    ws_pool_free(o->pool);
    free(o);
    bytes_close(&b);
}

static void a_callback_may_free_the_parser(void **state)
{
    static const enum ws_kind kinds[] = {WS_TEXT, WS_PING, WS_PONG, WS_CLOSE};

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        for (int whole = 0; whole < 2; whole++) {
            for (int go_on = 0; go_on < 2; go_on++) {
                say_farewell(kinds[i], whole != 0, go_on != 0, 1000);
                say_farewell(kinds[i], whole != 0, go_on != 0, 1);
            }
        }
    }
}

/* What came of fragments without a byte has no address. */
static void a_frame_of_nothing_is_written(void **state)
{
    const struct bytes none = {0};
    struct bytes out = {0};

    (void)state;
    ws_frame_add(&out, WS_OP_TEXT, bytes_span(&none));
    assert_int_equal(out.len, 2);
    assert_memory_equal(out.ptr, "\x81\x00", 2);
    bytes_close(&out);
}

/* What a text begins with may be enough to know that it is none. */
static void a_text_is_refused_with_its_first_wrong_byte(void **state)
{
    static const char *const refused[] = {
        "\xff",     "\x80",     "\xc3(",     "\xe0\x9f",      "\xed\xa0",
        "\xf0\x8f", "\xf4\x90", "\xe2\x82(", "\xf0\x9f\x98(", "\xc3\xa9\xff"};
    static const char *const go_on[] = {
        "",         "a",        "\xc3",     "\xe0",         "\xe0\xa0",
        "\xed",     "\xed\x9f", "\xf0",     "\xf0\x90",     "\xf4",
        "\xf4\x8f", "\xe2\x82", "\xf0\x9f", "\xf0\x9f\x98", "\xc3\xa9"};

    (void)state;
    for (size_t step = 1; step < 20; step++) {
        for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
            struct heard h = {.stop_after = 0};
            struct bytes b = {0};
            text(&b, 0x01, "abc");
            text(&b, 0x00, refused[i]); /* and the message goes on */
            assert_int_equal(channel(&b, step, &h, 100), WS_CLOSE_BAD_DATA);
            bytes_close(&b);
        }
        for (size_t i = 0; i < sizeof go_on / sizeof *go_on; i++) {
            struct heard h = {.stop_after = 100};
            struct bytes b = {0};
            text(&b, 0x01, "abc");
            text(&b, 0x00, go_on[i]);
            text(&b, 0x89, "ping");
            assert_int_equal(channel(&b, step, &h, 100), 0);
            assert_true(span_is(bytes_span(&h.log), "P:ping;"));
            bytes_close(&h.log);
            bytes_close(&b);
        }
    }
}

static void heads_are_as_short_as_can_be(void **state)
{
    static const struct {
        size_t len, head;
    } cases[] = {{0, 2},     {125, 2},    {126, 4},
                 {65535, 4}, {65536, 10}, {1 << 20, 10}};
    struct bytes out;

    (void)state;
    bytes_init(&out);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t begun;

        bytes_clear(&out);
        begun = ws_text_begin(&out);
        memset(bytes_reserve(&out, cases[i].len), 'x', cases[i].len);
        out.len += cases[i].len;
        ws_text_end(&out, begun);
        assert_int_equal(out.len, cases[i].head + cases[i].len);
        assert_int_equal((unsigned char)out.ptr[0], 0x81);
        assert_int_equal(out.ptr[1] & 0x80, 0);
        if (cases[i].len > 0)
            assert_int_equal(out.ptr[cases[i].head], 'x');
    }
    bytes_clear(&out);
    ws_close_add(&out, 4101, "too slow");
    assert_memory_equal(out.ptr, "\x88\x0a\x10\x05too slow", out.len);
    bytes_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_cut_gives_the_same_messages),
        cmocka_unit_test(
            binary_messages_come_as_they_are_where_they_are_allowed),
        cmocka_unit_test(long_messages_come_whole),
        cmocka_unit_test(violations_have_their_codes),
        cmocka_unit_test(the_bound_holds_over_fragments),
        cmocka_unit_test(who_says_stop_hears_no_more),
        cmocka_unit_test(a_callback_may_free_the_parser),
        cmocka_unit_test(a_frame_of_nothing_is_written),
        cmocka_unit_test(a_text_is_refused_with_its_first_wrong_byte),
        cmocka_unit_test(heads_are_as_short_as_can_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
