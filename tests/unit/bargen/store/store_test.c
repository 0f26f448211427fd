#include "tests/unit/bargen/engine_world.h"

#include "bargen/store/store.h"
#include "tests/unit/common/redis/fake_redis.h"

struct owner {
    struct fake fake;
    struct feed feed;
    struct store *store;
    struct route_table *routes;
    unsigned ready, down, unreadable, acked, finished, closed;
    unsigned came, went; /* shards */
    /* What Redis answers; NULL: nothing. */
    const char *hgetall[2], *hmget, *exec, *multi;
    unsigned loads; /* answers to HGETALL */
    /* Values of leases, a key and a value each; what is in no list is free. */
    struct pair {
        char key[64], value[64];
    } leases[8];
    unsigned n_leases;
    unsigned inside;   /* commands of a transaction */
    const char *fence; /* the answer to ZINCRBY */
    bool held;         /* EXEC is not answered yet, nor what came behind it */
    unsigned conns;    /* of which `read` bytes were answered */
    size_t read;
};

static struct owner o;

static void on_ready(void *arg)
{
    (void)arg;
    assert_non_null(o.store);
    o.ready++;
}

static void on_down(void *arg, const char *why, bool refused)
{
    (void)arg;
    (void)why;
    (void)refused;
    assert_non_null(o.store);
    o.down++;
}

static void on_unreadable(void *arg, struct span why)
{
    (void)arg;
    assert_non_null(o.store);
    assert_true(span_is(why, "WRONGTYPE no hash") ||
                span_is(why, "NOPERM no MULTI"));
    o.unreadable++;
}

static void on_acked(void *arg)
{
    (void)arg;
    assert_non_null(o.store);
    o.acked++;
}

static void on_shard(void *arg, unsigned shard, bool ours)
{
    (void)arg;
    (void)shard;
    if (ours)
        o.came++;
    else
        o.went++;
}

static void on_finished(void *arg)
{
    ((struct owner *)arg)->finished++;
}

static void on_closed(void *arg)
{
    ((struct owner *)arg)->closed++;
}

static void on_bar(void *arg, struct symbol *sym, const struct resolution *r,
                   const struct bar *bar, enum bar_issue how)
{
    (void)arg;
    store_bar(o.store, sym, r, bar, how);
}

/* --- a Redis that knows leases --- */

static struct pair *lease_of(struct span key)
{
    for (unsigned i = 0; i < o.n_leases; i++)
        if (span_is(key, o.leases[i].key))
            return &o.leases[i];
    return NULL;
}

static void set_lease(struct span key, struct span value)
{
    struct pair *p = lease_of(key);

    if (!p)
        p = &o.leases[o.n_leases++];
    assert_true(o.n_leases <= 8 && key.len < 64 && value.len < 64);
    snprintf(p->key, sizeof p->key, "%.*s", SPAN_ARG(key));
    snprintf(p->value, sizeof p->value, "%.*s", SPAN_ARG(value));
}

static void drop_lease(struct span key)
{
    struct pair *p = lease_of(key);

    if (p)
        *p = o.leases[--o.n_leases];
}

/* One that is alone: no other member is ever listed. */
static void answer_other(struct fake *f, const struct span *word, int words,
                         bool inside)
{
    char text[128];

    if (inside) {
        fake_send(f, "+QUEUED\r\n");
    } else if (span_is(word[0], "SET") && words == 6) {
        fake_send(f, lease_of(word[1]) ? "$-1\r\n" : "+OK\r\n");
        if (!lease_of(word[1]))
            set_lease(word[1], word[2]);
    } else if (span_is(word[0], "MGET")) {
        snprintf(text, sizeof text, "*%d\r\n", words - 1);
        fake_send(f, text);
        for (int i = 1; i < words; i++) {
            const struct pair *p = lease_of(word[i]);

            if (p)
                snprintf(text, sizeof text, "$%zu\r\n%s\r\n", strlen(p->value),
                         p->value);
            fake_send(f, p ? text : "$-1\r\n");
        }
    } else if (span_is(word[0], "TIME")) {
        fake_send(f, "*2\r\n$10\r\n1756684800\r\n$1\r\n0\r\n");
    } else if (span_is(word[0], "ZINCRBY")) {
        fake_send(f, o.fence);
    } else {
        fake_send(f, span_is(word[0], "ZRANGE")
                         ? "*2\r\n$2\r\nme\r\n$13\r\n1756684800000\r\n"
                         : "+OK\r\n");
    }
}

