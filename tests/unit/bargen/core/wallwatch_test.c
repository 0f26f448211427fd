#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "bargen/core/wallwatch.h"

#define S INT64_C(1000000000)
#define WALL (INT64_C(1756684800) * S)

static int64_t given(const void *arg)
{
    return *(const int64_t *)arg;
}

/* Seconds since the beginning, and how far the time of day is wrong. */
static bool look(struct wallwatch *w, int64_t at_s, int64_t wrong_s,
                 int64_t newest_s)
{
    int64_t newest_ns = WALL + newest_s * S;

    return wallwatch_look(w, WALL + (at_s + wrong_s) * S, 5000 * S + at_s * S,
                          given, &newest_ns);
}

static void a_clock_that_is_wrong_for_two_seconds_closes_nothing(void **state)
{
    struct wallwatch w = {0};

    (void)state;
    assert_true(look(&w, 0, 0, 0));
    assert_true(look(&w, 1, 0, 1));
    assert_false(look(&w, 2, 7200, 2));
    assert_false(look(&w, 3, 7200, 3));
    assert_true(look(&w, 4, 0, 4));
    assert_true(look(&w, 5, 0, 4));
}

static void a_jump_that_events_confirm_is_believed(void **state)
{
    struct wallwatch w = {0};

    (void)state;
    assert_true(look(&w, 0, 0, 0));
    assert_false(look(&w, 1, 7200, 1));
    assert_true(look(&w, 2, 7200, 7202));
    assert_true(look(&w, 3, 7200, 1));
    /* A short one: events of before it confirm nothing. */
    assert_false(look(&w, 4, 7210, 7203));
    assert_true(look(&w, 5, 7210, 7215));
}

static void a_jump_that_stays_is_believed_after_a_minute(void **state)
{
    struct wallwatch w = {0};

    (void)state;
    assert_true(look(&w, 0, 0, 0));
    for (int64_t s = 1; s < 61; s++)
        assert_false(look(&w, s, 3600, s));
    assert_true(look(&w, 61, 3600, 61));
    assert_true(look(&w, 62, 3600, 62));
}

static void drift_and_steps_back_raise_no_doubt(void **state)
{
    struct wallwatch w = {0};

    (void)state;
    for (int64_t s = 0; s < 1000; s++)
        assert_true(look(&w, s, s, 0));
    assert_true(look(&w, 1000, -500, 0));
    assert_false(look(&w, 1001, 0, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_that_is_wrong_for_two_seconds_closes_nothing),
        cmocka_unit_test(a_jump_that_events_confirm_is_believed),
        cmocka_unit_test(a_jump_that_stays_is_believed_after_a_minute),
        cmocka_unit_test(drift_and_steps_back_raise_no_doubt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
