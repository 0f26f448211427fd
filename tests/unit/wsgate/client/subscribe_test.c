/* From a request to its snapshots: in which order, what is refused, what a
 * second request changes, and what is waited for. */
#include "tests/unit/wsgate/client_world.h"

static struct client_world world;

static int open_with(void **state, bool redis)
{
    struct clients_options o = world_options();

    client_world_open(&world, redis, &o);
    *state = &world;
    return 0;
}

static int open_world(void **state)
{
    return open_with(state, true);
}

static int open_without_redis(void **state)
{
    return open_with(state, false);
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

/* --- order --- */

static void the_ack_comes_before_the_snapshot_and_updates_follow(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    fake_redis.cache = FAKE_CACHE_ONE;
    visitor_subscribe(w, v, "\"market_data:A\"");
    world_deliver(&w->up, true,
                  false); /* confirmed, but the cache has not come */
    assert_string_equal(visitor_hear(v), "");
    world_redis(&w->up);
    world_publish("p:market_data:A", "{\"type\":\"tick\",\"bid\":2}");
    world_redis(&w->up);
    ORDER(v, "\"type\":\"subscribed\"", "\"seq\":0", "\"type\":\"snapshot\"",
          "\"bid\":1}", "\"type\":\"update\"", "\"seq\":1", "\"bid\":2}");
    assert_int_equal(visitor_count(v, "\n"), 3);
}

static void what_comes_before_the_ack_is_in_the_snapshot_alone(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    fake_redis.cache = FAKE_CACHE_ONE;
    visitor_subscribe(w, v, "\"market_data:A\"");
    world_deliver(&w->up, true, false);
    world_publish("p:market_data:A", "{\"type\":\"tick\",\"bid\":2}");
    world_deliver(&w->up, true, false);
    assert_string_equal(visitor_hear(v), "");
    world_redis(&w->up);
    ORDER(v, "\"type\":\"subscribed\"", "\"seq\":1", "\"type\":\"snapshot\"",
          "\"seq\":1", "\"bid\":2}");
    assert_int_equal(visitor_count(v, "\n"), 2);
}

static void a_request_without_snapshot_gets_none(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    fake_redis.cache = FAKE_CACHE_ONE;
    visitor_say(w, v,
                "{\"type\":\"subscribe\",\"snapshot\":false,"
                "\"channel\":\"market_data:A\"}");
    world_redis(&w->up);
    assert_int_equal(visitor_count(v, "\"type\":\"subscribed\""), 1);
    assert_int_equal(visitor_count(v, "snapshot"), 0);
}

static void
one_channel_that_is_not_settled_holds_up_the_whole_answer(void **state)
{
    struct client_world *w = *state;
    struct visitor *first = come(w), *second = come(w);

    visitor_subscribe(w, first, "\"market_data:A\"");
    world_redis(&w->up);
    assert_int_equal(visitor_count(first, "subscribed"), 1);
    visitor_subscribe(w, second, "\"market_data:A\"");
    assert_int_equal(visitor_count(second, "subscribed"), 1); /* at once */
    visitor_forget(second);
    visitor_subscribe(w, second, "\"market_data:A\",\"market_data:B\"");
    assert_string_equal(visitor_hear(second), "");
    world_redis(&w->up);
    assert_int_equal(visitor_count(second, "subscribed"), 1);
}

/* --- waiting --- */

static void a_silent_redis_is_waited_for_as_long_as_is_said(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    visitor_subscribe(w, v, "\"market_data:A\"");
    world_wait(&w->up, 900, false);
    assert_string_equal(visitor_hear(v), "");
    world_wait(&w->up, 200, false);
    assert_int_equal(visitor_count(v, "subscribed"), 1);
    assert_null(w->clients->pending);
    world_wait(&w->up, 2 * WORLD_STEP_MS, false);
    assert_false(uv_is_active((uv_handle_t *)&w->clients->pending_timer));
}

static void an_outage_ends_the_wait(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    visitor_subscribe(w, v, "\"market_data:A\"");
    assert_string_equal(visitor_hear(v), "");
    world_lose_redis(&w->up);
    assert_int_equal(visitor_count(v, "subscribed"), 1);
}

static void a_client_that_leaves_takes_its_requests_along(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w), *other = come(w);

    visitor_subscribe(w, v, "\"market_data:A\"");
    visitor_subscribe(w, v, "\"market_data:B\"");
    visitor_subscribe(w, other, "\"market_data:C\"");
    visitor_leave(v);
    world_turn(&w->up);
    world_redis(&w->up);
    assert_int_equal(visitor_count(other, "subscribed"), 1);
    assert_int_equal(w->clients->subscriptions, 1);
}

