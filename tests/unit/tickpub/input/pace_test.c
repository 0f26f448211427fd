#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tickpub/input/pace.h"

#define MS INT64_C(1000000)
#define S (1000 * MS)

static void the_first_event_is_due_at_once(void **state)
{
    struct pace p;

    (void)state;
    assert_true(pace_parse(&p, "1", NULL));
    assert_int_equal(pace_wait_ns(&p, 1705575045123 * MS, 77 * S), 0);
}

static void spacing_is_kept(void **state)
{
    struct pace p;

    (void)state;
    assert_true(pace_parse(&p, "1", NULL));
    pace_wait_ns(&p, 100 * S, 5 * S);
    assert_int_equal(pace_wait_ns(&p, 103 * S, 5 * S), 3 * S);
    assert_int_equal(pace_wait_ns(&p, 103 * S, 7 * S), 1 * S);
    assert_int_equal(pace_wait_ns(&p, 103 * S, 9 * S), 0); /* late: now */
}

static void speed_divides_the_spacing(void **state)
{
    struct pace p;

    (void)state;
    assert_true(pace_parse(&p, "10", NULL));
    pace_wait_ns(&p, 100 * S, 0);
    assert_int_equal(pace_wait_ns(&p, 110 * S, 0), 1 * S);
    assert_true(pace_parse(&p, "0.5", NULL));
    pace_wait_ns(&p, 100 * S, 0);
    assert_int_equal(pace_wait_ns(&p, 101 * S, 0), 2 * S);
}

static void at_full_speed_nothing_waits(void **state)
{
    struct pace p;

    (void)state;
    assert_true(pace_parse(&p, "max", NULL));
    assert_int_equal(pace_wait_ns(&p, 1 * S, 0), 0);
    assert_int_equal(pace_wait_ns(&p, 1000 * S, 0), 0);
}

static void an_older_event_does_not_wait(void **state)
{
    struct pace p;

    (void)state;
    assert_true(pace_parse(&p, "1", NULL));
    pace_wait_ns(&p, 100 * S, 0);
    assert_int_equal(pace_wait_ns(&p, 90 * S, 0), 0);
}

static void a_hole_of_centuries_does_not_overflow(void **state)
{
    struct pace p;

    (void)state;
    assert_true(pace_parse(&p, "0.001", NULL));
    pace_wait_ns(&p, 1, 0);
    assert_true(pace_wait_ns(&p, INT64_MAX, 0) > 0);
}

static void what_is_no_speed_is_refused(void **state)
{
    static const char *const bad[] = {"",   "0",   "-1",  "fast",
                                      "1x", "nan", "inf", "1e9"};
    struct pace p;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct err err = {0};

        if (pace_parse(&p, bad[i], &err))
            fail_msg("'%s' was taken", bad[i]);
        assert_int_equal(err.code, ERR_USAGE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_event_is_due_at_once),
        cmocka_unit_test(spacing_is_kept),
        cmocka_unit_test(speed_divides_the_spacing),
        cmocka_unit_test(at_full_speed_nothing_waits),
        cmocka_unit_test(an_older_event_does_not_wait),
        cmocka_unit_test(a_hole_of_centuries_does_not_overflow),
        cmocka_unit_test(what_is_no_speed_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
