#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bargen/core/id_steps.h"

static void give(struct id_steps *s, unsigned n, int jumps, int longs)
{
    for (unsigned i = 0; i < n; i++) {
        id_steps_add(s, jumps, longs);
        id_steps_judge(s);
    }
}

static void sixteen_ids_in_a_row_are_contiguous(void **state)
{
    struct id_steps s = {.n = 0};

    (void)state;
    give(&s, 14, 0, 0);
    assert_false(s.contiguous);
    give(&s, 1, 0, 0);
    assert_true(s.contiguous);
}

static void more_than_half_of_the_steps_must_be_one(void **state)
{
    struct id_steps s = {.n = 0};

    (void)state;
    give(&s, 50, 1, 0);
    give(&s, 50, 0, 0);
    assert_false(s.contiguous);
    give(&s, 1, 0, 0);
    assert_true(s.contiguous);
    /* And a quarter as long as they are: 51 of 204. */
    give(&s, 103, 1, 0);
    assert_true(s.contiguous);
    give(&s, 1, 1, 0);
    assert_false(s.contiguous);
}

/* Runs of six, far apart: other symbols have the numbers between. */
static void runs_with_long_steps_between_are_not_contiguous(void **state)
{
    struct id_steps s = {.n = 0};

    (void)state;
    for (int i = 0; i < 1000; i++) {
        give(&s, 5, 0, 0);
        give(&s, 1, 1, 1);
        assert_false(s.contiguous);
    }
}

static void one_long_step_in_sixteen_is_a_loss(void **state)
{
    struct id_steps s = {.n = 0};

    (void)state;
    give(&s, 15, 1, 1);
    give(&s, 224, 0, 0);
    assert_false(s.contiguous);
    give(&s, 1, 0, 0);
    assert_true(s.contiguous);
    give(&s, 60, 1, 1); /* 75 of 300 */
    assert_true(s.contiguous);
    give(&s, 1, 1, 1);
    assert_false(s.contiguous);
}

static void a_feed_that_changes_its_ids_is_found_out(void **state)
{
    struct id_steps s = {.n = 0};

    (void)state;
    give(&s, 20, 0, 0);
    s.n = 100000000;
    assert_true(s.contiguous);
    give(&s, 3 * ID_STEPS_MAX, 1, 1);
    assert_false(s.contiguous);
    assert_true(s.n <= ID_STEPS_MAX && s.jumps <= s.n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sixteen_ids_in_a_row_are_contiguous),
        cmocka_unit_test(more_than_half_of_the_steps_must_be_one),
        cmocka_unit_test(runs_with_long_steps_between_are_not_contiguous),
        cmocka_unit_test(one_long_step_in_sixteen_is_a_loss),
        cmocka_unit_test(a_feed_that_changes_its_ids_is_found_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
