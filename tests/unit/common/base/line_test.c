#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/base/line.h"

/* Put text in, in pieces of n bytes, and write down what comes out: "[line]"
 * for a line, "!" for one that is too long. */
static void cut(const char *text, size_t len, size_t max_len, size_t n,
                char *out)
{
    struct line_reader r;
    struct span line;
    size_t at = 0;

    line_init(&r, 0, max_len);
    for (;;) {
        size_t room;
        char *to = line_space(&r, &room);
        size_t take = len - at < n ? len - at : n;

        assert_true(room > 0);
        if (take > room)
            take = room;
        memcpy(to, text + at, take);
        at += take;
        line_filled(&r, take);
        for (;;) {
            enum line_result got = line_next(&r, &line);
            if (got == LINE_MORE)
                break;
            if (got == LINE_TOO_LONG) {
                *out++ = '!';
                continue;
            }
            *out++ = '[';
            memcpy(out, line.ptr, line.len);
            out += line.len;
            *out++ = ']';
        }
        if (take == 0)
            break;
    }
    if (line_rest(&r, &line)) {
        *out++ = '<';
        memcpy(out, line.ptr, line.len);
        out += line.len;
        *out++ = '>';
    }
    *out = '\0';
    line_close(&r);
}

static void expect(const char *text, size_t max_len, const char *want)
{
    char got[4096];

    for (size_t n = 1; n <= strlen(text) + 1; n++) {
        cut(text, strlen(text), max_len, n, got);
        assert_string_equal(got, want);
    }
}

static void lines_are_cut_the_same_whatever_the_pieces(void **state)
{
    (void)state;
    expect("", 10, "");
    expect("a\n", 10, "[a]");
    expect("a\nbc\n\nd", 10, "[a][bc][]<d>");
    expect("\n\n", 10, "[][]");
}

static void a_carriage_return_before_the_line_feed_is_dropped(void **state)
{
    (void)state;
    expect("a\r\nb\r\n", 10, "[a][b]");
    expect("\r\n", 10, "[]");
    expect("a\rb\n", 10, "[a\rb]");
    expect("a\r\r\n", 10, "[a\r]");
    expect("last\r", 10, "<last>");
}

static void a_line_of_exactly_the_limit_passes(void **state)
{
    (void)state;
    expect("12345\n", 5, "[12345]");
    expect("12345\r\n", 5, "[12345]");
    expect("12345", 5, "<12345>");
    expect("12345\r", 5, "<12345>");
}

static void a_longer_line_is_reported_once_and_skipped(void **state)
{
    (void)state;
    expect("123456\nab\n", 5, "![ab]");
    expect("123456\r\nab\n", 5, "![ab]");
    expect("12345\rx\nab\n", 5, "![ab]");
    expect("1234567890123456789\n\nab", 5, "![]<ab>");
    expect("123456", 5, "!");
    expect("a\n1234567\n1234567\nb\n", 5, "[a]!![b]");
}

static void numbers_count_every_line_from_one(void **state)
{
    static const char text[] = "a\n1234567\n\nb\nc";
    struct line_reader r;
    struct span line;
    size_t room;

    (void)state;
    line_init(&r, 0, 5);
    memcpy(line_space(&r, &room), text, sizeof text - 1);
    line_filled(&r, sizeof text - 1);
    assert_int_equal(line_next(&r, &line), LINE_OK);
    assert_int_equal(r.number, 1);
    assert_int_equal(line_next(&r, &line), LINE_TOO_LONG);
    assert_int_equal(r.number, 2);
    assert_int_equal(line_next(&r, &line), LINE_OK);
    assert_int_equal(r.number, 3);
    assert_int_equal(line_next(&r, &line), LINE_OK);
    assert_int_equal(r.number, 4);
    assert_int_equal(line_next(&r, &line), LINE_MORE);
    assert_true(line_rest(&r, &line));
    assert_int_equal(r.number, 5);
    assert_false(line_rest(&r, &line));
    line_close(&r);
}

static void nul_bytes_are_part_of_a_line(void **state)
{
    char got[64];

    (void)state;
    cut("a\0b\n", 4, 10, 4, got);
    assert_memory_equal(got, "[a\0b]", 6);
}

static void a_line_longer_than_the_buffer_asked_for_fits(void **state)
{
    enum { LONG = 300000 };
    static char text[LONG + 2], got[LONG + 8];

    (void)state;
    memset(text, 'x', LONG);
    text[LONG] = '\n';
    cut(text, LONG + 1, LONG, 65536, got);
    assert_int_equal(strlen(got), LONG + 2);
    cut(text, LONG + 1, LONG - 1, 65536, got);
    assert_string_equal(got, "!");
}

static void padding_may_be_read_behind_every_line(void **state)
{
    struct line_reader r;
    struct span line;
    unsigned sum = 0;
    size_t room;
    char *to;

    (void)state;
    line_init(&r, 65536, 1000);
    to = line_space(&r, &room);
    memset(to, 'x', room);
    for (size_t i = 99; i < room; i += 100)
        to[i] = '\n';
    line_filled(&r, room);
    while (line_next(&r, &line) == LINE_OK)
        for (size_t i = 0; i < LINE_PAD; i++)
            sum += (unsigned char)line.ptr[line.len + i];
    assert_true(line_rest(&r, &line));
    for (size_t i = 0; i < LINE_PAD; i++)
        sum += (unsigned char)line.ptr[line.len + i];
    assert_true(sum > 0);
    line_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_cut_the_same_whatever_the_pieces),
        cmocka_unit_test(a_carriage_return_before_the_line_feed_is_dropped),
        cmocka_unit_test(a_line_of_exactly_the_limit_passes),
        cmocka_unit_test(a_longer_line_is_reported_once_and_skipped),
        cmocka_unit_test(numbers_count_every_line_from_one),
        cmocka_unit_test(nul_bytes_are_part_of_a_line),
        cmocka_unit_test(a_line_longer_than_the_buffer_asked_for_fits),
        cmocka_unit_test(padding_may_be_read_behind_every_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
