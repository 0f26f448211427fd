#include "tests/unit/bargen/engine_world.h"

#include <fcntl.h>
#include <unistd.h>

#include "bargen/sink/sink.h"
#include "common/base/clock.h"

struct owner {
    struct app app; /* of its own, only the loop */
    uv_timer_t guard;
    struct feed feed;
    struct sink sink;
    int reader;
    struct bytes got;
    unsigned rooms, finished;
    bool caught_up;
};

static struct owner o;

static void on_room(void *arg)
{
    ((struct owner *)arg)->rooms++;
}

static void on_finished(void *arg)
{
    ((struct owner *)arg)->finished++;
}

static bool caught_up(const void *arg)
{
    return ((const struct owner *)arg)->caught_up;
}

static void on_bar(void *arg, struct symbol *sym, const struct resolution *r,
                   const struct bar *bar, enum bar_issue how)
{
    (void)arg;
    sink_bar(&o.sink, sym, r, bar, how);
}

static void on_guard(uv_timer_t *t)
{
    (void)t;
    fail_msg("the test takes too long");
}

static void open_sink(bool final_only, int64_t throttle_ms)
{
    struct tee *out;
    struct sink_config config = {
        .loop = &o.app.loop,
        .store = {.engine = &o.feed.engine,
                  .outbox = {.updates = !final_only},
                  .throttle_ms = throttle_ms},
        .caught_up = caught_up,
        .arg = &o,
    };
    struct err err = {0};
    int fds[2];

    memset(&o, 0, sizeof o);
    o.caught_up = true;
    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    o.reader = fds[0];
    uv_loop_init(&o.app.loop);
    uv_timer_init(&o.app.loop, &o.guard);
    uv_timer_start(&o.guard, on_guard, 20000, 0);
    feed_open(&o.feed, feed_config(), "1S");
    o.feed.engine.rules.sink = (struct bar_sink){on_bar, NULL};
    o.app.stopping = true; /* a loss is noted, and there is nothing to stop */
    out = tee_new(&o.app, fds[1], on_room, &o, &err);
    assert_non_null(out);
    sink_to_output(&o.sink, &config, out);
}

static void read_all(void)
{
    ssize_t n;

    do {
        bytes_reserve(&o.got, 4096);
        n = read(o.reader, o.got.ptr + o.got.len, 4096);
        o.got.len += n > 0 ? (size_t)n : 0;
    } while (n > 0);
}

/* What the reader has seen, as text. */
static const char *seen(void)
{
    for (int i = 0; i < 10; i++)
        uv_run(&o.app.loop, UV_RUN_NOWAIT);
    read_all();
    bytes_add(&o.got, "", 1);
    o.got.len--;
    return o.got.ptr;
}

static void close_sink(void)
{
    sink_close(&o.sink);
    uv_unref((uv_handle_t *)&o.guard);
    while (uv_run(&o.app.loop, UV_RUN_NOWAIT))
        read_all();
    uv_close((uv_handle_t *)&o.guard, NULL);
    uv_run(&o.app.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&o.app.loop), 0);
    assert_int_equal(o.app.failure.code, 0);
    feed_close(&o.feed);
    bytes_close(&o.got);
    close(o.reader);
}

static unsigned count(const char *text, const char *what)
{
    unsigned n = 0;

    for (const char *at = text; (at = strstr(at, what)); at++)
        n++;
    return n;
}

static void updates_are_throttled_but_a_new_bar_is_not(void **state)
{
    (void)state;
    open_sink(false, 60000);
    feed_trade(&o.feed, T0, "10", "1", "1");
    sink_flush(&o.sink);
    assert_int_equal(count(seen(), "\"count\":1,"), 1);
    feed_trade(&o.feed, T0 + 1, "11", "1", "2");
    sink_flush(&o.sink);
    assert_int_equal(count(seen(), "\n"), 1);
    /* A bar was issued and another started. */
    feed_trade(&o.feed, T0 + 1300, "12", "1", "3");
    sink_flush(&o.sink);
    assert_int_equal(count(seen(), "\"count\":2,"), 1);
    assert_int_equal(count(seen(), "\"close\":12,"), 1);
    close_sink();
}

static void what_waits_for_the_throttle_leaves_by_itself(void **state)
{
    (void)state;
    open_sink(false, 20);
    feed_trade(&o.feed, T0, "10", "1", "1");
    sink_flush(&o.sink);
    feed_trade(&o.feed, T0 + 1, "11", "1", "2");
    sink_flush(&o.sink);
    while (count(seen(), "\"count\":2,") == 0)
        uv_run(&o.app.loop, UV_RUN_ONCE);
    close_sink();
}

