#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/bytes.h"
#include "common/base/line.h"
#include "common/json/json.h"
#include "common/json/scan.h"

#define TEXT(s)                                                                \
    {                                                                          \
        s, sizeof(s) - 1                                                       \
    }

static const struct span valid[] = {
    TEXT("{}"),
    TEXT("[]"),
    TEXT(" [ ] "),
    TEXT("\t\r\n{\t}\n"),
    TEXT("0"),
    TEXT("-0"),
    TEXT("-0.0e-0"),
    TEXT("1E+2"),
    TEXT("0.10"),
    TEXT("true"),
    TEXT("false"),
    TEXT("null"),
    TEXT("\"\""),
    TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
    TEXT("\"\\u0041\\u00e9\\uD834\\uDD1E\""),
    TEXT("\"\x7f\""),
    TEXT("\"\xc2\x80\xdf\xbf\""),
    TEXT("\"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\""),
    TEXT("\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""),
    TEXT("[1,[2,{\"a\":[]}],{}]"),
    TEXT("{\"\":{\"\":{}},\"a\":[{},[]]}"),
    TEXT("{\"a\" : 1 , \"b\" : [ 1 , 2 ] }"),
};

static const struct span invalid[] = {
    TEXT(""),
    TEXT(" "),
    TEXT("{"),
    TEXT("}"),
    TEXT("["),
    TEXT("]"),
    TEXT("{]"),
    TEXT("[}"),
    TEXT("[1,]"),
    TEXT("[,1]"),
    TEXT("[1 2]"),
    TEXT("{,}"),
    TEXT("{\"a\"}"),
    TEXT("{\"a\":}"),
    TEXT("{\"a\":1,}"),
    TEXT("{\"a\" 1}"),
    TEXT("{a:1}"),
    TEXT("{'a':1}"),
    TEXT("{1:1}"),
    TEXT("{\"a\":1 \"b\":2}"),
    TEXT("{}{}"),
    TEXT("{},"),
    TEXT("1 2"),
    TEXT("01"),
    TEXT("-"),
    TEXT("+1"),
    TEXT("1."),
    TEXT(".1"),
    TEXT("1e"),
    TEXT("1e+"),
    TEXT("0x1"),
    TEXT("NaN"),
    TEXT("Infinity"),
    TEXT("-Infinity"),
    TEXT("tru"),
    TEXT("truex"),
    TEXT("True"),
    TEXT("nul"),
    TEXT("fals"),
    TEXT("\""),
    TEXT("\"a"),
    TEXT("\"\\\""),
    TEXT("\"\\x\""),
    TEXT("\"\\u12\""),
    TEXT("\"\\u123g\""),
    TEXT("\"\\u0000\""),
    TEXT("{\"\\u0000\":1}"),
    TEXT("\"\\ud800\""),
    TEXT("\"\\udc00\""),
    TEXT("\"\\ud800\\ud800\""),
    TEXT("\"\\ud800x\""),
    TEXT("\"\\ud834\\u0041\""),
    TEXT("\"\n\""),
    TEXT("\"\t\""),
    TEXT("\"\x1f\""),
    TEXT("\"a\0b\""),
    TEXT("\0"),
    TEXT("1\0"),
    TEXT("[\f]"),
    TEXT("\xef\xbb\xbf{}"),
    TEXT("// c\n1"),
    TEXT("\"\x80\""),
    TEXT("\"\xc0\x80\""),
    TEXT("\"\xc1\xbf\""),
    TEXT("\"\xc2\""),
    TEXT("\"\xe0\x9f\xbf\""),
    TEXT("\"\xed\xa0\x80\""),
    TEXT("\"\xe2\x82\""),
    TEXT("\"\xf0\x8f\xbf\xbf\""),
    TEXT("\"\xf4\x90\x80\x80\""),
    TEXT("\"\xf5\x80\x80\x80\""),
    TEXT("\"\xff\""),
    TEXT("\xc3\xa9"),
    TEXT("[1,\xff]"),
};

static void check(struct span text, bool want)
{
    /* An allocation of its own: a byte too far is seen by ASan. */
    char *copy = mem_str(text);
    const char *bad = NULL;
    char *tight = mem_alloc(text.len);
    json_value *v = json_read(text, NULL);

    memcpy(tight, copy, text.len);
    if (scan_text(span_make(tight, text.len), &bad) != want)
        fail_msg("'%s': want %d", copy, want);
    if (!want)
        assert_true(bad >= tight && bad <= tight + text.len);
    /* jansson swallows a NUL byte behind a number; we never do. */
    if ((v != NULL) != want && !memchr(text.ptr, 0, text.len))
        fail_msg("'%s': jansson says otherwise", copy);
    json_free(v);
    free(tight);
    free(copy);
}

static void what_is_json_passes_as_it_does_in_jansson(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof valid / sizeof *valid; i++)
        check(valid[i], true);
}

