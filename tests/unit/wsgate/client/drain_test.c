/* How all clients are let go: told at once, closed one after the other. */
#include "tests/unit/wsgate/client_world.h"

#include "wsgate/client/drain.h"

static struct client_world world;
static struct drain drain;
static bool done;

static int open_world(void **state)
{
    struct clients_options o = world_options();

    client_world_open(&world, false, &o);
    done = false;
    *state = &world;
    return 0;
}

static int close_world(void **state)
{
    client_world_close(*state);
    return 0;
}

static void on_done(void *arg)
{
    assert_true(arg == &world);
    assert_false(done);
    done = true;
}

static void begin(struct client_world *w, unsigned clients, int64_t spread_ms)
{
    for (unsigned i = 0; i < clients; i++)
        visitor_come(w, "192.0.2.1", DIALECT_NATIVE);
    drain_begin(&drain, w->clients, spread_ms, on_done, w);
    world_turn(&w->up);
}

/* How many have had their close frame. */
static unsigned closed(struct client_world *w)
{
    unsigned n = 0;

    for (unsigned i = 0; i < w->n; i++) {
        visitor_read(&w->visitors[i]);
        n += w->visitors[i].close_code == WS_CLOSE_GOING_AWAY;
    }
    return n;
}

static void without_clients_it_is_done_at_once(void **state)
{
    begin(*state, 0, 4000);
    assert_true(done);
}

static void everybody_who_understands_it_is_told_at_once(void **state)
{
    struct client_world *w = *state;
    struct visitor *old = visitor_come(w, "192.0.2.1", DIALECT_STOCK);

    begin(w, 60, 4000);
    assert_string_equal(visitor_hear(old), "");
    for (unsigned i = 1; i < w->n; i++)
        assert_string_equal(
            visitor_hear(&w->visitors[i]),
            "{\"type\":\"bye\",\"reason\":\"drain\",\"retry_ms\":[500,8000]}"
            "\n");
}

static void close_frames_are_spread_over_the_time(void **state)
{
    struct client_world *w = *state;
    const unsigned n = 100, spread_ms = 100 * DRAIN_EACH_MS;

    begin(w, n, 4000); /* few clients: less than that */
    assert_in_range(closed(w), 1, 5);
    world_wait(&w->up, spread_ms / 2, false);
    assert_in_range(closed(w), n * 45 / 100, n * 55 / 100);
    world_wait(&w->up, spread_ms / 2 + 2 * WORLD_STEP_MS, false);
    assert_int_equal(closed(w), n);
    assert_false(done); /* nobody has answered yet */
    world_wait(&w->up, CLIENT_CLOSE_MS, false);
    assert_true(done);
}

static void the_time_is_what_was_said_at_most(void **state)
{
    struct client_world *w = *state;

    begin(w, 100, 100);
    assert_in_range(closed(w), 1, 99);
    world_wait(&w->up, 100 + WORLD_STEP_MS, false);
    assert_int_equal(closed(w), 100);
    for (unsigned i = 0; i < w->n; i++)
        visitor_leave(&w->visitors[i]);
    world_turn(&w->up);
    world_turn(&w->up);
    assert_true(done);
}

static void neighbours_do_not_go_together(void **state)
{
    struct client_world *w = *state;
    unsigned first = 0;

    begin(w, 2 * WHEEL_BUCKETS, 4000); /* two a bucket */
    world_wait(&w->up, WHEEL_BUCKETS * DRAIN_EACH_MS / 2, false);
    closed(w);
    /* One of each bucket, before the second of any goes. */
    for (unsigned i = 0; i < WHEEL_BUCKETS; i++) {
        assert_false(w->visitors[i].close_code &&
                     w->visitors[i + WHEEL_BUCKETS].close_code);
        first += w->visitors[i].close_code ||
                 w->visitors[i + WHEEL_BUCKETS].close_code;
    }
    assert_in_range(first, WHEEL_BUCKETS / 3, 2 * WHEEL_BUCKETS / 3);
}

static void who_leaves_by_itself_is_not_waited_for(void **state)
{
    struct client_world *w = *state;

    begin(w, 3, 4000);
    for (unsigned i = 0; i < w->n; i++)
        visitor_leave(&w->visitors[i]);
    world_turn(&w->up);
    world_turn(&w->up);
    assert_true(done);
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_clients_it_is_done_at_once),
        TEST(everybody_who_understands_it_is_told_at_once),
        TEST(close_frames_are_spread_over_the_time),
        TEST(the_time_is_what_was_said_at_most),
        TEST(neighbours_do_not_go_together),
        TEST(who_leaves_by_itself_is_not_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
