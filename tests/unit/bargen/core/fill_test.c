#include "tests/unit/bargen/engine_world.h"

static struct engine_config filling(void)
{
    struct engine_config config = feed_config();

    config.fill = true;
    return config;
}

static void assert_fill(const struct feed *f, int64_t start_ms,
                        const char *price, unsigned rev)
{
    const struct issued *i = feed_final(f, "1", start_ms);
    char want[64];

    snprintf(want, sizeof want, "%s %s %s %s 0 0", price, price, price, price);
    feed_assert_bar(i, want);
    assert_true(i->bar.flags & BAR_FILL);
    assert_int_equal(i->bar.rev, rev);
}

static void a_late_close_is_the_price_of_the_fills_behind_it(void **state)
{
    struct feed f;

    (void)state;
    feed_open(&f, filling(), "1");
    feed_trade(&f, T0, "10", "1", NULL);
    feed_trade(&f, T0 + 3 * MINUTE_MS + 250, "12", "1", NULL);
    assert_fill(&f, T0 + MINUTE_MS, "10", 0);
    assert_fill(&f, T0 + 2 * MINUTE_MS, "10", 0);
    feed_trade(&f, T0 + 59999, "11.5", "1", NULL);
    feed_assert_bar(feed_final(&f, "1", T0), "10 11.5 10 11.5 2 2");
    assert_fill(&f, T0 + MINUTE_MS, "11.5", 1);
    assert_fill(&f, T0 + 2 * MINUTE_MS, "11.5", 1);
    /* One that changes no close issues no fill again. */
    feed_trade(&f, T0 + 5, "11", "1", NULL);
    assert_fill(&f, T0 + MINUTE_MS, "11.5", 1);
    feed_close(&f);
}

static void a_fill_that_gets_a_trade_is_a_bar_from_then_on(void **state)
{
    struct feed f;
    const struct issued *bar;

    (void)state;
    feed_open(&f, filling(), "1");
    feed_trade(&f, T0, "10", "1", NULL);
    feed_trade(&f, T0 + 4 * MINUTE_MS + 250, "12", "1", NULL);
    feed_trade(&f, T0 + 2 * MINUTE_MS, "13", "2", NULL);
    bar = feed_final(&f, "1", T0 + 2 * MINUTE_MS);
    feed_assert_bar(bar, "13 13 13 13 2 1");
    assert_false(bar->bar.flags & BAR_FILL);
    assert_int_equal(bar->bar.rev, 1);
    assert_fill(&f, T0 + MINUTE_MS, "10", 0);
    assert_fill(&f, T0 + 3 * MINUTE_MS, "13", 1);
    feed_close(&f);
}

static void the_newest_bar_may_be_a_fill(void **state)
{
    struct feed f;

    (void)state;
    feed_open(&f, filling(), "1");
    feed_live(&f, T0, "10", "1", NULL);
    engine_wake(&f.engine, (T0 + 3 * MINUTE_MS + 250) * MS);
    assert_fill(&f, T0 + 2 * MINUTE_MS, "10", 0);
    feed_live(&f, T0 + 2 * MINUTE_MS + 1, "11", "1", NULL);
    feed_assert_bar(feed_final(&f, "1", T0 + 2 * MINUTE_MS), "11 11 11 11 1 1");
    assert_int_equal(feed_final(&f, "1", T0 + 2 * MINUTE_MS)->bar.rev, 1);
    engine_wake(&f.engine, (T0 + 4 * MINUTE_MS + 250) * MS);
    assert_fill(&f, T0 + 3 * MINUTE_MS, "11", 0);
    feed_close(&f);
}