/* Answers whole commands; false: there is none. */
static bool answer_one(struct fake *f)
{
    static bool inside; /* a transaction */
    const char *at = f->got.ptr + o.read, *end = f->got.ptr + f->got.len;
    struct span word[16];
    const char *reply = NULL;
    int words = 0, used = 0;

    if (memchr(at, '\n', (size_t)(end - at)))
        sscanf(at, "*%d\r\n%n", &words, &used);
    at += used;
    assert_true(words <= 16);
    for (int i = 0; i < words; i++) {
        size_t size;

        if (!memchr(at, '\n', (size_t)(end - at)) ||
            sscanf(at, "$%zu%n", &size, &used) != 1 ||
            (size_t)(end - at) < (size_t)used + 2 + size + 2)
            return false;
        at += used + 2;
        word[i] = span_make(at, size);
        at += size + 2;
    }
    if (words == 0 || o.held)
        return false;
    inside = o.read > 0 && inside;
    o.read = (size_t)(at - f->got.ptr);
    if (span_is(word[0], "PING")) {
        reply = "+PONG\r\n";
    } else if (span_is(word[0], "HGETALL")) {
        reply = o.hgetall[o.loads++ % 2];
    } else if (span_is(word[0], "HMGET")) {
        reply = o.hmget;
    } else if (span_is(word[0], "MULTI")) {
        inside = true;
        o.inside = 0;
        reply = o.multi ? o.multi : "+OK\r\n";
    } else if (span_is(word[0], "EXEC")) {
        inside = false;
        reply = o.inside == 0 ? "*0\r\n" : o.exec;
        o.held = !reply;
    } else {
        o.inside += inside;
        answer_other(f, word, words, inside);
    }
    if (reply)
        fake_send(f, reply);
    return true;
}

static void on_read(struct fake *f)
{
    if (o.conns != f->accepted) {
        o.read = 0;
        o.held = false;
    }
    o.conns = f->accepted;
    bytes_add(&f->got, "", 1); /* for sscanf() */
    f->got.len--;
    while (answer_one(f))
        ;
}

/* To the EXEC that waits for it. */
static void answer(const char *reply)
{
    assert_true(o.held);
    o.held = false;
    fake_send(&o.fake, reply);
    on_read(&o.fake);
}

static void open_store(const char *state, unsigned shards, int64_t throttle_ms)
{
    static const struct store_events events = {.on_ready = on_ready,
                                               .on_down = on_down,
                                               .on_unreadable = on_unreadable,
                                               .on_acked = on_acked,
                                               .on_shard = on_shard};
    struct engine_config config = feed_config();
    struct err err = {0};

    memset(&o, 0, sizeof o);
    config.shards = shards;
    config.note_drops = state != NULL;
    fake_start(&o.fake, NULL);
    o.fake.on_read = on_read;
    o.hgetall[0] = o.hgetall[1] = "*0\r\n";
    o.fence = "$1\r\n7\r\n";
    feed_open(&o.feed, config, "1");
    o.feed.engine.rules.sink = (struct bar_sink){on_bar, NULL};
    o.routes = route_table_new(NULL, &err);
    assert_non_null(o.routes);
    o.store = store_new(&o.fake.loop,
                        &(struct store_options){
                            .engine = &o.feed.engine,
                            .redis = &o.fake.config,
                            .outbox = {.prefix = span_str("p:"),
                                       .route = route_of(o.routes, EVENT_BAR),
                                       .history_max = 100,
                                       .updates = true},
                            .state = state,
                            .id = "me",
                            .throttle_ms = throttle_ms,
                        },
                        &events, &o);
}

