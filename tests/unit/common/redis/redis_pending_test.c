#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/redis/redis_pending.h"

static void first(void *arg, const struct redis_reply *r)
{
    (void)arg;
    (void)r;
}

static void second(void *arg, const struct redis_reply *r)
{
    (void)arg;
    (void)r;
}

static void waiters_leave_in_the_order_they_came(void **state)
{
    struct redis_pending p = {0};
    struct redis_waiter w;
    int a, b;

    (void)state;
    redis_pending_add(&p, first, &a, 1);
    redis_pending_add(&p, NULL, NULL, 2);
    redis_pending_add(&p, first, &b, 1);
    assert_int_equal(p.count, 4);
    assert_true(redis_pending_take(&p, &w) && w.fn == first && w.arg == &a);
    assert_true(redis_pending_take(&p, &w) && !w.fn);
    assert_true(redis_pending_take(&p, &w) && !w.fn);
    assert_true(redis_pending_take(&p, &w) && w.arg == &b);
    assert_false(redis_pending_take(&p, &w));
    assert_int_equal(p.count, 0);
    redis_pending_close(&p);
}

static void a_million_that_nobody_waits_for_cost_one_entry(void **state)
{
    struct redis_pending p = {0};
    struct redis_waiter w;

    (void)state;
    for (int i = 0; i < 1000000; i++)
        redis_pending_add(&p, NULL, NULL, 1);
    redis_pending_add(&p, NULL, NULL, 0);
    assert_int_equal(p.runs, 1);
    assert_int_equal(p.count, 1000000);
    for (int i = 0; i < 1000000; i++)
        assert_true(redis_pending_take(&p, &w));
    assert_false(redis_pending_take(&p, &w));
    redis_pending_close(&p);
}

static void the_ring_grows_while_it_is_wrapped(void **state)
{
    struct redis_pending p = {0};
    struct redis_waiter w;
    static char arg[4096];
    size_t in = 0, out = 0;

    (void)state;
    for (int round = 0; round < 40; round++) {
        for (int i = 0; i < 100; i++, in++)
            redis_pending_add(&p, in % 2 ? first : second, &arg[in], 1);
        for (int i = 0; i < 60; i++, out++) {
            assert_true(redis_pending_take(&p, &w));
            assert_ptr_equal(w.arg, &arg[out]);
            assert_true(w.fn == (out % 2 ? first : second));
        }
    }
    while (redis_pending_take(&p, &w))
        assert_ptr_equal(w.arg, &arg[out++]);
    assert_int_equal(in, out);
    redis_pending_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waiters_leave_in_the_order_they_came),
        cmocka_unit_test(a_million_that_nobody_waits_for_cost_one_entry),
        cmocka_unit_test(the_ring_grows_while_it_is_wrapped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
