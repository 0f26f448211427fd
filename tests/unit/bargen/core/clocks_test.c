#include "tests/unit/bargen/engine_world.h"

/* Quotes that were stamped on arrival, beside trades of long ago. */
#define NOW (T0 + 365 * 1440 * MINUTE_MS)

static enum engine_verdict live_quote(struct feed *f, int64_t time_ms)
{
    struct event ev = feed_tick_event("X", time_ms, "99", "101");

    return engine_event(&f->engine, &ev, time_ms * MS);
}

static void quotes_for_minutes(struct feed *f, int64_t from_ms, int n)
{
    for (int i = 0; i < n; i++)
        live_quote(f, from_ms + i * MINUTE_MS + 300);
}

static void old_trades(struct feed *f, int n)
{
    char price[16];

    for (int i = 0; i < n; i++) {
        snprintf(price, sizeof price, "%d", 10 + i % 7);
        feed_trade(f, T0 + i * 7000, price, "1", NULL);
    }
}

/* The clock of trades begins far behind that of quotes, and so do holes. */
static void
ids_missing_in_old_trades_are_found_behind_quotes_of_now(void **state)
{
    struct feed f;
    char id[16];

    (void)state;
    feed_open(&f, feed_config(), "1");
    quotes_for_minutes(&f, NOW, 5);
    engine_wake(&f.engine, (NOW + 6 * MINUTE_MS) * MS);
    for (int i = 0; i < 40; i++) {
        snprintf(id, sizeof id, "%d", i < 30 ? i : i + 2);
        feed_trade(&f, T0 + i * 7000, "10", "1", id);
    }
    engine_finish(&f.engine);
    for (int m = 0; m < 4; m++)
        assert_int_equal((feed_final(&f, "1", T0 + m * MINUTE_MS)->bar.flags &
                          BAR_HOLE) != 0,
                         m == 3);
    assert_int_equal(f.engine.counts.holes, 1);
    feed_close(&f);
}

static void quotes_of_now_change_nothing_in_bars_of_old_trades(void **state)
{
    struct engine_config config = feed_config();
    struct feed plain, mixed;
    size_t before;

    (void)state;
    config.fill = true;
    feed_open(&plain, config, "1S 1 60");
    feed_open(&mixed, config, "1S 1 60");
    old_trades(&plain, 100);
    engine_finish(&plain.engine);
    quotes_for_minutes(&mixed, NOW, 5);
    engine_wake(&mixed.engine, (NOW + 6 * MINUTE_MS) * MS);
    before = mixed.text.len;
    for (int i = 0; i < 100; i++) {
        char price[16];

        snprintf(price, sizeof price, "%d", 10 + i % 7);
        feed_trade(&mixed, T0 + i * 7000, price, "1", NULL);
        live_quote(&mixed, NOW + 6 * MINUTE_MS + i);
        assert_int_equal(engine_next_wake(&mixed.engine), INT64_MAX);
    }
    engine_finish(&mixed.engine);
    assert_int_equal(mixed.engine.counts.late_dropped, 0);
    /* The quotes' hour is never closed: it was not over. */
    assert_int_equal(mixed.text.len - before, plain.text.len);
    assert_memory_equal(mixed.text.ptr + before, plain.text.ptr,
                        plain.text.len);
    feed_close(&plain);
    feed_close(&mixed);
}

static void the_first_trade_does_not_close_its_bar(void **state)
{
    struct feed f;
    unsigned finals;

    (void)state;
    feed_open(&f, feed_config(), "1");
    quotes_for_minutes(&f, NOW, 3);
    finals = feed_count(&f, BAR_FINAL);
    feed_trade(&f, NOW - 60 * MINUTE_MS, "10", "1", "1");
    assert_int_equal(feed_count(&f, BAR_FINAL), finals);
    assert_int_equal(f.engine.counts.late_dropped, 0);
    assert_int_equal(feed_final(&f, "1", NOW - 60 * MINUTE_MS)->bar.end_ns, 0);
    feed_close(&f);
}

