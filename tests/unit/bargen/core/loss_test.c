#include "tests/unit/bargen/engine_world.h"

#include "bargen/store/state.h"

#define LOST (BAR_GAP | BAR_JUMP)

/* Event number seq of a publisher, as it happens. */
static enum engine_verdict numbered(struct feed *f, int64_t time_ms,
                                    uint64_t seq)
{
    struct event ev = feed_trade_event("X", time_ms, "10", "1", NULL);

    ev.src = span_str("aa");
    ev.seq = seq;
    ev.have |= EVENT_HAS_SRC | EVENT_HAS_SEQ;
    return engine_event(&f->engine, &ev, time_ms * MS);
}

static void entries_out_of_order_lose_no_trade(void **state)
{
    static const uint64_t order[] = {1, 2, 6, 7, 3, 4, 5, 8, 6, 3};
    struct feed f;

    (void)state;
    feed_open(&f, feed_config(), "1");
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        numbered(&f, T0 + (int64_t)order[i], order[i]);
    assert_int_equal(f.engine.counts.repeated, 2);
    engine_finish(&f.engine);
    assert_int_equal(f.at[f.n - 1].bar.count, 8);
    assert_false(f.at[f.n - 1].bar.flags & LOST);
    feed_close(&f);
}

static void
a_hole_that_closes_late_takes_the_flag_from_a_final_bar(void **state)
{
    struct feed f;

    (void)state;
    feed_open(&f, feed_config(), "1");
    numbered(&f, T0, 1);
    numbered(&f, T0 + 2, 3);
    numbered(&f, T0 + MINUTE_MS + 300, 4);
    assert_true(feed_final(&f, "1", T0)->bar.flags & LOST);
    assert_string_equal(
        f.text.len > 0 && strstr(f.text.ptr, "\"gap\":true") ? "gap" : "no gap",
        "gap");
    numbered(&f, T0 + 1, 2);
    assert_false(feed_final(&f, "1", T0)->bar.flags & LOST);
    assert_int_equal(feed_final(&f, "1", T0)->bar.count, 3);
    feed_close(&f);
}

static void holes_survive_a_restart(void **state)
{
    struct feed f, g;
    struct bytes text;
    struct err err = {0};
    struct symbol *sym;

    (void)state;
    feed_open(&f, feed_config(), "1");
    feed_open(&g, feed_config(), "1");
    numbered(&f, T0, 1);
    numbered(&f, T0 + 4, 5);
    bytes_init(&text);
    state_encode(f.engine.symbols.all[0], &f.engine.rules, STATE_ALL_BARS,
                 &text);
    sym = engine_symbol(&g.engine, span_str("X"));
    if (!state_decode(sym, &g.engine.rules, bytes_span(&text), &err))
        fail_msg("%s", err.text);
    engine_restored(&g.engine, sym);
    assert_int_equal(numbered(&g, T0 + 4, 5), ENGINE_REPEATED);
    assert_int_equal(numbered(&g, T0, 1), ENGINE_REPEATED);
    for (uint64_t i = 2; i <= 4; i++) {
        assert_true(sym->series[0].cur.flags & LOST);
        assert_int_equal(numbered(&g, T0 + (int64_t)i - 1, i), ENGINE_TAKEN);
    }
    assert_false(sym->series[0].cur.flags & LOST);
    assert_int_equal(sym->series[0].cur.count, 5);
    bytes_close(&text);
    feed_close(&f);
    feed_close(&g);
}