static void what_is_not_json_is_refused_as_it_is_in_jansson(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++)
        check(invalid[i], false);
}

static void the_fault_is_pointed_at(void **state)
{
    static const struct {
        const char *text;
        int offset;
    } all[] = {
        {"{\"a\":01}", 6}, {"[1,\"\\x\"]", 4}, {"{\"a\":tru }", 8},
        {"{\"a\":1", 6},   {"[1 2]", 3},       {"{\"a\":-x}", 6},
        {"\"ab\x01\"", 3}, {"\"a\xff\"", 2},   {"[1e+]", 4},
        {"{} x", 3},
    };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct span text = span_str(all[i].text);
        const char *bad = NULL;

        assert_false(scan_text(text, &bad));
        assert_int_equal(bad - text.ptr, all[i].offset);
    }
}

static void nested(struct bytes *b, unsigned depth, const char *inside)
{
    bytes_clear(b);
    for (unsigned i = 0; i < depth; i++)
        bytes_add_str(b, i % 2 ? "{\"a\":" : "[");
    bytes_add_str(b, inside);
    for (unsigned i = depth; i-- > 0;)
        bytes_add_str(b, i % 2 ? "}" : "]");
}

static void nesting_ends_where_jansson_ends(void **state)
{
    struct bytes b;

    (void)state;
    bytes_init(&b);
    nested(&b, SCAN_DEPTH_MAX - 1, "1");
    check(bytes_span(&b), true);
    nested(&b, SCAN_DEPTH_MAX - 1, "[]");
    check(bytes_span(&b), true);
    nested(&b, SCAN_DEPTH_MAX, "1");
    check(bytes_span(&b), false);
    nested(&b, 100000, "");
    check(bytes_span(&b), false);
    bytes_close(&b);
}

static void escapes_become_what_they_stand_for(void **state)
{
    struct span raw = span_str(
        "a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20ac\\uD834\\uDD1Ez");
    const char *want = "a\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9ez";
    char out[64];
    size_t len = 0;

    (void)state;
    assert_true(scan_unescape(raw, out, sizeof out, &len));
    assert_int_equal(len, strlen(want));
    assert_memory_equal(out, want, len);
    assert_true(scan_unescape(raw, out, len, &len));
    assert_false(scan_unescape(raw, out, len - 1, &len));
}

static void the_same_key_twice_is_found_at_every_depth(void **state)
{
    static const struct {
        const char *text;
        int offset; /* -1: unique */
    } all[] = {
        {"{}", -1},
        {"[\"a\",\"a\"]", -1},
        {"{\"a\":1,\"b\":\"a\",\"A\":2}", -1},
        {"{\"a\":1,\"a\":2}", 7},
        {"{\"a\":{\"a\":{\"a\":[{\"a\":1},{\"a\":2}]}}}", -1},
        {"{\"x\":[{\"a\":1},{\"b\":1,\"b\":2}]}", 21},
        {"{\"a\":1,\"\\u0061\":2}", 7},
        {"{\"\\u00e9\":1,\"\xc3\xa9\":2}", 12},
        {"{\"a\":1,\"aa\":2,\"\":3}", -1},
        {"{\"\":1,\"\":2}", 6},
        {"{\"a\":{\"b\":1},\"b\":2,\"a\":[]}", 19},
    };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct span text = span_str(all[i].text);
        const char *bad = NULL;
        json_value *v = json_read(text, NULL);

        assert_int_equal(v != NULL, all[i].offset < 0);
        json_free(v);
        if (scan_unique(text, &bad))
            assert_int_equal(all[i].offset, -1);
        else
            assert_int_equal(bad - text.ptr, all[i].offset);
    }
}

static void many_keys_are_compared_in_reasonable_time(void **state)
{
    struct bytes b;
    const char *bad;

    (void)state;
    bytes_init(&b);
    bytes_add_str(&b, "{\"k\":0");
    for (int i = 0; i < 100000; i++)
        bytes_printf(&b, ",\"%d\":0", i);
    bytes_add_str(&b, "}");
    assert_true(scan_unique(bytes_span(&b), &bad));
    b.len--;
    bytes_add_str(&b, ",\"77777\":1}");
    assert_false(scan_unique(bytes_span(&b), &bad));
    assert_int_equal(bad - b.ptr, b.len - strlen("\"77777\":1}"));
    bytes_close(&b);
}

