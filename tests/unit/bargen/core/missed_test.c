#include "tests/unit/bargen/engine_world.h"

#include "bargen/store/state.h"

#define S INT64_C(1000)

/* Arrives by a clock that is as many milliseconds behind. */
static enum engine_verdict behind(struct feed *f, int64_t time_ms,
                                  const char *id, int64_t behind_ms)
{
    struct event ev = feed_trade_event("X", time_ms, "10", "1", id);

    return engine_event(&f->engine, &ev, (time_ms - behind_ms) * MS);
}

static bool has_gap(const struct feed *f, const char *resolution,
                    int64_t start_ms)
{
    const struct issued *i = feed_final(f, resolution, start_ms);

    assert_true(i->bar.end_ns > 0);
    return i->bar.flags & BAR_GAP;
}

static void trades_count_when_the_clock_is_set_back(void **state)
{
    static const int64_t behind_ms[] = {30 * S, 60 * MINUTE_MS,
                                        365 * 1440 * MINUTE_MS};

    (void)state;
    for (size_t k = 0; k < sizeof behind_ms / sizeof *behind_ms; k++) {
        struct event other = feed_trade_event("Y", T0 + 240 * S, "10", "1", 0);
        struct feed f;

        feed_open(&f, feed_config(), "1");
        for (int i = 0; i < 30; i++)
            feed_live(&f, T0 + i * S, "10", "1", NULL);
        for (int i = 30; i < 240; i++)
            assert_int_equal(behind(&f, T0 + i * S, NULL, behind_ms[k]),
                             ENGINE_TAKEN);
        /* Whatever the symbol; but not one that is wrong by itself. */
        assert_int_equal(
            engine_event(&f.engine, &other, (T0 + 240 * S - behind_ms[k]) * MS),
            ENGINE_TAKEN);
        assert_int_equal(behind(&f, T0 + 301 * S, NULL, behind_ms[k]),
                         ENGINE_FUTURE);
        for (int m = 0; m < 3; m++) {
            assert_int_equal(feed_final(&f, "1", T0 + m * MINUTE_MS)->bar.count,
                             60);
            assert_false(has_gap(&f, "1", T0 + m * MINUTE_MS));
        }
        /* Right again: one of the future is. */
        feed_live(&f, T0 + 310 * S, "10", "1", NULL);
        assert_int_equal(behind(&f, T0 + 320 * S, NULL, 6 * S), ENGINE_FUTURE);
        feed_close(&f);
    }
}

/* It began with a clock that was wrong: trades show nothing. */
static void bars_that_lack_a_trade_dropped_as_future_say_so(void **state)
{
    struct feed f;

    (void)state;
    feed_open(&f, feed_config(), "1 60");
    for (int i = 30; i < 100; i++)
        assert_int_equal(behind(&f, T0 + i * S, NULL, MINUTE_MS),
                         ENGINE_FUTURE);
    feed_live(&f, T0 + 1 * S, "10", "1", NULL);
    feed_live(&f, T0 + 100 * S, "10", "1", NULL);
    for (int m = 2; m < 5; m++)
        feed_live(&f, T0 + m * MINUTE_MS, "10", "1", NULL);
    feed_live(&f, T0 + 60 * MINUTE_MS + 300, "10", "1", NULL);
    assert_true(has_gap(&f, "1", T0));
    assert_true(has_gap(&f, "1", T0 + MINUTE_MS));
    assert_false(has_gap(&f, "1", T0 + 2 * MINUTE_MS));
    assert_false(has_gap(&f, "1", T0 + 3 * MINUTE_MS));
    assert_true(has_gap(&f, "60", T0));
    feed_close(&f);
}

/* It says of itself that it belongs to another bar than those at hand. */
static void one_with_a_wrong_time_flags_no_other_bar(void **state)
{
    struct feed f;

    (void)state;
    feed_open(&f, feed_config(), "1");
    feed_live(&f, T0 + 1 * S, "10", "1", NULL);
    behind(&f, T0 + 1440 * MINUTE_MS, NULL, 1440 * MINUTE_MS);
    behind(&f, INT64_C(9000000000001), NULL, 1440 * MINUTE_MS);
    for (int m = 1; m < 4; m++)
        feed_live(&f, T0 + m * MINUTE_MS + 300, "10", "1", NULL);
    for (int m = 0; m < 3; m++)
        assert_false(has_gap(&f, "1", T0 + m * MINUTE_MS));
    assert_int_equal(f.engine.counts.future, 2);
    feed_close(&f);
}

static void one_that_was_here_is_not_missing(void **state)
{
    static const char *const ids[] = {"7", "text"};
    struct feed f;

    (void)state;
    for (int i = 0; i < 2; i++) {
        feed_open(&f, feed_config(), "1");
        feed_live(&f, T0 + 1 * S, "10", "1", ids[i]);
        assert_int_equal(behind(&f, T0 + 1 * S, ids[i], MINUTE_MS),
                         ENGINE_REPEATED);
        feed_live(&f, T0 + MINUTE_MS + 300, "10", "1", NULL);
        assert_false(has_gap(&f, "1", T0));
        feed_close(&f);
    }
}

