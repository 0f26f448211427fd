#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/redis/redis_backoff.h"

static int64_t ceiling_after(struct redis_backoff b, unsigned n)
{
    int64_t most = 0;

    b.n = n;
    for (uint64_t r = 0; r < 5000; r++) {
        struct redis_backoff one = b;
        int64_t ms = redis_backoff_next(&one, r);

        if (ms > most)
            most = ms;
        assert_true(ms >= 0);
    }
    return most;
}

static void the_ceiling_doubles_up_to_the_most(void **state)
{
    struct redis_backoff b = {.base_ms = 50, .max_ms = 2000};

    (void)state;
    assert_int_equal(ceiling_after(b, 0), 50);
    assert_int_equal(ceiling_after(b, 1), 100);
    assert_int_equal(ceiling_after(b, 5), 1600);
    assert_int_equal(ceiling_after(b, 6), 2000);
    assert_int_equal(ceiling_after(b, 4000000000U), 2000);
}

static void growth_stops_after_the_steps_allowed(void **state)
{
    struct redis_backoff b = {.base_ms = 50, .max_ms = 2000, .steps = 2};

    (void)state;
    assert_int_equal(ceiling_after(b, 1), 100);
    assert_int_equal(ceiling_after(b, 2), 200);
    assert_int_equal(ceiling_after(b, 9), 200);
}

static void each_wait_counts_until_a_reset(void **state)
{
    struct redis_backoff b = {.base_ms = 50, .max_ms = 2000};

    (void)state;
    redis_backoff_next(&b, 1);
    redis_backoff_next(&b, 1);
    assert_int_equal(b.n, 2);
    b.n = 0;
    assert_int_equal(ceiling_after(b, b.n), 50);
}

static void random_numbers_differ(void **state)
{
    (void)state;
    assert_true(redis_backoff_random() != redis_backoff_random());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ceiling_doubles_up_to_the_most),
        cmocka_unit_test(growth_stops_after_the_steps_allowed),
        cmocka_unit_test(each_wait_counts_until_a_reset),
        cmocka_unit_test(random_numbers_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