static void a_first_trade_far_behind_bars_of_quotes_is_late(void **state)
{
    struct feed f;
    unsigned n;

    (void)state;
    feed_open(&f, feed_config(), "1");
    quotes_for_minutes(&f, NOW, 10);
    n = f.n;
    feed_live(&f, NOW + MINUTE_MS + 5, "10", "1", "1");
    assert_int_equal(f.engine.counts.late_dropped, 1);
    assert_int_equal(f.n, n);
    /* Quotes go on as if it had not been. */
    assert_int_equal(live_quote(&f, NOW + 10 * MINUTE_MS + 300), ENGINE_TAKEN);
    assert_int_equal(feed_final(&f, "1", NOW + 9 * MINUTE_MS)->bar.count, 1);
    /* One inside the window is the first, with the next rev. */
    feed_live(&f, NOW + 9 * MINUTE_MS + 59000, "10", "1", "2");
    feed_live(&f, NOW + 10 * MINUTE_MS + 400, "10", "1", "3");
    feed_assert_bar(feed_final(&f, "1", NOW + 9 * MINUTE_MS),
                    "10 10 10 10 1 1");
    assert_int_equal(feed_final(&f, "1", NOW + 9 * MINUTE_MS)->bar.rev, 1);
    assert_int_equal(f.engine.counts.late_dropped, 1);
    feed_close(&f);
}

static void bars_of_trades_follow_those_of_quotes(void **state)
{
    struct feed f;

    (void)state;
    feed_open(&f, feed_config(), "1");
    quotes_for_minutes(&f, T0 + 10 * MINUTE_MS, 5);
    /* An old quote corrects a bar: its rev is 1. */
    live_quote(&f, T0 + 12 * MINUTE_MS + 59000);
    assert_int_equal(feed_final(&f, "1", T0 + 12 * MINUTE_MS)->bar.rev, 1);
    /* Trades of before come to where the quotes were. */
    for (int i = 0; i < 18; i++)
        feed_trade(&f, T0 + i * MINUTE_MS + 300, "10", "1", NULL);
    assert_int_equal(f.engine.counts.late_dropped, 0);
    for (int i = 0; i < 17; i++) {
        const struct issued *bar = feed_final(&f, "1", T0 + i * MINUTE_MS);

        assert_int_equal(bar->bar.count, 1);
        assert_false(bar->bar.flags & BAR_QUOTES);
        /* The last bar of quotes was open, and told of as such. */
        assert_int_equal(bar->bar.rev, i >= 10 && i < 14 ? 2 : 0);
    }
    feed_close(&f);
}

static void quotes_say_nothing_about_the_time_of_day(void **state)
{
    struct feed f;

    (void)state;
    feed_open(&f, feed_config(), "1");
    live_quote(&f, NOW);
    assert_int_equal(engine_newest(&f.engine), INT64_MIN);
    feed_live(&f, NOW + 5, "10", "1", NULL);
    live_quote(&f, NOW + 1000);
    assert_int_equal(engine_newest(&f.engine), (NOW + 5) * MS);
    feed_close(&f);
}

/* --- bars of quotes alone --- */

static const struct issued *last_of(const struct feed *f, int64_t minute)
{
    const struct issued *i = feed_final(f, "1", NOW + minute * MINUTE_MS);

    assert_true(i->bar.end_ns > 0);
    return i;
}

/* A quote each second, stamped on arrival, and one that brings its own time,
 * which is so much older. */
static void two_sources(struct feed *f, int64_t lag_ms)
{
    struct engine_config config = feed_config();

    config.price = PRICE_MID;
    feed_open(f, config, "1");
    for (int s = 0; s < 600; s++) {
        int64_t now_ms = NOW + s * 1000;
        struct event own = feed_tick_event("X", now_ms - lag_ms, "9", "11");

        live_quote(f, now_ms);
        engine_event(&f->engine, &own, now_ms * MS);
    }
}

static void
quotes_of_two_sources_are_each_in_the_bar_of_their_time(void **state)
{
    static const int64_t lags_ms[] = {0, 200, 5000, 59000};

    (void)state;
    for (size_t k = 0; k < sizeof lags_ms / sizeof *lags_ms; k++) {
        struct feed f;

        two_sources(&f, lags_ms[k]);
        assert_int_equal(f.engine.counts.late_dropped, 0);
        for (int m = 1; m < 8; m++) {
            const struct bar *bar = &last_of(&f, m)->bar;

            assert_int_equal(bar->count, 120);
            assert_int_equal(bar->open_key.time_ns, (NOW + m * MINUTE_MS) * MS);
            assert_false(bar->flags & BAR_GAP);
        }
        feed_close(&f);
    }
}

/* Replayed beside those of now: late, and told as such. */
static void old_quotes_change_no_bar_of_those_of_now(void **state)
{
    struct feed f;

    (void)state;
    two_sources(&f, 60 * MINUTE_MS);
    assert_int_equal(f.engine.counts.late_dropped, 600);
    for (int m = 0; m < 9; m++) {
        assert_int_equal(last_of(&f, m)->bar.count, 60);
        assert_int_equal(last_of(&f, m)->bar.rev, 0);
    }
    assert_int_equal(feed_count(&f, BAR_FINAL), 9);
    feed_close(&f);
}