static void members_come_one_after_the_other(void **state)
{
    struct span text =
        span_str("{ \"a\" : 1 , \"b\":{\"c\":[2,3]} ,\"d\":\"}\\\"\" }");
    static const char *const want[][2] = {
        {"a", "1"}, {"b", "{\"c\":[2,3]}"}, {"d", "\"}\\\"\""}};
    struct scan_member m = {.at = text.ptr};
    struct span empty = span_str("{ }");
    size_t n = 0;

    (void)state;
    for (; scan_member_next(&m, text.ptr + text.len); n++) {
        assert_true(n < 3);
        assert_true(span_is(m.key, want[n][0]));
        assert_true(span_is(m.value, want[n][1]));
    }
    assert_int_equal(n, 3);
    m.at = empty.ptr;
    assert_false(scan_member_next(&m, empty.ptr + empty.len));
}

/* As event_field.c reads numbers. */
static const char *fast_number(const char *s, const char *end,
                               struct decimal *out)
{
    const char *stop = scan_number_inside(s, out);

    return stop && (*stop | 0x20) != 'e' ? stop
                                         : scan_fast_number_rest(s, end, out);
}

/* The number with LINE_PAD bytes behind it that would go on with it. */
static void check_fast_number(const char *text)
{
    char bytes[SCAN_BEFORE + 256], *buf = bytes + SCAN_BEFORE;
    struct decimal fast = {0}, slow;
    size_t len = strlen(text);
    const char *stop;
    bool ok = decimal_parse(span_make(text, len), &slow);

    memset(bytes, '7', sizeof bytes);
    memcpy(buf, text, len);
    buf[len] = ',';
    stop = fast_number(buf, buf + len, &fast);
    assert_ptr_equal(stop, buf + len);
    if (!ok) {
        assert_int_equal(fast.scale, SCAN_NO_DECIMAL);
        return;
    }
    assert_true(fast.mant == slow.mant);
    assert_int_equal(fast.scale, slow.scale);
}

static void the_fast_way_reads_the_same_numbers(void **state)
{
    char text[80];

    (void)state;
    for (int whole = 1; whole < 22; whole++) {
        for (int fraction = 0; fraction < 22; fraction++) {
            int n = 0;

            for (int i = 0; i < whole; i++)
                text[n++] = (char)('1' + (i * 7 + fraction) % 9);
            if (fraction > 0)
                text[n++] = '.';
            for (int i = 0; i < fraction; i++)
                text[n++] = (char)('0' + (i * 3 + whole) % 10);
            text[n] = '\0';
            check_fast_number(text);
        }
    }
    check_fast_number("0");
    check_fast_number("0.5");
    check_fast_number("-12.50");
    check_fast_number("1e5");
    check_fast_number("1.25E-3");
    check_fast_number("1e999");
}

static void the_fast_way_refuses_what_is_no_number(void **state)
{
    static const char *const bad[] = {"01,", "00.1,", "1.,",  "-,",    "1e,",
                                      ".5,", "1.e1,", "-01,", "1.5e+,"};
    char bytes[SCAN_BEFORE + LINE_PAD + 16], *buf = bytes + SCAN_BEFORE;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct decimal d;
        const char *stop;

        memset(bytes, '3', sizeof bytes);
        memcpy(buf, bad[i], strlen(bad[i]));
        stop = fast_number(buf, buf + strlen(bad[i]), &d);
        /* NULL, or it stops before the comma where no comma may be. */
        assert_true(!stop || *stop != ',');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_json_passes_as_it_does_in_jansson),
        cmocka_unit_test(what_is_not_json_is_refused_as_it_is_in_jansson),
        cmocka_unit_test(the_fault_is_pointed_at),
        cmocka_unit_test(nesting_ends_where_jansson_ends),
        cmocka_unit_test(escapes_become_what_they_stand_for),
        cmocka_unit_test(the_same_key_twice_is_found_at_every_depth),
        cmocka_unit_test(many_keys_are_compared_in_reasonable_time),
        cmocka_unit_test(members_come_one_after_the_other),
        cmocka_unit_test(the_fast_way_reads_the_same_numbers),
        cmocka_unit_test(the_fast_way_refuses_what_is_no_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
