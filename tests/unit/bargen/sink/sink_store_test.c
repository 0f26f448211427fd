#include "tests/unit/bargen/engine_world.h"

#include "bargen/sink/sink.h"
#include "common/base/clock.h"
#include "tests/unit/common/redis/fake_redis.h"

struct owner {
    struct fake fake;
    struct feed feed;
    struct sink sink;
    struct route_table *routes;
    unsigned ready, finished;
};

static struct owner o;

static void on_ready(void *arg)
{
    ((struct owner *)arg)->ready++;
}

static void on_down(void *arg, const char *why, bool refused)
{
    (void)arg;
    (void)refused;
    fail_msg("%s", why);
}

static void on_acked(void *arg)
{
    sink_flush(&((struct owner *)arg)->sink);
}

static void on_finished(void *arg)
{
    ((struct owner *)arg)->finished++;
}

static bool caught_up(const void *arg)
{
    (void)arg;
    return true;
}

static void on_bar(void *arg, struct symbol *sym, const struct resolution *r,
                   const struct bar *bar, enum bar_issue how)
{
    (void)arg;
    sink_bar(&o.sink, sym, r, bar, how);
}

/* No state is kept, so that the store is there when its link is. */
static void open_sink(void)
{
    static const char *const answers[] = {"+PONG\r\n", NULL};
    static const struct store_events events = {
        .on_ready = on_ready, .on_down = on_down, .on_acked = on_acked};
    struct sink_config config = {.caught_up = caught_up, .arg = &o};
    struct err err = {0};

    memset(&o, 0, sizeof o);
    fake_start(&o.fake, answers);
    feed_open(&o.feed, feed_config(), "1S");
    o.feed.engine.rules.sink = (struct bar_sink){on_bar, NULL};
    o.routes = route_table_new(NULL, &err);
    assert_non_null(o.routes);
    config.loop = &o.fake.loop;
    config.store = (struct store_options){
        .engine = &o.feed.engine,
        .redis = &o.fake.config,
        .outbox = {.prefix = span_str("p:"),
                   .route = route_of(o.routes, EVENT_BAR),
                   .history_max = 100}};
    sink_to_store(&o.sink, &config, &events);
}

static void close_sink(void)
{
    sink_close(&o.sink);
    fake_stop(&o.fake);
    feed_close(&o.feed);
    route_table_free(o.routes);
}

static void it_is_full_until_the_store_is_there(void **state)
{
    (void)state;
    open_sink();
    assert_true(sink_full(&o.sink));
    FAKE_RUN_UNTIL(&o.fake, o.ready);
    assert_false(sink_full(&o.sink));
    close_sink();
}

static void it_is_full_where_too_many_bars_wait(void **state)
{
    int64_t n = 0;

    (void)state;
    open_sink();
    FAKE_RUN_UNTIL(&o.fake, o.ready);
    while (!sink_full(&o.sink)) {
        assert_true(n < STORE_MAX_BYTES / 100);
        feed_trade(&o.feed, T0 + 1000 * n++, "10", "1", NULL);
    }
    assert_true(n > STORE_MAX_BYTES / 10000);
    close_sink();
}

/* The clock has been an hour behind until now, and no event says otherwise. */
static void while_the_clock_is_in_doubt_it_looks_now_and_then(void **state)
{
    int64_t wall_ns = clock_wall_ns();

    (void)state;
    open_sink();
    FAKE_RUN_UNTIL(&o.fake, o.ready);
    o.sink.wallwatch = (struct wallwatch){
        .ahead_ns = wall_ns - (int64_t)clock_mono_ns() - 3600 * NS_PER_SECOND,
        .looked = true};
    feed_live(&o.feed, wall_ns / NS_PER_MS - 1800000, "10", "1", "1");
    sink_flush(&o.sink);
    FAKE_RUN_UNTIL(&o.fake, o.sink.wallwatch.doubtful);
    /* A bar is due: it waits without turning in circles. */
    assert_true(engine_next_wake(&o.feed.engine) < wall_ns);
    assert_true(uv_timer_get_due_in(&o.sink.timer) > 0);
    assert_int_equal(o.feed.engine.counts.finals, 0);
    close_sink();
}

static void no_bar_is_closed_by_the_clock_once_it_finishes(void **state)
{
    (void)state;
    open_sink();
    FAKE_RUN_UNTIL(&o.fake, o.ready);
    feed_live(&o.feed, clock_wall_ms(), "10", "1", "1");
    sink_flush(&o.sink);
    assert_true(uv_is_active((uv_handle_t *)&o.sink.timer));
    sink_finish(&o.sink, on_finished, &o);
    sink_flush(&o.sink); /* as its owner does when something was acknowledged */
    assert_false(uv_is_active((uv_handle_t *)&o.sink.timer));
    close_sink();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_full_until_the_store_is_there),
        cmocka_unit_test(it_is_full_where_too_many_bars_wait),
        cmocka_unit_test(while_the_clock_is_in_doubt_it_looks_now_and_then),
        cmocka_unit_test(no_bar_is_closed_by_the_clock_once_it_finishes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
