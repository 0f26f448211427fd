#include "tests/unit/bargen/store/redis_words.h"

#include "bargen/store/members.h"

#define NOW INT64_C(1756684800000)

/* A Redis with one sorted set, and a member that looks when it is told. */
static struct world {
    struct fake fake;
    struct words words;
    struct redis_cmd *cmd;
    struct members members;
    int64_t now_ms;
    struct row {
        char id[MEMBERS_ID_MAX];
        int64_t score;
    } rows[8];
    unsigned n_rows;
    const char *time, *list, *add; /* what is answered instead; NULL: as is */
    bool ready;
    unsigned adds, removals, done, out, refused, closed;
    char why[64];
} w;

static void set_row(const char *id, int64_t score)
{
    unsigned i = 0;

    while (i < w.n_rows && strcmp(w.rows[i].id, id) != 0)
        i++;
    assert_true(i < 8);
    w.n_rows += i == w.n_rows;
    snprintf(w.rows[i].id, sizeof w.rows[i].id, "%s", id);
    w.rows[i].score = score;
}

/* -1: it is not there. */
static int64_t score_of(const char *id)
{
    for (unsigned i = 0; i < w.n_rows; i++)
        if (strcmp(w.rows[i].id, id) == 0)
            return w.rows[i].score;
    return -1;
}

/* --- the server --- */

static void answer_list(void)
{
    char text[24];

    words_reply_count(&w.fake, 2 * w.n_rows);
    for (unsigned i = 0; i < w.n_rows; i++) {
        snprintf(text, sizeof text, "%lld", (long long)w.rows[i].score);
        words_reply(&w.fake, w.rows[i].id);
        words_reply(&w.fake, text);
    }
}

static void answer_add(void)
{
    char id[MEMBERS_ID_MAX];

    assert_true(words_are(&w.words, 1, "p:members"));
    snprintf(id, sizeof id, "%.*s", SPAN_ARG(w.words.word[3]));
    w.adds++;
    if (!w.add)
        set_row(id, strtoll(w.words.word[2].ptr, NULL, 10));
    fake_send(&w.fake, w.add ? w.add : ":1\r\n");
}

/* "-inf" and "+inf" are far away. */
static int64_t bound(int i)
{
    return words_are(&w.words, i, "-inf") ? INT64_MIN
           : words_are(&w.words, i, "+inf")
               ? INT64_MAX
               : strtoll(w.words.word[i].ptr, NULL, 10);
}

static void answer_removal(void)
{
    int64_t from = bound(2), to = bound(3);
    unsigned left = 0;

    for (unsigned i = 0; i < w.n_rows; i++)
        if (w.rows[i].score < from || w.rows[i].score > to)
            w.rows[left++] = w.rows[i];
    w.n_rows = left;
    w.removals++;
    fake_send(&w.fake, ":0\r\n");
}

static void on_read(struct fake *f)
{
    while (words_next(f, &w.words)) {
        if (words_are(&w.words, 0, "TIME") && !w.time)
            words_reply_time(f, w.now_ms);
        else if (words_are(&w.words, 0, "TIME"))
            fake_send(f, w.time);
        else if (words_are(&w.words, 0, "ZRANGE") && !w.list)
            answer_list();
        else if (words_are(&w.words, 0, "ZRANGE"))
            fake_send(f, w.list);
        else if (words_are(&w.words, 0, "ZADD"))
            answer_add();
        else if (words_are(&w.words, 0, "ZREMRANGEBYSCORE"))
            answer_removal();
        else
            fake_send(f, "+OK\r\n");
    }
}

/* --- the client --- */

static void on_ready(void *arg)
{
    (void)arg;
    w.ready = true;
}

static void on_down(void *arg, const char *why, bool refused)
{
    (void)arg;
    (void)why;
    (void)refused;
    w.ready = false;
}

static void on_refused(void *arg, struct span why)
{
    (void)arg;
    w.refused++;
    snprintf(w.why, sizeof w.why, "%.*s", SPAN_ARG(why));
}

static void on_out(void *arg)
{
    (void)arg;
    w.out++;
}

static void on_done(void *arg, const struct redis_reply *r)
{
    (void)arg;
    (void)r;
    w.done++;
}

static void on_closed(void *arg)
{
    (void)arg;
    w.closed++;
}

static void open_world(void)
{
    static const struct redis_cmd_events events = {.on_ready = on_ready,
                                                   .on_down = on_down};

    memset(&w, 0, sizeof w);
    w.now_ms = NOW;
    fake_start(&w.fake, NULL);
    w.fake.on_read = on_read;
    w.cmd = redis_cmd_new(&w.fake.loop, &w.fake.config, NULL, &events, NULL);
    members_init(&w.members, w.cmd, "p:members", "mm");
    w.members.on_refused = on_refused;
    w.members.on_out = on_out;
    FAKE_RUN_UNTIL(&w.fake, w.ready);
}

