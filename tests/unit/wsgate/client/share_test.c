/* What the clients of one address may hold of what all share. */
#include "tests/unit/wsgate/client_world.h"

#include "wsgate/client/share.h"

static struct client_world world;

static int open_world(void **state)
{
    struct clients_options o = world_options();

    o.max_address_subscriptions = 5;
    client_world_open(&world, false, &o);
    *state = &world;
    return 0;
}

static int close_world(void **state)
{
    client_world_close(*state);
    return 0;
}

static void an_address_has_a_share_of_its_own(void **state)
{
    struct client_world *w = *state;
    struct visitor *a = visitor_come(w, "192.0.2.1", DIALECT_NATIVE);
    struct visitor *b = visitor_come(w, "192.0.2.1", DIALECT_NATIVE);
    struct visitor *other = visitor_come(w, "192.0.2.2", DIALECT_NATIVE);

    visitor_subscribe(w, a, "\"a:1\",\"a:2\",\"a:*\"");
    visitor_subscribe(w, b, "\"a:1\",\"a:2\",\"a:3\",\"b:*\"");
    assert_int_equal(visitor_count(a, "\"ok\":true"), 3);
    assert_int_equal(visitor_count(b, "\"ok\":true"), 2);
    assert_int_equal(
        visitor_count(b, "\"code\":\"too_many\",\"message\":\"too many "
                         "subscriptions from this address\""),
        2);
    assert_null(channels_find(upstream_channels(w->up.upstream),
                              span_str("a:3"))); /* it was not opened */
    visitor_subscribe(w, other, "\"a:1\",\"a:3\",\"b:*\"");
    assert_int_equal(visitor_count(other, "\"ok\":true"), 3);
    visitor_say(w, a, "{\"type\":\"unsubscribe\",\"channel\":\"a:2\"}");
    visitor_subscribe(w, b, "\"a:3\"");
    assert_int_equal(visitor_count(b, "\"a:3\",\"ok\":true"), 1);
    visitor_leave(b);
    world_turn(&w->up);
    world_turn(&w->up);
    assert_int_equal(a->client->peer->subscriptions, 2);
    assert_int_equal(a->client->peer->patterns, 1);
}

/* What it has already is no more for being asked for again. */
static void what_one_has_can_be_changed_within_the_share(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = visitor_come(w, "192.0.2.1", DIALECT_NATIVE);

    visitor_subscribe(w, v, "\"a:1\",\"a:2\",\"a:3\",\"a:4\",\"a:*\"");
    for (int i = 0; i < 3; i++)
        visitor_say(w, v,
                    "{\"type\":\"subscribe\",\"interval_ms\":100,"
                    "\"channel\":\"a:1\"}");
    assert_int_equal(visitor_count(v, "\"ok\":true"), 8);
    assert_int_equal(v->client->peer->subscriptions, 5);
}

static void wildcards_of_an_address_have_a_bound(void **state)
{
    struct client_world *w = *state;
    char text[64];
    unsigned open = 0;

    w->clients->options.max_address_subscriptions = 1000;
    for (int i = 0; i < SHARE_PATTERNS_MAX + 10; i++) {
        struct visitor *v;

        if (i % 30 == 0)
            (void)visitor_come(w, "192.0.2.1", DIALECT_NATIVE);
        v = &w->visitors[w->n - 1];
        snprintf(text, sizeof text, "\"p%d:*\"", i);
        visitor_subscribe(w, v, text);
        snprintf(text, sizeof text, "\"p%d:*\",\"ok\":true", i);
        open += visitor_count(v, text);
    }
    assert_int_equal(open, SHARE_PATTERNS_MAX);
    assert_int_equal(visitor_count(&w->visitors[w->n - 1],
                                   "too many wildcards from this address"),
                     10);
}

/* A limit is checked before anything is opened: a client that asks for more
 * than it may have takes no room from others meanwhile. */
