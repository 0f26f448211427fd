/* Pings and heartbeats: to everybody, evenly, and what silence means. */
#include "tests/unit/wsgate/client_world.h"

#include "wsgate/client/heartbeat.h"

enum { PING_MS = 6000, BEAT_MS = 2000 };

static struct client_world world;
static struct heartbeat beat;

static int open_world(void **state)
{
    struct clients_options o = world_options();

    client_world_open(&world, true, &o);
    heartbeat_open(&beat, world.clients, PING_MS, BEAT_MS);
    *state = &world;
    return 0;
}

static int close_world(void **state)
{
    heartbeat_stop(&beat);
    client_world_close(*state);
    heartbeat_free(&beat);
    return 0;
}

static void come(struct client_world *w, unsigned n)
{
    while (n-- > 0)
        visitor_come(w, "192.0.2.1", DIALECT_NATIVE);
}

static void each_gets_one_ping_in_a_period_and_not_all_at_once(void **state)
{
    struct client_world *w = *state;
    unsigned half = 0;

    come(w, 100);
    world_wait(&w->up, PING_MS / 2, true);
    for (unsigned i = 0; i < w->n; i++) {
        visitor_read(&w->visitors[i]);
        half += w->visitors[i].pings;
    }
    assert_in_range(half, 40, 60);
    world_wait(&w->up, PING_MS / 2 + WORLD_STEP_MS, true);
    for (unsigned i = 0; i < w->n; i++) {
        visitor_read(&w->visitors[i]);
        assert_in_range(w->visitors[i].pings, 1, 2);
    }
}

static void each_gets_one_heartbeat_in_a_period(void **state)
{
    struct client_world *w = *state;

    come(w, 65);
    world_wait(&w->up, BEAT_MS, true);
    for (unsigned i = 0; i < w->n; i++) {
        assert_int_equal(
            visitor_count(&w->visitors[i], "\"type\":\"heartbeat\""), 1);
        assert_int_equal(
            visitor_count(&w->visitors[i], "\"upstream\":\"live\""), 1);
    }
}

static void the_older_addresses_get_no_heartbeat(void **state)
{
    struct client_world *w = *state;
    struct visitor *old = visitor_come(w, "192.0.2.1", DIALECT_TICKS);

    world_wait(&w->up, PING_MS + WORLD_STEP_MS, true);
    assert_string_equal(visitor_hear(old), "");
    assert_in_range(old->pings, 1, 2); /* but they are pinged */
}

static void news_of_the_upstream_goes_to_everybody_at_once(void **state)
{
    struct client_world *w = *state;

    come(w, 65);
    world_lose_redis(&w->up);
    heartbeat_upstream_changed(&beat);
    for (unsigned i = 0; i < w->n; i++)
        assert_int_equal(
            visitor_count(&w->visitors[i], "\"upstream\":\"down\""), 1);
}

static void who_is_silent_for_two_pings_is_closed(void **state)
{
    struct client_world *w = *state;
    struct visitor *silent, *alive;

    come(w, 2);
    silent = &w->visitors[0];
    alive = &w->visitors[1];
    for (int i = 0; i < 4 * PING_MS / 1000; i++) {
        world_wait(&w->up, 1000, true);
        visitor_send(w, alive, WS_OP_PONG, span_str(""));
    }
    visitor_read(silent);
    visitor_read(alive);
    assert_int_equal(silent->close_code, CLOSE_NO_PONG);
    assert_int_equal(silent->pings, 2);
    assert_int_equal(alive->close_code, 0);
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_gets_one_ping_in_a_period_and_not_all_at_once),
        TEST(each_gets_one_heartbeat_in_a_period),
        TEST(the_older_addresses_get_no_heartbeat),
        TEST(news_of_the_upstream_goes_to_everybody_at_once),
        TEST(who_is_silent_for_two_pings_is_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
