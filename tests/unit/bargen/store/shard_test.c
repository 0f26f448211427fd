#include "tests/unit/bargen/engine_world.h"

#include "bargen/store/shard.h"
#include "bargen/store/state.h"
#include "common/event/route.h"

static struct redis_reply string(const char *text)
{
    return (struct redis_reply){.type = REDIS_STRING, .str = span_str(text)};
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
    assert_int_equal(sh.flying_commands, 2); /* symbol, cursor */
    assert_non_null(strstr(sh.flying.ptr, "s:X\r\n"));
    assert_non_null(strstr(sh.flying.ptr, "cursor\r\n$3\r\n5-7\r\n"));
    assert_non_null(strstr(sh.flying.ptr, "flush\r\n$1\r\n1\r\n"));
    assert_false(sh.moved);
    assert_int_equal(f.engine.shards[0].n_dirty, 0);
    /* Nothing has changed: only the number and the cursor are in the next. */
    shard_compose(&sh, &f.engine);
    assert_int_equal(sh.flying_commands, 1);
    shard_close(&sh);
    feed_close(&f);
}

/* The longest prefix, and the longest name of a group. */
static void each_shard_has_a_key_of_its_own_however_long(void **state)
{
    struct outbox_options options = {0};
    char prefix[64], name[128], key[LEASE_KEY_MAX];
    struct shard sh;

    (void)state;
    memset(prefix, 'p', sizeof prefix - 1);
    prefix[sizeof prefix - 1] = '\0';
    options.prefix = span_str(prefix);
    snprintf(name, sizeof name, "bargen:%0*d:pubsub", GROUP_NAME_MAX - 1, 0);
    shard_init(&sh, NULL, ENGINE_SHARDS_MAX - 1, &options, name);
    snprintf(key, sizeof key, "%s%s:1023", prefix, name);
    assert_string_equal(sh.key, key);
    shard_close(&sh);
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

/* What HMGET says; NULL: it has none. */
static enum shard_verdict compare(struct shard *sh, struct feed *f,
                                  const char *number, const char *fence,
                                  const char *owner)
{
    const char *const text[3] = {number, fence, owner};
    struct redis_reply items[3];
    struct redis_reply all = {.type = REDIS_ARRAY, .item = items, .count = 3};

    for (unsigned i = 0; i < 3; i++)
        items[i] = text[i] ? string(text[i])
                           : (struct redis_reply){.type = REDIS_NIL_REPLY};
    return shard_compare(sh, &f->engine, &all);
}

static void the_stored_number_says_whether_a_checkpoint_ran(void **state)
{
    struct outbox_options options;
    struct shard sh;
    struct feed f;

    (void)state;
    shard_open(&sh, &f, &options, "bargen:state");
    sh.number = 41;
    sh.owner = "me";
    sh.fence = 5;
    feed_trade(&f, T0, "10", "1", "1");
    shard_compose(&sh, &f.engine);

    sh.status = SHARD_UNSURE;
    assert_int_equal(compare(&sh, &f, "41", "5", "me"), SHARD_GOOD);
    assert_int_equal(sh.status, SHARD_UNSURE);
    assert_true(sh.flying_commands > 0);

    assert_int_equal(compare(&sh, &f, "42", "5", "me"), SHARD_GOOD);
    assert_int_equal(sh.status, SHARD_IDLE);
    assert_int_equal(sh.flying_commands, 0);
    assert_int_equal(f.engine.shards[0].n_dirty, 0);

    /* Redis came back empty: everything is written anew. */
    assert_int_equal(compare(&sh, &f, NULL, NULL, NULL), SHARD_GOOD);
    assert_int_equal(f.engine.shards[0].n_dirty, 1);
    shard_close(&sh);
    feed_close(&f);
}

static void what_another_wrote_later_is_not_overwritten(void **state)
{
    struct outbox_options options;
    struct shard sh;
    struct feed f;

    (void)state;
    shard_open(&sh, &f, &options, "bargen:state");
    sh.number = 41;
    sh.owner = "me";
    sh.fence = 5;
    feed_trade(&f, T0, "10", "1", "1");
    engine_clean(&f.engine, 0);
    /* Whatever the number, and even if it would fit. */
    assert_int_equal(compare(&sh, &f, "41", "6", "other"), SHARD_FOREIGN);
    assert_int_equal(compare(&sh, &f, "3", "6", "other"), SHARD_FOREIGN);
    assert_int_equal(f.engine.shards[0].n_dirty, 0);
    /* Before us: it is what we have loaded, or Redis has lost ours. */
    assert_int_equal(compare(&sh, &f, "41", "4", "other"), SHARD_GOOD);
    assert_int_equal(sh.past, STORE_CURRENT);
    assert_int_equal(compare(&sh, &f, "40", "4", "other"), SHARD_GOOD);
    assert_int_equal(sh.past, STORE_REWOUND);
    assert_int_equal(f.engine.shards[0].n_dirty, 1);
    shard_close(&sh);
    feed_close(&f);
}

static void what_is_forgotten_is_not_written(void **state)
{
    struct route_table *routes = route_table_new(NULL, NULL);
    struct outbox_options options;
    struct shard sh;
    struct feed f;

    (void)state;
    shard_open(&sh, &f, &options, "bargen:state");
    sh.out.options.route = route_of(routes, EVENT_BAR);
    sh.status = SHARD_UNSURE;
    sh.number = 3;
    sh.has_cursor = sh.moved = true;
    feed_trade(&f, T0, "10", "1", "1");
    outbox_bar(&sh.out, f.engine.symbols.all[0], 0, &f.engine.resolutions[0],
               &f.engine.symbols.all[0]->series[0].cur, BAR_UPDATE);
    shard_forget(&sh, &f.engine);
    assert_false(shard_is_here(&sh));
    assert_int_equal(f.engine.symbols.n, 0);
    assert_int_equal(sh.out.commands + sh.flying_commands, 0);
    outbox_latest(&sh.out); /* no note of a series that is gone */
    assert_int_equal(sh.out.commands, 0);
    assert_false(sh.has_cursor || sh.moved);
    assert_int_equal(sh.number, 0);
    shard_close(&sh);
    route_table_free(routes);
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
    state_encode(g.engine.symbols.all[0], &g.engine.rules, STATE_ALL_BARS,
                 &text);
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

/* The hash in Redis, as far as these tests need it. */
struct hash {
    struct field {
        char *name, *value;
        size_t len;
    } at[512];
    unsigned n;
};

static void hash_del(struct hash *h, const char *name)
{
    for (unsigned i = 0; i < h->n; i++)
        if (strcmp(h->at[i].name, name) == 0) {
            free(h->at[i].name);
            free(h->at[i].value);
            h->at[i] = h->at[--h->n];
            return;
        }
}

static void hash_set(struct hash *h, struct span name, struct span value)
{
    char *own = mem_str(name);

    hash_del(h, own);
    assert_true(h->n < 512);
    h->at[h->n++] = (struct field){own, mem_str(value), value.len};
}

/* Runs the HSET and HDEL of a checkpoint. */
static void hash_run(struct hash *h, const struct bytes *run)
{
    const char *at = run->ptr, *end = at + run->len;

    while (at < end) {
        struct span word[16];
        int words = 0, used = 0;

        assert_int_equal(sscanf(at, "*%d\r\n%n", &words, &used), 1);
        assert_in_range(words, 1, 16);
        at += used;
        for (int i = 0; i < words; i++) {
            size_t size = 0;

            assert_int_equal(sscanf(at, "$%zu%n", &size, &used), 1);
            word[i] = span_make(at + used + 2, size);
            at += (size_t)used + 2 + size + 2;
        }
        for (int i = 2; span_is(word[0], "HSET") && i + 1 < words; i += 2)
            hash_set(h, word[i], word[i + 1]);
        if (span_is(word[0], "HDEL")) {
            char *name = mem_str(word[2]);

            hash_del(h, name);
            free(name);
        }
    }
}

static void hash_load(const struct hash *h, struct shard *sh, struct engine *e)
{
    struct redis_reply items[1024];
    struct redis_reply all = {.type = REDIS_ARRAY, .item = items};

    for (unsigned i = 0; i < h->n; i++) {
        items[2 * i] = string(h->at[i].name);
        items[2 * i + 1] = (struct redis_reply){
            .type = REDIS_STRING,
            .str = span_make(h->at[i].value, h->at[i].len)};
    }
    all.count = 2 * (size_t)h->n;
    shard_load(sh, e, &all);
}

/* Times go back and forth by up to 40 s; symbols and ids vary. */
static void give(struct feed *f, unsigned i)
{
    static const char *const prices[] = {"10.5", "11.25", "9.75", "10.50"};
    char id[24];
    int64_t time_ms = T0 + i * 900 - i * 7919 % 40000;
    struct event ev;

    snprintf(id, sizeof id, "%u", i - i % 13 / 12);
    ev = feed_trade_event(i % 3 ? "AAA" : "B", time_ms, prices[i % 4], "1", id);
    if (i < 40 && i % 3)
        ev = feed_tick_event("AAA", time_ms, "9.5", "9.75");
    engine_event(&f->engine, &ev, (T0 + 365 * 1440 * MINUTE_MS) * MS);
}

static struct engine_config stored_config(void)
{
    struct engine_config config = feed_config();

    config.note_drops = true;
    return config;
}

static void assert_same_state(struct feed *a, struct feed *b)
{
    struct bytes x, y;

    bytes_init(&x);
    bytes_init(&y);
    for (unsigned i = 0; i < a->engine.symbols.n; i++) {
        struct symbol *sym = a->engine.symbols.all[i];

        bytes_clear(&x);
        bytes_clear(&y);
        state_encode(sym, &a->engine.rules, STATE_ALL_BARS, &x);
        state_encode(engine_symbol(&b->engine, sym->name), &b->engine.rules,
                     STATE_ALL_BARS, &y);
        assert_int_equal(x.len, y.len);
        assert_memory_equal(x.ptr, y.ptr, x.len);
    }
    bytes_close(&x);
    bytes_close(&y);
}

/* Bars that are stored one by one, as they change. */
static void assert_adds_up(struct engine_config config)
{
    struct outbox_options options = {.prefix = span_str("p:")};
    struct hash hash = {.n = 0};
    struct shard sh;
    struct feed f;

    feed_open(&f, config, "1S 5S 1");
    shard_init(&sh, NULL, 0, &options, "bargen:state");
    for (unsigned i = 0; i < 3000; i++) {
        give(&f, i);
        if (i % 7 != 3 && i % 50 > 5)
            continue;
        shard_compose(&sh, &f.engine);
        hash_run(&hash, &sh.flying);
        if (i % 101 == 3 || i < 100) {
            struct shard other;
            struct feed g;

            feed_open(&g, config, "1S 5S 1");
            shard_init(&other, NULL, 0, &options, "bargen:state");
            hash_load(&hash, &other, &g.engine);
            assert_same_state(&f, &g);
            shard_close(&other);
            feed_close(&g);
        }
    }
    /* Dropped bars do not stay: sixty of 1S, twelve of 5S, two of 1, twice. */
    assert_in_range(hash.n, 50, 2 * (2 * 60 + 40));
    assert_true(f.engine.counts.revisions > 100);
    while (hash.n > 0)
        hash_del(&hash, hash.at[0].name);
    shard_close(&sh);
    feed_close(&f);
}

static void what_was_told_in_changes_adds_up_to_the_whole(void **state)
{
    struct engine_config config = stored_config();

    (void)state;
    assert_adds_up(config);
    config.fill = true;
    assert_adds_up(config);
}

/* --- trade ids --- */

static unsigned hash_chunks(const struct hash *h, size_t *bytes)
{
    unsigned n = 0;

    *bytes = 0;
    for (unsigned i = 0; i < h->n; i++)
        if (strncmp(h->at[i].name, "i:X:", 4) == 0) {
            n++;
            *bytes += h->at[i].len;
        }
    return n;
}

/* Ids that are scattered: what was written bit by bit is what is known. */
static void chunks_of_ids_are_written_as_they_change(void **state)
{
    struct outbox_options options = {.prefix = span_str("p:")};
    struct hash hash = {.n = 0};
    unsigned written = 0, chunks = 0;
    size_t bytes;
    struct shard sh;
    struct feed f;

    (void)state;
    feed_open(&f, stored_config(), "1");
    shard_init(&sh, NULL, 0, &options, "bargen:state");
    for (unsigned i = 0; i < 6000; i++) {
        char id[24];

        snprintf(id, sizeof id, i % 2 ? "%u" : "t%u", i * 7919 % 100003 * 16);
        feed_trade(&f, T0 + i * 100, "10", "1", id);
        if (i % 10)
            continue;
        shard_compose(&sh, &f.engine);
        bytes_add(&sh.flying, "", 1);
        written += strstr(sh.flying.ptr, "i:X:") != NULL;
        sh.flying.len--;
        hash_run(&hash, &sh.flying);
        if (i % 500 == 0) {
            struct shard other;
            struct feed g;

            feed_open(&g, stored_config(), "1");
            shard_init(&other, NULL, 0, &options, "bargen:state");
            hash_load(&hash, &other, &g.engine);
            assert_same_state(&f, &g);
            shard_close(&other);
            feed_close(&g);
        }
        chunks = hash_chunks(&hash, &bytes);
        assert_in_range(chunks, 0, ID_BLOCKS_MIN / ID_BLOCKS_CHUNK + 2);
    }
    assert_in_range(chunks, 4, 6);
    assert_in_range(bytes, 1024 * 20, 1500 * 64);
    assert_true(written > 500);
    /* Nothing new: no chunk is written. */
    shard_compose(&sh, &f.engine);
    feed_trade(&f, T0 + 600000, "10", "1", NULL);
    shard_compose(&sh, &f.engine);
    bytes_add(&sh.flying, "", 1);
    assert_null(strstr(sh.flying.ptr, "i:X:"));
    while (hash.n > 0)
        hash_del(&hash, hash.at[0].name);
    shard_close(&sh);
    feed_close(&f);
}

/* --- what cannot be used --- */

/* Eight minutes of two symbols, in the hash. */
static void store_minutes(struct hash *hash)
{
    static const char *const texts[] = {"a", "b", "c", "d"}; /* ids of AAA */
    struct outbox_options options = {.prefix = span_str("p:")};
    struct engine_config config = stored_config();
    struct shard sh;
    struct feed f;

    config.correction_ns = 60 * MINUTE_MS * MS;
    feed_open(&f, config, "1");
    shard_init(&sh, NULL, 0, &options, "bargen:state");
    for (int i = 0; i < 16; i++) {
        struct event ev =
            feed_trade_event(i % 2 ? "AAA" : "B", T0 + i / 2 * MINUTE_MS + 300,
                             "10", "1", i % 4 == 1 ? texts[i / 4] : NULL);

        engine_event(&f.engine, &ev, T0 * MS + 365 * 1440 * MINUTE_MS * MS);
    }
    shard_compose(&sh, &f.engine);
    hash_run(hash, &sh.flying);
    shard_close(&sh);
    feed_close(&f);
}

static struct span hash_get(const struct hash *h, const char *name)
{
    for (unsigned i = 0; i < h->n; i++)
        if (strcmp(h->at[i].name, name) == 0)
            return span_make(h->at[i].value, h->at[i].len);
    fail_msg("no field %s", name);
    return span_str("");
}

static unsigned fields_of(const struct hash *h, const char *start)
{
    unsigned n = 0;

    for (unsigned i = 0; i < h->n; i++)
        n += strncmp(h->at[i].name, start, strlen(start)) == 0;
    return n;
}

/* Loads it, writes the next checkpoint, then gives AAA and B a trade of the
 * ninth minute and one of the tenth. */
static void go_on(struct hash *hash, struct feed *f, unsigned shards)
{
    struct outbox_options options = {.prefix = span_str("p:")};
    struct engine_config config = stored_config();
    struct shard sh;

    config.correction_ns = 60 * MINUTE_MS * MS;
    config.shards = shards;
    feed_open(f, config, "1");
    shard_init(&sh, NULL, 0, &options, "bargen:state");
    hash_load(hash, &sh, &f->engine);
    shard_compose(&sh, &f->engine);
    hash_run(hash, &sh.flying);
    for (int i = 0; i < 4; i++) {
        struct event ev = feed_trade_event(i % 2 ? "AAA" : "B",
                                           T0 + (8 + i / 2) * MINUTE_MS + 300,
                                           "10", "1", NULL);

        engine_event(&f->engine, &ev, T0 * MS + 365 * 1440 * MINUTE_MS * MS);
    }
    shard_close(&sh);
}

/* The bar of the ninth minute. */
static uint32_t flags_of(const struct feed *f, const char *symbol)
{
    for (unsigned i = 0; i < f->n; i++)
        if (f->at[i].how == BAR_FINAL && strcmp(f->at[i].symbol, symbol) == 0 &&
            f->at[i].bar.start_ns == (T0 + 8 * MINUTE_MS) * MS)
            return f->at[i].bar.flags;
    fail_msg("no bar of %s", symbol);
    return 0;
}

static void close_both(struct hash *hash, struct feed *f)
{
    while (hash->n > 0)
        hash_del(hash, hash->at[0].name);
    feed_close(f);
}

static void a_state_that_is_whole_goes_on_without_a_gap(void **state)
{
    struct hash hash = {.n = 0};
    struct feed f;

    (void)state;
    store_minutes(&hash);
    assert_int_equal(fields_of(&hash, "b:AAA:"), 7);
    go_on(&hash, &f, 1);
    assert_false(flags_of(&f, "AAA") & (BAR_GAP | BAR_PARTIAL));
    assert_false(flags_of(&f, "B") & (BAR_GAP | BAR_PARTIAL));
    close_both(&hash, &f);
}

static void a_symbol_of_another_version_begins_anew_with_a_gap(void **state)
{
    static const char *const versions[] = {"1 2 0 5 5\n", "3 2 0 5 5\ne\n", "",
                                           "x"};

    (void)state;
    for (int i = 0; i < 4; i++) {
        struct hash hash = {.n = 0};
        struct feed f;

        store_minutes(&hash);
        hash_set(&hash, span_str("s:AAA"), span_str(versions[i]));
        go_on(&hash, &f, 1);
        assert_true(flags_of(&f, "AAA") & BAR_GAP);
        assert_true(flags_of(&f, "AAA") & BAR_PARTIAL);
        assert_false(flags_of(&f, "B") & BAR_GAP);
        /* Nothing is left to be taken for a part of what begins now. */
        assert_int_equal(fields_of(&hash, "b:AAA:"), 0);
        assert_int_equal(fields_of(&hash, "b:B:"), 7);
        close_both(&hash, &f);
    }
}

static void a_state_that_is_cut_anywhere_begins_anew_with_a_gap(void **state)
{
    struct hash hash = {.n = 0};
    struct feed f;
    size_t len;

    (void)state;
    store_minutes(&hash);
    len = hash_get(&hash, "s:AAA").len;
    while (hash.n > 0)
        hash_del(&hash, hash.at[0].name);
    for (size_t n = 0; n < len; n++) {
        struct span whole;
        char *cut;

        store_minutes(&hash);
        whole = hash_get(&hash, "s:AAA");
        cut = mem_str(span_make(whole.ptr, n));
        hash_set(&hash, span_str("s:AAA"), span_make(cut, n));
        free(cut);
        go_on(&hash, &f, 1);
        assert_true(flags_of(&f, "AAA") & BAR_GAP);
        close_both(&hash, &f);
    }
}

static void a_closed_bar_that_is_damaged_takes_no_trade(void **state)
{
    struct hash hash = {.n = 0};
    struct feed f;
    char name[64];
    struct event late =
        feed_trade_event("B", T0 + 3 * MINUTE_MS + 5, "99", "1", NULL);

    (void)state;
    store_minutes(&hash);
    snprintf(name, sizeof name, "b:B:1:%lld", (long long)(T0 + 3 * MINUTE_MS));
    hash_set(&hash, span_str(name), span_str("b 1 2 3\n"));
    go_on(&hash, &f, 1);
    assert_false(flags_of(&f, "B") & BAR_GAP);
    assert_int_equal(fields_of(&hash, name), 0);
    engine_event(&f.engine, &late, T0 * MS + 365 * 1440 * MINUTE_MS * MS);
    assert_int_equal(f.engine.counts.late_dropped, 1);
    assert_int_equal(feed_final(&f, "1", T0 + 3 * MINUTE_MS)->bar.end_ns, 0);
    /* The others do. */
    late.time_ns += MINUTE_MS * MS;
    engine_event(&f.engine, &late, T0 * MS + 365 * 1440 * MINUTE_MS * MS);
    assert_int_equal(feed_final(&f, "1", T0 + 4 * MINUTE_MS)->bar.rev, 1);
    close_both(&hash, &f);
}

/* Without its ids nobody knows which trades were seen. */
static void a_symbol_without_all_of_its_ids_has_a_gap(void **state)
{
    static const char *const chunks[] = {NULL, "k 0 64 1\n", "k 0\n"};

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct hash hash = {.n = 0};
        struct feed f;

        store_minutes(&hash);
        assert_int_equal(fields_of(&hash, "i:AAA:"), 1);
        if (chunks[i])
            hash_set(&hash, span_str("i:AAA:0"), span_str(chunks[i]));
        else
            hash_del(&hash, "i:AAA:0");
        /* One that nobody asked for leaves. */
        hash_set(&hash, span_str("i:B:7"), span_str("k 1792 64 1 1\n"));
        go_on(&hash, &f, 1);
        assert_true(flags_of(&f, "AAA") & BAR_GAP);
        assert_false(flags_of(&f, "B") & BAR_GAP);
        assert_int_equal(fields_of(&hash, "i:B:7"), 0);
        close_both(&hash, &f);
    }
}

static void a_state_of_other_shards_begins_anew_with_a_gap(void **state)
{
    struct event ev = feed_trade_event("NEW1", T0, "10", "1", NULL);
    struct hash hash = {.n = 0};
    struct symbol *sym;
    struct feed f;

    (void)state;
    store_minutes(&hash);
    for (int i = 0; i < 2; i++) {
        go_on(&hash, &f, 2);
        assert_true(flags_of(&f, "AAA") & BAR_GAP);
        assert_int_equal((flags_of(&f, "B") & BAR_GAP) != 0, i == 0);
        /* Those that another shard had cannot be known, nor by the next. */
        engine_event(&f.engine, &ev, T0 * MS + 365 * 1440 * MINUTE_MS * MS);
        sym = engine_symbol(&f.engine, span_str("NEW1"));
        assert_true(sym->series[0].cur.flags & BAR_GAP);
        feed_close(&f);
    }
    /* A month later no bar of before is open. */
    hash_set(&hash, span_str("anew"), span_str("1756684800000"));
    go_on(&hash, &f, 2);
    engine_event(&f.engine, &ev, T0 * MS + 365 * 1440 * MINUTE_MS * MS);
    sym = engine_symbol(&f.engine, span_str("NEW1"));
    assert_false(sym->series[0].cur.flags & BAR_GAP);
    close_both(&hash, &f);
}

static void a_number_of_shards_that_was_changed_twice_is_no_number(void **state)
{
    struct hash hash = {.n = 0};
    struct feed f;

    (void)state;
    store_minutes(&hash);
    hash_set(&hash, span_str("shards"), span_str("0"));
    go_on(&hash, &f, 1);
    assert_true(flags_of(&f, "AAA") & BAR_GAP);
    assert_true(span_is(hash_get(&hash, "shards"), "1"));
    close_both(&hash, &f);
}

/* On Pub/Sub its trades are heard all the same: bars would be made of them that
 * nobody may write, until there is no room for any. */
static void a_symbol_of_anothers_shard_is_not_begun_here(void **state)
{
    struct outbox_options options = {.prefix = span_str("p:")};
    struct engine_config config = stored_config();
    struct hash hash = {.n = 0};
    struct shard sh;
    struct feed f;
    char name[8] = "C", field[16];

    (void)state;
    store_minutes(&hash);
    while (route_shard(span_str(name), 2) == 0)
        name[0]++;
    snprintf(field, sizeof field, "s:%s", name);
    hash_set(&hash, span_str(field), hash_get(&hash, "s:B"));
    snprintf(field, sizeof field, "i:%s:0", name);
    hash_set(&hash, span_str(field), span_str("k 0 1 1 1\n"));
    config.shards = 2;
    feed_open(&f, config, "1");
    engine_forget(&f.engine, 1, true);
    shard_init(&sh, NULL, 0, &options, "bargen:state");
    hash_load(&hash, &sh, &f.engine);
    assert_null(symbols_find(&f.engine.symbols, span_str(name)));
    shard_compose(&sh, &f.engine);
    hash_run(&hash, &sh.flying);
    snprintf(field, sizeof field, "s:%s", name);
    assert_int_equal(fields_of(&hash, field), 0);
    shard_close(&sh);
    close_both(&hash, &f);
}

/* Who has seen a trade makes no bars of quotes. */
static void bars_of_trades_are_not_gone_on_with_by_quotes(void **state)
{
    struct outbox_options options = {.prefix = span_str("p:")};
    struct engine_config config = stored_config();
    struct event ev = {.type = EVENT_TICK,
                       .symbol = span_str("B"),
                       .time_ns = (T0 + 8 * MINUTE_MS) * MS,
                       .have = EVENT_HAS_BID | EVENT_HAS_ASK,
                       .bid = {9, 0},
                       .ask = {12, 0}};
    struct hash hash = {.n = 0};
    struct shard sh;
    struct feed f;

    (void)state;
    store_minutes(&hash);
    config.price = PRICE_MID;
    feed_open(&f, config, "1");
    shard_init(&sh, NULL, 0, &options, "bargen:state");
    hash_load(&hash, &sh, &f.engine);
    assert_int_equal(engine_event(&f.engine, &ev, ev.time_ns), ENGINE_TAKEN);
    ev.time_ns += (MINUTE_MS + 300) * MS;
    engine_event(&f.engine, &ev, ev.time_ns);
    assert_true(flags_of(&f, "B") & BAR_GAP);
    shard_close(&sh);
    close_both(&hash, &f);
}

static void a_damaged_cursor_counts_nothing_twice(void **state)
{
    struct hash hash = {.n = 0};
    struct feed f;

    (void)state;
    store_minutes(&hash);
    hash_set(&hash, span_str("cursor"), span_str("17"));
    go_on(&hash, &f, 1);
    assert_true(flags_of(&f, "AAA") & BAR_GAP);
    assert_int_equal(fields_of(&hash, "b:"), 0);
    close_both(&hash, &f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_checkpoint_holds_state_cursor_and_number_in_one),
        cmocka_unit_test(each_shard_has_a_key_of_its_own_however_long),
        cmocka_unit_test(without_state_only_bars_are_sent),
        cmocka_unit_test(the_stored_number_says_whether_a_checkpoint_ran),
        cmocka_unit_test(what_another_wrote_later_is_not_overwritten),
        cmocka_unit_test(what_is_forgotten_is_not_written),
        cmocka_unit_test(what_was_stored_is_loaded),
        cmocka_unit_test(what_was_told_in_changes_adds_up_to_the_whole),
        cmocka_unit_test(a_state_that_is_whole_goes_on_without_a_gap),
        cmocka_unit_test(a_symbol_of_another_version_begins_anew_with_a_gap),
        cmocka_unit_test(a_state_that_is_cut_anywhere_begins_anew_with_a_gap),
        cmocka_unit_test(a_closed_bar_that_is_damaged_takes_no_trade),
        cmocka_unit_test(a_symbol_without_all_of_its_ids_has_a_gap),
        cmocka_unit_test(a_state_of_other_shards_begins_anew_with_a_gap),
        cmocka_unit_test(a_symbol_of_anothers_shard_is_not_begun_here),
        cmocka_unit_test(bars_of_trades_are_not_gone_on_with_by_quotes),
        cmocka_unit_test(
            a_number_of_shards_that_was_changed_twice_is_no_number),
        cmocka_unit_test(a_damaged_cursor_counts_nothing_twice),
        cmocka_unit_test(chunks_of_ids_are_written_as_they_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
