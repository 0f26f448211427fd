#include "tests/unit/bargen/engine_world.h"

static void a_bar_is_final_when_the_watermark_passes_its_end(void **state)
{
    struct feed f;

    (void)state;
    feed_open(&f, feed_config(), "1");
    feed_trade(&f, T0 + 1000, "10", "1", "1");
    feed_trade(&f, T0 + 60000, "11", "1", "2");
    feed_trade(&f, T0 + 60249, "12", "1", "3");
    assert_int_equal(f.n, 0);
    feed_trade(&f, T0 + 60250, "13", "1", "4");
    assert_int_equal(f.n, 1);
    feed_assert_bar(feed_final(&f, "1", T0), "10 10 10 10 1 1");
    feed_close(&f);
}

static void a_late_trade_inside_the_grace_needs_no_revision(void **state)
{
    struct feed f;

    (void)state;
    feed_open(&f, feed_config(), "1");
    feed_trade(&f, T0 + 1000, "10", "1", "1");
    feed_trade(&f, T0 + 60100, "11", "1", "3");
    feed_trade(&f, T0 + 59990, "9", "2", "2");
    feed_trade(&f, T0 + 61000, "12", "1", "4");
    feed_assert_bar(feed_final(&f, "1", T0), "10 10 9 9 3 2");
    assert_int_equal(feed_final(&f, "1", T0)->bar.rev, 0);
    assert_int_equal(f.engine.counts.out_of_order, 1);
    feed_close(&f);
}

static void a_late_trade_after_the_close_issues_the_bar_again(void **state)
{
    struct feed f;

    (void)state;
    feed_open(&f, feed_config(), "1");
    feed_trade(&f, T0 + 1000, "10", "1", "1");
    feed_trade(&f, T0 + 61000, "11", "1", "3");
    feed_trade(&f, T0 + 500, "9", "2", "2");
    feed_assert_bar(feed_final(&f, "1", T0), "9 10 9 10 3 2");
    assert_int_equal(feed_final(&f, "1", T0)->bar.rev, 1);
    feed_trade(&f, T0 + 59999, "12", "1", "7");
    feed_assert_bar(feed_final(&f, "1", T0), "9 12 9 12 4 3");
    assert_int_equal(feed_final(&f, "1", T0)->bar.rev, 2);
    feed_close(&f);
}

static void a_trade_older_than_the_correction_window_is_dropped(void **state)
{
    struct feed f;

    (void)state;
    feed_open(&f, feed_config(), "1");
    for (int i = 0; i < 6; i++)
        feed_trade(&f, T0 + i * MINUTE_MS, "10", "1", NULL);
    feed_trade(&f, T0 + 1000, "99", "1", NULL);
    assert_int_equal(f.engine.counts.late_dropped, 1);
    feed_assert_bar(feed_final(&f, "1", T0), "10 10 10 10 1 1");
    feed_close(&f);
}

static void the_last_two_closed_bars_take_corrections_however_old(void **state)
{
    struct feed f;

    (void)state;
    feed_open(&f, feed_config(), "1");
    feed_trade(&f, T0, "10", "1", NULL);
    feed_trade(&f, T0 + MINUTE_MS, "11", "1", NULL);
    feed_trade(&f, T0 + 500 * MINUTE_MS, "12", "1", NULL);
    feed_trade(&f, T0 + 500 * MINUTE_MS + 300, "12", "1", NULL);
    feed_trade(&f, T0 + 5, "9", "1", NULL);
    feed_assert_bar(feed_final(&f, "1", T0), "10 10 9 9 2 2");
    assert_int_equal(f.engine.counts.late_dropped, 0);
    feed_close(&f);
}