static void close_store(void)
{
    struct store *s = o.store;

    o.store = NULL; /* any event from now on fails above */
    store_close(s, on_closed, &o);
    fake_stop(&o.fake);
    assert_int_equal(o.closed, 1);
    feed_close(&o.feed);
    route_table_free(o.routes);
}

static void settle(void)
{
    for (int i = 0; i < 50; i++)
        uv_run(&o.fake.loop, UV_RUN_NOWAIT);
}

/* What this connection was sent from there on, as text. */
static const char *got_from(size_t at)
{
    bytes_add(&o.fake.got, "", 1);
    o.fake.got.len--;
    return o.fake.got.ptr + at;
}

static unsigned count(const char *text, const char *what)
{
    unsigned n = 0;

    for (const char *at = text; (at = strstr(at, what)); at++)
        n++;
    return n;
}

static unsigned asked(const char *what)
{
    return count(got_from(0), what);
}

/* Transactions that were sent, but for the one that asks whether it may. */
static unsigned sent(void)
{
    unsigned n = asked("EXEC\r\n");

    return n > 0 ? n - 1 : 0;
}

/* The n-th of them, from MULTI to EXEC; the caller frees it. */
static char *transaction(unsigned n)
{
    const char *at = got_from(0), *end;

    for (unsigned i = 0; i <= n; i++, at += 5)
        assert_non_null(at = strstr(at, "MULTI"));
    end = strstr(at, "EXEC\r\n");
    assert_non_null(end);
    return mem_str(span_make(at, (size_t)(end - at)));
}

static unsigned in_transaction(unsigned n, const char *what)
{
    char *text = transaction(n);
    unsigned found = count(text, what);

    free(text);
    return found;
}

static void trade(const char *symbol, int64_t time_ms, const char *price)
{
    struct event ev = feed_trade_event(symbol, time_ms, price, "1", NULL);

    engine_event(&o.feed.engine, &ev, time_ms * MS);
}

#define DONE "*1\r\n:1\r\n"
#define STORED(NUMBER) "*3\r\n" NUMBER "$1\r\n7\r\n$2\r\nme\r\n"
#define FENCED "*-1\r\n"
#define ABORTED "-EXECABORT transaction discarded\r\n"

static void open_ready(const char *state)
{
    open_store(state, 1, 0);
    FAKE_RUN_UNTIL(&o.fake, o.ready);
}

/* --- checkpoints --- */

static void bars_state_and_number_leave_in_one_transaction(void **state)
{
    static const char *const want[] = {
        "ZADD\r\n",
        "p:bars:history:X:1\r\n",
        "PUBLISH\r\n",
        "p:bars:X:1\r\n",
        "p:last:bars:X:1\r\n",
        "p:bargen:state:0\r\n",
        "s:X\r\n",
        "flush\r\n$1\r\n1\r\n",
        "fence\r\n$1\r\n7\r\n",
        "owner\r\n$2\r\nme\r\n",
        "cursor\r\n$3\r\n7-1\r\n",
        "SET\r\n$16\r\np:bargen:lease:0\r\n$4\r\nme:7\r\n",
        NULL};
    char *run;

    (void)state;
    open_ready("state");
    store_advance(o.store, 0, (struct entry_id){7, 1});
    trade("X", T0, "10");
    trade("X", T0 + 61000, "11"); /* the first bar is final */
    store_flush(o.store);
    FAKE_RUN_UNTIL(&o.fake, sent() == 1);
    run = transaction(1);
    for (unsigned i = 0; want[i]; i++)
        if (!strstr(run, want[i]))
            fail_msg("the transaction has no %s", want[i]);
    free(run);
    assert_int_equal(o.acked, 0);
    answer(DONE);
    FAKE_RUN_UNTIL(&o.fake, o.acked);
    close_store();
}

