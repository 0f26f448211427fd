#include "tests/unit/bargen/engine_world.h"

#include "bargen/store/state.h"

/* One event of a stream that is shuffled, doubled and has holes. */
static struct event event_at(unsigned i, char id[24])
{
    static const char *const symbols[] = {"AAA", "BBB", "CCC"};
    static const char *const prices[] = {"10.5", "11.25", "9.75", "10.50"};
    static const char *const sizes[] = {"1", "0.001", "12.5", "0"};
    unsigned k = i ^ (i % 5); /* neighbours swap places */
    struct event ev;

    if (i % 17 == 3)
        k -= 2; /* a duplicate, or one that was left out */
    if (i % 7 == 5) {
        ev = feed_tick_event(symbols[k % 3], T0 + k * 700, "9.5", "9.75");
    } else {
        snprintf(id, 24, k % 3 == 2 ? "t-%u" : "%u", k / 3);
        ev = feed_trade_event(symbols[k % 3], T0 + k * 700, prices[k % 4],
                              sizes[k % 4], id);
    }
    if (i % 4) {
        ev.src = span_str(i % 3 ? "0123456789abcdef" : "fedcba9876543210");
        ev.seq = i + (i > 500 ? 3 : 0);
        ev.have |= EVENT_HAS_SRC | EVENT_HAS_SEQ;
    }
    return ev;
}

static void give(struct feed *f, unsigned i)
{
    char id[24];
    struct event ev = event_at(i, id);

    engine_event(&f->engine, &ev, (T0 + 365 * 1440 * MINUTE_MS) * MS);
    if (i % 11 == 0)
        engine_update(&f->engine, 0, 0);
    engine_clean(&f->engine, 0);
}

/* Everything of `from` in a new engine, by way of text. */
static void move(struct feed *from, struct feed *to, const char *names)
{
    struct engine_config config = feed_config();
    struct bytes text;
    struct err err = {0};

    config.fill = from->engine.config.fill;
    feed_open(to, config, names);
    bytes_init(&text);
    for (unsigned i = 0; i < from->engine.symbols.n; i++) {
        struct symbol *old = from->engine.symbols.all[i];
        struct symbol *sym = engine_symbol(&to->engine, old->name);

        bytes_clear(&text);
        state_encode(old, &from->engine.rules, STATE_ALL_BARS, &text);
        if (!state_decode(sym, &to->engine.rules, bytes_span(&text), &err))
            fail_msg("%s", err.text);
        engine_restored(&to->engine, sym);
    }
    bytes_close(&text);
}

static void stopping_at_any_event_changes_nothing(void **state)
{
    enum { N = 900 };
    struct engine_config config = feed_config();
    struct feed whole;

    (void)state;
    config.fill = true;
    feed_open(&whole, config, "1S 1 5 D");
    for (unsigned i = 10; i < N; i++)
        give(&whole, i);
    engine_finish(&whole.engine);
    for (unsigned stop = 10; stop < N; stop += stop < 100 ? 1 : 7) {
        struct feed before, after;

        feed_open(&before, config, "1S 1 5 D");
        for (unsigned i = 10; i < stop; i++)
            give(&before, i);
        move(&before, &after, "1S 1 5 D");
        for (unsigned i = stop; i < N; i++)
            give(&after, i);
        engine_finish(&after.engine);
        assert_int_equal(before.text.len + after.text.len, whole.text.len);
        if (before.text.len > 0)
            assert_memory_equal(whole.text.ptr, before.text.ptr,
                                before.text.len);
        assert_memory_equal(whole.text.ptr + before.text.len, after.text.ptr,
                            after.text.len);
        feed_close(&before);
        feed_close(&after);
    }
    feed_close(&whole);
}

static void a_state_that_was_read_is_written_the_same(void **state)
{
    struct feed a, b;
    struct bytes x, y;

    (void)state;
    feed_open(&a, feed_config(), "1 5");
    for (unsigned i = 10; i < 300; i++)
        give(&a, i);
    move(&a, &b, "1 5");
    bytes_init(&x);
    bytes_init(&y);
    for (unsigned i = 0; i < a.engine.symbols.n; i++) {
        state_encode(a.engine.symbols.all[i], &a.engine.rules, STATE_ALL_BARS,
                     &x);
        state_encode(b.engine.symbols.all[i], &b.engine.rules, STATE_ALL_BARS,
                     &y);
    }
    assert_int_equal(x.len, y.len);
    assert_memory_equal(x.ptr, y.ptr, x.len);
    bytes_close(&x);
    bytes_close(&y);
    feed_close(&a);
    feed_close(&b);
}

static void a_resolution_that_is_new_begins_empty(void **state)
{
    struct feed a, b;

    (void)state;
    feed_open(&a, feed_config(), "1 5");
    feed_trade(&a, T0, "10", "1", "1");
    move(&a, &b, "15 1");
    feed_trade(&b, T0 + 1000, "11", "1", "2");
    engine_finish(&b.engine);
    assert_int_equal(b.n, 2);
    assert_string_equal(b.at[0].resolution, "15");
    assert_int_equal(b.at[0].bar.count, 1);
    assert_int_equal(b.at[1].bar.count, 2);
    feed_close(&a);
    feed_close(&b);
}