static void a_late_trade_in_a_hole_makes_the_missing_bar(void **state)
{
    struct feed f;

    (void)state;
    feed_open(&f, feed_config(), "1");
    feed_trade(&f, T0, "10", "1", NULL);
    feed_trade(&f, T0 + 2 * MINUTE_MS + 300, "12", "1", NULL);
    assert_int_equal(feed_final(&f, "1", T0 + MINUTE_MS)->bar.end_ns, 0);
    feed_trade(&f, T0 + MINUTE_MS + 59000, "11", "1", NULL);
    feed_assert_bar(feed_final(&f, "1", T0 + MINUTE_MS), "11 11 11 11 1 1");
    /* A correction for charts, though nothing was issued before. */
    assert_int_equal(feed_final(&f, "1", T0 + MINUTE_MS)->bar.rev, 1);
    feed_close(&f);
}

static void shuffled_and_doubled_input_gives_the_same_final_bars(void **state)
{
    enum { N = 3000 };
    struct feed plain, shuffled;
    int at[N];
    char price[16], id[16];
    uint32_t x = 7;

    (void)state;
    feed_open(&plain, feed_config(), "1S 1 5");
    feed_open(&shuffled, feed_config(), "1S 1 5");
    for (int i = 0; i < N; i++)
        at[i] = i;
    /* 150 ms apart: swaps over up to 13 places are within 2 s. */
    for (int i = 0; i + 13 < N; i++) {
        int j, t;

        x = x * 1664525u + 1013904223u;
        j = i + (int)(x >> 16) % 13;
        t = at[i];
        at[i] = at[j];
        at[j] = t;
    }
    for (int k = 0; k < 2 * N; k++) {
        int i = k < N ? k : at[k - N];
        struct feed *f = k < N ? &plain : &shuffled;

        snprintf(price, sizeof price, "%d.%02d", 100 + i * 7919 % 13,
                 i * 31 % 100);
        snprintf(id, sizeof id, "%d", 5000 + i);
        feed_trade(f, T0 + i * 150, price, "1.25", id);
        if (k >= N && i % 20 == 0)
            feed_trade(f, T0 + i * 150, price, "1.25", id);
    }
    engine_finish(&plain.engine);
    engine_finish(&shuffled.engine);
    assert_int_equal(shuffled.engine.counts.duplicates, N / 20);
    assert_int_equal(shuffled.engine.counts.late_dropped, 0);
    for (unsigned i = 0; i < plain.n; i++) {
        const struct issued *p = &plain.at[i];
        const struct issued *s =
            feed_final(&shuffled, p->resolution, p->bar.start_ns / MS);

        if (p->how != BAR_FINAL)
            continue;
        assert_true(s->bar.end_ns > 0);
        assert_int_equal(decimal_cmp(s->bar.open, p->bar.open), 0);
        assert_int_equal(decimal_cmp(s->bar.high, p->bar.high), 0);
        assert_int_equal(decimal_cmp(s->bar.low, p->bar.low), 0);
        assert_int_equal(decimal_cmp(s->bar.close, p->bar.close), 0);
        assert_true(s->bar.volume == p->bar.volume);
        assert_int_equal(s->bar.scales, p->bar.scales);
        assert_int_equal(s->bar.count, p->bar.count);
        assert_false(s->bar.flags & (BAR_GAP | BAR_HOLE));
    }
    feed_close(&plain);
    feed_close(&shuffled);
}

static void only_the_first_bar_of_a_series_is_partial(void **state)
{
    struct feed f;

    (void)state;
    feed_open(&f, feed_config(), "1");
    for (int i = 0; i < 4; i++)
        feed_trade(&f, T0 + i * MINUTE_MS, "10", "1", NULL);
    engine_finish(&f.engine);
    assert_int_equal(f.n, 4);
    assert_true(f.at[0].bar.flags & BAR_PARTIAL);
    assert_false(f.at[1].bar.flags & BAR_PARTIAL);
    assert_false(f.at[2].bar.flags & BAR_PARTIAL);
    assert_int_equal(f.at[3].how, BAR_UNFINISHED);
    assert_non_null(
        strstr(f.text.ptr, "\"final\":false,\"rev\":0,\"partial\":true"));
    feed_close(&f);
}

