#include "tests/unit/bargen/source/source_world.h"

#include <inttypes.h>

#include "bargen/source/journal.h"
#include "common/redis/redis_resp.h"

/* The store as the journal sees it: cursors, and whether they are there. */
struct store {
    bool ready, has_cursor;
    struct entry_id cursor; /* of shard 0 */
    enum store_past past;
};

bool store_ready(const struct store *s)
{
    return s->ready;
}

bool store_cursor(const struct store *s, unsigned shard, struct entry_id *id)
{
    if (shard == 0)
        *id = s->cursor;
    return shard == 0 && s->has_cursor;
}

enum store_past store_take_past(struct store *s, unsigned shard)
{
    enum store_past past = s->past;

    if (shard == 0 && past == STORE_REWOUND)
        s->past = STORE_CURRENT;
    return shard == 0 ? past : STORE_EMPTY;
}

void store_advance(struct store *s, unsigned shard, struct entry_id id)
{
    if (shard == 0) {
        s->cursor = id;
        s->has_cursor = true;
    }
}

/* --- what Redis says --- */

#define PONG "+PONG\r\n"
#define NONE "-ERR no such key\r\n"
#define NOTHING "*-1\r\n"
#define ID(TEXT) "$3\r\n" TEXT "\r\n"
/* XINFO STREAM of a stream whose ids have three characters. */
#define INFO(LAST, FIRST)                                                      \
    "*4\r\n$17\r\nlast-generated-id\r\n" ID(LAST) "$11\r\nfirst-entry\r\n"     \
                                                  "*2\r\n" ID(FIRST) "*0\r\n"
#define INFO_EMPTY(LAST)                                                       \
    "*4\r\n$17\r\nlast-generated-id\r\n" ID(LAST) "$11\r\nfirst-entry\r\n"     \
                                                  "$-1\r\n"

/* XREAD of one stream: n entries with ids from first-1 on, a trade each, whose
 * ids are those of the entries; in two the text is rubbish. */
static const char *entries(unsigned first, unsigned n)
{
    static struct bytes reply;

    bytes_clear(&reply);
    resp_array(&reply, 1);
    resp_array(&reply, 2);
    resp_bulk_str(&reply, "p:journal:0");
    resp_array(&reply, n);
    for (unsigned i = first; i < first + n; i++) {
        char id[24], trade[200];

        snprintf(id, sizeof id, "%u-1", i);
        snprintf(trade, sizeof trade,
                 TRADE_AT "%" PRId64
                          ",\"price\":%u,\"size\":1,\"id\":\"%u\"}\nrubbish",
                 T0, i, i);
        resp_array(&reply, 2);
        resp_bulk_str(&reply, id);
        resp_array(&reply, 2);
        resp_bulk_str(&reply, "d");
        resp_bulk_str(&reply, trade);
    }
    bytes_add(&reply, "", 1);
    return reply.ptr;
}

/* How often it is in what this connection was sent. */
static unsigned asked(const char *what)
{
    unsigned n = 0;

    bytes_add(&w.fake.got, "", 1);
    w.fake.got.len--;
    for (const char *at = w.fake.got.ptr; (at = strstr(at, what)); at++)
        n++;
    return n;
}

static bool asked_from(const char *id)
{
    char text[64];

    snprintf(text, sizeof text, "p:journal:0\r\n$%zu\r\n%s\r\n", strlen(id),
             id);
    return asked(text) > 0;
}

static void open_journal(struct store *store, unsigned shards, bool from_now,
                         const char *const *answers)
{
    struct source_context to = world_open(answers, shards);
    struct journal_config config = {.redis = &w.fake.config,
                                    .store = store,
                                    .shards = shards,
                                    .from_now = from_now};

    snprintf(w.fake.config.prefix, sizeof w.fake.config.prefix, "p:");
    w.source = journal_new(&to, &config);
    for (unsigned i = 0; store && i < shards; i++)
        source_shard(w.source, i, true);
}

static void begin(const char *const *answers)
{
    open_journal(NULL, 1, false, answers);
    source_resume(w.source);
}

static unsigned events(void)
{
    return (unsigned)w.feed.engine.counts.events;
}

/* --- reading --- */

static void it_does_nothing_before_it_is_resumed(void **state)
{
    (void)state;
    open_journal(NULL, 1, false, (const char *const[]){PONG, NULL});
    world_settle();
    assert_int_equal(w.fake.accepted, 0);
    assert_string_equal(source_fault(w.source), "the journal cannot be read");
    assert_false(source_caught_up(w.source));
    world_close();
}

