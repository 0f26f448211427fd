#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/countdown.h"

static void count(void *arg)
{
    ++*(int *)arg;
}

static void the_last_part_calls_back_and_no_other(void **state)
{
    struct countdown c;
    int calls = 0;

    (void)state;
    countdown_start(&c, count, &calls);
    countdown_add(&c);
    countdown_add(&c);
    countdown_done(&c);
    countdown_done(&c);
    assert_int_equal(calls, 0);
    countdown_done(&c);
    assert_int_equal(calls, 1);
}

static void a_part_that_finishes_at_once_does_not_end_it(void **state)
{
    struct countdown c;
    int calls = 0;

    (void)state;
    countdown_start(&c, count, &calls);
    countdown_add(&c);
    countdown_done(&c); /* within the call that closes it */
    assert_int_equal(calls, 0);
    countdown_add(&c);
    countdown_done(&c);
    countdown_done(&c);
    assert_int_equal(calls, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_part_calls_back_and_no_other),
        cmocka_unit_test(a_part_that_finishes_at_once_does_not_end_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
