#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/json/json.h"

static void members_are_read_by_kind(void **state)
{
    struct err err = {0};
    json_value *root = json_read(
        span_str("{\"t\":\"a\\u0062\",\"i\":7,\"d\":1.5,\"b\":true,\"n\":null,"
                 "\"o\":{},\"a\":[1,2]}"),
        &err);
    struct span text = {0};
    int64_t i = 0;
    double d = 0;
    bool b = false;

    (void)state;
    assert_non_null(root);
    assert_true(json_is_object(root));
    assert_true(json_text(json_member(root, "t"), &text));
    assert_true(span_is(text, "ab"));
    assert_true(json_int(json_member(root, "i"), &i));
    assert_int_equal(i, 7);
    assert_true(json_double(json_member(root, "d"), &d) && d == 1.5);
    assert_true(json_double(json_member(root, "i"), &d) && d == 7.0);
    assert_true(json_bool(json_member(root, "b"), &b) && b);
    assert_true(json_is_null(json_member(root, "n")));
    assert_int_equal(json_count(json_member(root, "o")), 0);
    assert_int_equal(json_count(json_member(root, "a")), 2);
    assert_true(json_int(json_item(json_member(root, "a"), 1), &i));
    assert_int_equal(i, 2);
    json_free(root);
}

static void what_is_absent_or_of_another_kind_is_not_read(void **state)
{
    json_value *root =
        json_read(span_str("{\"s\":\"1\",\"i\":1,\"d\":1.5}"), NULL);
    struct span text = span_str("kept");
    int64_t i = 42;
    double d = 42;
    bool b = true;

    (void)state;
    assert_false(json_text(json_member(root, "i"), &text));
    assert_false(json_int(json_member(root, "s"), &i));
    assert_false(json_int(json_member(root, "d"), &i));
    assert_false(json_double(json_member(root, "s"), &d));
    assert_false(json_bool(json_member(root, "i"), &b));
    assert_false(json_int(json_member(root, "none"), &i));
    assert_false(json_int(json_member(NULL, "none"), &i));
    assert_false(json_is_object(NULL) || json_is_array(NULL));
    assert_int_equal(json_count(NULL), 0);
    assert_null(json_item(root, 0));
    assert_true(span_is(text, "kept") && i == 42 && b);
    json_free(root);
    json_free(NULL);
}

static void members_keep_the_order_of_the_text(void **state)
{
    json_value *root = json_read(span_str("{\"z\":1,\"a\":2,\"m\":3}"), NULL);
    const char *key = NULL;

    (void)state;
    assert_non_null(json_member_at(root, 0, &key));
    assert_string_equal(key, "z");
    assert_non_null(json_member_at(root, 1, &key));
    assert_string_equal(key, "a");
    assert_non_null(json_member_at(root, 2, &key));
    assert_string_equal(key, "m");
    assert_null(json_member_at(root, 3, &key));
    json_free(root);
}

static void a_fault_says_where(void **state)
{
    struct err err = {0};

    (void)state;
    assert_null(json_read(span_str("{\"a\":1,\n\"a\":2}"), &err));
    assert_int_equal(err.code, ERR_INPUT);
    assert_non_null(strstr(err.text, "line 2 column"));
}

static void a_file_that_cannot_be_used_is_named(void **state)
{
    char path[] = "/tmp/tickwire-json-XXXXXX";
    int fd = mkstemp(path);
    struct err err = {0};
    json_value *root;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "{\"a\": [1}", 9), 9);
    assert_null(json_read_file(path, &err));
    assert_int_equal(err.code, ERR_CONFIG);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(pwrite(fd, "{\"a\":[1]}", 9, 0), 9);
    root = json_read_file(path, NULL);
    assert_non_null(root);
    json_free(root);
    close(fd);
    unlink(path);
    err = (struct err){0};
    assert_null(json_read_file(path, &err));
    assert_non_null(strstr(err.text, "No such file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_read_by_kind),
        cmocka_unit_test(what_is_absent_or_of_another_kind_is_not_read),
        cmocka_unit_test(members_keep_the_order_of_the_text),
        cmocka_unit_test(a_fault_says_where),
        cmocka_unit_test(a_file_that_cannot_be_used_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