static void batches_are_taken_in_order_and_read_on_from(void **state)
{
    const char *const answers[] = {PONG, NONE, entries(101, 3), "", NULL};

    (void)state;
    begin(answers);
    FAKE_RUN_UNTIL(&w.fake, asked("XREAD") == 2);
    assert_int_equal(w.ready, 1);
    assert_int_equal(w.drained, 1);
    assert_null(source_fault(w.source));
    assert_int_equal(events(), 3);
    assert_int_equal(world_open_bar()->open.mant, 101);
    assert_int_equal(world_open_bar()->close.mant, 103);
    assert_true(asked_from("0-0"));
    assert_true(asked_from("103-1"));
    world_close();
}

static void it_has_caught_up_when_nothing_was_left(void **state)
{
    const char *const answers[] = {PONG, NONE,
                                   entries(101, JOURNAL_ENTRIES_MAX), "", NULL};

    (void)state;
    begin(answers);
    FAKE_RUN_UNTIL(&w.fake, asked("XREAD") == 2);
    /* As many as were asked for: there may be more, so it does not wait. */
    assert_false(source_caught_up(w.source));
    assert_int_equal(asked("BLOCK\r\n$1\r\n1\r\n"), 2);
    fake_send(&w.fake, NOTHING);
    FAKE_RUN_UNTIL(&w.fake, asked("XREAD") == 3);
    assert_true(source_caught_up(w.source));
    assert_int_equal(asked("BLOCK\r\n$4\r\n2000\r\n"), 1);
    world_close();
}

static void while_it_is_paused_it_asks_for_nothing(void **state)
{
    const char *const answers[] = {PONG, NONE, entries(101, 1), "", NULL};

    (void)state;
    begin(answers);
    w.pause_in_drained = true;
    FAKE_RUN_UNTIL(&w.fake, w.drained);
    world_settle();
    assert_int_equal(asked("XREAD"), 1);
    source_resume(w.source);
    FAKE_RUN_UNTIL(&w.fake, asked("XREAD") == 2);
    world_close();
}

static void a_reply_that_is_none_is_passed_over(void **state)
{
    static const char strange[] =
        "*4\r\n:1\r\n"
        "*2\r\n$11\r\np:journal:7\r\n*0\r\n"             /* not ours */
        "*2\r\n$11\r\np:journal:0\r\n*1\r\n*1\r\n:2\r\n" /* no entry */
        "*2\r\n$11\r\np:journal:0\r\n*1\r\n*2\r\n:5\r\n*0\r\n";
    const char *const answers[] = {PONG, NONE, strange, "", NULL};

    (void)state;
    begin(answers);
    FAKE_RUN_UNTIL(&w.fake, asked("XREAD") == 2);
    assert_int_equal(events(), 0);
    assert_false(asked_from("5-0"));
    world_close();
}

static void what_cannot_be_read_is_tried_again(void **state)
{
    const char *const answers[] = {
        PONG, NONE, "-WRONGTYPE no stream\r\n", entries(101, 1), "", NULL};

    (void)state;
    begin(answers);
    FAKE_RUN_UNTIL(&w.fake, asked("XREAD") == 1);
    world_settle();
    assert_false(source_caught_up(w.source));
    source_resume(w.source); /* not at once */
    world_settle();
    assert_int_equal(asked("XREAD"), 1);
    FAKE_RUN_UNTIL(&w.fake, events() == 1);
    assert_int_equal(w.down, 0);
    world_close();
}

/* --- is it the stream that was read before? --- */

/* It has read 101-1, and this connection is lost; what comes next. */
static void read_one_then(const char *const *answers)
{
    const char *const before[] = {PONG, NONE, entries(101, 1), "", NULL};

    begin(before);
    FAKE_RUN_UNTIL(&w.fake, asked("XREAD") == 2);
    assert_false(world_open_bar()->flags & BAR_GAP);
    w.fake.answers = answers;
    fake_hang_up(&w.fake);
    FAKE_RUN_UNTIL(&w.fake, w.down);
    assert_non_null(source_fault(w.source));
    FAKE_RUN_UNTIL(&w.fake, asked("XREAD") == 1);
    assert_int_equal(w.ready, 2);
}