static void all_shards_that_are_due_share_one(void **state)
{
    (void)state;
    open_store("state", 2, 0);
    FAKE_RUN_UNTIL(&o.fake, o.ready);
    assert_int_equal(asked("HGETALL"), 2);
    assert_int_equal(o.came, 2);
    for (char name[] = "A"; o.feed.engine.shards[0].n_dirty == 0 ||
                            o.feed.engine.shards[1].n_dirty == 0;
         name[0]++)
        trade(name, T0, "10");
    store_flush(o.store);
    FAKE_RUN_UNTIL(&o.fake, sent() == 1);
    assert_int_equal(in_transaction(1, "p:bargen:state:0\r\n$5\r\nflush"), 1);
    assert_int_equal(in_transaction(1, "p:bargen:state:1\r\n$5\r\nflush"), 1);
    close_store();
}

static void what_has_not_changed_is_not_written_again(void **state)
{
    (void)state;
    open_ready("state");
    trade("X", T0, "10");
    trade("Y", T0, "10");
    store_flush(o.store);
    FAKE_RUN_UNTIL(&o.fake, sent() == 1);
    answer(DONE);
    FAKE_RUN_UNTIL(&o.fake, o.acked);
    assert_true(store_due_ms(o.store) == UINT64_MAX);
    store_flush(o.store);
    settle();
    assert_int_equal(sent(), 1);
    trade("Y", T0 + 1, "11");
    store_flush(o.store);
    FAKE_RUN_UNTIL(&o.fake, sent() == 2);
    assert_int_equal(asked("s:Y\r\n"), 2);
    assert_int_equal(asked("s:X\r\n"), 1);
    close_store();
}

static void one_is_under_way_at_a_time(void **state)
{
    (void)state;
    open_ready("state");
    trade("X", T0, "10");
    store_flush(o.store);
    trade("X", T0 + 61000, "11");
    assert_true(store_due_ms(o.store) == UINT64_MAX);
    store_flush(o.store);
    FAKE_RUN_UNTIL(&o.fake, sent() == 1);
    settle();
    assert_int_equal(sent(), 1);
    answer(DONE);
    FAKE_RUN_UNTIL(&o.fake, o.acked);
    FAKE_RUN_UNTIL(&o.fake, sent() == 2);
    close_store();
}

static void updates_wait_for_the_throttle_but_new_bars_do_not(void **state)
{
    uint64_t due_ms;

    (void)state;
    open_store("state", 1, 5000);
    FAKE_RUN_UNTIL(&o.fake, o.ready);
    trade("X", T0, "10");
    assert_int_equal(store_due_ms(o.store), 0);
    store_flush(o.store);
    FAKE_RUN_UNTIL(&o.fake, sent() == 1);
    answer(DONE);
    FAKE_RUN_UNTIL(&o.fake, o.acked);
    trade("X", T0 + 1, "11");
    due_ms = store_due_ms(o.store);
    assert_true(due_ms > 5000 && due_ms < UINT64_MAX);
    store_flush(o.store);
    settle();
    assert_int_equal(sent(), 1);
    close_store();
}

static void without_a_name_no_state_is_read_or_written(void **state)
{
    (void)state;
    open_store(NULL, 1, 0);
    FAKE_RUN_UNTIL(&o.fake, o.ready);
    trade("X", T0, "10");
    store_flush(o.store);
    FAKE_RUN_UNTIL(&o.fake, sent() == 1);
    assert_int_equal(asked("HGETALL"), 0);
    assert_int_equal(asked("s:X\r\n"), 0);
    assert_int_equal(asked("PUBLISH"), 1);
    close_store();
}

/* --- refusals and losses --- */

static void assert_sent_again(void)
{
    char *one = transaction(1), *two = transaction(2);

    assert_string_equal(one, two);
    free(one);
    free(two);
}