static void what_is_too_much_is_not_opened(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = visitor_come(w, "192.0.2.1", DIALECT_NATIVE);

    w->clients->options.max_subscriptions = 2;
    visitor_subscribe(w, v, "\"a:1\",\"a:2\",\"a:3\",\"a:4\",\"b:*\",\"a:1\"");
    assert_int_equal(visitor_count(v, "\"ok\":true"), 2);
    assert_int_equal(visitor_count(v, "\"too many subscriptions\""), 3);
    assert_int_equal(upstream_channels(w->up.upstream)->by_name.count, 2);
    assert_int_equal(upstream_channels(w->up.upstream)->patterns.count, 0);
}

static uint32_t hold(struct client_world *w, const char *front, const char *end,
                     uint32_t n)
{
    uint32_t held = 0;
    char name[32];

    for (uint32_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%s%u%s", front, i, end);
        held += upstream_open(w->up.upstream, span_str(name), DIALECT_NATIVE,
                              0) != NO_SUBSCRIPTION;
    }
    return held;
}

/* --- many channels --- */

/* Wildcards and intervals cost nothing for channels on which nothing comes;
 * with its next message each channel takes notice of all of them. */
static void wildcards_over_many_names_are_cheap(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = visitor_come(w, "192.0.2.1", DIALECT_NATIVE);
    struct visitor *other = visitor_come(w, "192.0.2.2", DIALECT_NATIVE);
    struct err err = {0};
    uint32_t streams;
    char text[128];

    w->clients->options.max_address_subscriptions = 1000;
    assert_int_equal(hold(w, "a:b:c:", "", 20000), 20000);
    streams = w->up.fanout.n_streams;
    for (int i = 0; i < 48; i++) {
        snprintf(text, sizeof text,
                 "{\"type\":\"subscribe\",\"interval_ms\":%d,\"channels\":"
                 "[\"a:*\",\"a:*:c:*\",\"a:b:*:*\",\"a:%d:*\"]}",
                 i * 50, i);
        visitor_say(w, v, text);
        world_wait(&w->up, 1000, false);
    }
    assert_int_equal(w->up.fanout.n_streams, streams);
    visitor_subscribe(w, other, "\"a:b:*:*\",\"a:b:c:1\"");
    world_wait(&w->up, 1000, false); /* names are looked at in several turns */
    assert_true(
        world_line(&w->up, "{\"channel\":\"a:b:c:7\",\"data\":7}", &err));
    assert_true(
        world_line(&w->up, "{\"channel\":\"a:b:c:1\",\"data\":1}", &err));
    assert_int_equal(visitor_count(v, "\"type\":\"update\""), 2);
    assert_int_equal(visitor_count(other, "\"type\":\"update\""), 2);
    assert_true(w->up.fanout.n_streams <= streams + 4);
}

/* --- full tables --- */

/* What upgrade() does for the older addresses. */
static void visitor_dialect(struct visitor *v)
{
    struct bytes out = {0};

    subscribe_dialect(v->client, &out);
    client_send(v->client, bytes_span(&out));
    bytes_close(&out);
}

static struct channels *channels_of(struct client_world *w)
{
    return upstream_channels(w->up.upstream);
}

/* As if clients had named them and gone. */
static void open_and_close(struct client_world *w, const char *front,
                           const char *end, uint32_t n)
{
    char name[32];

    for (uint32_t i = 0; i < n; i++) {
        uint32_t opened;

        snprintf(name, sizeof name, "%s%u%s", front, i, end);
        opened =
            upstream_open(w->up.upstream, span_str(name), DIALECT_NATIVE, 0);
        assert_int_not_equal(opened, NO_SUBSCRIPTION);
        upstream_close(w->up.upstream, opened);
    }
}

/* What others gave up lingers for a while, but not where room is wanted. */
static void nothing_lingers_where_there_is_no_room(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = visitor_come(w, "192.0.2.1", DIALECT_NATIVE);

    open_and_close(w, "p", ":*", CLIENT_PATTERNS_MAX);
    open_and_close(w, "q", ":*", 100);
    assert_int_equal(channels_of(w)->patterns.count, CLIENT_PATTERNS_MAX);
    visitor_subscribe(w, v, "\"c:*\"");
    open_and_close(w, "a:", "", CHANNELS_NAMED_MAX);
    assert_int_equal(channels_of(w)->by_name.count, CHANNELS_NAMED_MAX);
    open_and_close(w, "b:", "", 1000);
    assert_true(channels_of(w)->by_name.count <= CHANNELS_NAMED_MAX);
    visitor_subscribe(w, v, "\"c:1\"");
    assert_int_equal(visitor_count(v, "\"ok\":true"), 2);
}

