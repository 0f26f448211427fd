/* Trades that use up an id but are none: what a bar knows of them. */
#include "tests/unit/bargen/engine_world.h"

static enum engine_verdict excluded(struct feed *f, int64_t time_ms,
                                    const char *id)
{
    struct event ev = {.type = EVENT_TRADE_EXCLUDED,
                       .symbol = span_str("X"),
                       .time_ns = time_ms * MS,
                       .id = span_str(id),
                       .have = EVENT_HAS_TIME | EVENT_HAS_ID};

    return engine_event(&f->engine, &ev, (T0 + 365 * 1440 * MINUTE_MS) * MS);
}

/* Contiguous ids, one a second; those that `none` lists are no trades. */
static void feed_ids(struct feed *f, int from, int to, const char *none)
{
    char id[16], listed[18];

    for (int i = from; i < to; i++) {
        snprintf(id, sizeof id, "%d", i);
        snprintf(listed, sizeof listed, " %d ", i);
        if (strstr(none, listed))
            assert_int_equal(excluded(f, T0 + i * 1000, id), ENGINE_IGNORED);
        else
            feed_trade(f, T0 + i * 1000, "10", "1", id);
    }
}

static void an_id_that_is_used_up_is_not_missing(void **state)
{
    struct feed f;

    (void)state;
    feed_open(&f, feed_config(), "1");
    feed_ids(&f, 1, 130, " 20 21 59 60 119 ");
    feed_assert_bar(feed_final(&f, "1", T0), "10 10 10 10 56 56");
    feed_assert_bar(feed_final(&f, "1", T0 + MINUTE_MS), "10 10 10 10 58 58");
    assert_false(feed_final(&f, "1", T0)->bar.flags & BAR_HOLE);
    assert_false(feed_final(&f, "1", T0 + MINUTE_MS)->bar.flags & BAR_HOLE);
    assert_int_equal(f.engine.counts.ignored, 5);
    assert_int_equal(f.engine.counts.holes, 0);
    feed_close(&f);
}

static void it_makes_no_bar_and_closes_none(void **state)
{
    struct feed f;

    (void)state;
    feed_open(&f, feed_config(), "1");
    excluded(&f, T0, "1");
    assert_int_equal(f.n, 0);
    feed_trade(&f, T0 + 1000, "10", "1", "2");
    excluded(&f, T0 + 10 * MINUTE_MS, "3");
    assert_int_equal(f.n, 0);
    /* Its id is that of no trade from now on. */
    assert_int_equal(feed_trade(&f, T0 + 2000, "11", "1", "3"),
                     ENGINE_REPEATED);
    feed_trade(&f, T0 + 2 * MINUTE_MS, "12", "1", "4");
    feed_assert_bar(feed_final(&f, "1", T0), "10 10 10 10 1 1");
    feed_close(&f);
}

static void what_comes_twice_is_ignored_twice(void **state)
{
    struct feed f;

    (void)state;
    feed_open(&f, feed_config(), "1");
    feed_ids(&f, 1, 50, " 20 ");
    assert_int_equal(excluded(&f, T0 + 20000, "20"), ENGINE_IGNORED);
    assert_int_equal(excluded(&f, T0 + 30000, "30"), ENGINE_IGNORED);
    assert_int_equal(f.engine.counts.duplicates, 0);
    assert_int_equal(f.engine.counts.ignored, 3);
    feed_close(&f);
}

static void where_bars_are_made_of_quotes_it_says_nothing(void **state)
{
    struct engine_config config = feed_config();
    struct feed f;

    (void)state;
    config.price = PRICE_BID;
    feed_open(&f, config, "1");
    feed_tick(&f, T0, "10", "11");
    assert_int_equal(excluded(&f, T0 + 1000, "1"), ENGINE_IGNORED);
    feed_tick(&f, T0 + 2 * MINUTE_MS, "12", "13");
    feed_assert_bar(feed_final(&f, "1", T0), "10 10 10 10 0 1");
    feed_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_that_is_used_up_is_not_missing),
        cmocka_unit_test(it_makes_no_bar_and_closes_none),
        cmocka_unit_test(what_comes_twice_is_ignored_twice),
        cmocka_unit_test(where_bars_are_made_of_quotes_it_says_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
