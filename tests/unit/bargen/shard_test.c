#include "feed.h"

#include "bargen/shard.h"
#include "bargen/state.h"

static struct redis_reply string(const char *text)
{
    return (struct redis_reply){.type = REDIS_STRING, .str = span_str(text)};
}

static void entry_ids_are_read_and_compared(void **state)
{
    static const char *const bad[] = {"",    "1",   "-",
                                      "1-",  "-1",  "1-2-3",
                                      "x-1", "1-x", "99999999999999999999-0"};
    struct entry_id a, b;

    (void)state;
    assert_true(entry_id_parse(span_str("1697097600000-3"), &a));
    assert_true(a.ms == 1697097600000 && a.seq == 3);
    assert_true(entry_id_parse(span_str("1697097600000-10"), &b));
    assert_true(entry_id_before(a, b));
    assert_false(entry_id_before(b, a));
    assert_false(entry_id_before(a, a));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (entry_id_parse(span_str(bad[i]), &a))
            fail_msg("'%s' is not refused", bad[i]);
    assert_true(a.seq == 3);
}

/* A shard beside the engine of a feed. */
static void shard_open(struct shard *sh, struct feed *f,
                       struct outbox_options *options, const char *state)
{
    *options = (struct outbox_options){.prefix = span_str("p:")};
    feed_open(f, feed_config(), "1");
    shard_init(sh, NULL, 0, options, state);
}

static void a_checkpoint_holds_state_cursor_and_number_in_one(void **state)
{
    struct outbox_options options;
    struct shard sh;
    struct feed f;

    (void)state;
    shard_open(&sh, &f, &options, "bargen:state");
    assert_string_equal(sh.key, "p:bargen:state:0");
    feed_trade(&f, T0, "10", "1", "1");
    sh.cursor = (struct entry_id){5, 7};
    sh.has_cursor = sh.moved = true;
    shard_compose(&sh, &f.engine);
    bytes_add(&sh.flying, "", 1);
    assert_int_equal(sh.flying_commands, 3); /* MULTI, symbol, cursor */
    assert_int_equal(strncmp(sh.flying.ptr, "*1\r\n$5\r\nMULTI\r\n", 15), 0);
    assert_non_null(strstr(sh.flying.ptr, "s:X\r\n"));
    assert_non_null(strstr(sh.flying.ptr, "cursor\r\n$3\r\n5-7\r\n"));
    assert_non_null(strstr(sh.flying.ptr, "flush\r\n$1\r\n1\r\n"));
    assert_false(sh.moved);
    assert_int_equal(f.engine.shards[0].n_dirty, 0);
    /* Nothing has changed: only the number and the cursor are in the next. */
    shard_compose(&sh, &f.engine);
    assert_int_equal(sh.flying_commands, 2);
    shard_close(&sh);
    feed_close(&f);
}

static void without_state_only_bars_are_sent(void **state)
{
    struct outbox_options options;
    struct shard sh;
    struct feed f;

    (void)state;
    shard_open(&sh, &f, &options, NULL);
    feed_trade(&f, T0, "10", "1", "1");
    shard_compose(&sh, &f.engine);
    assert_int_equal(sh.flying_commands, 0);
    shard_close(&sh);
    feed_close(&f);
}

static void the_stored_number_says_whether_a_checkpoint_ran(void **state)
{
    struct outbox_options options;
    struct redis_reply ran, did_not, lost = {.type = REDIS_NIL_REPLY};
    struct shard sh;
    struct feed f;

    (void)state;
    shard_open(&sh, &f, &options, "bargen:state");
    sh.number = 41;
    feed_trade(&f, T0, "10", "1", "1");
    shard_compose(&sh, &f.engine);
    ran = string("42");
    did_not = string("41");

    sh.status = SHARD_UNSURE;
    shard_compare(&sh, &f.engine, &did_not);
    assert_int_equal(sh.status, SHARD_UNSURE);
    assert_true(sh.flying_commands > 0);

    shard_compare(&sh, &f.engine, &ran);
    assert_int_equal(sh.status, SHARD_IDLE);
    assert_int_equal(sh.flying_commands, 0);
    assert_int_equal(f.engine.shards[0].n_dirty, 0);

    /* Redis came back empty: everything is written anew. */
    shard_compare(&sh, &f.engine, &lost);
    assert_int_equal(f.engine.shards[0].n_dirty, 1);
    shard_close(&sh);
    feed_close(&f);
}

static void what_was_stored_is_loaded(void **state)
{
    struct outbox_options options;
    struct shard sh;
    struct feed f, g;
    struct bytes text;
    struct redis_reply items[8];
    struct redis_reply all = {.type = REDIS_ARRAY, .item = items, .count = 8};

    (void)state;
    shard_open(&sh, &f, &options, "bargen:state");
    feed_open(&g, feed_config(), "1");
    feed_trade(&g, T0, "10", "1", "1");
    bytes_init(&text);
    state_encode(g.engine.symbols.all[0], &g.engine.rules, &text);
    items[0] = string("s:X");
    items[1] =
        (struct redis_reply){.type = REDIS_STRING, .str = bytes_span(&text)};
    items[2] = string("flush");
    items[3] = string("12");
    items[4] = string("cursor");
    items[5] = string("99-1");
    items[6] = string("s:BROKEN");
    items[7] = string("nonsense");
    shard_load(&sh, &f.engine, &all);
    assert_int_equal(sh.number, 12);
    assert_true(sh.has_cursor && sh.cursor.ms == 99 && sh.cursor.seq == 1);
    feed_trade(&f, T0 + 60250, "11", "1", "2");
    feed_assert_bar(feed_final(&f, "1", T0), "10 10 10 10 1 1");
    bytes_close(&text);
    shard_close(&sh);
    feed_close(&f);
    feed_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entry_ids_are_read_and_compared),
        cmocka_unit_test(a_checkpoint_holds_state_cursor_and_number_in_one),
        cmocka_unit_test(without_state_only_bars_are_sent),
        cmocka_unit_test(the_stored_number_says_whether_a_checkpoint_ran),
        cmocka_unit_test(what_was_stored_is_loaded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