static void a_client_that_cannot_be_told_loses_its_other_requests(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w), *other = come(w);

    visitor_subscribe(w, other, "\"market_data:C\"");
    visitor_subscribe(w, v, "\"market_data:A\"");
    visitor_subscribe(w, v, "\"market_data:B\"");
    visitor_leave(v); /* the gateway finds out when it sends the answer */
    fake_mono_ns += INT64_C(2000000000);
    subscribe_check(w->clients);
    assert_null(w->clients->pending);
    assert_int_equal(visitor_count(other, "subscribed"), 1);
    assert_int_equal(w->clients->subscriptions, 1);
}

/* --- what is refused, and how --- */

static void each_name_is_judged_by_itself(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    visitor_subscribe(w, v,
                      "\"executions:42\",\"_probe:x\",\"no name\",7,"
                      "\"market_data:A\"");
    ORDER(v, "\"executions:42\",\"ok\":false,\"code\":\"forbidden\"", "token",
          "\"_probe:x\",\"ok\":false,\"code\":\"forbidden\"", "internal",
          "\"no name\",\"ok\":false,\"code\":\"bad_channel\"",
          "\"ok\":false,\"code\":\"bad_channel\"",
          "\"market_data:A\",\"ok\":true");
    assert_int_equal(w->clients->subscriptions, 1);
    assert_string_equal(world_activities(w),
                        "connect   0\nsubscribe market_data:A latest 0\n");
}

/* What is acknowledged under a name that messages never carry is mute. */
static void a_name_is_answered_as_asked_and_heard_as_it_is_spelt(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);
    struct err err;

    visitor_subscribe(w, v,
                      "\"bars:A:1D\",\"bars:A:1min\",\"bars:A\",\"bars:A:D\"");
    ORDER(v, "\"bars:A:1D\",\"ok\":true,\"as\":\"bars:A:D\",\"epoch\"",
          "\"bars:A:1min\",\"ok\":false,\"code\":\"bad_channel\"",
          "resolution: 1S to 3600S",
          "\"bars:A\",\"ok\":false,\"code\":\"bad_channel\"",
          "\"bars:A:D\",\"ok\":true,\"epoch\"");
    assert_int_equal(w->clients->subscriptions, 1);
    assert_true(world_line(
        &w->up, "{\"channel\":\"bars:A:1D\",\"data\":{\"n\":1}}", &err));
    ORDER(v, "\"type\":\"update\",\"channel\":\"bars:A:D\"", "{\"n\":1}");
    assert_string_equal(world_activities(w),
                        "connect   0\nsubscribe bars:A:D latest 0\n"
                        "subscribe bars:A:D latest 0\n");
}

static void a_name_is_private_whatever_stands_before_it(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    visitor_subscribe(w, v,
                      "\"prod:executions:42\",\"prod:account\","
                      "\"x:positions:1\",\"prod:executions:*\","
                      "\"prod:_probe:x\",\"market_data:_A\",\"a:_b:*\"");
    assert_int_equal(visitor_count(v, "\"code\":\"forbidden\""), 7);
    assert_int_equal(w->clients->subscriptions, 0);
}

static void a_name_that_is_too_long_is_cut_in_the_answer(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);
    struct bytes name = {0};

    bytes_add_str(&name, "\"");
    for (int i = 0; i < ROUTE_NAME_MAX - 1; i++)
        bytes_add_str(&name, "x");
    bytes_add_str(&name, "\xc3\xa4xx\""); /* cut within a character */
    bytes_add(&name, "", 1);
    visitor_subscribe(w, v, name.ptr);
    assert_int_equal(visitor_count(v, "{\"channel\":\"\",\"ok\":false,"
                                      "\"code\":\"bad_channel\""),
                     1);
    bytes_close(&name);
}