static void a_bar_that_had_to_go_early_is_not_begun_anew(void **state)
{
    struct engine_config config = feed_config();
    struct feed f, g;
    struct bytes text;
    struct symbol *sym;

    (void)state;
    config.correction_ns = 24 * 60 * MINUTE_MS * MS;
    feed_open(&f, config, "1S");
    feed_open(&g, config, "1S");
    for (int i = 0; i < SERIES_KEPT_MAX + 100; i++)
        feed_trade(&f, T0 + i * 2000, "10", "1", NULL);
    feed_trade(&f, T0 + 500, "99", "1", NULL);
    assert_int_equal(f.engine.counts.late_dropped, 1);
    feed_assert_bar(feed_final(&f, "1S", T0), "10 10 10 10 1 1");
    /* Between two that went, where none was. */
    feed_trade(&f, T0 + 3500, "99", "1", NULL);
    assert_int_equal(f.engine.counts.late_dropped, 2);
    /* The oldest that is kept still takes a correction. */
    feed_trade(&f, T0 + 150 * 2000 + 1, "99", "1", NULL);
    assert_int_equal(f.engine.counts.late_dropped, 2);
    bytes_init(&text);
    state_encode(f.engine.symbols.all[0], &f.engine.rules, STATE_ALL_BARS,
                 &text);
    sym = engine_symbol(&g.engine, span_str("X"));
    assert_true(state_decode(sym, &g.engine.rules, bytes_span(&text), NULL));
    engine_restored(&g.engine, sym);
    feed_trade(&g, T0 + 500, "99", "1", NULL);
    assert_int_equal(g.engine.counts.late_dropped, 1);
    bytes_close(&text);
    feed_close(&f);
    feed_close(&g);
}

/* Bars are forgotten when some bar of the symbol closes. */
static void
whether_a_bar_is_corrected_does_not_depend_on_other_series(void **state)
{
    static const char *const resolutions[] = {"1", "1 1S"};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct engine_config config = feed_config();
        struct feed f;

        config.correction_ns = 150 * NS_PER_SECOND;
        feed_open(&f, config, resolutions[i]);
        for (int k = 0; k < 4; k++)
            feed_trade(&f, T0 + k * MINUTE_MS, "10", "1", NULL);
        feed_trade(&f, T0 + 4 * MINUTE_MS + 300, "10", "1", NULL);
        feed_trade(&f, T0 + 4 * MINUTE_MS + 20250, "10", "1", NULL);
        /* Its minute ended 140 s ago, then 180. */
        feed_trade(&f, T0 + MINUTE_MS + 1, "12", "1", NULL);
        assert_int_equal(feed_final(&f, "1", T0 + MINUTE_MS)->bar.rev, 1);
        feed_trade(&f, T0 + 4 * MINUTE_MS + 59000, "10", "1", NULL);
        feed_trade(&f, T0 + MINUTE_MS + 2, "13", "1", NULL);
        feed_assert_bar(feed_final(&f, "1", T0 + MINUTE_MS), "10 12 10 12 2 2");
        assert_true(f.engine.counts.late_dropped > 0);
        feed_close(&f);
    }
}

static void trade_ids_of_nineteen_digits_are_numbers(void **state)
{
    struct feed f;

    (void)state;
    feed_open(&f, feed_config(), "1");
    feed_trade(&f, T0, "10", "1", "1756684800000000001");
    feed_trade(&f, T0, "12", "1", "1756684800000000003");
    feed_trade(&f, T0, "11", "1", "1756684800000000002");
    feed_trade(&f, T0, "13", "1", "9223372036854775807");
    assert_int_equal(f.engine.counts.duplicates, 0);
    assert_int_equal(f.engine.symbols.all[0]->ids.steps.n, 3);
    /* One more does not fit: it is text, and before all numbers. */
    feed_trade(&f, T0, "9", "1", "9223372036854775808");
    feed_trade(&f, T0, "8", "1", "99999999999999999999");
    assert_int_equal(f.engine.symbols.all[0]->ids.steps.n, 3);
    engine_finish(&f.engine);
    feed_assert_bar(&f.at[f.n - 1], "9 13 8 13 6 6");
    feed_close(&f);
}

static void sums_of_any_size_can_be_stored_and_read(void **state)
{
    const char *most = "999999999999999999", *least = "0.000000000000000001";
    struct feed f, g;
    struct bytes text, again;
    struct symbol *sym;

    (void)state;
    feed_open(&f, feed_config(), "1");
    feed_open(&g, feed_config(), "1");
    bytes_init(&text);
    bytes_init(&again);
    sym = engine_symbol(&g.engine, span_str("X"));
    /* Each adds nearly 10^36 to the turnover. */
    for (int i = 0; i < 150; i++) {
        feed_trade(&f, T0 + i, most, i % 2 ? most : least, NULL);
        bytes_clear(&text);
        bytes_clear(&again);
        state_encode(f.engine.symbols.all[0], &f.engine.rules, STATE_ALL_BARS,
                     &text);
        assert_true(
            state_decode(sym, &g.engine.rules, bytes_span(&text), NULL));
        state_encode(sym, &g.engine.rules, STATE_ALL_BARS, &again);
        assert_int_equal(text.len, again.len);
        assert_memory_equal(text.ptr, again.ptr, text.len);
    }
    engine_restored(&g.engine, sym);
    engine_finish(&g.engine);
    feed_assert_bar(&g.at[0], "999999999999999999 999999999999999999 "
                              "999999999999999999 999999999999999999 "
                              "74999999999999999925.000000000000000075 150");
    bytes_close(&text);
    bytes_close(&again);
    feed_close(&f);
    feed_close(&g);
}

