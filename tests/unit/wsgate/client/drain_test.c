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

static void close_frames_are_spread_evenly_over_the_time(void **state)
{
    struct client_world *w = *state;
    const unsigned n = 100, spread_ms = 4000;

    begin(w, n, spread_ms);
    assert_int_equal(closed(w), 1);
    for (unsigned tenth = 1; tenth <= 10; tenth++) {
        world_wait(&w->up, spread_ms / 10, false);
        assert_in_range(closed(w), tenth * 10 - 1, tenth * 10 + 1);
    }
    assert_int_equal(closed(w), n);
    assert_false(done); /* nobody has answered yet */
    world_wait(&w->up, CLIENT_CLOSE_MS / 2 + 2 * WORLD_STEP_MS, false);
    assert_true(done);
}

static void one_client_is_not_made_to_wait(void **state)
{
    struct client_world *w = *state;

    begin(w, 1, 4000);
    assert_int_equal(closed(w), 1);
    visitor_leave(&w->visitors[0]);
    world_turn(&w->up);
    world_turn(&w->up);
    assert_true(done);
}

static void a_short_time_is_kept(void **state)
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

static void without_time_all_go_at_once(void **state)
{
    begin(*state, 100, 0);
    assert_int_equal(closed(*state), 100);
}

static void neighbours_do_not_go_together(void **state)
{
    struct client_world *w = *state;
    unsigned first = 0;

    begin(w, 2 * WHEEL_BUCKETS, 4000); /* two a bucket */
    world_wait(&w->up, 1000, false);
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

/* Those who stay are not hurried by those who went. */
static void who_stays_shares_the_time_that_remains(void **state)
{
    struct client_world *w = *state;
    unsigned before;

    begin(w, 100, 4000);
    for (unsigned i = 0; i < 60; i++)
        visitor_leave(&w->visitors[i]);
    world_wait(&w->up, 2000, false);
    before = closed(w);
    assert_in_range(before, 18, 22);
    world_wait(&w->up, 1000, false);
    assert_in_range(closed(w), before + 8, before + 12);
    world_wait(&w->up, 1000, false);
    assert_int_equal(closed(w), 40);
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
        TEST(close_frames_are_spread_evenly_over_the_time),
        TEST(one_client_is_not_made_to_wait),
        TEST(a_short_time_is_kept),
        TEST(without_time_all_go_at_once),
        TEST(neighbours_do_not_go_together),
        TEST(who_stays_shares_the_time_that_remains),
        TEST(who_leaves_by_itself_is_not_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
