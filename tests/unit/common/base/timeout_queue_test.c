#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
/* after those */
#include <cmocka.h>

#include "common/base/timeout_queue.h"

struct fixture {
    uv_loop_t loop;
    struct timeout_queue q;
    struct timeout t[3];
};

/* Which were due, in order. */
static struct timeout *due[8];
static unsigned n_due;

static void on_due(struct timeout *t)
{
    due[n_due++] = t;
}

static int setup(void **state)
{
    static struct fixture f;

    f = (struct fixture){0};
    n_due = 0;
    assert_int_equal(uv_loop_init(&f.loop), 0);
    *state = &f;
    return 0;
}

static void finish(struct fixture *f)
{
    timeout_queue_close(&f->q);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
}

static void what_waits_is_due_in_order(void **state)
{
    struct fixture *f = *state;

    timeout_queue_init(&f->q, &f->loop, 5);
    for (int i = 0; i < 3; i++)
        timeout_queue_add(&f->q, &f->t[i], on_due);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(n_due, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_ptr_equal(due[i], &f->t[i]);
    finish(f);
}

static void what_was_taken_out_is_never_due(void **state)
{
    struct fixture *f = *state;

    timeout_queue_init(&f->q, &f->loop, 5);
    for (int i = 0; i < 3; i++)
        timeout_queue_add(&f->q, &f->t[i], on_due);
    timeout_queue_remove(&f->t[1]);
    timeout_queue_remove(&f->t[1]);
    timeout_queue_remove(&f->t[0]);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(n_due, 1);
    assert_ptr_equal(due[0], &f->t[2]);
    finish(f);
}

/* Its time runs from the second question on, not from the first. */
static void who_asks_later_is_due_later(void **state)
{
    struct fixture *f = *state;
    uint64_t asked_ms;

    timeout_queue_init(&f->q, &f->loop, 5);
    timeout_queue_add(&f->q, &f->t[0], on_due);
    asked_ms = uv_now(&f->loop);
    while (uv_now(&f->loop) == asked_ms)
        uv_run(&f->loop, UV_RUN_NOWAIT);
    asked_ms = uv_now(&f->loop);
    timeout_queue_add(&f->q, &f->t[1], on_due);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(n_due, 2);
    assert_ptr_equal(due[1], &f->t[1]);
    assert_true(uv_now(&f->loop) >= asked_ms + 5);
    finish(f);
}

static void closing_makes_everything_due(void **state)
{
    struct fixture *f = *state;

    timeout_queue_init(&f->q, &f->loop, 1000000);
    timeout_queue_add(&f->q, &f->t[0], on_due);
    timeout_queue_add(&f->q, &f->t[1], on_due);
    finish(f);
    assert_int_equal(n_due, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_waits_is_due_in_order, setup),
        cmocka_unit_test_setup(what_was_taken_out_is_never_due, setup),
        cmocka_unit_test_setup(who_asks_later_is_due_later, setup),
        cmocka_unit_test_setup(closing_makes_everything_due, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
