#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/redis/redis_liveness.h"

static struct redis_liveness ready_at_1000(void)
{
    struct redis_liveness l = {.idle_ms = 3000, .patience_ms = 3000};

    redis_liveness_begin(&l, 1000);
    return l;
}

static void a_busy_link_is_never_pinged(void **state)
{
    struct redis_liveness l = ready_at_1000();

    (void)state;
    for (uint64_t now = 1000; now < 60000; now += 2900) {
        assert_false(redis_liveness_heard(&l, now));
        assert_int_equal(redis_liveness_step(&l, now + 2899),
                         REDIS_LIVENESS_WAIT);
        assert_int_equal(redis_liveness_due(&l, now + 2899), 101);
    }
}

static void silence_is_pinged_once_and_ends_the_link_after_6_s(void **state)
{
    struct redis_liveness l = ready_at_1000();

    (void)state;
    assert_int_equal(redis_liveness_step(&l, 3999), REDIS_LIVENESS_WAIT);
    assert_int_equal(redis_liveness_step(&l, 4000), REDIS_LIVENESS_PING);
    assert_int_equal(redis_liveness_due(&l, 4000), 3000);
    assert_int_equal(redis_liveness_step(&l, 6999), REDIS_LIVENESS_WAIT);
    assert_int_equal(redis_liveness_step(&l, 7000), REDIS_LIVENESS_GONE);
    assert_int_equal(redis_liveness_due(&l, 9000), 0);
}

static void any_byte_answers_a_ping(void **state)
{
    struct redis_liveness l = ready_at_1000();

    (void)state;
    assert_int_equal(redis_liveness_step(&l, 4000), REDIS_LIVENESS_PING);
    assert_true(redis_liveness_heard(&l, 6900));
    assert_int_equal(redis_liveness_step(&l, 7000), REDIS_LIVENESS_WAIT);
    assert_int_equal(redis_liveness_due(&l, 7000), 2900);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_busy_link_is_never_pinged),
        cmocka_unit_test(silence_is_pinged_once_and_ends_the_link_after_6_s),
        cmocka_unit_test(any_byte_answers_a_ping),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