static void the_first_partial_bar_can_be_skipped(void **state)
{
    struct engine_config config = feed_config();
    struct feed f;

    (void)state;
    config.skip_first_partial = true;
    feed_open(&f, config, "1");
    for (int i = 0; i < 3; i++)
        feed_trade(&f, T0 + i * MINUTE_MS, "10", "1", NULL);
    engine_finish(&f.engine);
    assert_int_equal(f.n, 2);
    assert_int_equal(f.at[0].bar.start_ns, (T0 + MINUTE_MS) * MS);
    feed_close(&f);
}

static void the_end_of_input_closes_what_has_ended(void **state)
{
    struct feed f;

    (void)state;
    feed_open(&f, feed_config(), "1");
    feed_trade(&f, T0, "10", "1", NULL);
    feed_trade(&f, T0 + MINUTE_MS, "11", "1", NULL);
    engine_finish(&f.engine);
    assert_int_equal(f.n, 2);
    assert_int_equal(f.at[0].how, BAR_FINAL);
    assert_int_equal(f.at[1].how, BAR_UNFINISHED);
    feed_close(&f);
}

static void the_clock_closes_the_last_bar_of_a_live_stream(void **state)
{
    struct feed f;

    (void)state;
    feed_open(&f, feed_config(), "1");
    feed_live(&f, T0 + 59000, "10", "1", NULL);
    assert_int_equal(engine_next_wake(&f.engine), (T0 + 60250) * MS);
    engine_wake(&f.engine, (T0 + 60249) * MS);
    assert_int_equal(f.n, 0);
    engine_wake(&f.engine, (T0 + 60250) * MS);
    assert_int_equal(f.n, 1);
    assert_int_equal(f.at[0].how, BAR_FINAL);
    assert_int_equal(engine_next_wake(&f.engine), INT64_MAX);
    /* A trade that comes after all corrects it. */
    feed_live(&f, T0 + 59999, "11", "1", NULL);
    feed_assert_bar(feed_final(&f, "1", T0), "10 11 10 11 2 2");
    assert_int_equal(feed_final(&f, "1", T0)->bar.rev, 1);
    feed_close(&f);
}

static void the_clock_leaves_replayed_data_alone(void **state)
{
    struct feed f;

    (void)state;
    feed_open(&f, feed_config(), "1 D");
    feed_trade(&f, T0 + 59000, "10", "1", NULL);
    assert_int_equal(engine_next_wake(&f.engine), INT64_MAX);
    engine_wake(&f.engine, (T0 + 365 * 1440 * MINUTE_MS) * MS);
    assert_int_equal(f.n, 0);
    feed_close(&f);
}

static void many_bars_are_closed_by_one_clock_in_a_fixed_order(void **state)
{
    static const char *const names[] = {"C", "A", "B"};
    struct feed f;

    (void)state;
    feed_open(&f, feed_config(), "1 5");
    for (int i = 0; i < 3; i++) {
        struct event ev =
            feed_trade_event(names[i], T0 + 1000, "10", "1", NULL);

        engine_event(&f.engine, &ev, (T0 + 1000) * MS);
    }
    engine_wake(&f.engine, (T0 + 10 * MINUTE_MS) * MS);
    assert_int_equal(f.n, 6);
    for (int i = 0; i < 6; i++) {
        assert_string_equal(f.at[i].symbol, names[i / 2]);
        assert_string_equal(f.at[i].resolution, i % 2 ? "5" : "1");
    }
    feed_close(&f);
}

static void a_tick_far_in_the_future_is_dropped(void **state)
{
    struct feed f;
    struct event ev;

    (void)state;
    feed_open(&f, feed_config(), "1");
    feed_live(&f, T0, "10", "1", NULL);
    ev = feed_trade_event("X", T0 + 5001, "99", "1", NULL);
    assert_int_equal(engine_event(&f.engine, &ev, T0 * MS), ENGINE_FUTURE);
    ev = feed_trade_event("X", T0 + 5000, "11", "1", NULL);
    assert_int_equal(engine_event(&f.engine, &ev, T0 * MS), ENGINE_TAKEN);
    assert_int_equal(f.engine.counts.future, 1);
    feed_close(&f);
}