static void close_world(void)
{
    redis_cmd_close(w.cmd, on_closed, NULL);
    fake_stop(&w.fake);
    assert_int_equal(w.closed, 1);
}

/* Everything that followed from it is answered, too. */
static void look_after(int64_t ms)
{
    unsigned done = w.done;

    w.now_ms += ms;
    assert_true(members_look(&w.members));
    for (unsigned i = 1; i <= 2; i++) {
        redis_cmd_words(w.cmd, on_done, NULL, "ECHO", "", NULL);
        FAKE_RUN_UNTIL(&w.fake, w.done == done + i);
    }
}

/* --- who is there --- */

static void one_that_is_alone_says_that_it_is_there(void **state)
{
    (void)state;
    open_world();
    look_after(0);
    assert_int_equal(w.members.count, 1);
    assert_int_equal(w.members.rank, 0);
    assert_true(score_of("mm") == NOW);
    assert_int_equal(w.out, 0);
    close_world();
}

static void who_is_silent_for_three_seconds_is_out(void **state)
{
    (void)state;
    open_world();
    set_row("a", NOW - MEMBERS_SILENT_MS);
    set_row("b", NOW - MEMBERS_SILENT_MS + 1);
    set_row("c", NOW + 100); /* it has looked since */
    look_after(0);
    assert_int_equal(w.members.count, 3);
    look_after(1);
    assert_int_equal(w.members.count, 2);
    close_world();
}

static void all_agree_on_their_order(void **state)
{
    static const char *const ids[] = {"zz", "mn", "aaa", "ma", "z"};

    (void)state;
    open_world();
    for (unsigned i = 0; i < 5; i++)
        set_row(ids[i], NOW);
    look_after(0);
    assert_int_equal(w.members.count, 6);
    assert_int_equal(w.members.rank, 2); /* z, ma, mm, mn, zz, aaa */
    close_world();
}

static void long_silent_ones_are_forgotten(void **state)
{
    (void)state;
    open_world();
    set_row("old", NOW - 60001);
    set_row("not so old", NOW - 50000);
    look_after(0);
    assert_true(score_of("old") == -1);
    assert_true(score_of("not so old") == NOW - 50000);
    close_world();
}

/* --- signs of life --- */

static void a_sign_of_life_is_given_each_second(void **state)
{
    (void)state;
    open_world();
    for (unsigned i = 0; i < 9; i++)
        look_after(i == 0 ? 0 : 250);
    assert_int_equal(w.adds, 3);
    assert_true(score_of("mm") == NOW + 2000);
    assert_true(w.members.noted_ms == NOW + 2000);
    close_world();
}

static void one_that_was_silent_for_too_long_is_told(void **state)
{
    (void)state;
    open_world();
    look_after(0);
    look_after(MEMBERS_SILENT_MS - 1);
    assert_int_equal(w.out, 0);
    look_after(MEMBERS_SILENT_MS);
    assert_int_equal(w.out, 1);
    /* Nor does it slip in again behind the others' backs. */
    assert_true(score_of("mm") == NOW + MEMBERS_SILENT_MS - 1);
    close_world();
}

static void one_whose_list_is_gone_is_told(void **state)
{
    (void)state;
    open_world();
    look_after(0);
    w.n_rows = 0;
    look_after(250);
    assert_int_equal(w.out, 1);
    assert_int_equal(w.n_rows, 0);
    close_world();
}

static void one_that_ends_gives_none_and_is_not_told(void **state)
{
    (void)state;
    open_world();
    look_after(0);
    w.members.stopping = true;
    look_after(2 * MEMBERS_SILENT_MS);
    assert_int_equal(w.adds, 1);
    assert_int_equal(w.out, 0);
    close_world();
}

/* Otherwise a restart would take Redis for one that has lost writes. */
static void a_sign_of_life_that_was_refused_is_not_noted(void **state)
{
    (void)state;
    open_world();
    w.add = "-OOM command not allowed\r\n";
    look_after(0);
    assert_int_equal(w.refused, 1);
    assert_string_equal(w.why, "OOM command not allowed");
    assert_true(w.members.noted_ms == 0);
    close_world();
}

/* --- clocks --- */

static void after_the_clock_was_set_back_it_says_so_at_once(void **state)
{
    (void)state;
    open_world();
    look_after(0);
    look_after(-3600000);
    assert_int_equal(w.out, 0);
    assert_true(score_of("mm") == NOW - 3600000);
    look_after(1000);
    assert_true(score_of("mm") == NOW - 3599000);
    close_world();
}