static void a_refused_checkpoint_is_sent_again_as_it_was(void **state)
{
    (void)state;
    open_ready("state");
    trade("X", T0, "10");
    store_flush(o.store);
    FAKE_RUN_UNTIL(&o.fake, sent() == 1);
    answer(ABORTED);
    settle();
    assert_int_equal(o.acked, 0);
    trade("X", T0 + 61000, "11"); /* waits for the next */
    store_flush(o.store);
    FAKE_RUN_UNTIL(&o.fake, sent() == 2);
    assert_sent_again();
    answer(DONE);
    FAKE_RUN_UNTIL(&o.fake, o.acked);
    FAKE_RUN_UNTIL(&o.fake, sent() == 3);
    close_store();
}

/* The link goes with a checkpoint under way; Redis says that the last it has is
 * number `stored`. */
static void lose_one_then(const char *stored)
{
    open_ready("state");
    trade("X", T0, "10");
    store_flush(o.store);
    FAKE_RUN_UNTIL(&o.fake, sent() == 1);
    assert_int_equal(asked("flush\r\n$1\r\n1\r\n"), 1);
    o.hmget = stored;
    fake_hang_up(&o.fake);
    FAKE_RUN_UNTIL(&o.fake, o.down);
    assert_false(store_ready(o.store));
    assert_true(store_full(o.store) == false);
    assert_true(store_due_ms(o.store) == UINT64_MAX);
    FAKE_RUN_UNTIL(&o.fake, o.ready == 2);
    assert_int_equal(asked("HGETALL"), 0);
    assert_int_equal(asked("HMGET\r\n"), 1);
}

/* --- leases --- */

/* A checkpoint is under way; EXEC says that a lease has changed. */
static void fence_one(void)
{
    open_ready("state");
    trade("X", T0, "10");
    store_flush(o.store);
    FAKE_RUN_UNTIL(&o.fake, sent() == 1);
}

static void
one_that_is_fenced_off_is_forgotten_where_the_lease_is_lost(void **state)
{
    (void)state;
    fence_one();
    set_lease(span_str("p:bargen:lease:0"), span_str("other:8"));
    answer(FENCED);
    FAKE_RUN_UNTIL(&o.fake, o.went);
    assert_int_equal(o.feed.engine.symbols.n, 0);
    assert_true(store_due_ms(o.store) == UINT64_MAX);
    settle();
    assert_int_equal(sent(), 1);
    assert_int_equal(o.acked, 0);
    close_store();
}

static void
one_that_is_fenced_off_is_sent_again_where_it_is_still_ours(void **state)
{
    (void)state;
    fence_one();
    o.hmget = STORED("$-1\r\n");
    answer(FENCED);
    FAKE_RUN_UNTIL(&o.fake, sent() == 2);
    assert_sent_again();
    assert_int_equal(o.went, 0);
    answer(DONE);
    FAKE_RUN_UNTIL(&o.fake, o.acked);
    close_store();
}

/* One was left over on a connection that was given up, and came first: its
 * bars were published. */
static void one_that_ran_in_its_place_is_not_repeated(void **state)
{
    (void)state;
    lose_one_then(STORED("$-1\r\n"));
    FAKE_RUN_UNTIL(&o.fake, sent() == 1);
    o.hmget = STORED("$1\r\n1\r\n");
    answer(FENCED);
    FAKE_RUN_UNTIL(&o.fake, asked("HMGET\r\n") == 2 || sent() == 2);
    settle();
    assert_int_equal(sent(), 1);
    assert_int_equal(o.went, 0);
    trade("X", T0 + 1, "11");
    store_flush(o.store);
    FAKE_RUN_UNTIL(&o.fake, sent() == 2);
    assert_int_equal(in_transaction(2, "flush\r\n$1\r\n2\r\n"), 1);
    close_store();
}