static void the_clock_of_redis_may_be_wrong(void **state)
{
    struct feed f;
    struct event ev = feed_trade_event("X", T0, "10", "1", NULL);

    (void)state;
    feed_open(&f, feed_config(), "1");
    f.engine.wall_ns = T0 * MS;
    /* An hour behind: the event is not from the future. */
    assert_int_equal(engine_event(&f.engine, &ev, (T0 - 60 * MINUTE_MS) * MS),
                     ENGINE_TAKEN);
    assert_true(f.engine.symbols.all[0]->live);
    /* An hour ahead: the event is not old. */
    assert_int_equal(engine_event(&f.engine, &ev, (T0 + 60 * MINUTE_MS) * MS),
                     ENGINE_TAKEN);
    assert_true(f.engine.symbols.all[0]->live);
    feed_close(&f);
}

static void trades_that_are_missing_flag_the_bars_around_them(void **state)
{
    struct feed f;
    char id[16];

    (void)state;
    feed_open(&f, feed_config(), "1");
    for (int i = 0; i < 100; i++) {
        snprintf(id, sizeof id, "%d", i < 50 ? i : i + 3);
        feed_trade(&f, T0 + i * 3000, "10", "1", id);
    }
    engine_finish(&f.engine);
    /* Lost between 147 s and 150 s: the third minute, not the others. */
    assert_false(feed_final(&f, "1", T0 + MINUTE_MS)->bar.flags & BAR_HOLE);
    assert_true(feed_final(&f, "1", T0 + 2 * MINUTE_MS)->bar.flags & BAR_HOLE);
    assert_false(feed_final(&f, "1", T0 + 3 * MINUTE_MS)->bar.flags & BAR_HOLE);
    assert_int_equal(f.engine.counts.holes, 1);
    feed_close(&f);
}

static void a_hole_that_straddles_two_bars_flags_both(void **state)
{
    struct feed f;
    char id[16];

    (void)state;
    feed_open(&f, feed_config(), "1");
    for (int i = 0; i < 60; i++) {
        snprintf(id, sizeof id, "%d", i < 40 ? i : i + 2);
        feed_trade(&f, T0 + i * 3000 + (i < 40 ? 0 : 300), "10", "1", id);
    }
    /* The first one was issued before the hole had aged: again, with gap. */
    assert_true(feed_final(&f, "1", T0 + MINUTE_MS)->bar.flags & BAR_HOLE);
    assert_int_equal(feed_final(&f, "1", T0 + MINUTE_MS)->bar.rev, 1);
    engine_finish(&f.engine);
    assert_int_equal(feed_count(&f, BAR_UNFINISHED), 1);
    assert_true(f.at[f.n - 1].bar.flags & BAR_HOLE);
    feed_close(&f);
}

static void a_hole_that_is_filled_late_takes_the_flag_back(void **state)
{
    struct feed f;
    char id[16];

    (void)state;
    feed_open(&f, feed_config(), "1");
    for (int i = 0; i < 45; i++) {
        if (i == 25)
            continue;
        snprintf(id, sizeof id, "%d", i);
        feed_trade(&f, T0 + i * 3000, "10", "1", id);
    }
    assert_true(feed_final(&f, "1", T0 + MINUTE_MS)->bar.flags & BAR_HOLE);
    feed_trade(&f, T0 + 75000, "10", "1", "25");
    assert_false(feed_final(&f, "1", T0 + MINUTE_MS)->bar.flags & BAR_HOLE);
    assert_int_equal(feed_final(&f, "1", T0 + MINUTE_MS)->bar.count, 20);
    feed_close(&f);
}

