/* What Redis is asked for, when a subscription is settled, and what is told of
 * what Redis remembers; Redis is in memory, the clock stands. */
#include "tests/unit/wsgate/upstream_world.h"

#define TICK "{\"type\":\"tick\",\"symbol\":\"A\",\"bid\":1}" /* the fake's */

#define OLD "{\"type\":\"tick\",\"time\":1700000000001,\"bid\":2}"
#define NEW "{\"type\":\"tick\",\"time\":1700000000002,\"bid\":3}"
#define NEWER "{\"type\":\"tick\",\"time\":1700000000003,\"bid\":4}"
#define TRADE_OLD "{\"type\":\"trade\",\"time\":1700000000001,\"n\":5}"
#define TRADE_NEWER "{\"type\":\"trade\",\"time\":1700000000003,\"n\":6}"
#define NUMBERED "{\"type\":\"orderbook\",\"src\":\"r\",\"seq\":7}"

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

static void count_told(void *arg, struct span name, bool pattern, bool refused)
{
    (void)name;
    (void)pattern;
    (void)refused;
    ++*(unsigned *)arg;
}

/* To tell is to look at every client. */
static void nobody_is_told_of_a_refusal_who_has_only_asked(void **state)
{
    struct world *w = *state;
    unsigned told = 0;
    uint32_t a, b;

    w->up.on_access = count_told;
    w->up.on_settled_arg = &told;
    fake_redis.denies = true;
    a = open_channel(w, "market_data:A");
    b = open_channel(w, "bars:*");
    world_redis(&w->up);
    assert_true(settled(w, a) && settled(w, b));
    world_turn(&w->up);
    assert_int_equal(told, 0);
    fake_redis.denies = false;
    upstream_close(w->up.upstream, a);
    upstream_close(w->up.upstream, b);
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
    world_publish("p:market_data:A", NEW);
    world_redis(&w->up);
    world_lose_redis(&w->up);
    fake_redis.values[0] = NEWER; /* published meanwhile */
    world_wait(&w->up, 5000, true);
    assert_int_equal(listener_count(&w->listener, NEWER), 1);
    world_lose_redis(&w->up); /* nothing was missed this time */
    world_wait(&w->up, 5000, true);
    assert_int_equal(listener_count(&w->listener, NEWER), 1);
    world_lose_redis(&w->up); /* Redis came back with older data */
    fake_redis.values[0] = NEW;
    world_wait(&w->up, 5000, true);
    assert_int_equal(listener_count(&w->listener, NEW), 1);
    assert_int_equal(listener_count(&w->listener, "update"), 2);
    upstream_close(w->up.upstream, a);
}

static void what_was_missed_is_told_through_a_wildcard_too(void **state)
{
    struct world *w = *state;
    uint32_t all = open_channel(w, "market_data:*");

    listen_to(w, all, NO_SUBSCRIPTION);
    world_redis(&w->up);
    world_publish("p:market_data:A", NEW);
    world_redis(&w->up);
    world_lose_redis(&w->up);
    fake_redis.values[0] = NEWER;
    fake_redis.values[1] = TRADE_NEWER; /* the first of its type */
    world_wait(&w->up, 5000, true);
    assert_int_equal(listener_count(&w->listener, NEWER), 1);
    assert_int_equal(listener_count(&w->listener, TRADE_NEWER), 1);
    upstream_close(w->up.upstream, all);
}

static void what_happened_before_the_outage_is_not_news(void **state)
{
    struct world *w = *state;
    uint32_t all = open_channel(w, "market_data:*");

    listen_to(w, all, NO_SUBSCRIPTION);
    world_redis(&w->up);
    world_publish("p:market_data:A", NEW);
    world_redis(&w->up);
    world_lose_redis(&w->up);
    fake_redis.values[0] = TRADE_OLD; /* a slot that was empty */
    fake_redis.values[1] = "{\"type\":\"orderbook\",\"n\":1}"; /* who knows? */
    world_wait(&w->up, 5000, true);
    assert_int_equal(listener_count(&w->listener, "update"), 1);
    upstream_close(w->up.upstream, all);
}

