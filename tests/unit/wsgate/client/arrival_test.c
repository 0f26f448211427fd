/* Clients that change between intervals, and those who are there already. */
#include "tests/unit/wsgate/client_world.h"

static struct client_world world;

static int open_world(void **state)
{
    const struct clients_options o = world_options();

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

static void ask(struct client_world *w, struct visitor *v, const char *name,
                int interval_ms)
{
    char text[160];

    snprintf(text, sizeof text,
             "{\"type\":\"subscribe\",\"channel\":\"%s\",\"interval_ms\":%d}",
             name, interval_ms);
    visitor_say(w, v, text);
}

static void give_up(struct client_world *w, struct visitor *v, const char *name)
{
    char text[160];

    snprintf(text, sizeof text, "{\"type\":\"unsubscribe\",\"channel\":\"%s\"}",
             name);
    visitor_say(w, v, text);
}

/* Messages n from `first` to `last`. */
static void publish(struct client_world *w, const char *name, int first,
                    int last)
{
    char text[160];
    struct err err;

    for (int n = first; n <= last; n++) {
        snprintf(text, sizeof text,
                 "{\"channel\":\"%s\",\"data\":{\"type\":\"tick\",\"n\":%d}}",
                 name, n);
        assert_true(world_line(&w->up, text, &err));
    }
}

/* "update 1, snapshot 40, ": what it was told since it was last asked. */
static const char *told(struct visitor *v)
{
    static char text[400];

    text[0] = '\0';
    for (const char *at = visitor_hear(v); at && *at;) {
        const char *n = strstr(at, "\"n\":"), *end = strchr(at, '\n');

        if (n && n < end)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s %d, ",
                     strncmp(at + 9, "update", 6) == 0 ? "update" : "snapshot",
                     atoi(n + 4));
        at = end + 1;
    }
    visitor_forget(v);
    return text;
}

static void counters_add_up(const struct client_world *w, uint64_t expected,
                            uint64_t conflated, uint64_t dropped)
{
    const struct fanout_counters *k = &w->up.fanout.counters;

    assert_int_equal(k->expected, expected);
    assert_int_equal(k->conflated, conflated);
    assert_int_equal(k->dropped_closed, dropped);
    assert_int_equal(k->expected, k->delivered + conflated + dropped);
}

/* It heard 40, and then 1 of what had waited. */
static void nothing_old_follows_when_one_changes_to_an_interval(void **state)
{
    struct client_world *w = *state;
    struct visitor *there = come(w), *v = come(w), *wild = come(w);

    ask(w, there, "market_data:A", 1000);
    ask(w, v, "market_data:A", 0);
    ask(w, wild, "market_data:*", 0);
    publish(w, "market_data:A", 1, 40);
    assert_string_equal(told(there), "update 1, ");
    assert_int_equal(visitor_count(v, "\"update\""), 40);
    visitor_forget(v);
    visitor_forget(wild);
    ask(w, v, "market_data:A", 1000);
    assert_string_equal(told(there), "update 40, ");
    assert_string_equal(told(v), "snapshot 40, ");
    publish(w, "market_data:A", 41, 45);
    visitor_forget(wild);
    ask(w, wild, "market_data:A", 1000); /* from a wildcard to a name */
    assert_string_equal(told(wild), "snapshot 45, ");
    world_wait(&w->up, 1000, false);
    assert_string_equal(told(there), "update 45, ");
    assert_string_equal(told(v), "update 45, ");
    assert_string_equal(told(wild), "");
}

/* The same where it is one of its wildcards that brings the channel then. */
static void nothing_old_follows_when_a_wildcard_takes_over(void **state)
{
    struct client_world *w = *state;
    struct visitor *there = come(w), *v = come(w);

    ask(w, there, "market_data:*", 1000);
    ask(w, v, "market_data:A", 0);
    ask(w, v, "market_data:*", 1000);
    publish(w, "market_data:A", 1, 40);
    visitor_forget(v);
    (void)told(there);
    give_up(w, v, "market_data:A");
    assert_string_equal(told(there), "update 40, ");
    world_wait(&w->up, 1000, false);
    assert_string_equal(told(v), "");
    publish(w, "market_data:A", 41, 41);
    assert_string_equal(told(v), "update 41, ");
}