/* Whoever had it in between compares its own number with the stored one. */
static void what_is_sent_again_under_another_lease_says_so(void **state)
{
    (void)state;
    fence_one();
    drop_lease(span_str("p:bargen:lease:0"));
    o.fence = "$1\r\n9\r\n";
    o.hmget = STORED("$-1\r\n");
    answer(FENCED);
    FAKE_RUN_UNTIL(&o.fake, sent() == 2);
    assert_int_equal(in_transaction(1, "fence\r\n$1\r\n7\r\n"), 1);
    assert_int_equal(in_transaction(2, "fence\r\n$1\r\n9\r\n"), 1);
    assert_int_equal(in_transaction(2, "s:X\r\n"), 1);
    answer("*4\r\n:1\r\n:1\r\n:1\r\n+OK\r\n");
    FAKE_RUN_UNTIL(&o.fake, o.acked);
    close_store();
}

static void a_lease_that_has_ended_is_taken_again_if_nobody_wrote(void **state)
{
    (void)state;
    fence_one();
    drop_lease(span_str("p:bargen:lease:0"));
    o.hmget = STORED("$-1\r\n");
    answer(FENCED);
    FAKE_RUN_UNTIL(&o.fake, sent() == 2);
    assert_int_equal(asked("HMGET\r\n"), 1);
    assert_int_equal(asked("HGETALL\r\n"), 1);
    assert_sent_again();
    assert_int_equal(o.went, 0);
    close_store();
}

static void what_another_wrote_meanwhile_is_read_anew(void **state)
{
    (void)state;
    fence_one();
    drop_lease(span_str("p:bargen:lease:0"));
    o.hmget = "*3\r\n$1\r\n1\r\n$1\r\n8\r\n$5\r\nother\r\n";
    answer(FENCED);
    FAKE_RUN_UNTIL(&o.fake, o.came == 2);
    assert_int_equal(o.went, 1);
    assert_int_equal(asked("HGETALL\r\n"), 2);
    assert_int_equal(o.feed.engine.symbols.n, 0);
    settle();
    assert_int_equal(sent(), 1);
    close_store();
}

static void the_last_transaction_gives_everything_back(void **state)
{
    (void)state;
    open_store("state", 2, 60000);
    FAKE_RUN_UNTIL(&o.fake, o.ready);
    store_finish(o.store, on_finished, &o);
    assert_int_equal(o.finished, 0);
    assert_int_equal(o.went, 2); /* nothing more is read */
    FAKE_RUN_UNTIL(&o.fake, sent() == 1);
    assert_int_equal(in_transaction(1, "DEL\r\n$16\r\np:bargen:lease:0"), 1);
    assert_int_equal(in_transaction(1, "DEL\r\n$16\r\np:bargen:lease:1"), 1);
    assert_int_equal(in_transaction(1, "ZREM\r\n$16\r\np:bargen:members"), 1);
    answer(DONE);
    FAKE_RUN_UNTIL(&o.fake, o.finished);
    close_store();
}

static void a_shard_that_is_anothers_is_left_alone(void **state)
{
    (void)state;
    open_store("state", 2, 0);
    set_lease(span_str("p:bargen:lease:1"), span_str("other:3"));
    FAKE_RUN_UNTIL(&o.fake, o.ready); /* and it stands by for it */
    assert_int_equal(o.came, 1);
    assert_int_equal(asked("HGETALL\r\n"), 1);
    drop_lease(span_str("p:bargen:lease:1"));
    FAKE_RUN_UNTIL(&o.fake, o.came == 2);
    assert_int_equal(asked("SET\r\n$16\r\np:bargen:lease:1"), 1);
    close_store();
}

static void where_multi_is_refused_nothing_is_sent_one_by_one(void **state)
{
    (void)state;
    open_store("state", 1, 0);
    o.multi = "-NOPERM no MULTI\r\n";
    FAKE_RUN_UNTIL(&o.fake, o.unreadable);
    trade("X", T0, "10");
    store_flush(o.store);
    settle();
    assert_int_equal(sent(), 0);
    assert_string_equal(store_fault(o.store), "Redis refuses: NOPERM no MULTI");
    o.multi = NULL; /* somebody permits it */
    FAKE_RUN_UNTIL(&o.fake, o.ready);
    assert_null(store_fault(o.store));
    close_store();
}