/* Bars of quotes came first: those of trades lack a trade all the same. */
static void quotes_do_not_hide_it(void **state)
{
    struct event tick = feed_tick_event("X", T0, "9", "11");
    struct feed f;

    (void)state;
    feed_open(&f, feed_config(), "1");
    engine_event(&f.engine, &tick, T0 * MS);
    assert_int_equal(behind(&f, T0 + 30 * S, NULL, MINUTE_MS), ENGINE_FUTURE);
    feed_live(&f, T0 + 40 * S, "10", "1", NULL);
    feed_live(&f, T0 + MINUTE_MS + 300, "10", "1", NULL);
    assert_true(has_gap(&f, "1", T0));
    feed_close(&f);
}

static void bars_of_quotes_lack_quotes(void **state)
{
    struct engine_config config = feed_config();
    struct event tick = feed_tick_event("X", T0, "9", "11");
    struct feed f;

    (void)state;
    config.price = PRICE_MID;
    feed_open(&f, config, "1");
    engine_event(&f.engine, &tick, T0 * MS);
    for (int i = 1; i < 4; i++) {
        tick.time_ns = (T0 + i * MINUTE_MS + 300) * MS;
        if (i == 1) /* by a clock that is behind, then by a right one */
            engine_event(&f.engine, &tick, T0 * MS);
        engine_event(&f.engine, &tick, tick.time_ns);
    }
    assert_int_equal(f.engine.counts.future, 1);
    assert_false(has_gap(&f, "1", T0));
    assert_true(has_gap(&f, "1", T0 + MINUTE_MS));
    assert_false(has_gap(&f, "1", T0 + 2 * MINUTE_MS));
    feed_close(&f);
}

/* Neither is what makes no bars here. */
static void quotes_and_excluded_trades_are_not_missing(void **state)
{
    struct event tick = feed_tick_event("X", T0 + 30 * S, "9", "11");
    struct event excluded = {.type = EVENT_TRADE_EXCLUDED,
                             .symbol = span_str("X"),
                             .time_ns = (T0 + 31 * S) * MS,
                             .id = span_str("3"),
                             .have = EVENT_HAS_TIME | EVENT_HAS_ID};
    struct feed f;

    (void)state;
    feed_open(&f, feed_config(), "1");
    feed_live(&f, T0 + 1 * S, "10", "1", NULL);
    engine_event(&f.engine, &tick, T0 * MS);
    engine_event(&f.engine, &excluded, T0 * MS);
    feed_live(&f, T0 + MINUTE_MS + 300, "10", "1", NULL);
    assert_int_equal(f.engine.counts.future, 2);
    assert_false(has_gap(&f, "1", T0));
    feed_close(&f);
}

static void what_is_missing_survives_a_restart(void **state)
{
    struct feed f, g;
    struct bytes text;
    struct symbol *sym;

    (void)state;
    feed_open(&f, feed_config(), "1");
    feed_open(&g, feed_config(), "1");
    feed_live(&f, T0 + 1 * S, "10", "1", NULL);
    behind(&f, T0 + MINUTE_MS, NULL, MINUTE_MS);
    behind(&f, T0 + 3 * MINUTE_MS, NULL, MINUTE_MS);
    bytes_init(&text);
    state_encode(f.engine.symbols.all[0], &f.engine.rules, STATE_OPEN_BARS,
                 &text);
    sym = engine_symbol(&g.engine, span_str("X"));
    assert_true(state_decode(sym, &g.engine.rules, bytes_span(&text), NULL));
    engine_restored(&g.engine, sym);
    for (int m = 1; m < 6; m++)
        feed_live(&g, T0 + m * MINUTE_MS, "10", "1", NULL);
    for (int m = 0; m < 4; m++)
        assert_int_equal(has_gap(&g, "1", T0 + m * MINUTE_MS),
                         m == 1 || m == 3);
    bytes_close(&text);
    feed_close(&f);
    feed_close(&g);
}

static void stretches_are_bounded(void **state)
{
    const int n = MISSED_MAX * 3;
    struct missed m = {.n = 0};

    (void)state;
    /* Every other second, from the last to the first. */
    for (int i = n; i-- > 0;)
        missed_add(&m, (T0 + i * 2 * S + 999) * MS);
    assert_int_equal(m.n, MISSED_MAX);
    for (int i = 0; i < n; i++)
        assert_true(
            missed_in(&m, (T0 + i * 2 * S) * MS, (T0 + (i * 2 + 1) * S) * MS));
    assert_false(missed_in(&m, 0, T0 * MS));
    assert_false(missed_in(&m, (T0 + (n * 2 - 1) * S) * MS, INT64_MAX));
    missed_pass(&m, (T0 + 2 * n * S) * MS);
    assert_int_equal(m.n, 0);
    /* Neighbours become one, and so do those that meet. */
    missed_add(&m, -1);
    missed_add(&m, 1 * S * MS);
    assert_int_equal(m.n, 2);
    missed_add(&m, 0);
    assert_int_equal(m.n, 1);
    assert_true(missed_in(&m, -1 * S * MS, 0));
    assert_false(missed_in(&m, -2 * S * MS, -1 * S * MS));
    missed_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trades_count_when_the_clock_is_set_back),
        cmocka_unit_test(bars_that_lack_a_trade_dropped_as_future_say_so),
        cmocka_unit_test(one_with_a_wrong_time_flags_no_other_bar),
        cmocka_unit_test(quotes_do_not_hide_it),
        cmocka_unit_test(bars_of_quotes_lack_quotes),
        cmocka_unit_test(one_that_was_here_is_not_missing),
        cmocka_unit_test(quotes_and_excluded_trades_are_not_missing),
        cmocka_unit_test(what_is_missing_survives_a_restart),
        cmocka_unit_test(stretches_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
