/* What a client has: one subscription a channel or pattern, whatever is under
 * way, and not more than it may. */
#include "tests/unit/wsgate/client_world.h"

#include "wsgate/client/subscription_set.h"

static struct client_world world;

static int open_with(void **state, bool redis, int64_t max_subscriptions)
{
    struct clients_options o = world_options();

    o.max_subscriptions = max_subscriptions;
    client_world_open(&world, redis, &o);
    *state = &world;
    return 0;
}

static int open_world(void **state)
{
    return open_with(state, true, 100);
}

static int open_without_redis(void **state)
{
    return open_with(state, false, 100);
}

static int open_for_two(void **state)
{
    return open_with(state, false, 2);
}

static int open_for_one(void **state)
{
    return open_with(state, true, 1);
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

/* --- a second time --- */

static void a_second_subscription_takes_the_place_of_the_first(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);
    struct err err = {0};

    visitor_subscribe(w, v, "\"market_data:A\"");
    visitor_say(w, v,
                "{\"type\":\"subscribe\",\"mode\":\"all\","
                "\"channel\":\"market_data:A\"}");
    assert_int_equal(w->clients->subscriptions, 1);
    visitor_forget(v);
    visitor_say(w, v, "{\"type\":\"list\"}");
    ORDER(v, "\"channel\":\"market_data:A\"", "\"mode\":\"all\"");
    assert_int_equal(visitor_count(v, "market_data:A"), 1);
    visitor_forget(v);
    assert_true(
        world_line(&w->up, "{\"channel\":\"market_data:A\",\"data\":1}", &err));
    assert_int_equal(visitor_count(v, "update"), 1);
}

static void
two_requests_under_way_for_one_channel_are_one_subscription(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    visitor_subscribe(w, v, "\"market_data:A\"");
    visitor_subscribe(w, v, "\"market_data:A\"");
    world_redis(&w->up);
    assert_int_equal(visitor_count(v, "subscribed"), 2);
    assert_int_equal(w->clients->subscriptions, 1);
    world_publish("p:market_data:A", "{\"type\":\"tick\",\"bid\":2}");
    world_redis(&w->up);
    assert_int_equal(visitor_count(v, "\"type\":\"update\""), 1);
    visitor_say(w, v,
                "{\"type\":\"unsubscribe\",\"channel\":\"market_data:A\"}");
    world_wait(&w->up, 2 * UPSTREAM_LINGER_MS, true);
    assert_false(world_redis_has("p:market_data:A", false)); /* both are back */
}

static void a_name_and_its_pattern_bring_an_update_once(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);
    struct err err = {0};

    visitor_subscribe(w, v, "\"market_data:A\",\"market_data:*\"");
    visitor_forget(v);
    assert_true(
        world_line(&w->up, "{\"channel\":\"market_data:A\",\"data\":1}", &err));
    assert_int_equal(visitor_count(v, "update"), 1);
    visitor_say(w, v,
                "{\"type\":\"unsubscribe\",\"channel\":\"market_data:A\"}");
    assert_true(
        world_line(&w->up, "{\"channel\":\"market_data:A\",\"data\":1}", &err));
    assert_int_equal(visitor_count(v, "update"), 2); /* by the pattern */
}

/* --- limits --- */

static void a_client_has_as_many_subscriptions_as_it_may(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    visitor_subscribe(w, v,
                      "\"market_data:A\",\"market_data:B\",\"market_data:C\"");
    ORDER(v, "market_data:A", "\"ok\":true", "market_data:B", "\"ok\":true",
          "market_data:C", "\"ok\":false", "too_many");
    assert_int_equal(w->clients->subscriptions, 2);
    visitor_forget(v);
    visitor_subscribe(w, v, "\"market_data:B\""); /* it has that one */
    assert_int_equal(visitor_count(v, "\"ok\":true"), 1);
    visitor_say(w, v,
                "{\"type\":\"unsubscribe\",\"channel\":\"market_data:A\"}");
    visitor_forget(v);
    visitor_subscribe(w, v, "\"market_data:C\"");
    assert_int_equal(visitor_count(v, "\"ok\":true"), 1);
}

static void patterns_have_a_bound_of_their_own(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);
    char name[32];

    for (int i = 0; i <= SUBSCRIPTION_SET_PATTERNS_MAX; i++) {
        snprintf(name, sizeof name, "\"f%d:*\"", i);
        visitor_forget(v);
        visitor_subscribe(w, v, name);
        assert_int_equal(visitor_count(v, "\"ok\":true"),
                         i < SUBSCRIPTION_SET_PATTERNS_MAX);
    }
    assert_int_equal(visitor_count(v, "too many wildcards"), 1);
    visitor_forget(v);
    visitor_subscribe(w, v, "\"f0:*\",\"market_data:A\""); /* no new pattern */
    assert_int_equal(visitor_count(v, "\"ok\":true"), 2);
}

static void requests_under_way_count_too(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    visitor_subscribe(w, v, "\"market_data:A\"");
    visitor_subscribe(w, v, "\"market_data:B\"");
    world_redis(&w->up);
    ORDER(v, "\"channel\":\"market_data:B\",\"ok\":false", "too_many",
          "\"channel\":\"market_data:A\",\"ok\":true");
}

#define TEST(name, open)                                                       \
    cmocka_unit_test_setup_teardown(name, open, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_second_subscription_takes_the_place_of_the_first,
             open_without_redis),
        TEST(two_requests_under_way_for_one_channel_are_one_subscription,
             open_world),
        TEST(a_name_and_its_pattern_bring_an_update_once, open_without_redis),
        TEST(a_client_has_as_many_subscriptions_as_it_may, open_for_two),
        TEST(patterns_have_a_bound_of_their_own, open_without_redis),
        TEST(requests_under_way_count_too, open_for_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