static void fills_follow_a_first_bar_that_comes_late(void **state)
{
    struct feed f;

    (void)state;
    feed_open(&f, filling(), "1");
    feed_trade(&f, T0 + 2 * MINUTE_MS, "12", "1", NULL);
    feed_trade(&f, T0 + 2 * MINUTE_MS + 500, "12", "1", NULL);
    feed_trade(&f, T0 + 3 * MINUTE_MS + 250, "13", "1", NULL);
    assert_true(feed_final(&f, "1", T0 + 2 * MINUTE_MS)->bar.flags &
                BAR_PARTIAL);
    /* Never before the first trade. */
    assert_int_equal(feed_final(&f, "1", T0 + MINUTE_MS)->bar.end_ns, 0);
    f.engine.rules.correction_ns = 5 * MINUTE_MS * MS;
    feed_trade(&f, T0, "10", "1", NULL);
    feed_assert_bar(feed_final(&f, "1", T0), "10 10 10 10 1 1");
    assert_true(feed_final(&f, "1", T0)->bar.flags & BAR_PARTIAL);
    assert_fill(&f, T0 + MINUTE_MS, "10", 1);
    /* It was the first, and no longer is. */
    assert_false(feed_final(&f, "1", T0 + 2 * MINUTE_MS)->bar.flags &
                 BAR_PARTIAL);
    assert_int_equal(feed_final(&f, "1", T0 + 2 * MINUTE_MS)->bar.rev, 1);
    feed_close(&f);
}

static void fills_go_on_for_a_day_after_a_late_trade(void **state)
{
    enum { DAY_MS = 1440 * 60000 };
    struct feed f;

    (void)state;
    feed_open(&f, filling(), "60");
    feed_trade(&f, T0, "10", "1", NULL);
    feed_trade(&f, T0 + 3 * (int64_t)DAY_MS, "20", "1", NULL);
    feed_trade(&f, T0 + 3 * (int64_t)DAY_MS + 3600250, "20", "1", NULL);
    assert_int_equal(feed_count(&f, BAR_FINAL), 26);
    /* In the stretch that is too long to be filled. */
    feed_trade(&f, T0 + 2 * (int64_t)DAY_MS, "15", "1", NULL);
    feed_assert_bar(feed_final(&f, "60", T0 + 2 * (int64_t)DAY_MS),
                    "15 15 15 15 1 1");
    for (int h = 1; h < 24; h++)
        feed_assert_bar(
            feed_final(&f, "60", T0 + 2 * (int64_t)DAY_MS + h * 3600000),
            "15 15 15 15 0 0");
    assert_int_equal(feed_count(&f, BAR_FINAL), 26 + 24);
    assert_true(f.engine.symbols.all[0]->series[0].n_kept <= 4);
    feed_close(&f);
}

static void a_day_of_fills_is_not_kept(void **state)
{
    struct feed f;
    const struct series *s;

    (void)state;
    feed_open(&f, filling(), "1S");
    feed_trade(&f, T0, "10", "1", NULL);
    feed_trade(&f, T0 + 1440 * MINUTE_MS, "11", "1", NULL);
    assert_int_equal(feed_count(&f, BAR_FINAL), 86399);
    s = &f.engine.symbols.all[0]->series[0];
    assert_int_equal(s->n_kept, 2);
    feed_close(&f);
}

/* --- whatever the order of arrival --- */

enum { TRADES = 120, AWAY_MS = 50000 };

struct lot {
    int64_t time_ms, arrives_ms;
    char price[16];
};

static int by_arrival(const void *a, const void *b)
{
    const struct lot *x = a, *y = b;

    return (x->arrives_ms > y->arrives_ms) - (x->arrives_ms < y->arrives_ms);
}

static uint32_t next_random(uint32_t *x)
{
    *x = *x * 1664525u + 1013904223u;
    return *x >> 8;
}

/* Bursts and pauses: of seconds, minutes, and once in a while of days. */
static void make_lots(struct lot *lots, uint32_t *x)
{
    int64_t time_ms = T0;

    for (int i = 0; i < TRADES; i++) {
        uint32_t r = next_random(x) % 100;

        time_ms += r < 50   ? next_random(x) % 400
                   : r < 85 ? next_random(x) % 9000
                   : r < 99 ? next_random(x) % 200000
                            : 1440 * MINUTE_MS + next_random(x) % 9000000;
        time_ms++; /* no two at the same time */
        lots[i].time_ms = time_ms;
        lots[i].arrives_ms = time_ms + next_random(x) % AWAY_MS;
        snprintf(lots[i].price, sizeof lots[i].price, "%u.%u",
                 10 + next_random(x) % 5, next_random(x) % 10);
    }
}

