/* What a client's other messages ask for, and when it has asked too much. */
#include "tests/unit/wsgate/client_world.h"

#include "wsgate/channels/message.h"

static struct client_world world;

static int open_with(void **state, bool redis)
{
    struct clients_options o = world_options();

    o.allowance.burst = 20;
    o.max_subscriptions = 2;
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

/* --- unsubscribe --- */

static void what_is_under_way_can_be_called_off(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    visitor_say(w, v,
                "{\"type\":\"subscribe\",\"id\":1,\"channels\":"
                "[\"market_data:A\",\"market_data:B\"]}");
    visitor_say(w, v,
                "{\"type\":\"unsubscribe\",\"id\":2,\"channel\":"
                "\"market_data:A\"}");
    assert_int_equal(
        visitor_count(v, "{\"type\":\"unsubscribed\",\"id\":2,\"results\":"
                         "[{\"channel\":\"market_data:A\",\"ok\":true}]}"),
        1);
    world_redis(&w->up);
    assert_int_equal(visitor_count(v, "\"market_data:A\",\"ok\":false,"
                                      "\"code\":\"cancelled\""),
                     1);
    assert_int_equal(visitor_count(v, "\"market_data:B\",\"ok\":true"), 1);
    assert_int_equal(w->clients->subscriptions, 1);
    world_publish("p:market_data:A", "{\"type\":\"tick\",\"bid\":2}");
    world_redis(&w->up);
    assert_int_equal(visitor_count(v, "update"), 0);
    world_wait(&w->up, 2 * UPSTREAM_LINGER_MS, true);
    assert_false(world_redis_has("p:market_data:A", false));
}

static void only_what_one_has_can_be_given_up(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    visitor_say(w, v, "{\"type\":\"subscribe\",\"channel\":\"market_data:A\"}");
    visitor_say(w, v,
                "{\"type\":\"unsubscribe\",\"channels\":[\"market_data:A\","
                "\"market_data:A\",\"market_data:*\",7]}");
    assert_int_equal(visitor_count(v, "\"market_data:A\",\"ok\":true}"), 1);
    assert_int_equal(visitor_count(v, "\"code\":\"not_subscribed\""), 2);
    assert_int_equal(w->clients->subscriptions, 0);
    assert_string_equal(world_activities(w),
                        "connect   0\n"
                        "subscribe market_data:A latest 0\n"
                        "unsubscribe market_data:A  0\n");
}

/* By any of its names, also while it is under way. */
static void what_has_two_names_is_given_up_by_either(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    visitor_say(w, v,
                "{\"type\":\"subscribe\",\"channels\":"
                "[\"bars:A:1D\",\"bars:A:1M\"]}");
    visitor_say(w, v, "{\"type\":\"unsubscribe\",\"channels\":[\"bars:A:M\"]}");
    assert_int_equal(visitor_count(v, "\"bars:A:M\",\"ok\":true}"), 1);
    world_redis(&w->up);
    assert_int_equal(visitor_count(v, "\"bars:A:1M\",\"ok\":false,"
                                      "\"code\":\"cancelled\""),
                     1);
    visitor_subscribe(w, v, "\"bars:A:W\"");
    world_redis(&w->up);
    visitor_forget(v);
    visitor_say(w, v, "{\"type\":\"list\"}");
    ORDER(v, "\"bars:A:D\"", "\"bars:A:W\"");
    visitor_say(w, v,
                "{\"type\":\"unsubscribe\",\"channels\":"
                "[\"bars:A:D\",\"bars:A:1W\",\"bars:A:1min\"]}");
    ORDER(v, "\"bars:A:D\",\"ok\":true}",
          "\"bars:A:1W\",\"ok\":true,\"as\":\"bars:A:W\"}",
          "\"bars:A:1min\",\"ok\":false,\"code\":\"not_subscribed\"");
    assert_int_equal(w->clients->subscriptions, 0);
}

/* Each item under way is looked at once, however many are named. */
static void all_that_is_under_way_is_called_off_at_once(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w), *other = come(w);

    for (int i = 0; i < 4; i++)
        visitor_subscribe(w, v, "\"bars:A:1D\",\"market_data:B\"");
    visitor_subscribe(w, other, "\"market_data:B\"");
    visitor_say(w, v,
                "{\"type\":\"unsubscribe\",\"channels\":[\"bars:A:D\","
                "\"market_data:C\",\"market_data:B\",\"bars:A:1D\"]}");
    ORDER(v, "\"bars:A:D\",\"ok\":true}",
          "\"market_data:C\",\"ok\":false,\"code\":\"not_subscribed\"",
          "\"market_data:B\",\"ok\":true}",
          "\"bars:A:1D\",\"ok\":false,\"code\":\"not_subscribed\"");
    world_redis(&w->up);
    assert_int_equal(visitor_count(v, "\"code\":\"cancelled\""), 8);
    assert_int_equal(visitor_count(other, "\"market_data:B\",\"ok\":true"), 1);
    assert_int_equal(w->clients->subscriptions, 1);
    assert_int_equal(v->client->peer->subscriptions, 1);
}