static void an_unbroken_journal_flags_nothing(void **state)
{
    const char *const same[] = {
        PONG, "*2\r\n$17\r\nlast-generated-id\r\n$5\r\n101-1\r\n", "", NULL};
    const char *const grown[] = {
        PONG,
        "*4\r\n$17\r\nlast-generated-id\r\n$5\r\n105-1\r\n"
        "$11\r\nfirst-entry\r\n*2\r\n$5\r\n101-1\r\n*0\r\n",
        "", NULL};

    (void)state;
    read_one_then(same);
    assert_false(world_open_bar()->flags & BAR_GAP);
    assert_true(asked_from("101-1"));
    world_close();
    read_one_then(grown);
    assert_false(world_open_bar()->flags & BAR_GAP);
    assert_true(asked_from("101-1"));
    world_close();
}

static void a_journal_trimmed_beyond_the_cursor_flags_its_bars(void **state)
{
    const char *const some[] = {
        PONG,
        "*4\r\n$17\r\nlast-generated-id\r\n$5\r\n105-1\r\n"
        "$11\r\nfirst-entry\r\n*2\r\n$5\r\n104-1\r\n*0\r\n",
        "", NULL};
    const char *const all[] = {
        PONG,
        "*4\r\n$17\r\nlast-generated-id\r\n$5\r\n105-1\r\n"
        "$11\r\nfirst-entry\r\n$-1\r\n",
        "", NULL};

    (void)state;
    read_one_then(some);
    assert_true(world_open_bar()->flags & BAR_GAP);
    assert_true(asked_from("101-1"));
    world_close();
    read_one_then(all);
    assert_true(world_open_bar()->flags & BAR_GAP);
    world_close();
}

static void a_journal_that_was_replaced_is_read_from_its_beginning(void **state)
{
    const char *const other[] = {PONG, INFO("7-1", "6-1"), "", NULL};
    const char *const gone[] = {PONG, NONE, "", NULL};

    (void)state;
    read_one_then(other);
    assert_true(world_open_bar()->flags & BAR_GAP);
    assert_true(asked_from("0-0"));
    world_close();
    read_one_then(gone);
    assert_true(world_open_bar()->flags & BAR_GAP);
    assert_true(asked_from("0-0"));
    world_close();
}

/* --- with a store --- */

static void it_waits_for_the_store_and_starts_at_its_cursor(void **state)
{
    struct store store = {
        .has_cursor = true, .cursor = {4, 1}, .past = STORE_CURRENT};
    const char *const answers[] = {PONG, INFO("5-1", "3-1"), entries(101, 1),
                                   "", NULL};

    (void)state;
    open_journal(&store, 1, false, answers);
    source_resume(w.source);
    FAKE_RUN_UNTIL(&w.fake, asked("PING"));
    world_settle();
    assert_int_equal(asked("XINFO"), 0);
    store.ready = true;
    source_resume(w.source);
    FAKE_RUN_UNTIL(&w.fake, asked("XREAD") == 2);
    assert_true(asked_from("4-1"));
    /* What was read is what the next checkpoint will say. */
    assert_true(store.cursor.ms == 101 && store.cursor.seq == 1);
    world_close();
}

static void only_shards_that_are_ours_are_read(void **state)
{
    struct store store = {.ready = true};
    const char *const answers[] = {PONG, NONE, NOTHING, "", NULL};

    (void)state;
    open_journal(&store, 3, false, answers);
    source_shard(w.source, 0, false);
    source_shard(w.source, 2, false);
    source_resume(w.source);
    FAKE_RUN_UNTIL(&w.fake, asked("XREAD") == 2);
    assert_int_equal(w.ready, 1);
    assert_int_equal(asked("XINFO"), 1);
    assert_int_equal(asked("p:journal:1\r\n"), 3);
    assert_int_equal(asked("p:journal:0\r\n"), 0);
    assert_true(source_caught_up(w.source));
    /* It does not block for long: another may become ours. */
    assert_int_equal(asked("BLOCK\r\n$3\r\n250\r\n"), 1);
    source_shard(w.source, 0, true);
    assert_false(source_caught_up(w.source));
    FAKE_RUN_UNTIL(&w.fake, asked("XINFO") == 2);
    fake_send(&w.fake, NOTHING); /* the XREAD of before, then XINFO */
    fake_send(&w.fake, NONE);
    FAKE_RUN_UNTIL(&w.fake, asked("XREAD") == 3); /* of 1 alone, and short */
    fake_send(&w.fake, NOTHING);
    FAKE_RUN_UNTIL(&w.fake, asked("p:journal:0\r\n") == 2);
    assert_false(source_caught_up(w.source));
    assert_int_equal(asked("BLOCK\r\n$1\r\n1\r\n"), 3);
    assert_int_equal(w.ready, 1);
    world_close();
}