/* --- numbers of a publisher that sends both --- */

static void sequenced(struct feed *f, struct event ev, uint64_t seq,
                      int64_t received_ms)
{
    ev.src = span_str("aa");
    ev.seq = seq;
    ev.have |= EVENT_HAS_SRC | EVENT_HAS_SEQ;
    engine_event(&f->engine, &ev, received_ms * MS);
}

static unsigned gaps(const struct feed *f)
{
    unsigned n = 0;

    for (unsigned i = 0; i < f->n; i++)
        n += f->at[i].how == BAR_FINAL &&
             f->at[i].bar.flags & (BAR_GAP | BAR_JUMP);
    return n;
}

static void
a_loss_beside_a_quote_of_now_flags_the_trades_around_it(void **state)
{
    struct feed f;
    uint64_t seq = 1;

    (void)state;
    feed_open(&f, feed_config(), "1");
    for (int i = 0; i < 10; i++) {
        int64_t time_ms = T0 + i * MINUTE_MS + 300;

        sequenced(&f, feed_trade_event("X", time_ms, "10", "1", NULL), seq++,
                  NOW);
        sequenced(&f, feed_tick_event("X", NOW, "9", "11"), seq++, NOW);
        seq += i == 5;
    }
    engine_finish(&f.engine);
    /* Lost between minute 5 and minute 6; the latter is issued once. */
    assert_true(feed_final(&f, "1", T0 + 5 * MINUTE_MS)->bar.flags & BAR_JUMP);
    assert_true(feed_final(&f, "1", T0 + 6 * MINUTE_MS)->bar.flags & BAR_JUMP);
    assert_int_equal(gaps(&f), 2);
    feed_close(&f);
}

static void a_loss_before_the_first_trade_flags_its_bar_alone(void **state)
{
    struct engine_config config = feed_config();

    (void)state;
    for (int round = 0; round < 2; round++) {
        struct feed f;

        config.price = round ? PRICE_TRADE : PRICE_AUTO;
        feed_open(&f, config, "1");
        sequenced(&f, feed_tick_event("X", NOW, "9", "11"), 1, NOW);
        for (int i = 0; i < 10; i++)
            sequenced(&f,
                      feed_trade_event("X", T0 + i * MINUTE_MS + 300, "10", "1",
                                       NULL),
                      (uint64_t)i + 7, NOW);
        engine_finish(&f.engine);
        assert_int_equal(gaps(&f), 1);
        feed_close(&f);
    }
}

static void old_trades_beside_bars_of_quotes_flag_none_of_them(void **state)
{
    struct engine_config config = feed_config();
    struct feed f;
    uint64_t seq = 1;

    (void)state;
    config.price = PRICE_MID;
    feed_open(&f, config, "1");
    for (int i = 0; i < 10; i++) {
        int64_t now_ms = NOW + i * MINUTE_MS + 300;

        sequenced(&f, feed_tick_event("X", now_ms, "9", "11"), seq++, now_ms);
        sequenced(&f, feed_trade_event("X", T0 + i, "10", "1", NULL), seq++,
                  now_ms);
        seq += i == 5;
    }
    engine_finish(&f.engine);
    assert_true(feed_final(&f, "1", NOW + 5 * MINUTE_MS)->bar.flags & BAR_JUMP);
    assert_true(feed_final(&f, "1", NOW + 6 * MINUTE_MS)->bar.flags & BAR_JUMP);
    assert_int_equal(gaps(&f), 2);
    assert_int_equal(f.engine.counts.late_dropped, 0);
    feed_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            ids_missing_in_old_trades_are_found_behind_quotes_of_now),
        cmocka_unit_test(quotes_of_now_change_nothing_in_bars_of_old_trades),
        cmocka_unit_test(the_first_trade_does_not_close_its_bar),
        cmocka_unit_test(a_first_trade_far_behind_bars_of_quotes_is_late),
        cmocka_unit_test(bars_of_trades_follow_those_of_quotes),
        cmocka_unit_test(quotes_say_nothing_about_the_time_of_day),
        cmocka_unit_test(
            quotes_of_two_sources_are_each_in_the_bar_of_their_time),
        cmocka_unit_test(old_quotes_change_no_bar_of_those_of_now),
        cmocka_unit_test(
            a_loss_beside_a_quote_of_now_flags_the_trades_around_it),
        cmocka_unit_test(a_loss_before_the_first_trade_flags_its_bar_alone),
        cmocka_unit_test(old_trades_beside_bars_of_quotes_flag_none_of_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
