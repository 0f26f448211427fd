/* Which channels patterns cover, by which of several a group hears them, and what
 * Redis is asked for; Redis is in memory, the clock stands. */
#include "tests/unit/wsgate/upstream_world.h"
#include "wsgate/fanout/hearing.h"

enum { HEARD_MAX = 8 };

struct world {
    struct upstream_world up;
    struct listener listener;
    uint32_t opened[HEARD_MAX];
    unsigned n_opened;
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

static void close_all(struct world *w)
{
    fanout_leave(&w->up.fanout, &w->listener.m);
    while (w->n_opened > 0)
        upstream_close(w->up.upstream, w->opened[--w->n_opened]);
}

static int close_world(void **state)
{
    struct world *w = *state;

    close_all(w);
    fanout_forget(&w->up.fanout, &w->listener.m);
    upstream_world_close(&w->up);
    fanout_close(&w->up.fanout);
    bytes_close(&w->listener.got);
    return 0;
}

static uint32_t open_at(struct world *w, const char *name, uint32_t interval_ms)
{
    uint32_t opened = upstream_open(w->up.upstream, span_str(name),
                                    DIALECT_NATIVE, interval_ms);

    assert_int_not_equal(opened, NO_SUBSCRIPTION);
    w->opened[w->n_opened++] = opened;
    return opened;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* The listener has everything that is open. */
static void hear_all(struct world *w)
{
    uint64_t keys[HEARD_MAX];

    for (unsigned i = 0; i < w->n_opened; i++)
        keys[i] = subscription_key(w->opened[i], false);
    qsort(keys, w->n_opened, sizeof *keys, by_value);
    fanout_subscribe(&w->up.fanout, &w->listener.m, keys, w->n_opened);
}

static void hear(struct world *w, const char *name, uint32_t interval_ms)
{
    (void)open_at(w, name, interval_ms);
    hear_all(w);
}

static unsigned sent;

/* How often what is published there now comes. */
static unsigned heard(struct world *w, const char *name)
{
    char full[300], payload[32];

    snprintf(full, sizeof full, "p:%s", name);
    snprintf(payload, sizeof payload, "{\"n\":%u}", ++sent);
    world_publish(full, payload);
    world_redis(&w->up);
    return listener_count(&w->listener, payload);
}

static struct channel *find(struct world *w, const char *name)
{
    return channels_find(upstream_channels(w->up.upstream), span_str(name));
}

static struct hearing hears(struct world *w, const char *name)
{
    return hearing_of(&w->up.fanout, group_keys(w->listener.m.group),
                      &find(w, name)->native.stream);
}

static uint64_t outcome(const struct world *w, enum upstream_outcome outcome)
{
    return w->up.upstream->outcome[outcome];
}

static unsigned redis_patterns(void)
{
    unsigned n = 0;

    for (struct redis_conn *c = fake_redis.first; c; c = c->next) {
        for (unsigned i = 0; !c->closed && i < c->n_names; i++)
            n += c->names[i].pattern;
    }
    return n;
}

/* --- what each form stands for --- */

static void each_pattern_hears_what_it_says_and_nothing_else(void **state)
{
    static const struct {
        const char *pattern, *heard[4], *not_heard[4];
    } cases[] = {
        {"bars:*",
         {"bars:A:1", "bars:B:D", "bars:X:Y:5"},
         {"barsX:A:1", "market_data:A", "bars"}},
        {"bars:*:5",
         {"bars:A:5", "bars:B:5", "bars:X:Y:5"},
         {"bars:A:15", "bars:5:1", "bars:A:1"}},
        {"bars:A:*",
         {"bars:A:5", "bars:A:D", "bars:A:1S"},
         {"bars:B:5", "bars:AA:5", "bars:A:X:5"}},
        {"option-chain:*:2025-11-28",
         {"option-chain:NIFTY:2025-11-28", "option-chain:X:2025-11-28"},
         {"option-chain:NIFTY:2025-12-05", "option-chain:NIFTY"}},
        {"option-chain:NIFTY:*",
         {"option-chain:NIFTY:2025-11-28", "option-chain:NIFTY:x"},
         {"option-chain:X:2025-11-28", "option-chain:NIFTY"}},
        {"market_data:*",
         {"market_data:A", "market_data:A:B"},
         {"market_dataX:A", "bars:A:1"}},
        {"a:*:c:*", {"a:b:c:d", "a:x:c:y"}, {"a:b:x:d", "a:b:c", "a:b:c:d:e"}},
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hear(w, cases[i].pattern, 0);
        world_redis(&w->up);
        for (int twice = 0; twice < 2; twice++) { /* new channels, known ones */
            for (int k = 0; k < 4 && cases[i].heard[k]; k++)
                assert_int_equal(heard(w, cases[i].heard[k]), 1);
            for (int k = 0; k < 4 && cases[i].not_heard[k]; k++)
                assert_int_equal(heard(w, cases[i].not_heard[k]), 0);
        }
        close_all(w);
        world_wait(&w->up, 2 * UPSTREAM_LINGER_MS, true);
        assert_int_equal(upstream_stats(w->up.upstream).channels, 0);
    }
}

/* --- several over one channel --- */

static void
what_several_subscriptions_bring_comes_once_by_the_narrowest(void **state)
{
    static const char *const in_order[] = {"bars:A:5", "bars:A:*", "bars:*:*",
                                           "bars:*"};
    struct world *w = *state;

    for (int how = 0; how < 4; how++) {
        bool channel_first = how & 1, wide_first = how & 2;

        /* Each of them with all that are wider. */
        for (unsigned from = 0; from < 4; from++) {
            struct hearing h;

            if (channel_first) {
                (void)open_at(w, "bars:*", 0);
                world_redis(&w->up);
                (void)heard(w, "bars:A:5");
            }
            for (unsigned i = from; i < 4; i++)
                (void)open_at(w, in_order[wide_first ? from + 3 - i : i], 0);
            if (channel_first) {
                upstream_close(w->up.upstream, w->opened[0]);
                w->opened[0] = w->opened[--w->n_opened];
            }
            hear_all(w);
            world_redis(&w->up);
            assert_int_equal(heard(w, "bars:A:5"), 1);
            assert_int_equal(heard(w, "bars:A:5"), 1);
            h = hears(w, "bars:A:5");
            assert_ptr_equal(h.stream, &find(w, "bars:A:5")->native.stream);
            assert_true(span_is(
                upstream_subscription_name(w->up.upstream, h.subscription),
                in_order[from]));
            close_all(w);
            world_wait(&w->up, 2 * UPSTREAM_LINGER_MS, true);
        }
    }
}

/* Name and patterns at different intervals are different streams of the same
 * messages: one of them is heard. */
static void
intervals_of_name_and_patterns_do_not_bring_a_message_twice(void **state)
{
    static const uint32_t intervals[][3] = {
        {0, 250, 500}, {250, 0, 500}, {250, 500, 0}, {250, 250, 250}};
    struct world *w = *state;

    for (size_t i = 0; i < sizeof intervals / sizeof *intervals; i++) {
        for (int with_name = 0; with_name < 2; with_name++) {
            const struct view *v;
            uint32_t members = 0;

            (void)open_at(w, "bars:*", intervals[i][0]);
            (void)open_at(w, "bars:*:5", intervals[i][1]);
            if (with_name)
                (void)open_at(w, "bars:A:5", intervals[i][2]);
            hear_all(w);
            world_redis(&w->up);
            assert_int_equal(heard(w, "bars:A:5"), 1);
            assert_int_equal(heard(w, "bars:A:1"), 1);
            v = (const struct view *)hears(w, "bars:A:5").stream;
            assert_int_equal(v->interval_ms, intervals[i][with_name ? 2 : 1]);
            for (struct view *any = &find(w, "bars:A:5")->native; any;
                 any = any->next)
                members += hearing_members(&w->up.fanout, &any->stream);
            assert_int_equal(members, 1);
            close_all(w);
            world_wait(&w->up, 2 * UPSTREAM_LINGER_MS, true);
        }
    }
}

/* --- what Redis is asked for --- */

static void redis_has_one_pattern_a_family(void **state)
{
    struct world *w = *state;

    hear(w, "bars:*:5", 0);
    hear(w, "bars:AAPL:*", 250);
    hear(w, "bars:*", 0);
    hear(w, "market_data:*", 0);
    world_redis(&w->up);
    assert_int_equal(redis_patterns(), 2);
    assert_true(world_redis_has("p:bars:*", true));
    assert_true(world_redis_has("p:market_data:*", true));
}

static void a_family_is_kept_until_its_last_pattern_has_gone(void **state)
{
    struct world *w = *state;
    uint32_t first = open_at(w, "bars:*:5", 0);

    world_redis(&w->up);
    (void)open_at(w, "bars:AAPL:*", 0);
    upstream_close(w->up.upstream, first);
    w->opened[0] = w->opened[--w->n_opened];
    hear_all(w);
    world_wait(&w->up, 2 * UPSTREAM_LINGER_MS, true);
    assert_null(channels_find_pattern(upstream_channels(w->up.upstream),
                                      span_str("bars:*:5")));
    assert_true(world_redis_has("p:bars:*", true));
    assert_int_equal(heard(w, "bars:AAPL:5"), 1);
    assert_int_equal(heard(w, "bars:X:5"), 0);
    close_all(w);
    world_wait(&w->up, UPSTREAM_LINGER_MS - 1000, true);
    assert_true(world_redis_has("p:bars:*", true));
    world_wait(&w->up, 3000, true);
    assert_int_equal(redis_patterns(), 0);
    assert_int_equal(upstream_channels(w->up.upstream)->families.count, 0);
}

static void a_pattern_of_a_confirmed_family_is_settled_at_once(void **state)
{
    struct world *w = *state;
    uint32_t second;

    hear(w, "bars:*:5", 0);
    world_redis(&w->up);
    assert_int_equal(heard(w, "bars:A:1"), 0);
    second = open_at(w, "bars:A:*", 0);
    assert_true(upstream_is_settled(w->up.upstream, second));
    hear_all(w);
    assert_int_equal(heard(w, "bars:A:1"), 1);
    world_lose_redis(&w->up);
    world_wait(&w->up, 3000, true);
    assert_true(upstream_is_settled(w->up.upstream, second));
    assert_int_equal(heard(w, "bars:A:1"), 1);
}

/* Its messages were unwanted before: what is cached may be newer. */
static void a_channel_is_covered_from_the_opening_of_its_pattern(void **state)
{
    struct world *w = *state;
    uint32_t name =
        upstream_open(w->up.upstream, span_str("bars:A:1"), DIALECT_NATIVE, 0);
    const struct upstream_channel *u;

    hear(w, "bars:*:5", 0);
    world_redis(&w->up);
    assert_int_equal(heard(w, "bars:A:5"), 1);
    u = upstream_channel_of(find(w, "bars:A:1"));
    assert_int_equal(upstream_covered_from(w->up.upstream, u),
                     u->confirmed_frame);
    hear(w, "bars:A:*", 0);
    assert_true(upstream_covered_from(w->up.upstream, u) <= u->confirmed_frame);
    u = upstream_channel_of(find(w, "bars:A:5"));
    assert_true(upstream_covered_from(w->up.upstream, u) <
                w->up.fanout.log.head);
    upstream_close(w->up.upstream, name);
}

static void a_family_that_redis_refuses_is_refused_to_each_pattern(void **state)
{
    struct world *w = *state;
    uint32_t a, b, later;

    fake_redis.denies = true;
    a = open_at(w, "bars:*:5", 0);
    b = open_at(w, "bars:A:*", 0);
    world_redis(&w->up);
    later = open_at(w, "bars:*", 0);
    for (unsigned i = 0; i < w->n_opened; i++) {
        assert_true(upstream_is_settled(w->up.upstream, w->opened[i]));
        assert_true(upstream_is_refused(w->up.upstream, w->opened[i]));
    }
    fake_redis.denies = false;
    world_wait(&w->up, 60000, true); /* it is asked for again */
    assert_false(upstream_is_refused(w->up.upstream, a));
    assert_false(upstream_is_refused(w->up.upstream, b));
    assert_false(upstream_is_refused(w->up.upstream, later));
    hear_all(w);
    assert_int_equal(heard(w, "bars:A:5"), 1);
}

/* --- what no pattern may bring --- */

static void
what_is_not_for_clients_makes_no_channel_and_is_counted(void **state)
{
    struct world *w = *state;

    hear(w, "stage:*", 0);
    hear(w, "bars:*", 0);
    hear(w, "bars:*:5", 0);
    world_redis(&w->up);
    assert_int_equal(heard(w, "bars:A:1D"), 0); /* it is bars:A:D */
    assert_int_equal(heard(w, "stage:no name"), 0);
    assert_int_equal(outcome(w, OUTCOME_INVALID_NAME), 2);
    assert_int_equal(upstream_stats(w->up.upstream).channels, 0);
    assert_int_equal(heard(w, "stage:x"), 1);
    assert_int_equal(outcome(w, OUTCOME_DELIVERED), 1);
}

static void what_no_pattern_asks_for_is_counted_as_unwanted(void **state)
{
    struct world *w = *state;

    hear(w, "bars:*:5", 0);
    world_redis(&w->up);
    assert_int_equal(heard(w, "bars:A:1"), 0);
    assert_int_equal(heard(w, "bars:A:1"), 0);
    assert_null(find(w, "bars:A:1"));
    assert_int_equal(outcome(w, OUTCOME_UNWANTED), 2);
}

/* Private and internal names: they may be fed from a pipe. */
static void a_hidden_channel_is_covered_by_no_pattern(void **state)
{
    struct world *w = *state;

    /* That clients cannot ask for it is not this file's: here it is open. */
    hear(w, "executions:*", 0);
    world_redis(&w->up);
    assert_int_equal(heard(w, "executions:42"), 0);
    assert_int_equal(outcome(w, OUTCOME_PRIVATE), 1);
    assert_non_null(
        upstream_channel(w->up.upstream, span_str("executions:43")));
    assert_int_equal(heard(w, "executions:43"), 0);
    assert_int_equal(outcome(w, OUTCOME_PRIVATE), 2);
    hear(w, "executions:*", 250); /* a view that is new */
    assert_false(channel_is_covered(upstream_channels(w->up.upstream),
                                    find(w, "executions:43")));
    assert_int_equal(outcome(w, OUTCOME_DELIVERED), 0);
}

/* The name was given up when some of its messages were under way already. */
static void a_name_that_was_given_up_does_not_come_twice(void **state)
{
    struct world *w = *state;
    uint32_t name = open_at(w, "bars:A:1", 0);
    char first[32], second[32];

    world_redis(&w->up);
    hear(w, "bars:*:5", 0);
    world_redis(&w->up);
    upstream_close(w->up.upstream, name);
    w->opened[0] = w->opened[--w->n_opened];
    hear_all(w);
    for (;;) {
        snprintf(first, sizeof first, "{\"n\":%u}", ++sent);
        snprintf(second, sizeof second, "{\"n\":%u}", ++sent);
        world_publish("p:bars:A:1", first);
        world_publish("p:bars:A:1", second);
        fake_mono_ns += WORLD_STEP_MS * INT64_C(1000000);
        world_turn(&w->up);
        if (!find(w, "bars:A:1"))
            break;
        world_redis(&w->up);
    }
    hear(w, "bars:A:*", 0);
    world_redis(&w->up);
    assert_int_equal(listener_count(&w->listener, first), 1);
    assert_int_equal(listener_count(&w->listener, second), 1);
}

#define TEST(test)                                                             \
    cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_pattern_hears_what_it_says_and_nothing_else),
        TEST(what_several_subscriptions_bring_comes_once_by_the_narrowest),
        TEST(intervals_of_name_and_patterns_do_not_bring_a_message_twice),
        TEST(redis_has_one_pattern_a_family),
        TEST(a_family_is_kept_until_its_last_pattern_has_gone),
        TEST(a_pattern_of_a_confirmed_family_is_settled_at_once),
        TEST(a_channel_is_covered_from_the_opening_of_its_pattern),
        TEST(a_family_that_redis_refuses_is_refused_to_each_pattern),
        TEST(what_is_not_for_clients_makes_no_channel_and_is_counted),
        TEST(what_no_pattern_asks_for_is_counted_as_unwanted),
        TEST(a_hidden_channel_is_covered_by_no_pattern),
        TEST(a_name_that_was_given_up_does_not_come_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
