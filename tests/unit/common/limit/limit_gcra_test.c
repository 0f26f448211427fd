#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/limit/limit_gcra.h"

static uint64_t random_state = 11;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void a_full_bucket_admits_the_limit_at_once_and_no_more(void **state)
{
    struct limit_gcra g = {0};
    struct limit limit;
    int allowed = 0;

    (void)state;
    /* A window that three does not divide: nothing may be lost to rounding. */
    assert_true(limit_make(3, 1000000, &limit));
    for (int i = 0; i < 10; i++)
        allowed += limit_gcra_ask(&g, &limit, 77, 1, LIMIT_CHECK).allowed;
    assert_int_equal(allowed, 3);
}

static void it_admits_the_average_and_at_most_twice_in_a_window(void **state)
{
    struct limit_gcra g = {0};
    struct limit limit;
    int64_t at[400] = {0}, clock_us = 0;
    unsigned n = 0;

    (void)state;
    assert_true(limit_make(200, 1000000, &limit));
    for (int i = 0; i < 400000; i++) {
        clock_us += (int64_t)(next_random() % 500);
        if (!limit_gcra_ask(&g, &limit, clock_us, 1, LIMIT_CHECK).allowed)
            continue;
        if (n >= 400)
            assert_true(at[n % 400] <= clock_us - 1000000);
        at[n++ % 400] = clock_us;
    }
    /* 200 in a second, and the first bucket. */
    assert_in_range(n, clock_us / 5000, clock_us / 5000 + 201);
}

static void who_waits_for_retry_after_is_admitted(void **state)
{
    struct limit_gcra g = {0};
    struct limit limit;
    int64_t clock_us = 5;

    (void)state;
    assert_true(limit_make(7, 100000, &limit));
    for (int i = 0; i < 100000; i++) {
        int64_t cost = 1 + (int64_t)(next_random() % 7);
        struct verdict v;
        clock_us += (int64_t)(next_random() % 20000);
        v = limit_gcra_ask(&g, &limit, clock_us, cost, LIMIT_CHECK);
        if (v.allowed)
            continue;
        assert_false(limit_gcra_ask(&g, &limit,
                                    clock_us + (v.retry_after_ms - 1) * 1000,
                                    cost, LIMIT_PEEK)
                         .allowed);
        clock_us += v.retry_after_ms * 1000;
        assert_true(
            limit_gcra_ask(&g, &limit, clock_us, cost, LIMIT_CHECK).allowed);
    }
}

static void a_clock_that_steps_back_gives_nothing_away(void **state)
{
    struct limit_gcra g = {0};
    struct limit limit;

    (void)state;
    assert_true(limit_make(10, 1000000, &limit));
    assert_true(limit_gcra_ask(&g, &limit, 5000000, 10, LIMIT_CHECK).allowed);
    assert_false(limit_gcra_ask(&g, &limit, 4000000, 1, LIMIT_CHECK).allowed);
    assert_false(limit_gcra_ask(&g, &limit, 5000001, 1, LIMIT_CHECK).allowed);
    assert_true(limit_gcra_ask(&g, &limit, 5100000, 1, LIMIT_CHECK).allowed);
}

static void numbers_that_cannot_be_counted_exactly_are_refused(void **state)
{
    struct limit limit;

    (void)state;
    assert_true(limit_make(1000000, INT64_C(86400000000), &limit));
    assert_false(limit_make(999983, INT64_C(86400000000), &limit));
}

static void a_reset_gives_the_whole_limit_back(void **state)
{
    struct limit_gcra g = {0};
    struct verdict v;
    struct limit limit;

    (void)state;
    assert_true(limit_make(10, 1000000, &limit));
    assert_true(limit_gcra_ask(&g, &limit, 5, 10, LIMIT_CHECK).allowed);
    v = limit_gcra_ask(&g, &limit, 6, 1, LIMIT_RESET);
    assert_true(v.allowed);
    assert_int_equal(v.remaining, 10);
    assert_int_equal(v.reset_ms, 0);
    assert_true(limit_gcra_ask(&g, &limit, 7, 10, LIMIT_CHECK).allowed);
}

static void more_than_the_limit_is_never_allowed(void **state)
{
    struct limit_gcra g = {0};
    struct verdict v;
    struct limit limit;

    (void)state;
    assert_true(limit_make(10, 1000000, &limit));
    v = limit_gcra_ask(&g, &limit, 5, 11, LIMIT_CHECK);
    assert_false(v.allowed);
    assert_int_equal(v.retry_after_ms, LIMIT_NEVER);
    assert_int_equal(v.remaining, 10);
}

/* What was taken under the higher limit is one full bucket of the lower. */
static void a_lowered_limit_is_paid_off_within_one_window(void **state)
{
    struct limit_gcra g = {0};
    struct verdict v;
    struct limit limit;

    (void)state;
    assert_true(limit_make(100, 10000000, &limit));
    assert_true(limit_gcra_ask(&g, &limit, 5, 100, LIMIT_CHECK).allowed);
    assert_true(limit_make(10, 1000000, &limit));
    v = limit_gcra_ask(&g, &limit, 6, 1, LIMIT_CHECK);
    assert_false(v.allowed);
    assert_int_equal(v.remaining, 0);
    assert_in_range(v.reset_ms, 1, 1000);
    assert_true(limit_gcra_ask(&g, &limit, 1000006, 10, LIMIT_CHECK).allowed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_bucket_admits_the_limit_at_once_and_no_more),
        cmocka_unit_test(it_admits_the_average_and_at_most_twice_in_a_window),
        cmocka_unit_test(who_waits_for_retry_after_is_admitted),
        cmocka_unit_test(a_clock_that_steps_back_gives_nothing_away),
        cmocka_unit_test(numbers_that_cannot_be_counted_exactly_are_refused),
        cmocka_unit_test(a_reset_gives_the_whole_limit_back),
        cmocka_unit_test(more_than_the_limit_is_never_allowed),
        cmocka_unit_test(a_lowered_limit_is_paid_off_within_one_window),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