/* Ids of every kind: each must be known on the other side as it was. */
static void what_was_seen_is_known_after_a_restart(void **state)
{
    enum { N = 3000 };
    struct feed a, b;
    char id[32];

    (void)state;
    feed_open(&a, feed_config(), "1");
    for (int64_t i = 0; i < N; i++) {
        snprintf(id, sizeof id, "%d", (int)(i * 7919 % 100003));
        feed_trade(&a, T0 + i, "10", "1", id);
        snprintf(id, sizeof id, "text-%d", (int)i);
        feed_trade(&a, T0 + i, "10", "1", id);
    }
    /* A new numbering, and three that may begin another. */
    for (int64_t i = 0; i < 30; i++) {
        snprintf(id, sizeof id, "%d", (int)i * 2);
        feed_trade(&a, T0 + N + i / 2, "10", "1", id);
    }
    for (int64_t i = 0; i < 3; i++) {
        snprintf(id, sizeof id, "%d", (int)i * 2);
        feed_trade(&a, T0 + N + 100, "10", "1", id);
    }
    assert_int_equal(a.engine.counts.duplicates, 0);
    move(&a, &b, "1");
    for (int64_t i = 0; i < N; i++) {
        snprintf(id, sizeof id, "%d", (int)(i * 7919 % 100003));
        assert_int_equal(feed_trade(&b, T0 + i, "10", "1", id),
                         ENGINE_REPEATED);
        snprintf(id, sizeof id, "text-%d", (int)i);
        assert_int_equal(feed_trade(&b, T0 + i, "10", "1", id),
                         ENGINE_REPEATED);
    }
    for (int64_t i = 0; i < 30; i++) {
        snprintf(id, sizeof id, "%d", (int)i * 2);
        assert_int_equal(feed_trade(&b, T0 + N + i / 2, "10", "1", id),
                         ENGINE_REPEATED);
    }
    for (int64_t i = 0; i < 6; i++) {
        snprintf(id, sizeof id, "%d", (int)i * 2);
        assert_int_equal(feed_trade(&b, T0 + N + 100, "10", "1", id),
                         i < 3 ? ENGINE_REPEATED : ENGINE_TAKEN);
    }
    feed_close(&a);
    feed_close(&b);
}

static void damaged_text_is_refused_and_changes_nothing(void **state)
{
    static const char *const bad[] = {
        "",
        "1 0 0 0 0 0 0 0\ne\n",
        "3 0 0 0 0 0 0 0\ne\n",
        "2 0 0 0 0 0 0 0\n",
        "2 0 0 0 0 0 0 0\ne\ne\n",
        "2 9 0 0 0 0 0 0\ne\n",
        "2 0 0 0 0 0 0\ne\n",
        "2 0 0 0 0 0 0 0 e\n",
        "2 0 0 0 0 0 0 0\nx\ne\n",
        "2 0 0 0 0 0 0 0\nb 1 2 3\ne\n",
        "2 0 0 0 0 0 0 0\ns 1 0 0 19\ne\n",
        "2 0 0 99999999999999999999 0 0 0 0\ne\n",
        "2 0 0 0 0 0 0 0\nr 1 0 1 0 0 1\ne\n",
        "2 0 0 0 0 0 0 0\nr 1 0 1 0 0 1 5 -1 0 0 0\ne\n",
        "2 0 0 0 0 0 0 0\nr 1 0 1 0 0 1 5 0 0 0 1\ne\n",
        "2 0 0 0 0 0 0 0\nr 1 2 1 0 0 1 5 0 0 0 0\ne\n",
        "2 0 0 0 0 0 0 0\nr 1 0 1 0 0 1 5 2 0 0 0 7 2 0 0 0\ne\n",
        "2 0 0 0 0 0 0 0\nm 0 65537 0\ne\n",
        "2 0 0 0 0 0 0 0\nm 0 1 0\nk 0 3 1 0\ne\n",
        "2 0 0 0 0 0 0 0\nm 0 2 0\nk 0 64 1 0 64 2 0\ne\n",
        "2 0 0 0 0 0 0 0\nm 0 2 0\nk 0 64 1\ne\n",
        "2 0 0 0 0 0 0 0\nn 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\ne\n",
    };
    struct feed f;
    struct symbol *sym;

    (void)state;
    feed_open(&f, feed_config(), "1");
    feed_trade(&f, T0, "10", "1", "1");
    sym = f.engine.symbols.all[0];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err err = {0};

        if (state_decode(sym, &f.engine.rules, span_str(bad[i]), &err))
            fail_msg("'%s' is not refused", bad[i]);
        assert_int_equal(sym->series[0].cur.count, 1);
    }
    feed_close(&f);
}

static void every_cut_of_a_state_is_refused(void **state)
{
    struct feed f;
    struct bytes text;

    (void)state;
    feed_open(&f, feed_config(), "1");
    for (unsigned i = 10; i < 60; i++)
        give(&f, i);
    bytes_init(&text);
    state_encode(f.engine.symbols.all[0], &f.engine.rules, STATE_ALL_BARS,
                 &text);
    for (size_t n = 0; n < text.len; n++)
        assert_false(state_decode(f.engine.symbols.all[0], &f.engine.rules,
                                  span_make(text.ptr, n), NULL));
    bytes_close(&text);
    feed_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stopping_at_any_event_changes_nothing),
        cmocka_unit_test(a_state_that_was_read_is_written_the_same),
        cmocka_unit_test(a_resolution_that_is_new_begins_empty),
        cmocka_unit_test(what_was_seen_is_known_after_a_restart),
        cmocka_unit_test(damaged_text_is_refused_and_changes_nothing),
        cmocka_unit_test(every_cut_of_a_state_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