static bool same_bar(const struct bar *a, const struct bar *b)
{
    enum { SHOWN = BAR_PARTIAL | BAR_GAP | BAR_HOLE | BAR_JUMP | BAR_FILL };

    return decimal_cmp(a->open, b->open) == 0 &&
           decimal_cmp(a->high, b->high) == 0 &&
           decimal_cmp(a->low, b->low) == 0 &&
           decimal_cmp(a->close, b->close) == 0 && a->count == b->count &&
           (a->flags & SHOWN) == (b->flags & SHOWN);
}

static int by_bar(const void *a, const void *b)
{
    const struct issued *x = a, *y = b;
    int by_name = strcmp(x->resolution, y->resolution);

    if (by_name != 0)
        return by_name;
    if (x->bar.start_ns != y->bar.start_ns)
        return x->bar.start_ns < y->bar.start_ns ? -1 : 1;
    return (x->bar.rev > y->bar.rev) - (x->bar.rev < y->bar.rev);
}

/* The last issue of each final bar, in order; never twice with the same rev. */
static unsigned last_issues(struct feed *f, uint32_t seed)
{
    unsigned n = 0;

    qsort(f->at, f->n, sizeof *f->at, by_bar);
    for (unsigned i = 0; i < f->n; i++) {
        if (f->at[i].how != BAR_FINAL)
            continue;
        if (n > 0 && by_bar(&f->at[n - 1], &f->at[i]) == 0)
            fail_msg("seed %u: rev %u twice", seed, f->at[i].bar.rev);
        if (n > 0 && f->at[n - 1].bar.start_ns == f->at[i].bar.start_ns &&
            strcmp(f->at[n - 1].resolution, f->at[i].resolution) == 0)
            n--;
        f->at[n++] = f->at[i];
    }
    return n;
}

static void assert_same_bars(struct feed *a, struct feed *b, uint32_t seed)
{
    unsigned n = last_issues(a, seed);

    assert_int_equal(n, last_issues(b, seed));
    for (unsigned i = 0; i < n; i++) {
        const struct issued *x = &a->at[i], *y = &b->at[i];

        if (strcmp(x->resolution, y->resolution) != 0 ||
            x->bar.start_ns != y->bar.start_ns || !same_bar(&x->bar, &y->bar))
            fail_msg("seed %u: %s bar of %lld differs", seed, x->resolution,
                     (long long)((x->bar.start_ns / MS - T0) / 1000));
    }
}

static void shuffled_trades_give_the_same_bars_and_fills(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 24; seed++) {
        struct lot lots[TRADES];
        struct feed plain, shuffled;
        uint32_t x = seed;

        make_lots(lots, &x);
        feed_open(&plain, filling(), "5S 1 5 60 D");
        feed_open(&shuffled, filling(), "5S 1 5 60 D");
        for (int i = 0; i < TRADES; i++)
            feed_trade(&plain, lots[i].time_ms, lots[i].price, "1", NULL);
        qsort(lots, TRADES, sizeof *lots, by_arrival);
        for (int i = 0; i < TRADES; i++)
            feed_trade(&shuffled, lots[i].time_ms, lots[i].price, "1", NULL);
        engine_finish(&plain.engine);
        engine_finish(&shuffled.engine);
        assert_int_equal(shuffled.engine.counts.late_dropped, 0);
        assert_same_bars(&plain, &shuffled, seed);
        feed_close(&plain);
        feed_close(&shuffled);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_late_close_is_the_price_of_the_fills_behind_it),
        cmocka_unit_test(a_fill_that_gets_a_trade_is_a_bar_from_then_on),
        cmocka_unit_test(the_newest_bar_may_be_a_fill),
        cmocka_unit_test(fills_follow_a_first_bar_that_comes_late),
        cmocka_unit_test(fills_go_on_for_a_day_after_a_late_trade),
        cmocka_unit_test(a_day_of_fills_is_not_kept),
        cmocka_unit_test(shuffled_trades_give_the_same_bars_and_fills),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
