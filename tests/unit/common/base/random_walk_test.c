#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/random_walk.h"

enum { STEPS = 100000 };

static void the_same_seed_walks_the_same_way(void **state)
{
    struct random_walk a = random_walk_start(100, 0.001), b = a, c = a;
    struct random ra = random_seeded(7), rb = ra, rc = random_seeded(8);

    (void)state;
    for (int i = 0; i < 1000; i++) {
        random_walk_step(&a, &ra, 1);
        random_walk_step(&b, &rb, 1);
        random_walk_step(&c, &rc, 1);
        assert_true(a.price == b.price);
    }
    assert_false(a.price == c.price);
}

/* Mean square of the returns. */
static double variance(double volatility, double seconds)
{
    struct random_walk w = random_walk_start(1e6, volatility);
    struct random r = random_seeded(3);
    double sum = 0;

    for (int i = 0; i < STEPS; i++) {
        double before = w.price;

        random_walk_step(&w, &r, seconds);
        sum += (w.price / before - 1) * (w.price / before - 1);
    }
    return sum / STEPS;
}

static void variance_grows_with_time_and_volatility(void **state)
{
    double one = variance(1e-4, 1);

    (void)state;
    /* The heat wanders between 0.2 and 4, round 1. */
    assert_true(one > 0.5e-8 && one < 2e-8);
    assert_true(variance(1e-4, 4) > 3.99 * one);
    assert_true(variance(1e-4, 4) < 4.01 * one);
    assert_true(variance(2e-4, 1) > 3.99 * one);
    assert_true(variance(1e-4, 0) == 0);
}

static void heat_and_price_stay_in_their_bounds(void **state)
{
    struct random_walk w = random_walk_start(3, 1);
    struct random r = random_seeded(5);
    double low = 1, high = 1;

    (void)state;
    for (int i = 0; i < STEPS; i++) {
        double before = w.price;

        random_walk_step(&w, &r, 1);
        assert_true(w.price >= 2 && w.price <= 1e12);
        assert_true(w.price <= before * 1.0500001);
        assert_true(w.price >= before * 0.9499999 || w.price == 2);
        low = w.heat < low ? w.heat : low;
        high = w.heat > high ? w.heat : high;
    }
    assert_true(low >= 0.2 && low < 0.7);
    assert_true(high <= 4 && high > 1.5);
    w.heat = 10;
    random_walk_step(&w, &r, 1);
    assert_true(w.heat == 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_walks_the_same_way),
        cmocka_unit_test(variance_grows_with_time_and_volatility),
        cmocka_unit_test(heat_and_price_stay_in_their_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
