#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/json/json.h"
#include "common/json/json_writer.h"

static struct bytes text;
static struct json_writer w;

static int begin(void **state)
{
    (void)state;
    bytes_init(&text);
    w = (struct json_writer){.out = &text};
    return 0;
}

static int end(void **state)
{
    (void)state;
    bytes_close(&text);
    return 0;
}

static void is(const char *want)
{
    bytes_add(&text, "", 1);
    assert_string_equal(text.ptr, want);
}

static void commas_stand_between_values_and_nowhere_else(void **state)
{
    (void)state;
    json_write_object(&w, NULL);
    json_write_array(&w, "none");
    json_write_array_end(&w);
    json_write_object(&w, "empty");
    json_write_object_end(&w);
    json_write_array(&w, "two");
    json_write_int(&w, NULL, -1);
    json_write_object(&w, NULL);
    json_write_bool(&w, "yes", true);
    json_write_bool(&w, "no", false);
    json_write_object_end(&w);
    json_write_array_end(&w);
    json_write_str(&w, "last", "");
    json_write_object_end(&w);
    is("{\"none\":[],\"empty\":{},\"two\":[-1,{\"yes\":true,\"no\":false}],"
       "\"last\":\"\"}");
}

static void numbers_keep_all_their_digits(void **state)
{
    (void)state;
    json_write_array(&w, NULL);
    json_write_int(&w, NULL, INT64_MIN);
    json_write_int(&w, NULL, INT64_MAX);
    json_write_uint(&w, NULL, UINT64_MAX);
    json_write_uint(&w, NULL, 0);
    json_write_real(&w, NULL, 2.5);
    json_write_real(&w, NULL, 20000);
    json_write_raw(&w, NULL, span_str("95000.50"));
    json_write_array_end(&w);
    is("[-9223372036854775808,9223372036854775807,18446744073709551615,0,2.5,"
       "20000,95000.50]");
}

/* An independent parser reads back what was put in. */
static void every_text_comes_back_from_a_parser(void **state)
{
    struct err err = {0};
    json_value *root;
    struct span read;
    char all[0x80];

    (void)state;
    for (unsigned i = 0; i < sizeof all; i++)
        all[i] = (char)(i + 1); /* each ASCII character but NUL */
    json_write_array(&w, NULL);
    json_write_span(&w, NULL, span_make(all, sizeof all - 1));
    json_write_str(&w, NULL, "\"quoted\" \\ \xc3\xa9\n");
    json_write_span(&w, NULL, span_make(NULL, 0));
    json_write_array_end(&w);
    root = json_read(bytes_span(&text), &err);
    assert_non_null(root);
    assert_true(json_text(json_item(root, 0), &read));
    assert_true(span_eq(read, span_make(all, sizeof all - 1)));
    assert_true(json_text(json_item(root, 1), &read));
    assert_true(span_is(read, "\"quoted\" \\ \xc3\xa9\n"));
    assert_true(json_text(json_item(root, 2), &read));
    assert_int_equal(read.len, 0);
    json_free(root);
}

static void what_may_not_stand_in_a_string_is_escaped(void **state)
{
    (void)state;
    json_quote(&text, span_str("a\"b\\c\n\x01\xc3\xa9"));
    is("\"a\\\"b\\\\c\\u000a\\u0001\xc3\xa9\"");
}

static void members_can_follow_what_is_already_there(void **state)
{
    (void)state;
    bytes_add_str(&text, "{\"a\":1");
    w.comma = true;
    json_write_raw(&w, "b", span_str("{\"c\":[2]}"));
    json_write_str(&w, "d", "e");
    json_write_object_end(&w);
    is("{\"a\":1,\"b\":{\"c\":[2]},\"d\":\"e\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            commas_stand_between_values_and_nowhere_else, begin, end),
        cmocka_unit_test_setup_teardown(numbers_keep_all_their_digits, begin,
                                        end),
        cmocka_unit_test_setup_teardown(every_text_comes_back_from_a_parser,
                                        begin, end),
        cmocka_unit_test_setup_teardown(
            what_may_not_stand_in_a_string_is_escaped, begin, end),
        cmocka_unit_test_setup_teardown(
            members_can_follow_what_is_already_there, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