/* What clients hold leaves room for wildcards' channels, and for the older
 * addresses. */
static void names_and_wildcards_of_clients_leave_room(void **state)
{
    struct client_world *w = *state;
    struct visitor *wild = visitor_come(w, "192.0.2.1", DIALECT_NATIVE);
    struct visitor *stock, *ticks;
    struct err err = {0};

    visitor_subscribe(w, wild, "\"market_data:*\"");
    assert_int_equal(hold(w, "p", ":*", PATTERNS_MAX), CLIENT_PATTERNS_MAX - 1);
    assert_int_equal(hold(w, "a:", "", CHANNELS_MAX), CHANNELS_NAMED_MAX);
    stock = visitor_come(w, "192.0.2.1", DIALECT_STOCK);
    ticks = visitor_come(w, "192.0.2.1", DIALECT_TICKS);
    visitor_dialect(stock);
    visitor_dialect(ticks);
    assert_true(world_line(
        &w->up, "{\"channel\":\"market_data:N\",\"data\":{\"type\":\"tick\"}}",
        &err));
    assert_true(world_line(&w->up,
                           "{\"channel\":\"stock:market_status\",\"data\":"
                           "{\"type\":\"market_status\"}}",
                           &err));
    assert_int_equal(visitor_count(wild, "\"market_data:N\""), 1);
    assert_int_equal(visitor_count(ticks, "tick"), 1);
    assert_int_equal(visitor_count(stock, "\"source\":\"local\""), 1);
}

static void fill(struct client_world *w)
{
    char name[32];

    for (uint32_t i = 0; channels_of(w)->by_name.count < CHANNELS_MAX; i++) {
        snprintf(name, sizeof name, "x:%u", i);
        assert_non_null(channels_get(channels_of(w), span_str(name)));
    }
}

/* Who misses messages for want of room hears so, and not with each of them. */
static void who_is_mute_for_want_of_room_is_told(void **state)
{
    struct client_world *w = *state;
    struct visitor *wild = visitor_come(w, "192.0.2.1", DIALECT_NATIVE);
    struct visitor *other = visitor_come(w, "192.0.2.1", DIALECT_NATIVE);
    struct visitor *ticks = visitor_come(w, "192.0.2.1", DIALECT_TICKS);

    visitor_subscribe(w, wild, "\"market_data:*\"");
    visitor_subscribe(w, other, "\"bars:*\"");
    visitor_dialect(ticks);
    world_redis(&w->up);
    fill(w);
    for (int i = 0; i < 3; i++) {
        world_publish("p:market_data:NEW", "1");
        world_redis(&w->up);
    }
    assert_int_equal(visitor_count(wild, "\"channel\":\"market_data:*\","
                                         "\"code\":\"no_room\""),
                     1);
    assert_int_equal(visitor_count(other, "no_room"), 0);
    visitor_read(ticks);
    assert_int_equal(ticks->close_code, WS_CLOSE_TRY_LATER);
    world_wait(&w->up, UPSTREAM_TOLD_MS, true);
    world_publish("p:market_data:NEW", "1");
    world_redis(&w->up);
    assert_int_equal(visitor_count(wild, "no_room"), 2);
}

static int open_with_redis(void **state)
{
    struct clients_options o = world_options();

    client_world_open(&world, true, &o);
    *state = &world;
    return 0;
}

#define TEST(test)                                                             \
    cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_address_has_a_share_of_its_own),
        TEST(what_one_has_can_be_changed_within_the_share),
        TEST(wildcards_of_an_address_have_a_bound),
        TEST(what_is_too_much_is_not_opened),
        TEST(wildcards_over_many_names_are_cheap),
        TEST(nothing_lingers_where_there_is_no_room),
        TEST(names_and_wildcards_of_clients_leave_room),
        cmocka_unit_test_setup_teardown(who_is_mute_for_want_of_room_is_told,
                                        open_with_redis, close_world),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
