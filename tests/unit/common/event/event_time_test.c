#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/event/event_time.h"

static void the_column_is_where_the_value_begins(void **state)
{
    (void)state;
    assert_int_equal(event_time_column(span_str("{\"time\":17}")), 9);
    assert_int_equal(event_time_column(span_str("{\"a\":1, \"time\" :\t17}")),
                     18);
}

static void where_there_is_none_there_is_no_column(void **state)
{
    (void)state;
    assert_int_equal(event_time_column(span_str("{\"timestamp\":17}")), 0);
    assert_int_equal(event_time_column(span_str("")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_column_is_where_the_value_begins),
        cmocka_unit_test(where_there_is_none_there_is_no_column),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