static enum engine_verdict sequenced(struct feed *f, int64_t time_ms,
                                     const char *src, uint64_t seq)
{
    struct event ev = feed_trade_event("X", time_ms, "10", "1", NULL);

    ev.src = span_str(src);
    ev.seq = seq;
    ev.have |= EVENT_HAS_SRC | EVENT_HAS_SEQ;
    return engine_event(&f->engine, &ev, (T0 + 365 * 1440 * MINUTE_MS) * MS);
}

static void a_batch_that_was_sent_twice_counts_once(void **state)
{
    struct feed f;

    (void)state;
    feed_open(&f, feed_config(), "1");
    for (uint64_t i = 1; i <= 10; i++)
        assert_int_equal(sequenced(&f, T0 + (int64_t)i, "aa", i), ENGINE_TAKEN);
    for (uint64_t i = 5; i <= 10; i++)
        assert_int_equal(sequenced(&f, T0 + (int64_t)i, "aa", i),
                         ENGINE_REPEATED);
    /* Another publisher has a numbering of its own. */
    assert_int_equal(sequenced(&f, T0 + 20, "bb", 1), ENGINE_TAKEN);
    assert_int_equal(sequenced(&f, T0 + 21, "aa", 11), ENGINE_TAKEN);
    assert_int_equal(f.engine.counts.gaps, 0);
    assert_int_equal(f.engine.counts.repeated, 6);
    feed_close(&f);
}

static void a_jump_in_the_sequence_flags_the_bars_on_both_sides(void **state)
{
    struct feed f;

    (void)state;
    feed_open(&f, feed_config(), "1");
    sequenced(&f, T0, "aa", 1);
    sequenced(&f, T0 + MINUTE_MS, "aa", 2);
    sequenced(&f, T0 + 2 * MINUTE_MS, "aa", 7);
    sequenced(&f, T0 + 3 * MINUTE_MS, "aa", 8);
    engine_finish(&f.engine);
    assert_false(feed_final(&f, "1", T0)->bar.flags & (BAR_GAP | BAR_JUMP));
    assert_true(feed_final(&f, "1", T0 + MINUTE_MS)->bar.flags &
                (BAR_GAP | BAR_JUMP));
    assert_true(feed_final(&f, "1", T0 + 2 * MINUTE_MS)->bar.flags &
                (BAR_GAP | BAR_JUMP));
    assert_false(f.at[f.n - 1].bar.flags & (BAR_GAP | BAR_JUMP));
    feed_close(&f);
}

static void quotes_make_bars_of_their_middle_until_a_trade_comes(void **state)
{
    struct feed f;
    const struct issued *bar;

    (void)state;
    feed_open(&f, feed_config(), "1");
    feed_tick(&f, T0, "10.0", "10.1");
    feed_tick(&f, T0 + 1000, "10.2", "10.4");
    feed_tick(&f, T0 + MINUTE_MS + 300, "10.2", "10.4");
    bar = feed_final(&f, "1", T0);
    feed_assert_bar(bar, "10.05 10.3 10.05 10.3 0 2");
    assert_true(bar->bar.flags & BAR_QUOTES);
    assert_non_null(strstr(f.text.ptr, "\"volume\":2,\"count\":2,\"end\""));
    /* The first trade: its bar begins anew, and says so. */
    feed_trade(&f, T0 + MINUTE_MS + 500, "10.3", "4", "1");
    assert_int_equal(feed_tick(&f, T0 + MINUTE_MS + 600, "1", "2"),
                     ENGINE_IGNORED);
    feed_trade(&f, T0 + 2 * MINUTE_MS + 300, "10.5", "1", "2");
    bar = feed_final(&f, "1", T0 + MINUTE_MS);
    feed_assert_bar(bar, "10.3 10.3 10.3 10.3 4 1");
    assert_true(bar->bar.flags & BAR_PARTIAL);
    assert_false(bar->bar.flags & BAR_QUOTES);
    feed_close(&f);
}