/* It would have a share, and nobody its shards, for as long as that was. */
static void one_that_died_before_the_clock_was_set_back_is_out(void **state)
{
    (void)state;
    open_world();
    set_row("dead", NOW);
    set_row("alive", NOW);
    look_after(0);
    assert_int_equal(w.members.count, 3);
    set_row("alive", NOW - 3600000);
    look_after(-3600000);
    assert_int_equal(w.members.count, 2);
    /* Nor does it come back when that time has come again. */
    w.now_ms = NOW - 1000;
    set_row("mm", w.now_ms);
    look_after(0);
    assert_int_equal(w.members.count, 1);
    close_world();
}

static void a_small_step_back_puts_nobody_out(void **state)
{
    (void)state;
    open_world();
    set_row("other", NOW);
    look_after(0);
    look_after(-MEMBERS_SILENT_MS);
    assert_int_equal(w.members.count, 2);
    assert_int_equal(w.out, 0);
    close_world();
}

static void time_is_read_in_milliseconds(void **state)
{
    struct redis_reply part[2] = {
        {.type = REDIS_STRING, .str = span_str("1756684800")},
        {.type = REDIS_STRING, .str = span_str("123999")}};
    struct redis_reply r = {.type = REDIS_ARRAY, .item = part, .count = 2};
    int64_t ms = -1;

    (void)state;
    assert_true(members_time(&r, &ms));
    assert_true(ms == NOW + 123);
    part[1].str = span_str("12a");
    assert_false(members_time(&r, &ms));
    r.count = 1;
    assert_false(members_time(&r, &ms));
    r.type = REDIS_NIL_REPLY;
    assert_false(members_time(&r, &ms));
    assert_true(ms == NOW + 123);
}

/* --- errors --- */

static void assert_refused(const char *why)
{
    look_after(0);
    assert_int_equal(w.refused, 1);
    assert_string_equal(w.why, why);
    close_world();
}

static void a_time_that_is_refused_is_told(void **state)
{
    (void)state;
    open_world();
    w.time = "-NOPERM no TIME\r\n";
    assert_refused("NOPERM no TIME");
}

static void a_list_that_is_refused_is_told(void **state)
{
    (void)state;
    open_world();
    w.list = "-WRONGTYPE no set\r\n";
    assert_refused("WRONGTYPE no set");
    assert_int_equal(w.adds, 0);
}

static void an_answer_of_another_kind_is_told(void **state)
{
    (void)state;
    open_world();
    w.list = ":1\r\n";
    assert_refused("an answer of another kind");
}

static void without_a_link_nobody_looks(void **state)
{
    (void)state;
    open_world();
    fake_hang_up(&w.fake);
    FAKE_RUN_UNTIL(&w.fake, !w.ready);
    assert_false(members_look(&w.members));
    close_world();
}

static void who_leaves_is_no_member(void **state)
{
    struct bytes out;

    (void)state;
    open_world();
    bytes_init(&out);
    members_leave(&w.members, &out);
    bytes_add(&out, "", 1);
    assert_string_equal(out.ptr,
                        "*3\r\n$4\r\nZREM\r\n$9\r\np:members\r\n$2\r\nmm\r\n");
    bytes_close(&out);
    close_world();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_is_alone_says_that_it_is_there),
        cmocka_unit_test(who_is_silent_for_three_seconds_is_out),
        cmocka_unit_test(all_agree_on_their_order),
        cmocka_unit_test(long_silent_ones_are_forgotten),
        cmocka_unit_test(a_sign_of_life_is_given_each_second),
        cmocka_unit_test(one_that_was_silent_for_too_long_is_told),
        cmocka_unit_test(one_whose_list_is_gone_is_told),
        cmocka_unit_test(one_that_ends_gives_none_and_is_not_told),
        cmocka_unit_test(a_sign_of_life_that_was_refused_is_not_noted),
        cmocka_unit_test(after_the_clock_was_set_back_it_says_so_at_once),
        cmocka_unit_test(one_that_died_before_the_clock_was_set_back_is_out),
        cmocka_unit_test(a_small_step_back_puts_nobody_out),
        cmocka_unit_test(time_is_read_in_milliseconds),
        cmocka_unit_test(a_time_that_is_refused_is_told),
        cmocka_unit_test(a_list_that_is_refused_is_told),
        cmocka_unit_test(an_answer_of_another_kind_is_told),
        cmocka_unit_test(without_a_link_nobody_looks),
        cmocka_unit_test(who_leaves_is_no_member),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