static void what_is_under_way_has_a_bound(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    for (int i = 0; i < 8; i++) /* four times what it may have */
        visitor_subscribe(w, v, "\"market_data:A\"");
    assert_int_equal(visitor_count(v, "too_many"), 0);
    visitor_subscribe(w, v, "\"market_data:A\"");
    assert_int_equal(visitor_count(v, "\"code\":\"too_many\""), 1);
    assert_int_equal(visitor_count(v, "\"temporary\":true"), 1);
    world_redis(&w->up);
    assert_int_equal(visitor_count(v, "\"market_data:A\",\"ok\":true"), 8);
    visitor_subscribe(w, v, "\"market_data:A\"");
    assert_int_equal(visitor_count(v, "\"market_data:A\",\"ok\":true"), 9);
}

/* --- the others --- */

static void a_list_says_how_channels_are_subscribed(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    visitor_say(w, v,
                "{\"type\":\"subscribe\",\"interval_ms\":230,"
                "\"channel\":\"market_data:*\"}");
    visitor_forget(v);
    visitor_say(w, v, "{\"type\":\"list\",\"id\":\"x\"}");
    assert_string_equal(
        visitor_hear(v),
        "{\"type\":\"subscriptions\",\"id\":\"x\",\"results\":[{\"channel\":"
        "\"market_data:*\",\"ok\":true,\"mode\":\"latest\",\"interval_ms\":250}"
        "]}\n");
}

static void a_ping_gets_its_pong_of_either_kind(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    visitor_say(w, v, "{\"type\":\"ping\",\"id\":3}");
    assert_int_equal(visitor_count(v, "{\"type\":\"pong\",\"id\":3,"), 1);
    visitor_send(w, v, WS_OP_PING, span_str("x"));
    visitor_read(v);
    assert_int_equal(v->pongs, 1);
}

static void a_token_cannot_be_checked_without_a_key(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    visitor_say(w, v, "{\"type\":\"auth\",\"token\":\"x\"}");
    assert_int_equal(visitor_count(v, "\"code\":\"unsupported\""), 1);
}

static void the_older_addresses_take_no_commands(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = visitor_come(w, "192.0.2.1", DIALECT_TICKS);

    visitor_say(w, v, "{\"type\":\"ping\"}");
    visitor_say(w, v, "{");
    assert_string_equal(visitor_hear(v), "");
    assert_int_equal(v->client->allowance.bad, 0);
}

/* --- too much --- */

static void bad_requests_are_answered_until_there_are_too_many(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    for (int i = 1; i < ALLOWANCE_BAD_MAX; i++)
        visitor_say(w, v, "{\"type\":\"dance\"}");
    visitor_read(v);
    assert_int_equal(v->close_code, 0);
    visitor_say(w, v, "{\"type\":\"dance\"}");
    assert_int_equal(visitor_count(v, "\"code\":\"bad_request\""),
                     ALLOWANCE_BAD_MAX);
    assert_int_equal(v->close_code, CLOSE_BAD_REQUESTS);
}

static void bad_requests_are_a_rate(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    for (int i = 0; i < 50; i++) {
        visitor_say(w, v, "{\"type\":\"dance\"}");
        world_wait(&w->up, ALLOWANCE_BAD_MS, false);
    }
    assert_int_equal(visitor_count(v, "\"code\":\"bad_request\""), 50);
    assert_int_equal(v->close_code, 0);
}

static void a_ping_in_plain_text_gets_a_pong(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);
    struct visitor *older = visitor_come(w, "192.0.2.1", DIALECT_STOCK);

    for (int i = 0; i < 2 * ALLOWANCE_BAD_MAX; i++) {
        visitor_say(w, v, "ping");
        world_wait(&w->up, 200, false);
    }
    assert_int_equal(visitor_count(v, "pong\n"), 2 * ALLOWANCE_BAD_MAX);
    visitor_say(w, older, "ping");
    assert_string_equal(visitor_hear(older), "pong\n");
}