static void
open_bars_are_left_out_where_only_final_ones_are_wanted(void **state)
{
    (void)state;
    open_sink(true, 0);
    feed_trade(&o.feed, T0, "10", "1", "1");
    sink_flush(&o.sink);
    assert_int_equal(count(seen(), "\n"), 0);
    feed_trade(&o.feed, T0 + 2000, "11", "1", "2");
    sink_flush(&o.sink);
    assert_int_equal(count(seen(), "\"final\":true"), 1);
    assert_int_equal(count(seen(), "\n"), 1);
    close_sink();
}

static void a_line_stands_before_the_bars_that_it_completes(void **state)
{
    const char *text;

    (void)state;
    open_sink(true, 0);
    assert_false(tee_line(o.sink.out, span_str("first")));
    feed_trade(&o.feed, T0, "10", "1", "1");
    assert_false(tee_line(o.sink.out, span_str("second")));
    feed_trade(&o.feed, T0 + 2000, "11", "1", "2");
    sink_flush(&o.sink);
    text = seen();
    assert_int_equal(strncmp(text, "first\nsecond\n{", 14), 0);
    assert_int_equal(count(text, "\n"), 3);
    close_sink();
}

static void the_clock_closes_bars_of_a_live_symbol(void **state)
{
    int64_t now_ms = clock_wall_ms();

    (void)state;
    open_sink(true, 0);
    feed_live(&o.feed, now_ms, "10", "1", "1");
    sink_flush(&o.sink);
    while (count(seen(), "\"final\":true") == 0)
        uv_run(&o.app.loop, UV_RUN_ONCE);
    assert_true(clock_wall_ms() >= (now_ms / 1000 + 1) * 1000);
    close_sink();
}

static void it_closes_none_while_something_waits_in_the_source(void **state)
{
    int64_t now_ms = clock_wall_ms() - 10000;

    (void)state;
    open_sink(true, 0);
    o.caught_up = false;
    feed_live(&o.feed, now_ms, "10", "1", "1");
    sink_flush(&o.sink);
    /* It looks again in a second: once is enough to see. */
    uv_run(&o.app.loop, UV_RUN_ONCE);
    uv_run(&o.app.loop, UV_RUN_ONCE);
    assert_int_equal(count(seen(), "\n"), 0);
    o.caught_up = true;
    sink_flush(&o.sink);
    while (count(seen(), "\"final\":true") == 0)
        uv_run(&o.app.loop, UV_RUN_ONCE);
    close_sink();
}

static void a_reader_that_is_slow_makes_it_full(void **state)
{
    static char line[1000];
    unsigned looks = 0;

    (void)state;
    memset(line, 'x', sizeof line);
    open_sink(true, 0);
    do {
        while (!tee_line(o.sink.out, span_make(line, sizeof line)))
            ;
        assert_true(looks++ < 100);
    } while (!sink_full(&o.sink));
    assert_true(looks > 10);
    while (o.rooms == 0) {
        uv_run(&o.app.loop, UV_RUN_NOWAIT);
        read_all();
    }
    assert_false(sink_full(&o.sink));
    close_sink();
}

static void it_has_finished_when_the_reader_has_all(void **state)
{
    static char line[1000];

    (void)state;
    memset(line, 'x', sizeof line);
    open_sink(true, 0);
    for (int i = 0; i < 500; i++)
        tee_line(o.sink.out, span_make(line, sizeof line));
    sink_finish(&o.sink, on_finished, &o);
    for (int i = 0; i < 20; i++)
        uv_run(&o.app.loop, UV_RUN_NOWAIT);
    assert_int_equal(o.finished, 0); /* a pipe holds less */
    while (o.finished == 0) {
        read_all();
        uv_run(&o.app.loop, UV_RUN_NOWAIT);
    }
    read_all();
    assert_int_equal(o.got.len, 500 * 1001);
    close_sink();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(updates_are_throttled_but_a_new_bar_is_not),
        cmocka_unit_test(what_waits_for_the_throttle_leaves_by_itself),
        cmocka_unit_test(
            open_bars_are_left_out_where_only_final_ones_are_wanted),
        cmocka_unit_test(a_line_stands_before_the_bars_that_it_completes),
        cmocka_unit_test(the_clock_closes_bars_of_a_live_symbol),
        cmocka_unit_test(it_closes_none_while_something_waits_in_the_source),
        cmocka_unit_test(a_reader_that_is_slow_makes_it_full),
        cmocka_unit_test(it_has_finished_when_the_reader_has_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
