#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "wsgate/fanout/type.h"

static void a_type_keeps_its_number(void **state)
{
    struct types t;
    uint16_t tick, trade;

    (void)state;
    types_init(&t);
    tick = type_of(&t, span_str("tick"));
    trade = type_of(&t, span_str("trade"));
    assert_int_not_equal(tick, 0);
    assert_int_not_equal(trade, 0);
    assert_int_not_equal(tick, trade);
    assert_int_equal(type_of(&t, span_str("tick")), tick);
    assert_true(span_is(type_name(&t, trade), "trade"));
}

static void no_name_and_one_that_is_too_long_are_the_nameless_type(void **state)
{
    struct types t;
    struct span longest = span_str("1234567890123456789012345678901");
    struct span more = span_str("12345678901234567890123456789012");

    (void)state;
    types_init(&t);
    assert_int_equal(longest.len, TYPE_NAME_MAX);
    assert_int_equal(type_of(&t, span_str("")), 0);
    assert_int_equal(type_of(&t, more), 0);
    assert_int_not_equal(type_of(&t, longest), 0);
    assert_int_equal(type_name(&t, 0).len, 0);
}

/* Whoever publishes chooses the types: there must be an end. */
static void one_type_too_many_is_the_nameless_type(void **state)
{
    struct types t;
    char name[16];

    (void)state;
    types_init(&t);
    for (int i = 1; i < TYPES_MAX; i++) {
        snprintf(name, sizeof name, "t%d", i);
        assert_int_equal(type_of(&t, span_str(name)), i);
    }
    assert_int_equal(type_of(&t, span_str("more")), 0);
    assert_int_equal(type_of(&t, span_str("t1")), 1);
    assert_int_equal(type_of(&t, span_str("t255")), 255);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_type_keeps_its_number),
        cmocka_unit_test(
            no_name_and_one_that_is_too_long_are_the_nameless_type),
        cmocka_unit_test(one_type_too_many_is_the_nameless_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