static void a_command_refused_inside_does_not_undo_the_rest(void **state)
{
    (void)state;
    open_ready("state");
    trade("X", T0, "10");
    store_flush(o.store);
    FAKE_RUN_UNTIL(&o.fake, sent() == 1);
    answer("*2\r\n:1\r\n-WRONGTYPE no hash\r\n");
    FAKE_RUN_UNTIL(&o.fake, o.acked);
    assert_true(store_due_ms(o.store) == UINT64_MAX);
    close_store();
}

static void one_that_did_not_run_is_sent_again_after_a_loss(void **state)
{
    (void)state;
    lose_one_then(STORED("$-1\r\n"));
    FAKE_RUN_UNTIL(&o.fake, sent() == 1);
    assert_int_equal(asked("flush\r\n$1\r\n1\r\n"), 1);
    assert_int_equal(asked("s:X\r\n"), 1);
    close_store();
}

static void one_that_ran_is_not_sent_again_after_a_loss(void **state)
{
    (void)state;
    lose_one_then(STORED("$1\r\n1\r\n"));
    settle();
    assert_int_equal(sent(), 0);
    assert_true(store_due_ms(o.store) == UINT64_MAX);
    assert_true(store_take_past(o.store, 0) == STORE_CURRENT);
    close_store();
}

static void a_redis_that_lost_writes_gets_all_of_it_anew(void **state)
{
    (void)state;
    open_ready("state");
    for (unsigned i = 0; i < 3; i++) {
        trade(i == 0 ? "X" : "Y", T0 + i, "10");
        store_flush(o.store);
        FAKE_RUN_UNTIL(&o.fake, sent() == i + 1);
        answer(DONE);
        FAKE_RUN_UNTIL(&o.fake, o.acked == i + 1);
    }
    o.hmget = STORED("$1\r\n1\r\n");
    fake_hang_up(&o.fake);
    FAKE_RUN_UNTIL(&o.fake, o.ready == 2);
    assert_int_equal(store_take_past(o.store, 0), STORE_REWOUND);
    assert_int_equal(store_take_past(o.store, 0), STORE_CURRENT);
    store_flush(o.store);
    FAKE_RUN_UNTIL(&o.fake, sent() == 1);
    assert_int_equal(asked("s:X\r\n"), 1);
    assert_int_equal(asked("s:Y\r\n"), 1);
    assert_int_equal(asked("flush\r\n$1\r\n4\r\n"), 1);
    close_store();
}

/* --- reading back --- */

static void a_state_that_cannot_be_read_is_asked_for_again(void **state)
{
    (void)state;
    open_store("state", 1, 0);
    o.hgetall[0] = "-WRONGTYPE no hash\r\n";
    o.exec = DONE; /* of what renews the lease meanwhile */
    FAKE_RUN_UNTIL(&o.fake, asked("HGETALL"));
    settle();
    assert_int_equal(o.ready, 0);
    trade("X", T0, "10");
    store_flush(o.store);
    settle();
    assert_int_equal(sent(), 0);
    assert_int_equal(o.unreadable, 1);
    FAKE_RUN_UNTIL(&o.fake, o.ready);
    assert_int_equal(o.fake.accepted, 2); /* no old answer can come any more */
    close_store();
}

static void the_cursor_that_was_stored_is_known(void **state)
{
    struct entry_id id;

    (void)state;
    open_store("state", 2, 0);
    o.hgetall[0] = "*4\r\n$6\r\ncursor\r\n$3\r\n7-1\r\n"
                   "$5\r\nflush\r\n$1\r\n9\r\n";
    FAKE_RUN_UNTIL(&o.fake, o.ready);
    assert_true(store_cursor(o.store, 0, &id));
    assert_true(id.ms == 7 && id.seq == 1);
    assert_false(store_cursor(o.store, 1, &id));
    assert_int_equal(store_take_past(o.store, 0), STORE_CURRENT);
    assert_int_equal(store_take_past(o.store, 1), STORE_EMPTY);
    close_store();
}

