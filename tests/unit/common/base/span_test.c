#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/span.h"

static void a_number_is_digits_and_nothing_else(void **state)
{
    static const char *const other[] = {
        "", "-1", "+1", " 1", "1 ", "1a", "0x1", "12345678901234567890"};
    uint64_t n = 7;

    (void)state;
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++)
        assert_false(span_number(span_str(other[i]), SPAN_DIGITS_MAX, &n));
    assert_true(n == 7); /* untouched */
    assert_true(
        span_number(span_str("9999999999999999999"), SPAN_DIGITS_MAX, &n));
    assert_true(n == UINT64_C(9999999999999999999));
    assert_true(span_number(span_str("007"), SPAN_DIGITS_MAX, &n));
    assert_true(n == 7);
}

static void the_caller_says_how_long_a_number_may_be(void **state)
{
    uint64_t n;

    (void)state;
    assert_true(span_number(span_str("123"), 3, &n));
    assert_true(n == 123);
    assert_false(span_number(span_str("1234"), 3, &n));
    assert_true(
        span_number(span_make("1234", 2), 3, &n)); /* not past its end */
    assert_true(n == 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_digits_and_nothing_else),
        cmocka_unit_test(the_caller_says_how_long_a_number_may_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
