#include "tests/unit/bargen/engine_world.h"

#include "common/event/route.h"

enum { SYMBOLS = 500, SHARDS = 4 };

static void name_of(unsigned i, char name[16])
{
    snprintf(name, 16, "S%u", i);
}

static void tell(struct feed *f, unsigned i, int64_t time_ms, const char *price)
{
    char name[16];
    struct event ev;

    name_of(i, name);
    ev = feed_trade_event(name, time_ms, price, "1", NULL);
    engine_event(&f->engine, &ev, time_ms * MS); /* as it happens */
}

static void open_sharded(struct feed *f)
{
    struct engine_config config = feed_config();

    config.shards = SHARDS;
    feed_open(f, config, "1");
    for (unsigned i = 0; i < SYMBOLS; i++)
        tell(f, i, T0 + i, "10");
}

static void a_shard_is_forgotten_and_the_others_go_on(void **state)
{
    struct feed f;
    unsigned gone = 0, first = 0;

    (void)state;
    open_sharded(&f);
    engine_forget(&f.engine, 2, true);
    for (unsigned i = 0; i < SYMBOLS; i++) {
        char name[16];
        bool away;

        name_of(i, name);
        away = route_shard(span_str(name), SHARDS) == 2;
        assert_true(away == !symbols_find(&f.engine.symbols, span_str(name)));
        gone += away;
    }
    assert_in_range(gone, SYMBOLS / 8, SYMBOLS / 2);
    assert_int_equal(f.engine.symbols.n, SYMBOLS - gone);
    assert_int_equal(f.engine.shards[2].n_dirty, 0);
    /* The clock closes the bars of those that are left, in the old order. */
    assert_int_equal(feed_count(&f, BAR_FINAL), 0);
    engine_wake(&f.engine, (T0 + 61000) * MS);
    assert_int_equal(feed_count(&f, BAR_FINAL), SYMBOLS - gone);
    for (unsigned i = 0; i < f.n; i++) {
        unsigned n = (unsigned)strtoul(f.at[i].symbol + 1, NULL, 10);

        assert_true(i == 0 || n > first);
        assert_int_not_equal(route_shard(span_str(f.at[i].symbol), SHARDS), 2);
        first = n;
    }
    feed_close(&f);
}

static void events_of_a_shard_that_is_away_are_passed_over(void **state)
{
    struct feed f;
    uint64_t ignored;
    unsigned n;

    (void)state;
    open_sharded(&f);
    engine_forget(&f.engine, 2, true);
    engine_clean(&f.engine, 2); /* and stays away */
    n = f.engine.symbols.n;
    ignored = f.engine.counts.ignored;
    for (unsigned i = 0; i < SYMBOLS; i++)
        tell(&f, i, T0 + SYMBOLS, "11");
    assert_int_equal(f.engine.symbols.n, n);
    assert_int_equal(f.engine.counts.ignored, ignored + SYMBOLS - n);
    /* It comes back empty. */
    engine_forget(&f.engine, 2, false);
    assert_int_equal(f.engine.n_away, 0);
    for (unsigned i = 0; i < SYMBOLS; i++)
        tell(&f, i, T0 + SYMBOLS + 1, "12");
    assert_int_equal(f.engine.symbols.n, SYMBOLS);
    for (unsigned i = 0; i < SYMBOLS; i++) {
        const struct symbol *sym = f.engine.symbols.all[i];

        assert_int_equal(sym->series[0].cur.count, sym->shard == 2 ? 1 : 3);
    }
    feed_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shard_is_forgotten_and_the_others_go_on),
        cmocka_unit_test(events_of_a_shard_that_is_away_are_passed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
