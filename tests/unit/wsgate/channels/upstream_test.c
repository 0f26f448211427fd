/* What Redis is asked for, when a subscription is settled, and what is told of
 * what Redis remembers; Redis is in memory, the clock stands. */
#include "tests/unit/wsgate/upstream_world.h"

#define TICK "{\"type\":\"tick\",\"symbol\":\"A\",\"bid\":1}" /* the fake's */

struct world {
    struct upstream_world up;
    struct listener listener;
};

static int open_world(void **state)
{
    static struct world w;

    memset(&w, 0, sizeof w);
    upstream_world_open(&w.up, true, listener_io());
    world_redis(&w.up);
    *state = &w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;

    fanout_leave(&w->up.fanout, &w->listener.m);
    fanout_forget(&w->up.fanout, &w->listener.m);
    upstream_world_close(&w->up);
    fanout_close(&w->up.fanout);
    bytes_close(&w->listener.got);
    return 0;
}

static uint32_t open_channel(struct world *w, const char *name)
{
    return upstream_open(w->up.upstream, span_str(name), DIALECT_NATIVE, 0);
}

static void listen_to(struct world *w, uint32_t a, uint32_t b)
{
    uint64_t keys[2] = {subscription_key(a, false), subscription_key(b, false)};

    fanout_subscribe(&w->up.fanout, &w->listener.m, keys,
                     b == NO_SUBSCRIPTION ? 1 : 2);
}

static bool settled(struct world *w, uint32_t subscription)
{
    return upstream_is_settled(w->up.upstream, subscription);
}

/* --- references --- */

static void
redis_is_asked_once_and_kept_for_a_while_after_the_last_one(void **state)
{
    struct world *w = *state;
    uint32_t a = open_channel(w, "market_data:A");
    uint32_t b = open_channel(w, "market_data:A");
    struct upstream_stats stats = upstream_stats(w->up.upstream);

    assert_int_equal(a, b);
    assert_int_equal(stats.redis_subscriptions, 2); /* with the probe's */
    world_redis(&w->up);
    assert_true(world_redis_has("p:market_data:A", false));
    upstream_close(w->up.upstream, a);
    world_wait(&w->up, 2 * UPSTREAM_LINGER_MS, true);
    assert_true(world_redis_has("p:market_data:A", false));
    upstream_close(w->up.upstream, b);
    world_wait(&w->up, UPSTREAM_LINGER_MS - 1000, true);
    assert_true(world_redis_has("p:market_data:A", false));
    assert_non_null(channels_find(upstream_channels(w->up.upstream),
                                  span_str("market_data:A")));
    world_wait(&w->up, 3000, true);
    assert_false(world_redis_has("p:market_data:A", false));
    assert_null(channels_find(upstream_channels(w->up.upstream),
                              span_str("market_data:A")));
}

static void a_channel_that_is_wanted_again_in_time_is_not_given_up(void **state)
{
    struct world *w = *state;
    uint32_t a = open_channel(w, "market_data:A");

    world_redis(&w->up);
    upstream_close(w->up.upstream, a);
    world_wait(&w->up, UPSTREAM_LINGER_MS - 1000, true);
    assert_int_equal(open_channel(w, "market_data:A"), a);
    assert_true(settled(w, a)); /* it never ceased to be confirmed */
    world_wait(&w->up, 2 * UPSTREAM_LINGER_MS, true);
    assert_true(world_redis_has("p:market_data:A", false));
    upstream_close(w->up.upstream, a);
}

static void patterns_are_counted_and_linger_too(void **state)
{
    struct world *w = *state;
    uint32_t a = open_channel(w, "market_data:*");

    assert_int_equal(open_channel(w, "market_data:*"), a);
    world_redis(&w->up);
    upstream_close(w->up.upstream, a);
    world_wait(&w->up, 2 * UPSTREAM_LINGER_MS, true);
    assert_true(world_redis_has("p:market_data:*", true));
    upstream_close(w->up.upstream, a);
    world_wait(&w->up, UPSTREAM_LINGER_MS - 1000, true);
    assert_true(world_redis_has("p:market_data:*", true));
    world_wait(&w->up, 3000, true);
    assert_false(world_redis_has("p:market_data:*", true));
}

/* --- settled --- */

static void
a_subscription_is_settled_when_the_cached_messages_have_come(void **state)
{
    struct world *w = *state;
    uint32_t a = open_channel(w, "market_data:A");
    unsigned before = w->up.settled;

    assert_false(settled(w, a));
    world_deliver(&w->up, true, false); /* the confirmation */
    assert_false(settled(w, a));
    assert_int_equal(w->up.settled, before);
    world_redis(&w->up);
    assert_true(settled(w, a));
    assert_true(w->up.settled > before);
    upstream_close(w->up.upstream, a);
}