static void
what_must_not_be_missed_is_sent_in_full_unless_said_otherwise(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    visitor_subscribe(w, v, "\"stock:market_status\",\"market_data:A\"");
    visitor_say(w, v,
                "{\"type\":\"subscribe\",\"mode\":\"latest\","
                "\"channel\":\"stock:trading_alerts\"}");
    visitor_say(w, v,
                "{\"type\":\"subscribe\",\"interval_ms\":110,"
                "\"channel\":\"stock:price_updates\"}");
    assert_string_equal(world_activities(w),
                        "connect   0\n"
                        "subscribe stock:market_status all 0\n"
                        "subscribe market_data:A latest 0\n"
                        "subscribe stock:trading_alerts latest 0\n"
                        "subscribe stock:price_updates latest 150\n");
}

static void a_position_is_answered_by_a_gap(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    visitor_say(w, v,
                "{\"type\":\"subscribe\",\"channels\":[\"market_data:A\","
                "\"executions:7\"],\"since\":{\"market_data:A\":\"5-0\","
                "\"executions:7\":\"6-0\"}}");
    ORDER(v, "\"type\":\"subscribed\"",
          "\"type\":\"gap\",\"channel\":\"market_data:A\",\"from\":\"5-0\"");
    assert_int_equal(visitor_count(v, "\"gap\""), 1);
}

/* --- at connecting --- */

static void a_list_is_the_same_as_the_command(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);
    struct bytes out = {0};

    subscribe_list(v->client, span_str("market_data:A,no name,bars:A:1"), &out);
    client_send(v->client, bytes_span(&out));
    bytes_clear(&out);
    ORDER(v, "\"market_data:A\",\"ok\":true", "\"no name\",\"ok\":false",
          "\"bars:A:1\",\"ok\":true");
    visitor_forget(v);
    subscribe_list(v->client, span_str(""), &out);
    client_send(v->client, bytes_span(&out));
    bytes_close(&out);
    assert_int_equal(visitor_count(v, "bad_channel"), 1);
}

static void the_older_addresses_have_their_channels_at_once(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = visitor_come(w, "192.0.2.1", DIALECT_STOCK);
    struct bytes out = {0};
    struct err err = {0};

    subscribe_dialect(v->client, &out);
    assert_int_equal(out.len, 0); /* they get no answer */
    bytes_close(&out);
    assert_string_equal(world_activities(w),
                        "connect   0\n"
                        "subscribe stock:price_updates latest 0\n"
                        "subscribe stock:market_status all 0\n"
                        "subscribe stock:trading_alerts all 0\n");
    assert_true(world_line(&w->up,
                           "{\"channel\":\"stock:market_status\","
                           "\"data\":{\"type\":\"market_status\"}}",
                           &err));
    assert_string_equal(visitor_hear(v),
                        "{\"type\":\"market_status\","
                        "\"data\":{\"type\":\"market_status\"},"
                        "\"source\":\"local\"}\n");
}

#define WITH_REDIS(test)                                                       \
    cmocka_unit_test_setup_teardown(test, open_world, close_world)
#define WITHOUT_REDIS(test)                                                    \
    cmocka_unit_test_setup_teardown(test, open_without_redis, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_REDIS(the_ack_comes_before_the_snapshot_and_updates_follow),
        WITH_REDIS(what_comes_before_the_ack_is_in_the_snapshot_alone),
        WITH_REDIS(a_request_without_snapshot_gets_none),
        WITH_REDIS(one_channel_that_is_not_settled_holds_up_the_whole_answer),
        WITH_REDIS(a_silent_redis_is_waited_for_as_long_as_is_said),
        WITH_REDIS(an_outage_ends_the_wait),
        WITH_REDIS(a_client_that_leaves_takes_its_requests_along),
        WITH_REDIS(a_client_that_cannot_be_told_loses_its_other_requests),
        WITHOUT_REDIS(each_name_is_judged_by_itself),
        WITHOUT_REDIS(a_name_is_answered_as_asked_and_heard_as_it_is_spelt),
        WITHOUT_REDIS(a_name_is_private_whatever_stands_before_it),
        WITHOUT_REDIS(a_name_that_is_too_long_is_cut_in_the_answer),
        WITHOUT_REDIS(
            what_must_not_be_missed_is_sent_in_full_unless_said_otherwise),
        WITHOUT_REDIS(a_position_is_answered_by_a_gap),
        WITHOUT_REDIS(a_list_is_the_same_as_the_command),
        WITHOUT_REDIS(the_older_addresses_have_their_channels_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