/* Nothing is said of what is beyond the bound but how much it is. */
static void an_answer_of_refusals_has_a_bound(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);
    struct bytes text = {0};
    const char *omitted;

    w->clients->options.max_subscriptions = 1000;
    bytes_add_str(&text, "{\"type\":\"subscribe\",\"channels\":[\"a:b\"");
    for (int i = 0; i < 2000; i++)
        bytes_printf(&text, ",\"%d!\"", i);
    bytes_add_str(&text, ",\"a:c\"]}");
    bytes_add(&text, "", 1);
    visitor_say(w, v, text.ptr);
    assert_in_range(strlen(visitor_hear(v)), MESSAGE_REFUSED_BYTES,
                    MESSAGE_REFUSED_BYTES + 1000);
    omitted = strstr(visitor_hear(v), "],\"omitted\":");
    assert_non_null(omitted);
    assert_int_equal(visitor_count(v, "\"code\":\"bad_channel\"") +
                         (unsigned)atoi(omitted + 12),
                     2000);
    ORDER(v, "\"a:b\",\"ok\":true", "\"a:c\",\"ok\":true", "omitted");
    bytes_close(&text);
}

static void a_message_names_a_bounded_number_of_channels(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    visitor_say(
        w, v,
        "{\"type\":\"unsubscribe\",\"channels\":[\"1\",\"2\",\"3\",\"4\","
        "\"5\",\"6\",\"7\",\"8\",\"8\",\"8\"]}");
    assert_int_equal(visitor_count(v, "not_subscribed"), 8);
    visitor_say(
        w, v,
        "{\"type\":\"unsubscribe\",\"channels\":[\"1\",\"2\",\"3\",\"4\","
        "\"5\",\"6\",\"7\",\"8\",\"9\"]}");
    assert_int_equal(visitor_count(v, "not_subscribed"), 8);
    assert_int_equal(visitor_count(v, "\"code\":\"too_many\""), 1);
}

static void who_asks_faster_than_is_allowed_is_closed(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    for (int i = 0; i < 20; i++)
        visitor_say(w, v, "{\"type\":\"ping\"}");
    assert_int_equal(visitor_count(v, "pong"), 20);
    world_wait(&w->up, 100, false); /* two more, at 20 a second */
    visitor_say(w, v, "{\"type\":\"ping\"}");
    visitor_say(w, v, "{\"type\":\"ping\"}");
    assert_int_equal(visitor_count(v, "pong"), 22);
    assert_int_equal(v->close_code, 0);
    visitor_say(w, v, "{\"type\":\"ping\"}");
    assert_int_equal(visitor_count(v, "pong"), 22);
    assert_int_equal(v->close_code, CLOSE_TOO_MANY);
}

static void an_allowance_grows_to_its_bound_and_no_further(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    world_wait(&w->up, 5000, false);
    for (int i = 0; i < 21; i++)
        visitor_say(w, v, "{\"type\":\"ping\"}");
    assert_int_equal(visitor_count(v, "pong"), 20);
    assert_int_equal(v->close_code, CLOSE_TOO_MANY);
}

#define WITH_REDIS(test)                                                       \
    cmocka_unit_test_setup_teardown(test, open_world, close_world)
#define WITHOUT_REDIS(test)                                                    \
    cmocka_unit_test_setup_teardown(test, open_without_redis, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_REDIS(what_is_under_way_can_be_called_off),
        WITHOUT_REDIS(only_what_one_has_can_be_given_up),
        WITH_REDIS(what_has_two_names_is_given_up_by_either),
        WITH_REDIS(all_that_is_under_way_is_called_off_at_once),
        WITH_REDIS(what_is_under_way_has_a_bound),
        WITHOUT_REDIS(bad_requests_are_a_rate),
        WITHOUT_REDIS(a_ping_in_plain_text_gets_a_pong),
        WITHOUT_REDIS(an_answer_of_refusals_has_a_bound),
        WITHOUT_REDIS(a_list_says_how_channels_are_subscribed),
        WITHOUT_REDIS(a_ping_gets_its_pong_of_either_kind),
        WITHOUT_REDIS(a_token_cannot_be_checked_without_a_key),
        WITHOUT_REDIS(the_older_addresses_take_no_commands),
        WITHOUT_REDIS(bad_requests_are_answered_until_there_are_too_many),
        WITHOUT_REDIS(a_message_names_a_bounded_number_of_channels),
        WITHOUT_REDIS(who_asks_faster_than_is_allowed_is_closed),
        WITHOUT_REDIS(an_allowance_grows_to_its_bound_and_no_further),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