/* --- the end, and bounds --- */

static void it_has_finished_when_all_is_acknowledged(void **state)
{
    (void)state;
    open_store("state", 1, 60000);
    FAKE_RUN_UNTIL(&o.fake, o.ready);
    trade("X", T0, "10");
    store_flush(o.store);
    trade("X", T0 + 1, "11"); /* would wait for a minute */
    FAKE_RUN_UNTIL(&o.fake, sent() == 1);
    store_finish(o.store, on_finished, &o);
    assert_int_equal(o.finished, 0);
    answer(DONE);
    FAKE_RUN_UNTIL(&o.fake, o.acked);
    store_flush(o.store);
    FAKE_RUN_UNTIL(&o.fake, sent() == 2);
    assert_int_equal(o.finished, 0);
    answer(DONE);
    FAKE_RUN_UNTIL(&o.fake, o.finished);
    close_store();
}

static void without_state_and_work_it_has_finished_at_once(void **state)
{
    (void)state;
    open_ready(NULL);
    store_finish(o.store, on_finished, &o);
    assert_int_equal(o.finished, 1);
    close_store();
}

static void bars_that_wait_make_it_full(void **state)
{
    (void)state;
    open_ready("state");
    trade("X", T0, "10");
    store_flush(o.store);
    for (unsigned i = 1; !store_full(o.store); i++) {
        trade("X", T0 + i * MINUTE_MS, "10");
        assert_true(i < STORE_MAX_BYTES / 100);
    }
    close_store();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bars_state_and_number_leave_in_one_transaction),
        cmocka_unit_test(all_shards_that_are_due_share_one),
        cmocka_unit_test(what_has_not_changed_is_not_written_again),
        cmocka_unit_test(one_is_under_way_at_a_time),
        cmocka_unit_test(updates_wait_for_the_throttle_but_new_bars_do_not),
        cmocka_unit_test(without_a_name_no_state_is_read_or_written),
        cmocka_unit_test(a_refused_checkpoint_is_sent_again_as_it_was),
        cmocka_unit_test(
            one_that_is_fenced_off_is_forgotten_where_the_lease_is_lost),
        cmocka_unit_test(
            one_that_is_fenced_off_is_sent_again_where_it_is_still_ours),
        cmocka_unit_test(one_that_ran_in_its_place_is_not_repeated),
        cmocka_unit_test(what_is_sent_again_under_another_lease_says_so),
        cmocka_unit_test(a_lease_that_has_ended_is_taken_again_if_nobody_wrote),
        cmocka_unit_test(what_another_wrote_meanwhile_is_read_anew),
        cmocka_unit_test(the_last_transaction_gives_everything_back),
        cmocka_unit_test(a_shard_that_is_anothers_is_left_alone),
        cmocka_unit_test(where_multi_is_refused_nothing_is_sent_one_by_one),
        cmocka_unit_test(a_command_refused_inside_does_not_undo_the_rest),
        cmocka_unit_test(one_that_did_not_run_is_sent_again_after_a_loss),
        cmocka_unit_test(one_that_ran_is_not_sent_again_after_a_loss),
        cmocka_unit_test(a_redis_that_lost_writes_gets_all_of_it_anew),
        cmocka_unit_test(a_state_that_cannot_be_read_is_asked_for_again),
        cmocka_unit_test(the_cursor_that_was_stored_is_known),
        cmocka_unit_test(it_has_finished_when_all_is_acknowledged),
        cmocka_unit_test(without_state_and_work_it_has_finished_at_once),
        cmocka_unit_test(bars_that_wait_make_it_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