static void a_pattern_is_settled_by_its_confirmation_alone(void **state)
{
    struct world *w = *state;
    uint32_t a = open_channel(w, "market_data:*");

    assert_false(settled(w, a));
    world_deliver(&w->up, true, false);
    assert_true(settled(w, a));
    upstream_close(w->up.upstream, a);
}

static void a_name_that_redis_refuses_is_waited_for_no_longer(void **state)
{
    struct world *w = *state;
    uint32_t a;

    fake_redis.denies = true;
    a = open_channel(w, "market_data:A");
    assert_false(settled(w, a));
    world_redis(&w->up);
    assert_true(settled(w, a));
    fake_redis.denies = false;
    upstream_close(w->up.upstream, a);
}

static void nothing_is_waited_for_where_redis_is_away(void **state)
{
    struct world *w = *state;
    uint32_t a = open_channel(w, "market_data:A");

    world_redis(&w->up);
    world_lose_redis(&w->up);
    assert_true(settled(w, a));
    assert_true(w->up.downs > 0);
    upstream_close(w->up.upstream, a);
}

static void a_new_connection_has_to_confirm_anew(void **state)
{
    struct world *w = *state;
    uint32_t name = open_channel(w, "market_data:A");
    uint32_t pattern = open_channel(w, "bars:*");
    bool name_waits = false, pattern_waits = false;

    world_redis(&w->up);
    assert_true(settled(w, name) && settled(w, pattern));
    world_lose_redis(&w->up);
    for (int i = 0; i < 100; i++) {
        world_wait(&w->up, WORLD_STEP_MS, false);
        for (struct redis_conn *c = fake_redis.first; c; c = c->next)
            if (!c->closed)
                fake_open(c);
        world_deliver(&w->up, true, true);
        name_waits = name_waits || !settled(w, name);
        pattern_waits = pattern_waits || !settled(w, pattern);
    }
    assert_true(name_waits && pattern_waits);
    assert_true(settled(w, name) && settled(w, pattern));
    upstream_close(w->up.upstream, name);
    upstream_close(w->up.upstream, pattern);
}

/* --- what Redis remembers --- */

static void cached_messages_are_the_newest_and_told_to_nobody(void **state)
{
    struct world *w = *state;
    uint32_t a = open_channel(w, "market_data:A");
    const struct channel *channel = channels_find(
        upstream_channels(w->up.upstream), span_str("market_data:A"));

    listen_to(w, a, NO_SUBSCRIPTION);
    fake_redis.cache = FAKE_CACHE_ONE;
    world_redis(&w->up);
    assert_int_equal(channel->seq, 0);
    assert_int_equal(channel->native.stream.n_keys, 1);
    assert_int_equal(listener_count(&w->listener, TICK), 0);
    upstream_close(w->up.upstream, a);
}

static void
what_came_after_the_confirmation_outdoes_what_is_cached(void **state)
{
    struct world *w = *state;
    uint32_t a = open_channel(w, "market_data:A");

    listen_to(w, a, NO_SUBSCRIPTION);
    fake_redis.cache = FAKE_CACHE_ONE;
    world_deliver(&w->up, true, false);
    world_publish("p:market_data:A", "{\"type\":\"tick\",\"bid\":2}");
    world_deliver(&w->up, true, false);
    world_redis(&w->up); /* and now the cached tick, which is older */
    assert_int_equal(listener_count(&w->listener, "\"bid\":2"), 1);
    assert_int_equal(listener_count(&w->listener, TICK), 0);
    upstream_close(w->up.upstream, a);
}

static void what_was_missed_in_an_outage_is_told(void **state)
{
    struct world *w = *state;
    uint32_t a = open_channel(w, "market_data:A");

    listen_to(w, a, NO_SUBSCRIPTION);
    world_redis(&w->up);
    world_publish("p:market_data:A", "{\"type\":\"tick\",\"bid\":2}");
    world_redis(&w->up);
    world_lose_redis(&w->up);
    fake_redis.cache = FAKE_CACHE_ONE; /* published meanwhile */
    world_wait(&w->up, 5000, true);
    assert_int_equal(listener_count(&w->listener, TICK), 1);
    world_lose_redis(&w->up); /* nothing was missed this time */
    world_wait(&w->up, 5000, true);
    assert_int_equal(listener_count(&w->listener, TICK), 1);
    upstream_close(w->up.upstream, a);
}

static void cached_messages_that_are_no_json_are_counted(void **state)
{
    struct world *w = *state;
    uint32_t a = open_channel(w, "market_data:A");
    struct upstream_stats stats;

    fake_redis.cache = FAKE_CACHE_BAD;
    world_redis(&w->up);
    stats = upstream_stats(w->up.upstream);
    assert_int_equal(stats.messages_invalid, 1);
    assert_true(settled(w, a));
    upstream_close(w->up.upstream, a);
}

