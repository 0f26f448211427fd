#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/quantity.h"

static void durations_and_sizes_do_not_overflow(void **state)
{
    int64_t n;

    (void)state;
    assert_true(quantity_duration("0", &n));
    assert_int_equal(n, 0);
    assert_true(quantity_duration("1d", &n));
    assert_int_equal(n, 86400000);
    assert_false(quantity_duration("9223372036854775807s", &n));
    assert_false(quantity_duration("-5s", &n));
    assert_false(quantity_duration("5 s", &n));
    assert_false(quantity_duration("", &n));
    assert_true(quantity_size("10", &n));
    assert_true(quantity_size("1GiB", &n));
    assert_int_equal(n, 1 << 30);
    assert_false(quantity_size("9223372036854775807K", &n));
}

static void what_is_refused_changes_nothing(void **state)
{
    int64_t n = 7;

    (void)state;
    assert_false(quantity_duration("10", &n)); /* of what? */
    assert_false(quantity_duration("10KiB", &n));
    assert_false(quantity_size("10s", &n));
    assert_false(quantity_size("", &n));
    assert_int_equal(n, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_and_sizes_do_not_overflow),
        cmocka_unit_test(what_is_refused_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