static void who_asks_for_a_channel_makes_no_news_for_others(void **state)
{
    struct world *w = *state;
    uint32_t all = open_channel(w, "market_data:*"), a;
    const struct channel *channel;

    listen_to(w, all, NO_SUBSCRIPTION);
    world_redis(&w->up);
    fake_redis.values[0] = NEW;
    fake_redis.values[1] = TRADE_OLD;
    world_publish("p:market_data:A", NEWER);
    world_redis(&w->up);
    a = open_channel(w, "market_data:A");
    world_redis(&w->up);
    assert_true(settled(w, a));
    channel = channels_find(upstream_channels(w->up.upstream),
                            span_str("market_data:A"));
    assert_int_equal(channel->seq, 1);
    assert_int_equal(channel->native.stream.n_keys, 2); /* for its snapshot */
    assert_int_equal(listener_count(&w->listener, "update"), 1);
    assert_int_equal(listener_count(&w->listener, NEWER), 1);
    upstream_close(w->up.upstream, all);
    upstream_close(w->up.upstream, a);
}

/* --- fetching --- */

static struct redis_conn *link_of(bool subscriptions)
{
    struct redis_conn *c = fake_redis.first;

    while (c->closed || (c->n_names > 0) != subscriptions)
        c = c->next;
    return c;
}

static void a_command_link_that_is_lost_is_asked_again(void **state)
{
    struct world *w = *state;
    uint32_t a;
    const struct channel *channel;

    fake_redis.values[0] = NEW;
    fake_lose(link_of(false));
    a = open_channel(w, "market_data:A");
    world_deliver(&w->up, true, false); /* confirmed: there is nobody to ask */
    assert_false(settled(w, a));
    world_wait(&w->up, 5000, true);
    assert_true(settled(w, a));
    channel = channels_find(upstream_channels(w->up.upstream),
                            span_str("market_data:A"));
    assert_int_equal(channel->native.stream.n_keys, 1);
    upstream_close(w->up.upstream, a);
}

static void an_answer_that_means_not_now_is_asked_for_again(void **state)
{
    struct world *w = *state;
    uint32_t a;

    fake_redis.cache = FAKE_CACHE_ERROR; /* LOADING */
    a = open_channel(w, "market_data:A");
    world_redis(&w->up);
    assert_false(settled(w, a));
    fake_redis.cache = FAKE_CACHE_EMPTY;
    world_wait(&w->up, 500, true);
    assert_true(settled(w, a));
    upstream_close(w->up.upstream, a);
}

/* What was published before the cache was read has been heard before it is
 * used: the answer must not overtake it. */
static void the_answer_waits_for_what_was_published_before(void **state)
{
    struct world *w = *state;
    uint32_t a = open_channel(w, "market_data:A");
    struct redis_conn *commands;
    const char *heard;

    listen_to(w, a, NO_SUBSCRIPTION);
    world_redis(&w->up);
    world_publish("p:market_data:A", OLD);
    world_redis(&w->up);
    commands = link_of(false);
    fake_lose(link_of(true));
    fake_block(commands, true);
    for (int i = 0; i < 40; i++) { /* until it is confirmed again */
        world_wait(&w->up, WORLD_STEP_MS, false);
        for (struct redis_conn *c = fake_redis.first, *next; c; c = next) {
            next = c->next;
            if (c == commands || c->closed)
                continue;
            fake_open(c);
            fake_deliver(c, SIZE_MAX);
        }
    }
    world_publish("p:market_data:A", NEW);
    fake_redis.values[0] = NEWER; /* its PUBLISH comes later */
    fake_block(commands, false);
    for (int i = 0; i < 4; i++)
        world_deliver(&w->up, false, true);
    assert_int_equal(listener_count(&w->listener, NEWER), 0);
    world_redis(&w->up);
    world_publish("p:market_data:A", NEWER);
    world_redis(&w->up);
    bytes_add(&w->listener.got, "", 1);
    heard = strstr(w->listener.got.ptr, NEW);
    assert_non_null(heard);
    assert_non_null(strstr(heard, NEWER));
    w->listener.got.len--;
    assert_int_equal(listener_count(&w->listener, NEWER), 1);
    upstream_close(w->up.upstream, a);
}

/* --- what was cached and comes live as well --- */