static void one_side_of_the_quotes_can_be_asked_for(void **state)
{
    static const enum price_source prices[] = {PRICE_BID, PRICE_ASK, PRICE_MID};
    static const char *const want[] = {"10.0 10.0 10.0 10.0 0 1",
                                       "10.1 10.1 10.1 10.1 0 1",
                                       "10.05 10.05 10.05 10.05 0 1"};

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct engine_config config = feed_config();
        struct feed f;

        config.price = prices[i];
        feed_open(&f, config, "1");
        feed_tick(&f, T0, "10.0", "10.1");
        assert_int_equal(feed_trade(&f, T0, "99", "1", "1"), ENGINE_IGNORED);
        feed_tick(&f, T0 + 2 * MINUTE_MS, "10.0", "10.1");
        feed_assert_bar(feed_final(&f, "1", T0), want[i]);
        feed_close(&f);
    }
}

static void only_the_symbols_that_were_asked_for_make_bars(void **state)
{
    static const char *const symbols[] = {"X", "Y"};
    struct engine_config config = feed_config();
    struct event ev = feed_trade_event("Z", T0, "1", "1", NULL);
    struct feed f;

    (void)state;
    config.symbols = symbols;
    config.n_symbols = 2;
    feed_open(&f, config, "1");
    assert_int_equal(feed_trade(&f, T0, "1", "1", NULL), ENGINE_TAKEN);
    assert_int_equal(engine_event(&f.engine, &ev, T0 * MS), ENGINE_IGNORED);
    feed_close(&f);
}

static void holes_are_filled_with_flat_bars_when_asked(void **state)
{
    struct engine_config config = feed_config();
    struct feed f;

    (void)state;
    config.fill = true;
    feed_open(&f, config, "1");
    feed_trade(&f, T0, "10", "1", NULL);
    feed_trade(&f, T0 + 30000, "11", "1", NULL);
    feed_trade(&f, T0 + 3 * MINUTE_MS, "12", "1", NULL);
    feed_trade(&f, T0 + 3 * MINUTE_MS + 250, "12", "1", NULL);
    assert_int_equal(f.n, 3);
    feed_assert_bar(feed_final(&f, "1", T0 + MINUTE_MS), "11 11 11 11 0 0");
    feed_assert_bar(feed_final(&f, "1", T0 + 2 * MINUTE_MS), "11 11 11 11 0 0");
    /* A late trade turns one into a real bar. */
    feed_trade(&f, T0 + 2 * MINUTE_MS + 59999, "13", "1", NULL);
    feed_assert_bar(feed_final(&f, "1", T0 + 2 * MINUTE_MS), "13 13 13 13 1 1");
    assert_int_equal(feed_final(&f, "1", T0 + 2 * MINUTE_MS)->bar.rev, 1);
    feed_close(&f);
}

static void fills_stop_a_day_after_the_last_trade(void **state)
{
    struct engine_config config = feed_config();
    struct feed f;

    (void)state;
    config.fill = true;
    feed_open(&f, config, "60");
    feed_live(&f, T0, "10", "1", NULL);
    engine_wake(&f.engine, (T0 + 10 * 1440 * MINUTE_MS) * MS);
    assert_int_equal(f.n, 25);
    assert_int_equal(engine_next_wake(&f.engine), INT64_MAX);
    feed_close(&f);
}

static void updates_carry_the_whole_bar_and_only_when_it_changed(void **state)
{
    struct feed f;

    (void)state;
    feed_open(&f, feed_config(), "1 5");
    feed_trade(&f, T0, "10", "1", NULL);
    assert_true(f.engine.shards[0].urgent);
    engine_update(&f.engine, 0, 0);
    engine_clean(&f.engine, 0);
    assert_int_equal(f.n, 2);
    engine_update(&f.engine, 0, 0);
    assert_int_equal(f.n, 2);
    feed_trade(&f, T0 + 1, "11", "1", NULL);
    assert_false(f.engine.shards[0].urgent);
    engine_update(&f.engine, 0, 0);
    engine_update(&f.engine, 0, 0);
    assert_int_equal(f.n, 4);
    feed_assert_bar(&f.at[2], "10 11 10 11 2 2");
    assert_int_equal(f.at[2].how, BAR_UPDATE);
    feed_close(&f);
}