/* --- names and patterns --- */

static void what_has_a_name_and_a_pattern_comes_once(void **state)
{
    struct world *w = *state;
    uint32_t name = open_channel(w, "market_data:A");
    uint32_t pattern = open_channel(w, "market_data:*");

    world_redis(&w->up);
    listen_to(w, name, pattern);
    world_publish("p:market_data:A", "{\"type\":\"tick\",\"bid\":2}");
    world_publish("p:market_data:B", "{\"type\":\"tick\",\"bid\":3}");
    world_redis(&w->up);
    assert_int_equal(listener_count(&w->listener, "\"bid\":2"), 1);
    assert_int_equal(listener_count(&w->listener, "\"bid\":3"), 1);
    upstream_close(w->up.upstream, name);
    upstream_close(w->up.upstream, pattern);
}

static void
until_the_name_is_confirmed_the_pattern_brings_its_messages(void **state)
{
    struct world *w = *state;
    uint32_t pattern = open_channel(w, "market_data:*"), name;

    world_redis(&w->up);
    name = open_channel(w, "market_data:A");
    listen_to(w, name, pattern);
    /* Redis knows only the pattern when this is published. */
    world_publish("p:market_data:A", "{\"type\":\"tick\",\"bid\":2}");
    world_redis(&w->up);
    assert_int_equal(listener_count(&w->listener, "\"bid\":2"), 1);
    upstream_close(w->up.upstream, name);
    upstream_close(w->up.upstream, pattern);
}

static void a_pattern_stands_for_one_last_part_only(void **state)
{
    struct world *w = *state;
    uint32_t pattern = open_channel(w, "bars:*");

    world_redis(&w->up);
    world_publish("p:bars:A:1", "{\"type\":\"bar\"}");
    world_redis(&w->up);
    assert_null(
        channels_find(upstream_channels(w->up.upstream), span_str("bars:A:1")));
    upstream_close(w->up.upstream, pattern);
}

static void other_prefixes_are_not_ours(void **state)
{
    struct world *w = *state;
    uint32_t a = open_channel(w, "market_data:A");
    struct redis_conn *c = fake_redis.first;
    static const struct fake_name other = {.len = 13};

    world_redis(&w->up);
    while (c->n_names == 0)
        c = c->next;
    fake_message(c, &other, span_str("q:market_data:A"), span_str("1"));
    fake_message(c, &other, span_str("market_data:A"), span_str("1"));
    world_redis(&w->up);
    assert_int_equal(upstream_stats(w->up.upstream).messages_redis, 0);
    upstream_close(w->up.upstream, a);
}

static void several_values_in_one_message_are_several_messages(void **state)
{
    struct world *w = *state;
    uint32_t a = open_channel(w, "market_data:A");

    world_redis(&w->up);
    listen_to(w, a, NO_SUBSCRIPTION);
    world_publish("p:market_data:A",
                  "{\"type\":\"tick\",\"bid\":2}\r\n\n"
                  "{\"type\":\"trade\",\"n\":3}\n{\"type\":");
    world_redis(&w->up);
    assert_int_equal(listener_count(&w->listener, "\"bid\":2},"), 1);
    assert_int_equal(listener_count(&w->listener, "\"n\":3},"), 1);
    assert_int_equal(upstream_stats(w->up.upstream).messages_invalid, 1);
    upstream_close(w->up.upstream, a);
}

#define TEST(test)                                                             \
    cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(redis_is_asked_once_and_kept_for_a_while_after_the_last_one),
        TEST(a_channel_that_is_wanted_again_in_time_is_not_given_up),
        TEST(patterns_are_counted_and_linger_too),
        TEST(a_subscription_is_settled_when_the_cached_messages_have_come),
        TEST(a_pattern_is_settled_by_its_confirmation_alone),
        TEST(a_name_that_redis_refuses_is_waited_for_no_longer),
        TEST(nothing_is_waited_for_where_redis_is_away),
        TEST(a_new_connection_has_to_confirm_anew),
        TEST(cached_messages_are_the_newest_and_told_to_nobody),
        TEST(what_came_after_the_confirmation_outdoes_what_is_cached),
        TEST(what_was_missed_in_an_outage_is_told),
        TEST(cached_messages_that_are_no_json_are_counted),
        TEST(what_has_a_name_and_a_pattern_comes_once),
        TEST(until_the_name_is_confirmed_the_pattern_brings_its_messages),
        TEST(a_pattern_stands_for_one_last_part_only),
        TEST(other_prefixes_are_not_ours),
        TEST(several_values_in_one_message_are_several_messages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
