/*
 * What Redis means for start and end, with a link that the test plays: bounds
 * are read from the timer and then let run out at once, so nothing is waited
 * for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/app/app_redis.h"
#include "common/base/bytes.h"

#define URL "redis://me@127.0.0.1:6379/0"

struct toy {
    struct app app;
    struct app_options opts;
    struct app_redis redis;
    unsigned stops, without, ends;
    bool settled;
    bool waits; /* on_stop waits for what is on its way */
    bool patient;
    struct err err;
};

static const struct cli cli = {
    .tool = "toy", .synopsis = "", .summary = "", .common = app_option_table};

static void on_without(void *arg)
{
    struct toy *t = arg;

    t->without++;
}

static void on_end(void *arg, bool settled)
{
    struct toy *t = arg;

    t->ends++;
    t->settled = settled;
}

static void on_stop(void *arg)
{
    struct toy *t = arg;

    t->stops++;
    if (t->waits)
        app_redis_stop(&t->redis, t->patient, on_end, t);
    else
        app_redis_close(&t->redis);
}

static struct toy *start(bool require)
{
    struct toy *t = mem_zero(sizeof *t);

    t->opts = (struct app_options)APP_OPTIONS_DEFAULT;
    t->opts.require_redis = require;
    assert_true(app_init(&t->app, &cli, &t->opts, on_stop, t, &t->err));
    app_redis_open(&t->redis, &t->app, URL);
    return t;
}

/* Does a turn of the loop that does not wait. */
static void turn(struct toy *t)
{
    uv_run(&t->app.loop, UV_RUN_NOWAIT);
}

/* The bound that runs; 0: none.  It is over now. */
static uint64_t run_out(struct toy *t)
{
    uint64_t ms = uv_timer_get_due_in(&t->redis.timer);

    if (!uv_is_active((uv_handle_t *)&t->redis.timer))
        return 0;
    uv_timer_start(&t->redis.timer, t->redis.timer.timer_cb, 0, 0);
    turn(t);
    return ms;
}

static bool within(uint64_t ms, uint64_t bound)
{
    return ms <= bound && ms + 1000 > bound; /* some of it may have passed */
}

/* Runs to the end; the exit status. */
static int finish(struct toy *t)
{
    int status;

    app_stop(&t->app);
    app_run(&t->app, &t->err);
    status = (int)t->err.code;
    assert_int_equal(app_exit(&t->app, &t->err), status);
    assert_int_equal(t->stops, 1);
    return status;
}

static void a_refusal_before_the_first_connection_is_status_77(void **state)
{
    struct toy *t = start(false);

    (void)state;
    app_redis_down(&t->redis, "WRONGPASS invalid", true);
    assert_int_equal(finish(t), 77);
    assert_string_equal(t->err.text, URL " refused us: WRONGPASS invalid");
    free(t);
}

static void a_refusal_after_it_is_no_reason_to_end(void **state)
{
    struct toy *t = start(true);

    (void)state;
    assert_true(app_redis_up(&t->redis));
    app_redis_down(&t->redis, "WRONGPASS invalid", true);
    turn(t);
    assert_false(t->app.stopping);
    assert_int_equal(finish(t), 0);
    free(t);
}

static void a_required_redis_that_is_missing_is_status_69(void **state)
{
    struct toy *t = start(true);
    char why[] = "connection refused";

    (void)state;
    app_redis_down(&t->redis, why, false);
    why[0] = '?'; /* it was the link's */
    turn(t);
    assert_false(t->app.stopping);
    assert_true(within(run_out(t), APP_REDIS_REQUIRE_MS));
    assert_int_equal(finish(t), 69);
    assert_string_equal(t->err.text, URL " is not there (--require-redis): "
                                         "connection refused");
    free(t);
}

static void one_that_says_nothing_at_all_is_status_69_too(void **state)
{
    struct toy *t = start(true);

    (void)state;
    run_out(t);
    assert_int_equal(finish(t), 69);
    assert_string_equal(t->err.text,
                        URL " is not there (--require-redis): no answer");
    free(t);
}

static void once_there_nothing_is_required_any_more(void **state)
{
    struct toy *t = start(true);

    (void)state;
    app_redis_down(&t->redis, "connection refused", false);
    assert_false(t->redis.was_up);
    assert_true(app_redis_up(&t->redis));
    assert_true(t->redis.was_up);
    assert_int_equal(run_out(t), 0);
    app_redis_down(&t->redis, "connection reset", false);
    assert_false(app_redis_up(&t->redis)); /* again: not the first time */
    assert_int_equal(finish(t), 0);
    free(t);
}

static void not_required_it_is_waited_for_without_end(void **state)
{
    struct toy *t = start(false);

    (void)state;
    app_redis_down(&t->redis, "connection refused", false);
    assert_int_equal(run_out(t), 0);
    assert_int_equal(finish(t), 0);
    free(t);
}

static void work_without_it_begins_after_the_wait_and_once(void **state)
{
    struct toy *t = start(false);

    (void)state;
    app_redis_wait(&t->redis, 700, on_without, t);
    assert_true(within(run_out(t), 700));
    assert_int_equal(t->without, 1);
    app_redis_down(&t->redis, "connection refused", false);
    assert_int_equal(t->without, 1);
    assert_true(app_redis_up(&t->redis)); /* late, but there is work */
    assert_int_equal(finish(t), 0);
    free(t);
}

