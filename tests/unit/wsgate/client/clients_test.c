/* Who may come, where clients are kept, and what becomes of those who go. */
#include "tests/unit/wsgate/client_world.h"

static struct client_world world;

static int open_world(void **state)
{
    struct clients_options o = world_options();

    o.max_connections = WHEEL_BUCKETS + 3;
    o.max_per_address = WHEEL_BUCKETS + 2;
    client_world_open(&world, false, &o);
    *state = &world;
    return 0;
}

static int close_world(void **state)
{
    client_world_close(*state);
    return 0;
}

static struct visitor *come(struct client_world *w)
{
    return visitor_come(w, "192.0.2.1", DIALECT_NATIVE);
}

static bool admits(struct client_world *w, const char *address,
                   const char *because)
{
    const char *why = NULL;
    bool ok = clients_admit(w->clients, address, &why);

    if (!ok)
        assert_non_null(strstr(why, because));
    return ok;
}

static void an_address_has_a_bound_and_the_gateway_too(void **state)
{
    struct client_world *w = *state;

    for (int i = 0; i < WHEEL_BUCKETS + 2; i++) {
        assert_true(admits(w, "192.0.2.1", ""));
        come(w);
    }
    assert_false(admits(w, "192.0.2.1", "this address"));
    assert_true(admits(w, "192.0.2.2", ""));
    visitor_come(w, "192.0.2.2", DIALECT_NATIVE);
    assert_false(admits(w, "192.0.2.3", "full"));
    visitor_leave(&w->visitors[0]);
    world_turn(&w->up);
    world_turn(&w->up);
    assert_true(admits(w, "192.0.2.1", ""));
    w->clients->stopping = true;
    assert_false(admits(w, "192.0.2.3", "going away"));
}

static void an_address_is_forgotten_with_its_last_client(void **state)
{
    struct client_world *w = *state;

    come(w);
    come(w);
    assert_int_equal(w->clients->peers.count, 1);
    visitor_leave(&w->visitors[0]);
    world_turn(&w->up);
    assert_int_equal(w->clients->peers.count, 1);
    visitor_leave(&w->visitors[1]);
    world_turn(&w->up);
    assert_int_equal(w->clients->peers.count, 0);
}

static void count_one(void *arg, struct client *c)
{
    const struct clients *registry = c->registry;
    unsigned *seen = arg;

    /* Each knows its place. */
    assert_true(c->bucket_at < registry->wheel[c->bucket].count);
    assert_true(registry->wheel[c->bucket].at[c->bucket_at] == c);
    (*seen)++;
}

static void clients_are_dealt_out_evenly_and_know_their_places(void **state)
{
    struct client_world *w = *state;
    const struct clients *all = w->clients;
    unsigned seen = 0;

    for (int i = 0; i < WHEEL_BUCKETS + 2; i++)
        come(w);
    for (int i = 0; i < WHEEL_BUCKETS; i++)
        assert_int_equal(all->wheel[i].count, i < 2 ? 2 : 1);
    clients_each(w->clients, count_one, &seen);
    assert_int_equal(seen, WHEEL_BUCKETS + 2);
    visitor_leave(&w->visitors[0]); /* the first of two in its bucket */
    world_turn(&w->up);
    assert_int_equal(all->wheel[0].count, 1);
    assert_true(all->wheel[0].at[0] == w->visitors[WHEEL_BUCKETS].client);
    seen = 0;
    clients_each(w->clients, count_one, &seen);
    assert_int_equal(seen, WHEEL_BUCKETS + 1);
}

static void end_one(void *arg, struct client *c)
{
    count_one(arg, c);
    client_end(c, WS_CLOSE_ABNORMAL, "over");
}

static void each_may_end_the_client_that_it_is_given(void **state)
{
    struct client_world *w = *state;
    unsigned seen = 0;

    for (int i = 0; i < WHEEL_BUCKETS + 2; i++)
        come(w);
    clients_each(w->clients, end_one, &seen);
    assert_int_equal(seen, WHEEL_BUCKETS + 2);
    world_turn(&w->up);
    assert_int_equal(w->clients->count, 0);
}

/* --- those who go --- */

static void who_does_not_answer_a_close_frame_is_cut_off(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    client_close(v->client, CLOSE_BAD_REQUESTS, "because");
    world_turn(&w->up);
    visitor_read(v);
    assert_int_equal(v->close_code, CLOSE_BAD_REQUESTS);
    world_wait(&w->up, CLIENT_CLOSE_MS - WORLD_STEP_MS, false);
    assert_int_equal(w->clients->count, 1);
    world_wait(&w->up, 3 * WORLD_STEP_MS, false);
    assert_int_equal(w->clients->count, 0);
    assert_int_equal(w->clients->n_leaving, 0);
    assert_non_null(strstr(world_activities(w), "disconnect   4000\n"));
}

static void in_a_drain_the_wait_is_half_as_long(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    w->clients->stopping = true;
    client_close(v->client, WS_CLOSE_GOING_AWAY, "because");
    world_wait(&w->up, CLIENT_CLOSE_MS / 2 + 3 * WORLD_STEP_MS, false);
    assert_int_equal(w->clients->count, 0);
}

static void who_leaves_after_a_close_frame_is_not_waited_for(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    client_close(v->client, WS_CLOSE_GOING_AWAY, "because");
    world_turn(&w->up);
    visitor_read(v);
    assert_true(v->ended); /* no more from us */
    assert_int_equal(w->clients->n_leaving, 1);
    visitor_leave(v);
    world_turn(&w->up);
    world_turn(&w->up);
    assert_int_equal(w->clients->count, 0);
    assert_int_equal(w->clients->n_leaving, 0);
    assert_non_null(strstr(world_activities(w), "disconnect   1001\n"));
}

static void who_closes_gets_its_own_code_back(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    visitor_send(w, v, WS_OP_CLOSE, span_make("\x0f\xa7", 2)); /* 4007 */
    visitor_read(v);
    assert_int_equal(v->close_code, 4007);
    visitor_leave(v);
    world_turn(&w->up);
    world_turn(&w->up);
    assert_int_equal(w->clients->n_leaving, 0);
    assert_non_null(strstr(world_activities(w), "disconnect   4007\n"));
}

static void nothing_is_told_of_subscriptions_after_a_close_frame(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);
    struct err err = {0};

    visitor_say(w, v, "{\"type\":\"subscribe\",\"channel\":\"market_data:A\"}");
    client_close(v->client, WS_CLOSE_GOING_AWAY, "because");
    assert_int_equal(w->clients->subscriptions, 0);
    assert_true(
        world_line(&w->up, "{\"channel\":\"market_data:A\",\"data\":1}", &err));
    visitor_say(w, v, "{\"type\":\"ping\"}");
    assert_int_equal(visitor_count(v, "update"), 0);
    assert_int_equal(visitor_count(v, "pong"), 0);
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_address_has_a_bound_and_the_gateway_too),
        TEST(an_address_is_forgotten_with_its_last_client),
        TEST(clients_are_dealt_out_evenly_and_know_their_places),
        TEST(each_may_end_the_client_that_it_is_given),
        TEST(who_does_not_answer_a_close_frame_is_cut_off),
        TEST(in_a_drain_the_wait_is_half_as_long),
        TEST(who_leaves_after_a_close_frame_is_not_waited_for),
        TEST(who_closes_gets_its_own_code_back),
        TEST(nothing_is_told_of_subscriptions_after_a_close_frame),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