/* It has two, as narrow as each other: the other one takes over. */
static void nothing_old_follows_through_another_wildcard(void **state)
{
    struct client_world *w = *state;
    struct visitor *there = come(w), *v = come(w);

    ask(w, v, "market_data:A:*", 0);
    ask(w, there, "market_data:*:B", 1000);
    ask(w, v, "market_data:*:B", 1000);
    publish(w, "market_data:A:B", 1, 40);
    assert_int_equal(visitor_count(v, "\"update\""), 40);
    visitor_forget(v);
    ask(w, v, "market_data:A:*", 50);
    (void)told(v);
    publish(w, "market_data:A:B", 41, 41);
    world_wait(&w->up, 1000, false);
    assert_string_equal(told(v), "update 41, ");
}

/* Only what it may come to hear otherwise is sent ahead of time. */
static void who_takes_nothing_along_brings_others_nothing(void **state)
{
    struct client_world *w = *state;
    struct visitor *there = come(w), *wild = come(w), *v = come(w);

    ask(w, there, "market_data:A", 1000);
    ask(w, wild, "market_data:*", 250);
    publish(w, "market_data:A", 1, 2);
    publish(w, "market_data:B", 1, 2);
    (void)told(there);
    (void)told(wild);
    ask(w, v, "market_data:C", 0); /* it is subscribed to something */
    ask(w, v, "market_data:A", 1000);
    assert_string_equal(told(v), "snapshot 1, ");
    ask(w, v, "market_data:A", 1000);
    assert_string_equal(told(v), "snapshot 1, ");
    ask(w, v, "market_data:*", 250);
    ask(w, v, "market_data:*", 250);
    ask(w, v, "market_data:C", 50);
    give_up(w, v, "market_data:C");
    give_up(w, v, "market_data:*");
    give_up(w, v, "market_data:A");
    assert_string_equal(told(there), "");
    assert_string_equal(told(wild), "");
    world_wait(&w->up, 1000, false);
    assert_string_equal(told(there), "update 2, ");
    assert_string_equal(told(wild), "update 2, update 2, ");
}

/* It was forgotten, and with it the newest message. */
static void what_waits_for_a_name_is_shown_when_it_is_given_up(void **state)
{
    static const int wildcard_ms[] = {0, 250};
    struct client_world *w = *state;

    for (int i = 0; i < 2; i++) {
        struct visitor *v = come(w);
        int first = 10 * i + 1;

        ask(w, v, "market_data:*", wildcard_ms[i]);
        ask(w, v, "market_data:A", 1000);
        visitor_forget(v);
        publish(w, "market_data:A", first, first + 4);
        (void)told(v);
        give_up(w, v, "market_data:A");
        assert_int_equal(visitor_count(v, "\"snapshot\""), 1);
        publish(w, "market_data:A", first + 5, first + 5);
        world_wait(&w->up, 1000, false);
        assert_int_equal(visitor_count(v, "\"update\""), 1);
        visitor_leave(v);
        world_turn(&w->up);
    }
}

static void what_waits_is_counted_when_its_client_goes(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w), *other = come(w), *mover = come(w);

    ask(w, v, "market_data:A", 1000);
    ask(w, other, "market_data:*", 1000);
    ask(w, mover, "market_data:A", 1000);
    publish(w, "market_data:A", 1, 3);
    counters_add_up(w, 6, 3, 0); /* 1 is sent, 2 outdone, 3 waits */
    visitor_leave(v);
    world_turn(&w->up);
    counters_add_up(w, 7, 3, 1);
    ask(w, mover, "market_data:A", 0);
    counters_add_up(w, 8, 4, 1);
    give_up(w, other, "market_data:*");
    counters_add_up(w, 9, 5, 1);
    world_wait(&w->up, 1000, false);
    counters_add_up(w, 9, 5, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_old_follows_when_one_changes_to_an_interval),
        TEST(nothing_old_follows_when_a_wildcard_takes_over),
        TEST(nothing_old_follows_through_another_wildcard),
        TEST(who_takes_nothing_along_brings_others_nothing),
        TEST(what_waits_for_a_name_is_shown_when_it_is_given_up),
        TEST(what_waits_is_counted_when_its_client_goes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
