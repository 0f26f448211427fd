#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ratelimitd/redis/function_library.h"
#include "ratelimitd/redis/function_text.h"

static enum function_library_state state_of(const char *theirs)
{
    return function_library_state(span_str(theirs),
                                  span_str("-- ours\nlocal VERSION = 7\n"));
}

static void the_version_decides_and_then_the_text(void **state)
{
    (void)state;
    assert_int_equal(state_of("-- ours\nlocal VERSION = 7\n"), FUNCTION_SAME);
    assert_int_equal(state_of("-- edited\nlocal VERSION = 7\n"),
                     FUNCTION_STALE);
    assert_int_equal(state_of("local VERSION = 6\n"), FUNCTION_STALE);
    assert_int_equal(state_of("local VERSION = 8\n"), FUNCTION_NEWER);
    assert_int_equal(state_of("local VERSION = 10\n"), FUNCTION_NEWER);
    assert_int_equal(state_of("return 1"), FUNCTION_STALE);
    assert_int_equal(state_of(""), FUNCTION_STALE);
}

static void a_version_is_a_number_of_bounded_length(void **state)
{
    (void)state;
    assert_int_equal(function_library_version(span_make(NULL, 0)), 0);
    assert_int_equal(function_library_version(span_str("local VERSION = ")), 0);
    assert_int_equal(function_library_version(span_str("local VERSION = x")),
                     0);
    assert_true(function_library_version(span_str(
                    "local VERSION = 99999999999999999999999")) > 1000000);
    assert_true(function_library_version(
                    span_make(function_text, function_text_len)) >= 2);
}

static void the_code_is_found_in_the_answer_to_function_list(void **state)
{
    struct redis_reply text[] = {
        {.type = REDIS_STRING, .str = span_str("library_name")},
        {.type = REDIS_STRING, .str = span_str("library_code")},
        {.type = REDIS_STRING, .str = span_str("library_code")},
        {.type = REDIS_STRING, .str = span_str("code")},
    };
    struct redis_reply library = {
        .type = REDIS_ARRAY, .item = text, .count = 4};
    struct redis_reply list = {
        .type = REDIS_ARRAY, .item = &library, .count = 1};
    struct redis_reply none = {.type = REDIS_ARRAY};
    struct redis_reply odd = {.type = REDIS_STRING, .str = span_str("x")};

    (void)state;
    assert_true(span_is(function_library_code(&list), "code"));
    library.count = 3; /* a name without its value */
    assert_int_equal(function_library_code(&list).len, 0);
    assert_int_equal(function_library_code(&none).len, 0);
    assert_int_equal(function_library_code(&odd).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_version_decides_and_then_the_text),
        cmocka_unit_test(a_version_is_a_number_of_bounded_length),
        cmocka_unit_test(the_code_is_found_in_the_answer_to_function_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