static void or_after_the_first_attempt_that_failed(void **state)
{
    struct toy *t = start(false);

    (void)state;
    app_redis_wait(&t->redis, 700, on_without, t);
    app_redis_down(&t->redis, "connection refused", false);
    assert_int_equal(t->without, 1);
    run_out(t);
    assert_int_equal(t->without, 1);
    assert_int_equal(finish(t), 0);
    free(t);
}

static void required_it_is_not_worked_without(void **state)
{
    struct toy *t = start(true);

    (void)state;
    app_redis_wait(&t->redis, 700, on_without, t);
    app_redis_down(&t->redis, "connection refused", false);
    assert_true(within(run_out(t), APP_REDIS_REQUIRE_MS));
    assert_int_equal(t->without, 0);
    assert_int_equal(finish(t), 69);
    free(t);
}

/* Stops, as a signal would; the bound of the stop runs. */
static struct toy *stopping(bool patient)
{
    struct toy *t = start(false);

    t->waits = true;
    t->patient = patient;
    app_redis_wait(&t->redis, 700, on_without, t);
    app_stop(&t->app);
    turn(t);
    assert_int_equal(t->stops, 1);
    assert_int_equal(t->ends, 0);
    return t;
}

static void a_stop_ends_when_everything_has_arrived(void **state)
{
    struct toy *t = stopping(true);

    (void)state;
    app_redis_down(&t->redis, "connection refused", false);
    assert_int_equal(t->without, 0); /* nothing begins any more */
    app_redis_settled(&t->redis);
    assert_int_equal(t->ends, 1);
    assert_true(t->settled);
    app_redis_settled(&t->redis);
    assert_int_equal(t->ends, 1);
    assert_int_equal(finish(t), 0);
    free(t);
}

static void or_when_its_time_is_over(void **state)
{
    struct toy *t = stopping(true);

    (void)state;
    assert_true(within(run_out(t), APP_REDIS_FLUSH_MS));
    assert_int_equal(t->ends, 1);
    assert_false(t->settled);
    app_redis_settled(&t->redis);
    assert_int_equal(t->ends, 1);
    assert_int_equal(finish(t), 0);
    free(t);
}

static void without_a_link_it_has_less_time(void **state)
{
    struct toy *t = stopping(false);

    (void)state;
    assert_true(within(run_out(t), APP_REDIS_NO_LINK_MS));
    assert_int_equal(t->ends, 1);
    assert_int_equal(finish(t), 0);
    free(t);
}

static void a_link_that_comes_during_the_stop_begins_nothing(void **state)
{
    struct toy *t = stopping(false);

    (void)state;
    assert_false(app_redis_up(&t->redis));
    app_redis_down(&t->redis, "connection reset", false);
    assert_int_equal(t->without, 0);
    /* and the stop is still bounded */
    assert_true(within(run_out(t), APP_REDIS_NO_LINK_MS));
    assert_int_equal(t->ends, 1);
    assert_int_equal(finish(t), 0);
    free(t);
}

/* Its argument is that of on_end by then. */
static void nothing_is_begun_without_it_once_it_stops(void **state)
{
    struct toy *t = stopping(true);

    (void)state;
    assert_null(t->redis.on_without);
    assert_int_equal(finish(t), 0);
    free(t);
    t = start(false);
    app_redis_wait(&t->redis, 700, on_without, t);
    app_redis_close(&t->redis);
    app_redis_down(&t->redis, "connection refused", false);
    assert_int_equal(t->without, 0);
    assert_int_equal(finish(t), 0);
    free(t);
}

static void health_has_one_word_for_it(void **state)
{
    (void)state;
    assert_string_equal(app_redis_word(true, false), "disabled");
    assert_string_equal(app_redis_word(false, true), "connected");
    assert_string_equal(app_redis_word(false, false), "disconnected");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_before_the_first_connection_is_status_77),
        cmocka_unit_test(a_refusal_after_it_is_no_reason_to_end),
        cmocka_unit_test(a_required_redis_that_is_missing_is_status_69),
        cmocka_unit_test(one_that_says_nothing_at_all_is_status_69_too),
        cmocka_unit_test(once_there_nothing_is_required_any_more),
        cmocka_unit_test(not_required_it_is_waited_for_without_end),
        cmocka_unit_test(work_without_it_begins_after_the_wait_and_once),
        cmocka_unit_test(or_after_the_first_attempt_that_failed),
        cmocka_unit_test(required_it_is_not_worked_without),
        cmocka_unit_test(a_stop_ends_when_everything_has_arrived),
        cmocka_unit_test(or_when_its_time_is_over),
        cmocka_unit_test(without_a_link_it_has_less_time),
        cmocka_unit_test(a_link_that_comes_during_the_stop_begins_nothing),
        cmocka_unit_test(nothing_is_begun_without_it_once_it_stops),
        cmocka_unit_test(health_has_one_word_for_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