static void what_the_cache_said_already_comes_no_second_time(void **state)
{
    struct world *w = *state;
    uint32_t a = open_channel(w, "market_data:A");
    const struct channel *channel;

    fake_redis.values[0] = NEW;
    world_redis(&w->up);
    channel = channels_find(upstream_channels(w->up.upstream),
                            span_str("market_data:A"));
    listen_to(w, a, NO_SUBSCRIPTION); /* it was shown the cached one */
    world_publish("p:market_data:A", OLD "\n" NEW "\n" NEWER);
    world_redis(&w->up);
    assert_int_equal(listener_count(&w->listener, "update"), 1);
    assert_int_equal(listener_count(&w->listener, NEWER), 1);
    assert_int_equal(channel->seq, 2);       /* OLD has used one up, NEW none */
    world_publish("p:market_data:A", NEWER); /* said twice is said twice */
    world_redis(&w->up);
    assert_int_equal(listener_count(&w->listener, NEWER), 2);
    upstream_close(w->up.upstream, a);
}

/* Nobody was shown the cached one: it has to come live. */
static void who_wants_no_snapshot_hears_it_live(void **state)
{
    struct world *w = *state;
    uint32_t a = open_channel(w, "market_data:A");

    upstream_note_unshown(w->up.upstream, a);
    fake_redis.values[0] = NEW;
    world_redis(&w->up);
    listen_to(w, a, NO_SUBSCRIPTION);
    world_publish("p:market_data:A", NEW);
    world_redis(&w->up);
    assert_int_equal(listener_count(&w->listener, NEW), 1);
    upstream_close(w->up.upstream, a);
}

static void the_same_text_much_later_is_another_message(void **state)
{
    struct world *w = *state;
    uint32_t a = open_channel(w, "market_data:A");

    fake_redis.values[0] = NEW;
    fake_redis.values[1] = NUMBERED;
    world_redis(&w->up);
    listen_to(w, a, NO_SUBSCRIPTION);
    world_wait(&w->up, UPSTREAM_AGAIN_MS + 100, true);
    world_publish("p:market_data:A", NEW);
    world_publish("p:market_data:A", NUMBERED); /* this one has a number */
    world_redis(&w->up);
    assert_int_equal(listener_count(&w->listener, NEW), 1);
    assert_int_equal(listener_count(&w->listener, NUMBERED), 0);
    upstream_close(w->up.upstream, a);
}

static void others_hear_what_only_one_was_shown(void **state)
{
    struct world *w = *state;
    uint32_t all = open_channel(w, "market_data:*"), a;

    listen_to(w, all, NO_SUBSCRIPTION);
    world_redis(&w->up);
    world_publish("p:market_data:A", NEWER);
    world_redis(&w->up);
    fake_redis.values[0] = TRADE_NEWER;
    a = open_channel(w, "market_data:A");
    world_redis(&w->up);
    world_publish("p:market_data:A", TRADE_NEWER);
    world_redis(&w->up);
    assert_int_equal(listener_count(&w->listener, TRADE_NEWER), 1);
    upstream_close(w->up.upstream, all);
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

static uint64_t outcome(const struct world *w, enum upstream_outcome outcome)
{
    return w->up.upstream->outcome[outcome];
}

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
    assert_int_equal(outcome(w, OUTCOME_UNWANTED), 2);
    assert_int_equal(outcome(w, OUTCOME_DELIVERED), 0);
    upstream_close(w->up.upstream, a);
}

/* --- what became of each message --- */

static uint64_t outcomes(const struct world *w)
{
    uint64_t sum = 0;

    for (int i = 0; i < OUTCOMES; i++)
        sum += w->up.upstream->outcome[i];
    return sum;
}

/* A line for Redis to say at any time, to a subscriber that has a pattern. */
static void say_by_pattern(const char *name, const char *payload)
{
    for (struct redis_conn *c = fake_redis.first; c; c = c->next) {
        for (unsigned i = 0; i < c->n_names; i++) {
            if (c->names[i].pattern)
                fake_message(c, &c->names[i], span_str(name),
                             span_str(payload));
        }
    }
}

