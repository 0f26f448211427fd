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

#define TEST(test)                                                             \
    cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_address_has_a_share_of_its_own),
        TEST(what_one_has_can_be_changed_within_the_share),
        TEST(wildcards_of_an_address_have_a_bound),
        TEST(what_is_too_much_is_not_opened),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
