#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/loopback.h"

static void localhost_and_what_is_below_it_are_this_machine(void **state)
{
    (void)state;
    assert_true(loopback_name("localhost"));
    assert_true(loopback_name("LocalHost"));
    assert_true(loopback_name("localhost."));
    assert_true(loopback_name("redis.localhost"));
}

static void other_names_are_not(void **state)
{
    static const char *const other[] = {
        "",           ".",          "local",         "notlocalhost",
        "localhost4", "localhost-", "localhost.com", "127.0.0.1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++)
        assert_false(loopback_name(other[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(localhost_and_what_is_below_it_are_this_machine),
        cmocka_unit_test(other_names_are_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