static void a_bar_that_begins_after_a_loss_inside_it_is_flagged(void **state)
{
    struct feed f;

    (void)state;
    feed_open(&f, feed_config(), "1");
    feed_live(&f, T0 + 10000, "10", "1", NULL);
    /* Events up to the sixth minute's middle are gone. */
    engine_lost(&f.engine, -1, (T0 + 5 * MINUTE_MS + 30000) * MS);
    feed_live(&f, T0 + 5 * MINUTE_MS + 30000, "10", "1", NULL);
    feed_live(&f, T0 + 6 * MINUTE_MS, "10", "1", NULL);
    feed_live(&f, T0 + 7 * MINUTE_MS, "10", "1", NULL);
    engine_finish(&f.engine);
    assert_true(feed_final(&f, "1", T0)->bar.flags & BAR_GAP);
    assert_true(feed_final(&f, "1", T0 + 5 * MINUTE_MS)->bar.flags & BAR_GAP);
    assert_false(feed_final(&f, "1", T0 + 6 * MINUTE_MS)->bar.flags & BAR_GAP);
    feed_close(&f);
}

static void a_loss_in_old_data_ends_with_the_next_event(void **state)
{
    struct feed f, g;
    struct bytes text;
    struct symbol *sym;

    (void)state;
    feed_open(&f, feed_config(), "1");
    feed_open(&g, feed_config(), "1");
    feed_trade(&f, T0 + 10000, "10", "1", NULL);
    engine_lost(&f.engine, -1, (T0 + 365 * 1440 * MINUTE_MS) * MS);
    bytes_init(&text);
    state_encode(f.engine.symbols.all[0], &f.engine.rules, STATE_ALL_BARS,
                 &text);
    sym = engine_symbol(&g.engine, span_str("X"));
    assert_true(state_decode(sym, &g.engine.rules, bytes_span(&text), NULL));
    engine_restored(&g.engine, sym);
    feed_trade(&g, T0 + 5 * MINUTE_MS + 30000, "10", "1", NULL);
    feed_trade(&g, T0 + 6 * MINUTE_MS, "10", "1", NULL);
    /* Late, and before the loss ended. */
    feed_trade(&g, T0 + 5 * MINUTE_MS - 1, "10", "1", NULL);
    feed_trade(&g, T0 + 7 * MINUTE_MS, "10", "1", NULL);
    engine_finish(&g.engine);
    for (int i = 0; i < 7; i++) {
        const struct issued *bar = feed_final(&g, "1", T0 + i * MINUTE_MS);

        if (bar->bar.end_ns != 0)
            assert_int_equal((bar->bar.flags & BAR_GAP) != 0, i < 6);
    }
    bytes_close(&text);
    feed_close(&f);
    feed_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_out_of_order_lose_no_trade),
        cmocka_unit_test(
            a_hole_that_closes_late_takes_the_flag_from_a_final_bar),
        cmocka_unit_test(holes_survive_a_restart),
        cmocka_unit_test(a_bar_that_had_to_go_early_is_not_begun_anew),
        cmocka_unit_test(
            whether_a_bar_is_corrected_does_not_depend_on_other_series),
        cmocka_unit_test(trade_ids_of_nineteen_digits_are_numbers),
        cmocka_unit_test(a_bar_that_begins_after_a_loss_inside_it_is_flagged),
        cmocka_unit_test(a_loss_in_old_data_ends_with_the_next_event),
        cmocka_unit_test(sums_of_any_size_can_be_stored_and_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
