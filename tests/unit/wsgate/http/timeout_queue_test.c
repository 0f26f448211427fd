#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
/* after those */
#include <cmocka.h>

#include "wsgate/http/timeout_queue.h"

struct fixture {
    uv_loop_t loop;
    struct waits q;
    struct wait w[3];
};

/* Which waits were due, in order. */
static struct wait *due[8];
static unsigned n_due;

static void on_due(struct wait *w)
{
    due[n_due++] = w;
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
    waits_close(&f->q);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
}

static void what_waits_is_due_in_order(void **state)
{
    struct fixture *f = *state;

    waits_init(&f->q, &f->loop, 5);
    for (int i = 0; i < 3; i++)
        waits_add(&f->q, &f->w[i], on_due);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(n_due, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_ptr_equal(due[i], &f->w[i]);
    finish(f);
}

static void what_was_taken_out_is_never_due(void **state)
{
    struct fixture *f = *state;

    waits_init(&f->q, &f->loop, 5);
    for (int i = 0; i < 3; i++)
        waits_add(&f->q, &f->w[i], on_due);
    waits_remove(&f->w[1]);
    waits_remove(&f->w[1]);
    waits_remove(&f->w[0]);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(n_due, 1);
    assert_ptr_equal(due[0], &f->w[2]);
    finish(f);
}

static void closing_makes_everything_due(void **state)
{
    struct fixture *f = *state;

    waits_init(&f->q, &f->loop, 1000000);
    waits_add(&f->q, &f->w[0], on_due);
    waits_add(&f->q, &f->w[1], on_due);
    finish(f);
    assert_int_equal(n_due, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_waits_is_due_in_order, setup),
        cmocka_unit_test_setup(what_was_taken_out_is_never_due, setup),
        cmocka_unit_test_setup(closing_makes_everything_due, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