static void what_was_read_of_a_shard_that_is_gone_is_passed_over(void **state)
{
    struct store store = {.ready = true};
    const char *const answers[] = {PONG, NONE, "", NULL};

    (void)state;
    open_journal(&store, 1, false, answers);
    source_resume(w.source);
    FAKE_RUN_UNTIL(&w.fake, asked("XREAD") == 1);
    source_shard(w.source, 0, false);
    fake_send(&w.fake, entries(101, 3));
    FAKE_RUN_UNTIL(&w.fake, w.drained);
    assert_int_equal(events(), 0);
    assert_false(store.has_cursor);
    assert_true(source_caught_up(w.source)); /* none is ours */
    /* Nor where it has become ours again: its cursor may be another. */
    store.cursor = (struct entry_id){50, 1};
    store.has_cursor = true;
    source_shard(w.source, 0, true);
    FAKE_RUN_UNTIL(&w.fake, asked("XINFO") == 2);
    fake_send(&w.fake, NONE);
    FAKE_RUN_UNTIL(&w.fake, asked("XREAD") == 2);
    source_shard(w.source, 0, false);
    source_shard(w.source, 0, true);
    fake_send(&w.fake, entries(101, 3));
    FAKE_RUN_UNTIL(&w.fake, w.drained == 2);
    assert_int_equal(events(), 0);
    assert_int_equal(store.cursor.ms, 0); /* replaced: from the beginning */
    world_close();
}

static void a_journal_that_was_rewound_is_read_behind_its_end(void **state)
{
    struct store store = {.ready = true,
                          .has_cursor = true,
                          .cursor = {9, 1},
                          .past = STORE_REWOUND};
    const char *const answers[] = {PONG, INFO("7-1", "3-1"), "", NULL};
    struct event ev = feed_trade_event("X", T0, "10", "1", "1");

    (void)state;
    open_journal(&store, 1, false, answers);
    engine_event(&w.feed.engine, &ev, T0 * MS);
    source_resume(w.source);
    FAKE_RUN_UNTIL(&w.fake, asked("XREAD"));
    assert_true(asked_from("7-1"));
    assert_true(world_open_bar()->flags & BAR_GAP);
    assert_int_equal(store.past, STORE_CURRENT);
    world_close();
}

static void from_now_on_begins_at_the_end_where_there_is_no_cursor(void **state)
{
    struct store store = {.ready = true};
    const char *const answers[] = {PONG, INFO("7-1", "3-1"), "", NULL};

    (void)state;
    open_journal(&store, 1, true, answers);
    source_resume(w.source);
    FAKE_RUN_UNTIL(&w.fake, asked("XREAD"));
    assert_true(asked_from("7-1"));
    assert_true(store.has_cursor && store.cursor.ms == 7);
    world_close();
    /* Nor was a cursor made up where the whole journal is to be read. */
    store = (struct store){.ready = true};
    open_journal(&store, 1, false, answers);
    source_resume(w.source);
    FAKE_RUN_UNTIL(&w.fake, asked("XREAD"));
    assert_true(asked_from("0-0"));
    assert_false(store.has_cursor);
    world_close();
}

static void nothing_is_read_before_every_stream_was_checked(void **state)
{
    const char *const answers[] = {
        PONG, NONE, "-NOPERM not this\r\n", INFO_EMPTY("7-1"), "", NULL};

    (void)state;
    open_journal(NULL, 2, false, answers);
    source_resume(w.source);
    FAKE_RUN_UNTIL(&w.fake, asked("XINFO") == 2);
    world_settle();
    assert_int_equal(w.ready, 0);
    source_resume(w.source); /* not at once */
    world_settle();
    assert_int_equal(asked("XINFO"), 2);
    FAKE_RUN_UNTIL(&w.fake, w.ready);
    assert_int_equal(asked("XINFO"), 3);
    assert_int_equal(asked("XREAD"), 0);
    FAKE_RUN_UNTIL(&w.fake, asked("XREAD"));
    world_close();
}

