#include "feed.h"

#include "bargen/state.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_out_of_order_lose_no_trade),
        cmocka_unit_test(
            a_hole_that_closes_late_takes_the_flag_from_a_final_bar),
        cmocka_unit_test(holes_survive_a_restart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
