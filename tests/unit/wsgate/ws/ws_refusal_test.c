#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "wsgate/ws/ws_refusal.h"

static void
a_reason_has_one_line_in_ten_seconds_and_the_next_counts(void **state)
{
    struct ws_refusals r = {0};
    uint64_t held = 99;

    (void)state;
    assert_true(ws_refusal_may_log(&r, WS_REFUSAL_ORIGIN, 5000, &held));
    assert_int_equal(held, 0);
    for (int i = 0; i < 7; i++)
        assert_false(ws_refusal_may_log(&r, WS_REFUSAL_ORIGIN,
                                        5000 + (uint64_t)i, &held));
    assert_false(ws_refusal_may_log(&r, WS_REFUSAL_ORIGIN, 14999, &held));
    /* Another reason has its own. */
    assert_true(ws_refusal_may_log(&r, WS_REFUSAL_HOST, 5001, &held));
    assert_int_equal(held, 0);
    assert_true(ws_refusal_may_log(&r, WS_REFUSAL_ORIGIN, 15000, &held));
    assert_int_equal(held, 8);
    assert_false(ws_refusal_may_log(&r, WS_REFUSAL_ORIGIN, 15001, &held));
    assert_true(ws_refusal_may_log(&r, WS_REFUSAL_ORIGIN, 99999, &held));
    assert_int_equal(held, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_reason_has_one_line_in_ten_seconds_and_the_next_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
