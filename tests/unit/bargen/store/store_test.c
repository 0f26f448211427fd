#include "tests/unit/bargen/engine_world.h"

#include "bargen/store/store.h"
#include "tests/unit/common/redis/fake_redis.h"

struct owner {
    struct fake fake;
    struct feed feed;
    struct store *store;
    struct route_table *routes;
    unsigned ready, down, unreadable, acked, finished, closed;
    /* What Redis answers; NULL: nothing. */
    const char *hgetall[2], *hget, *exec;
    unsigned loads; /* answers to HGETALL */
    unsigned conns; /* of which `read` bytes were answered */
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
    assert_true(span_is(why, "WRONGTYPE no hash"));
    o.unreadable++;
}

static void on_acked(void *arg)
{
    (void)arg;
    assert_non_null(o.store);
    o.acked++;
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

/* Answers whole commands; false: there is none. */
static bool answer_one(struct fake *f)
{
    const char *at = f->got.ptr + o.read, *end = f->got.ptr + f->got.len;
    const char *name = NULL, *reply = "+QUEUED\r\n";
    int words = 0, used = 0;

    if (memchr(at, '\n', (size_t)(end - at)))
        sscanf(at, "*%d\r\n%n", &words, &used);
    at += used;
    for (int i = 0; i < words; i++) {
        size_t size;

        if (!memchr(at, '\n', (size_t)(end - at)) ||
            sscanf(at, "$%zu%n", &size, &used) != 1 ||
            (size_t)(end - at) < (size_t)used + 2 + size + 2)
            return false;
        at += used + 2;
        name = i == 0 ? at : name;
        at += size + 2;
    }
    if (words == 0)
        return false;
    o.read = (size_t)(at - f->got.ptr);
    if (strncmp(name, "PING\r", 5) == 0)
        reply = "+PONG\r\n";
    else if (strncmp(name, "HGETALL\r", 8) == 0)
        reply = o.hgetall[o.loads++ % 2];
    else if (strncmp(name, "HGET\r", 5) == 0)
        reply = o.hget;
    else if (strncmp(name, "EXEC\r", 5) == 0)
        reply = o.exec;
    if (reply)
        fake_send(f, reply);
    return true;
}

static void on_read(struct fake *f)
{
    if (o.conns != f->accepted)
        o.read = 0;
    o.conns = f->accepted;
    bytes_add(&f->got, "", 1); /* for sscanf() */
    f->got.len--;
    while (answer_one(f))
        ;
}

static void open_store(const char *state, unsigned shards, int64_t throttle_ms)
{
    static const struct store_events events = {on_ready, on_down, on_unreadable,
                                               on_acked};
    struct engine_config config = feed_config();
    struct err err = {0};

    memset(&o, 0, sizeof o);
    config.shards = shards;
    config.note_drops = state != NULL;
    fake_start(&o.fake, NULL);
    o.fake.on_read = on_read;
    o.hgetall[0] = o.hgetall[1] = "*0\r\n";
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

static void trade(const char *symbol, int64_t time_ms, const char *price)
{
    struct event ev = feed_trade_event(symbol, time_ms, price, "1", NULL);

    engine_event(&o.feed.engine, &ev, time_ms * MS);
}

#define DONE "*1\r\n:1\r\n"
#define ABORTED "-EXECABORT transaction discarded\r\n"

static void open_ready(const char *state)
{
    open_store(state, 1, 0);
    FAKE_RUN_UNTIL(&o.fake, o.ready);
}

/* --- checkpoints --- */

static void bars_state_and_number_leave_in_one_transaction(void **state)
{
    const char *run, *at;
    size_t begin;

    (void)state;
    open_ready("bargen:state");
    store_advance(o.store, 0, (struct entry_id){7, 1});
    trade("X", T0, "10");
    trade("X", T0 + 61000, "11"); /* the first bar is final */
    begin = o.fake.got.len;
    store_flush(o.store);
    FAKE_RUN_UNTIL(&o.fake, asked("EXEC\r\n"));
    run = got_from(begin);
    assert_int_equal(count(run, "MULTI\r\n"), 1);
    assert_int_equal(strncmp(run, "*1\r\n$5\r\nMULTI\r\n", 15), 0);
    assert_string_equal(run + strlen(run) - 10, "$4\r\nEXEC\r\n");
    for (const char *const *want =
             (const char *const[]){
                 "ZADD\r\n", "p:bars:history:X:1\r\n", "PUBLISH\r\n",
                 "p:bars:X:1\r\n", "p:last:bars:X:1\r\n",
                 "p:bargen:state:0\r\n", "s:X\r\n", "flush\r\n$1\r\n1\r\n",
                 "cursor\r\n$3\r\n7-1\r\n", NULL};
         *want; want++) {
        at = strstr(run, *want);
        if (!at)
            fail_msg("the transaction has no %s", *want);
    }
    assert_int_equal(o.acked, 0);
    fake_send(&o.fake, DONE);
    FAKE_RUN_UNTIL(&o.fake, o.acked);
    close_store();
}

static void each_shard_has_its_own(void **state)
{
    (void)state;
    open_store("bargen:state", 2, 0);
    FAKE_RUN_UNTIL(&o.fake, o.ready);
    assert_int_equal(asked("HGETALL"), 2);
    for (char name[] = "A"; o.feed.engine.shards[0].n_dirty == 0 ||
                            o.feed.engine.shards[1].n_dirty == 0;
         name[0]++)
        trade(name, T0, "10");
    store_flush(o.store);
    FAKE_RUN_UNTIL(&o.fake, asked("EXEC\r\n") == 2);
    assert_int_equal(asked("MULTI\r\n"), 2);
    assert_true(strstr(got_from(0), "p:bargen:state:1\r\n$5\r\nflush") >
                strstr(got_from(0), "EXEC\r\n"));
    close_store();
}

static void what_has_not_changed_is_not_written_again(void **state)
{
    (void)state;
    open_ready("bargen:state");
    trade("X", T0, "10");
    trade("Y", T0, "10");
    store_flush(o.store);
    FAKE_RUN_UNTIL(&o.fake, asked("EXEC\r\n"));
    fake_send(&o.fake, DONE);
    FAKE_RUN_UNTIL(&o.fake, o.acked);
    assert_true(store_due_ms(o.store) == UINT64_MAX);
    store_flush(o.store);
    settle();
    assert_int_equal(asked("EXEC\r\n"), 1);
    trade("Y", T0 + 1, "11");
    store_flush(o.store);
    FAKE_RUN_UNTIL(&o.fake, asked("EXEC\r\n") == 2);
    assert_int_equal(asked("s:Y\r\n"), 2);
    assert_int_equal(asked("s:X\r\n"), 1);
    close_store();
}

static void one_is_under_way_at_a_time(void **state)
{
    (void)state;
    open_ready("bargen:state");
    trade("X", T0, "10");
    store_flush(o.store);
    trade("X", T0 + 61000, "11");
    assert_true(store_due_ms(o.store) == UINT64_MAX);
    store_flush(o.store);
    FAKE_RUN_UNTIL(&o.fake, asked("EXEC\r\n"));
    settle();
    assert_int_equal(asked("EXEC\r\n"), 1);
    fake_send(&o.fake, DONE);
    FAKE_RUN_UNTIL(&o.fake, o.acked);
    assert_int_equal(store_due_ms(o.store), 0);
    store_flush(o.store);
    FAKE_RUN_UNTIL(&o.fake, asked("EXEC\r\n") == 2);
    close_store();
}

static void updates_wait_for_the_throttle_but_new_bars_do_not(void **state)
{
    uint64_t due_ms;

    (void)state;
    open_store("bargen:state", 1, 5000);
    FAKE_RUN_UNTIL(&o.fake, o.ready);
    trade("X", T0, "10");
    assert_int_equal(store_due_ms(o.store), 0);
    store_flush(o.store);
    FAKE_RUN_UNTIL(&o.fake, asked("EXEC\r\n"));
    fake_send(&o.fake, DONE);
    FAKE_RUN_UNTIL(&o.fake, o.acked);
    trade("X", T0 + 1, "11");
    due_ms = store_due_ms(o.store);
    assert_true(due_ms > 5000 && due_ms < UINT64_MAX);
    store_flush(o.store);
    settle();
    assert_int_equal(asked("EXEC\r\n"), 1);
    close_store();
}

static void without_a_name_no_state_is_read_or_written(void **state)
{
    (void)state;
    open_store(NULL, 1, 0);
    FAKE_RUN_UNTIL(&o.fake, o.ready);
    trade("X", T0, "10");
    store_flush(o.store);
    FAKE_RUN_UNTIL(&o.fake, asked("EXEC\r\n"));
    assert_int_equal(asked("HGETALL"), 0);
    assert_int_equal(asked("s:X\r\n"), 0);
    assert_int_equal(asked("PUBLISH"), 1);
    close_store();
}

/* --- refusals and losses --- */

static void a_refused_checkpoint_is_sent_again_as_it_was(void **state)
{
    size_t first, second;
    char *one;

    (void)state;
    open_ready("bargen:state");
    trade("X", T0, "10");
    first = o.fake.got.len;
    store_flush(o.store);
    FAKE_RUN_UNTIL(&o.fake, asked("EXEC\r\n"));
    one = mem_str(span_str(got_from(first)));
    second = o.fake.got.len;
    fake_send(&o.fake, ABORTED);
    settle();
    assert_int_equal(o.acked, 0);
    trade("X", T0 + 61000, "11"); /* waits for the next */
    store_flush(o.store);
    FAKE_RUN_UNTIL(&o.fake, asked("EXEC\r\n") == 2);
    assert_string_equal(got_from(second), one);
    fake_send(&o.fake, DONE);
    FAKE_RUN_UNTIL(&o.fake, o.acked);
    assert_int_equal(store_due_ms(o.store), 0);
    free(one);
    close_store();
}

static void a_command_refused_inside_does_not_undo_the_rest(void **state)
{
    (void)state;
    open_ready("bargen:state");
    trade("X", T0, "10");
    store_flush(o.store);
    FAKE_RUN_UNTIL(&o.fake, asked("EXEC\r\n"));
    fake_send(&o.fake, "*2\r\n:1\r\n-WRONGTYPE no hash\r\n");
    FAKE_RUN_UNTIL(&o.fake, o.acked);
    assert_true(store_due_ms(o.store) == UINT64_MAX);
    close_store();
}

/* The link goes with a checkpoint under way; Redis says that the last it has is
 * number `stored`. */
static void lose_one_then(const char *stored)
{
    open_ready("bargen:state");
    trade("X", T0, "10");
    store_flush(o.store);
    FAKE_RUN_UNTIL(&o.fake, asked("EXEC\r\n"));
    assert_int_equal(asked("flush\r\n$1\r\n1\r\n"), 1);
    o.hget = stored;
    fake_hang_up(&o.fake);
    FAKE_RUN_UNTIL(&o.fake, o.down);
    assert_false(store_ready(o.store));
    assert_true(store_full(o.store) == false);
    assert_true(store_due_ms(o.store) == UINT64_MAX);
    FAKE_RUN_UNTIL(&o.fake, o.ready == 2);
    assert_int_equal(asked("HGETALL"), 0);
    assert_int_equal(asked("HGET\r\n"), 1);
}

static void one_that_did_not_run_is_sent_again_after_a_loss(void **state)
{
    (void)state;
    lose_one_then("$-1\r\n");
    FAKE_RUN_UNTIL(&o.fake, asked("EXEC\r\n"));
    assert_int_equal(asked("flush\r\n$1\r\n1\r\n"), 1);
    assert_int_equal(asked("s:X\r\n"), 1);
    close_store();
}

static void one_that_ran_is_not_sent_again_after_a_loss(void **state)
{
    (void)state;
    lose_one_then("$1\r\n1\r\n");
    settle();
    assert_int_equal(asked("EXEC\r\n"), 0);
    assert_true(store_due_ms(o.store) == UINT64_MAX);
    assert_true(store_take_past(o.store, 0) == STORE_CURRENT);
    close_store();
}

static void a_redis_that_lost_writes_gets_all_of_it_anew(void **state)
{
    (void)state;
    open_ready("bargen:state");
    for (unsigned i = 0; i < 3; i++) {
        trade(i == 0 ? "X" : "Y", T0 + i, "10");
        store_flush(o.store);
        FAKE_RUN_UNTIL(&o.fake, asked("EXEC\r\n") == i + 1);
        fake_send(&o.fake, DONE);
        FAKE_RUN_UNTIL(&o.fake, o.acked == i + 1);
    }
    o.hget = "$1\r\n1\r\n";
    fake_hang_up(&o.fake);
    FAKE_RUN_UNTIL(&o.fake, o.ready == 2);
    assert_int_equal(store_take_past(o.store, 0), STORE_REWOUND);
    assert_int_equal(store_take_past(o.store, 0), STORE_CURRENT);
    store_flush(o.store);
    FAKE_RUN_UNTIL(&o.fake, asked("EXEC\r\n"));
    assert_int_equal(asked("s:X\r\n"), 1);
    assert_int_equal(asked("s:Y\r\n"), 1);
    assert_int_equal(asked("flush\r\n$1\r\n4\r\n"), 1);
    close_store();
}

/* --- reading back --- */

static void a_state_that_cannot_be_read_is_asked_for_again(void **state)
{
    (void)state;
    open_store("bargen:state", 1, 0);
    o.hgetall[0] = "-WRONGTYPE no hash\r\n";
    FAKE_RUN_UNTIL(&o.fake, asked("HGETALL"));
    settle();
    assert_int_equal(o.ready, 0);
    trade("X", T0, "10");
    store_flush(o.store);
    settle();
    assert_int_equal(asked("MULTI"), 0);
    assert_int_equal(o.unreadable, 1);
    FAKE_RUN_UNTIL(&o.fake, o.ready);
    assert_int_equal(o.fake.accepted, 2); /* no old answer can come any more */
    close_store();
}

static void the_cursor_that_was_stored_is_known(void **state)
{
    struct entry_id id;

    (void)state;
    open_store("bargen:state", 2, 0);
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
    open_store("bargen:state", 1, 60000);
    FAKE_RUN_UNTIL(&o.fake, o.ready);
    trade("X", T0, "10");
    store_flush(o.store);
    trade("X", T0 + 1, "11"); /* would wait for a minute */
    FAKE_RUN_UNTIL(&o.fake, asked("EXEC\r\n"));
    store_finish(o.store, on_finished, &o);
    assert_int_equal(o.finished, 0);
    fake_send(&o.fake, DONE);
    FAKE_RUN_UNTIL(&o.fake, o.acked);
    store_flush(o.store);
    FAKE_RUN_UNTIL(&o.fake, asked("EXEC\r\n") == 2);
    assert_int_equal(o.finished, 0);
    fake_send(&o.fake, DONE);
    FAKE_RUN_UNTIL(&o.fake, o.finished);
    close_store();
}

static void with_nothing_to_say_it_has_finished_at_once(void **state)
{
    (void)state;
    open_ready("bargen:state");
    store_finish(o.store, on_finished, &o);
    assert_int_equal(o.finished, 1);
    close_store();
}

static void bars_that_wait_make_it_full(void **state)
{
    (void)state;
    open_ready("bargen:state");
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
        cmocka_unit_test(each_shard_has_its_own),
        cmocka_unit_test(what_has_not_changed_is_not_written_again),
        cmocka_unit_test(one_is_under_way_at_a_time),
        cmocka_unit_test(updates_wait_for_the_throttle_but_new_bars_do_not),
        cmocka_unit_test(without_a_name_no_state_is_read_or_written),
        cmocka_unit_test(a_refused_checkpoint_is_sent_again_as_it_was),
        cmocka_unit_test(a_command_refused_inside_does_not_undo_the_rest),
        cmocka_unit_test(one_that_did_not_run_is_sent_again_after_a_loss),
        cmocka_unit_test(one_that_ran_is_not_sent_again_after_a_loss),
        cmocka_unit_test(a_redis_that_lost_writes_gets_all_of_it_anew),
        cmocka_unit_test(a_state_that_cannot_be_read_is_asked_for_again),
        cmocka_unit_test(the_cursor_that_was_stored_is_known),
        cmocka_unit_test(it_has_finished_when_all_is_acknowledged),
        cmocka_unit_test(with_nothing_to_say_it_has_finished_at_once),
        cmocka_unit_test(bars_that_wait_make_it_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