static void a_stream_is_checked_once_for_each_connection(void **state)
{
    const char *const answers[] = {PONG,
                                   INFO("7-1", "6-1"), /* of shard 0 */
                                   "-NOPERM not this\r\n",
                                   NONE,
                                   "",
                                   NULL};

    (void)state;
    open_journal(NULL, 2, false, answers);
    source_resume(w.source);
    FAKE_RUN_UNTIL(&w.fake, w.ready);
    FAKE_RUN_UNTIL(&w.fake, asked("XREAD"));
    /* Whatever it had lost was told then; and XREAD names it. */
    assert_int_equal(asked("STREAM\r\n$11\r\np:journal:0"), 1);
    assert_int_equal(asked("STREAM\r\n$11\r\np:journal:1"), 2);
    fake_hang_up(&w.fake);
    FAKE_RUN_UNTIL(&w.fake, w.down);
    FAKE_RUN_UNTIL(&w.fake, asked("XREAD"));
    assert_int_equal(asked("STREAM\r\n$11\r\np:journal:0"), 1);
    assert_int_equal(asked("STREAM\r\n$11\r\np:journal:1"), 2);
    world_close();
}

static void a_new_connection_does_not_wait_for_the_old_retry(void **state)
{
    const char *const answers[] = {PONG, "-NOPERM not this\r\n", NULL};

    (void)state;
    begin(answers);
    FAKE_RUN_UNTIL(&w.fake, w.unreadable);
    fake_hang_up(&w.fake);
    FAKE_RUN_UNTIL(&w.fake, w.fake.accepted == 2 && asked("PING"));
    world_settle();
    assert_int_equal(asked("XINFO"), 1);
    world_close();
}

static void what_redis_says_of_a_stream_is_passed_on(void **state)
{
    const char *const answers[] = {PONG, "-NOPERM not this\r\n", NULL};

    (void)state;
    begin(answers);
    FAKE_RUN_UNTIL(&w.fake, w.unreadable);
    assert_string_equal(w.why, "NOPERM not this");
    assert_int_equal(w.down, 0); /* it is there, and asked again */
    FAKE_RUN_UNTIL(&w.fake, w.unreadable == 2);
    w.close_in_unreadable = true;
    FAKE_RUN_UNTIL(&w.fake, w.unreadable == 3);
    world_close();
}

static void it_may_be_closed_with_a_question_under_way(void **state)
{
    const char *const answers[] = {PONG, NONE, entries(101, 1), "", NULL};

    (void)state;
    begin(answers);
    w.close_in_drained = true;
    FAKE_RUN_UNTIL(&w.fake, w.drained);
    world_settle();
    assert_int_equal(asked("XREAD"), 1);
    world_close();
    begin(answers);
    FAKE_RUN_UNTIL(&w.fake, asked("XREAD") == 2);
    world_close(); /* and no event follows */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_does_nothing_before_it_is_resumed),
        cmocka_unit_test(batches_are_taken_in_order_and_read_on_from),
        cmocka_unit_test(it_has_caught_up_when_nothing_was_left),
        cmocka_unit_test(while_it_is_paused_it_asks_for_nothing),
        cmocka_unit_test(a_reply_that_is_none_is_passed_over),
        cmocka_unit_test(what_cannot_be_read_is_tried_again),
        cmocka_unit_test(an_unbroken_journal_flags_nothing),
        cmocka_unit_test(a_journal_trimmed_beyond_the_cursor_flags_its_bars),
        cmocka_unit_test(
            a_journal_that_was_replaced_is_read_from_its_beginning),
        cmocka_unit_test(it_waits_for_the_store_and_starts_at_its_cursor),
        cmocka_unit_test(only_shards_that_are_ours_are_read),
        cmocka_unit_test(what_was_read_of_a_shard_that_is_gone_is_passed_over),
        cmocka_unit_test(a_journal_that_was_rewound_is_read_behind_its_end),
        cmocka_unit_test(
            from_now_on_begins_at_the_end_where_there_is_no_cursor),
        cmocka_unit_test(nothing_is_read_before_every_stream_was_checked),
        cmocka_unit_test(a_stream_is_checked_once_for_each_connection),
        cmocka_unit_test(a_new_connection_does_not_wait_for_the_old_retry),
        cmocka_unit_test(what_redis_says_of_a_stream_is_passed_on),
        cmocka_unit_test(it_may_be_closed_with_a_question_under_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