static void
weeks_and_months_straight_from_ticks_equal_sums_of_days(void **state)
{
    struct feed f;
    int128 days = 0;

    (void)state;
    feed_open(&f, feed_config(), "D W M");
    for (int i = 0; i < 24 * 40; i++)
        feed_trade(&f, T0 + i * 60 * MINUTE_MS, "10", "0.1", NULL);
    for (int i = 0; i < 7; i++) {
        const struct issued *d = feed_final(&f, "D", T0 + i * 1440 * MINUTE_MS);

        assert_true(d->bar.end_ns > 0);
        days += d->bar.volume;
    }
    assert_true(feed_final(&f, "W", T0)->bar.volume == days);
    feed_assert_bar(feed_final(&f, "M", T0), "10 10 10 10 72.0 720");
    feed_close(&f);
}

static void a_thousand_symbols_are_told_apart(void **state)
{
    struct feed f;
    char name[80];

    (void)state;
    feed_open(&f, feed_config(), "1");
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 1000; i++) {
            int pad = i % 60;
            struct event ev;

            snprintf(name, sizeof name, "%d%.*s", i, pad,
                     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefghijklmnopqrstu"
                     "vwxyz");
            ev = feed_trade_event(name, T0, "1", "1", NULL);
            assert_int_equal(engine_event(&f.engine, &ev, T0 * MS),
                             ENGINE_TAKEN);
        }
    }
    assert_int_equal(f.engine.symbols.n, 1000);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(f.engine.symbols.all[i]->series[0].cur.count, 2);
    feed_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bar_is_final_when_the_watermark_passes_its_end),
        cmocka_unit_test(a_late_trade_inside_the_grace_needs_no_revision),
        cmocka_unit_test(a_late_trade_after_the_close_issues_the_bar_again),
        cmocka_unit_test(a_trade_older_than_the_correction_window_is_dropped),
        cmocka_unit_test(the_last_two_closed_bars_take_corrections_however_old),
        cmocka_unit_test(a_late_trade_in_a_hole_makes_the_missing_bar),
        cmocka_unit_test(shuffled_and_doubled_input_gives_the_same_final_bars),
        cmocka_unit_test(only_the_first_bar_of_a_series_is_partial),
        cmocka_unit_test(the_first_partial_bar_can_be_skipped),
        cmocka_unit_test(the_end_of_input_closes_what_has_ended),
        cmocka_unit_test(the_clock_closes_the_last_bar_of_a_live_stream),
        cmocka_unit_test(the_clock_leaves_replayed_data_alone),
        cmocka_unit_test(many_bars_are_closed_by_one_clock_in_a_fixed_order),
        cmocka_unit_test(a_tick_far_in_the_future_is_dropped),
        cmocka_unit_test(the_clock_of_redis_may_be_wrong),
        cmocka_unit_test(trades_that_are_missing_flag_the_bars_around_them),
        cmocka_unit_test(a_hole_that_straddles_two_bars_flags_both),
        cmocka_unit_test(a_hole_that_is_filled_late_takes_the_flag_back),
        cmocka_unit_test(a_batch_that_was_sent_twice_counts_once),
        cmocka_unit_test(a_jump_in_the_sequence_flags_the_bars_on_both_sides),
        cmocka_unit_test(quotes_make_bars_of_their_middle_until_a_trade_comes),
        cmocka_unit_test(one_side_of_the_quotes_can_be_asked_for),
        cmocka_unit_test(only_the_symbols_that_were_asked_for_make_bars),
        cmocka_unit_test(holes_are_filled_with_flat_bars_when_asked),
        cmocka_unit_test(fills_stop_a_day_after_the_last_trade),
        cmocka_unit_test(updates_carry_the_whole_bar_and_only_when_it_changed),
        cmocka_unit_test(
            weeks_and_months_straight_from_ticks_equal_sums_of_days),
        cmocka_unit_test(a_thousand_symbols_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