static void each_message_from_redis_has_one_outcome(void **state)
{
    struct world *w = *state;
    uint32_t name = open_channel(w, "market_data:A");
    uint32_t pattern = open_channel(w, "market_data:*");

    world_redis(&w->up);
    world_publish("p:market_data:A", "1"); /* by its name and by the pattern */
    world_publish("p:market_data:B", "2");
    world_publish("p:market_data:C", "{");
    world_publish("p:market_data:no name", "4");
    say_by_pattern("p:other:D", "5");
    world_redis(&w->up);
    assert_int_equal(outcome(w, OUTCOME_DELIVERED), 2);
    assert_int_equal(outcome(w, OUTCOME_COPY), 1);
    assert_int_equal(outcome(w, OUTCOME_INVALID), 1);
    assert_int_equal(outcome(w, OUTCOME_INVALID_NAME), 1);
    assert_int_equal(outcome(w, OUTCOME_UNWANTED), 1);
    assert_int_equal(outcomes(w), 6);
    assert_int_equal(upstream_stats(w->up.upstream).messages_redis, 5);
    upstream_close(w->up.upstream, name);
    upstream_close(w->up.upstream, pattern);
}

static void the_probe_of_the_gateway_is_no_message(void **state)
{
    struct world *w = *state;

    world_wait(&w->up, 3000, true);
    assert_int_equal(w->up.state, UPSTREAM_LIVE);
    assert_int_equal(outcomes(w), 0);
}

static void a_new_channel_for_which_there_is_no_room_is_counted(void **state)
{
    struct world *w = *state;
    uint32_t pattern = open_channel(w, "market_data:*");
    char name[32];

    world_redis(&w->up);
    for (int i = 0; i < CHANNELS_MAX; i++) {
        snprintf(name, sizeof name, "x:%d", i);
        assert_non_null(
            channels_get(upstream_channels(w->up.upstream), span_str(name)));
    }
    world_publish("p:market_data:NEW", "1");
    world_redis(&w->up);
    assert_int_equal(outcome(w, OUTCOME_CHANNELS_FULL), 1);
    assert_int_equal(outcomes(w), 1);
    upstream_close(w->up.upstream, pattern);
}

static void each_value_of_a_message_counts_and_none_is_invalid(void **state)
{
    struct world *w = *state;
    uint32_t a = open_channel(w, "market_data:A");

    world_redis(&w->up);
    world_publish("p:market_data:A", "1\n{\r\n\n3\n");
    world_publish("p:market_data:A", "\n\r\n"); /* lines, but no value */
    world_redis(&w->up);
    assert_int_equal(outcome(w, OUTCOME_DELIVERED), 2);
    assert_int_equal(outcome(w, OUTCOME_INVALID), 2);
    assert_int_equal(outcomes(w), 4);
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
        TEST(nobody_is_told_of_a_refusal_who_has_only_asked),
        TEST(nothing_is_waited_for_where_redis_is_away),
        TEST(a_new_connection_has_to_confirm_anew),
        TEST(cached_messages_are_the_newest_and_told_to_nobody),
        TEST(what_came_after_the_confirmation_outdoes_what_is_cached),
        TEST(what_was_missed_in_an_outage_is_told),
        TEST(what_was_missed_is_told_through_a_wildcard_too),
        TEST(what_happened_before_the_outage_is_not_news),
        TEST(who_asks_for_a_channel_makes_no_news_for_others),
        TEST(a_command_link_that_is_lost_is_asked_again),
        TEST(an_answer_that_means_not_now_is_asked_for_again),
        TEST(the_answer_waits_for_what_was_published_before),
        TEST(what_the_cache_said_already_comes_no_second_time),
        TEST(who_wants_no_snapshot_hears_it_live),
        TEST(the_same_text_much_later_is_another_message),
        TEST(others_hear_what_only_one_was_shown),
        TEST(cached_messages_that_are_no_json_are_counted),
        TEST(what_has_a_name_and_a_pattern_comes_once),
        TEST(until_the_name_is_confirmed_the_pattern_brings_its_messages),
        TEST(other_prefixes_are_not_ours),
        TEST(each_message_from_redis_has_one_outcome),
        TEST(the_probe_of_the_gateway_is_no_message),
        TEST(a_new_channel_for_which_there_is_no_room_is_counted),
        TEST(each_value_of_a_message_counts_and_none_is_invalid),
        TEST(several_values_in_one_message_are_several_messages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
