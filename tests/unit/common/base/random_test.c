#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/random.h"

enum { DRAWS = 200000 };

static void the_generator_is_xoshiro256(void **state)
{
    /* Of the reference program, from this state. */
    static const uint64_t expected[] = {
        11520,
        0,
        1509978240,
        UINT64_C(1215971899390074240),
        UINT64_C(1216172134540287360),
    };
    struct random r = {{1, 2, 3, 4}};

    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_int_equal(random_draw(&r), expected[i]);
}

static void a_seed_is_spread_by_splitmix64(void **state)
{
    struct random r = random_seeded(0);

    (void)state;
    assert_int_equal(r.state[0], UINT64_C(0xE220A8397B1DCDAF));
    assert_int_equal(r.state[1], UINT64_C(0x6E789E6AA1B965F4));
    assert_int_equal(r.state[2], UINT64_C(0x06C45D188009454F));
    assert_int_equal(r.state[3], UINT64_C(0xF88BB8A8724C81EC));
}

static void near(double x, double expected, double error)
{
    if (x < expected - error || x > expected + error)
        fail_msg("%g is not within %g of %g", x, error, expected);
}

static void deviates_have_their_mean_and_spread(void **state)
{
    double uniform = 0, normal = 0, squares = 0, exponential = 0;
    struct random r = random_seeded(1);
    unsigned chances = 0, beyond_one = 0;

    (void)state;
    for (int i = 0; i < DRAWS; i++) {
        double u = random_uniform(&r), n = random_normal(&r);
        double e = random_exponential(&r);

        assert_true(u >= 0 && u < 1 && n > -6 && n < 6 && e >= 0);
        uniform += u;
        normal += n;
        squares += n * n;
        exponential += e;
        beyond_one += e > 1;
        chances += random_chance(&r, 35);
    }
    near(uniform / DRAWS, 0.5, 0.005);
    near(normal / DRAWS, 0, 0.01);
    near(squares / DRAWS, 1, 0.02);
    near(exponential / DRAWS, 1, 0.01);
    near((double)beyond_one / DRAWS, 0.3679, 0.005); /* 1/e */
    near((double)chances / DRAWS, 0.35, 0.005);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_generator_is_xoshiro256),
        cmocka_unit_test(a_seed_is_spread_by_splitmix64),
        cmocka_unit_test(deviates_have_their_mean_and_spread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
