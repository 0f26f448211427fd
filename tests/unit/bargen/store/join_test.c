#include "tests/unit/bargen/store/redis_words.h"

#include "bargen/store/join.h"

#define NOW INT64_C(1756684800000)
#define MORE 80 /* groups that have ended; once there was room for 64 */

/* A group as Redis has it: its row, and at most one member. */
struct row {
    char name[24], options[96], id[MEMBERS_ID_MAX];
    int64_t seen_ms;
};

/* A Redis that knows groups, and one that joins. */
static struct world {
    struct fake fake;
    struct words words;
    struct redis_cmd *cmd;
    struct join *join;
    struct group group;
    int64_t now_ms, step_ms; /* how much later it is with each look */
    int64_t score_ms;        /* ours; 0: none */
    struct row rows[MORE + 8];
    unsigned n_rows, n_hidden; /* the last ones have no row yet */
    bool fenced;               /* the next EXEC is */
    const char *groups, *exec; /* what is answered instead; NULL: as is */
    bool ready;
    unsigned looks, asked, written, conflicts, refused, joined, closed;
    bool rewound;
    unsigned disowned;
    bool state_15;
    char text[JOIN_WHY_MAX], why[64], options[160];
} w;

static struct row *add_group(const char *name, const char *resolutions,
                             const char *symbols)
{
    struct row *row = &w.rows[w.n_rows++];

    assert_true(w.n_rows <= MORE + 8);
    snprintf(row->name, sizeof row->name, "%s", name);
    snprintf(row->options, sizeof row->options,
             "--resolutions=%s --symbols=%s --grace=250", resolutions, symbols);
    return row;
}

static void let_live(struct row *row, const char *id, int64_t seen_ms)
{
    snprintf(row->id, sizeof row->id, "%s", id);
    row->seen_ms = seen_ms;
}

/* --- the server --- */

static void answer_groups(void)
{
    unsigned n = w.n_rows - w.n_hidden;

    words_reply_count(&w.fake, 2 * n);
    for (unsigned i = 0; i < n; i++) {
        words_reply(&w.fake, w.rows[i].name);
        words_reply(&w.fake, w.rows[i].options);
    }
}

static void answer_members(struct span key)
{
    char text[64];

    w.asked++;
    for (unsigned i = 0; i < w.n_rows; i++) {
        const struct row *row = &w.rows[i];

        if (strcmp(row->name, "1") == 0)
            snprintf(text, sizeof text, "p:bargen:members");
        else
            snprintf(text, sizeof text, "p:bargen:%s:members", row->name);
        if (!span_is(key, text) || row->seen_ms == 0)
            continue;
        words_reply_count(&w.fake, 2);
        words_reply(&w.fake, row->id);
        snprintf(text, sizeof text, "%lld", (long long)row->seen_ms);
        words_reply(&w.fake, text);
        return;
    }
    words_reply_count(&w.fake, 0);
}

static void answer_score(void)
{
    char text[24];

    assert_true(words_are(&w.words, 1, "p:bargen:5:members"));
    assert_true(words_are(&w.words, 2, "me"));
    snprintf(text, sizeof text, "%lld", (long long)w.score_ms);
    if (w.score_ms)
        words_reply(&w.fake, text);
    else
        fake_send(&w.fake, "$-1\r\n");
}

static void answer_exec(void)
{
    fake_send(&w.fake, w.exec     ? w.exec
                       : w.fenced ? "*-1\r\n"
                                  : "*2\r\n:0\r\n:1\r\n");
    w.fenced = false;
}

static void queue_row(void)
{
    if (!words_are(&w.words, 1, "p:bargen:groups")) {
        assert_true(words_are(&w.words, 2, "shards"));
        assert_true(words_are(&w.words, 3, "0"));
        w.disowned++;
        w.state_15 |= words_are(&w.words, 1, "p:bargen:5:state:15");
        fake_send(&w.fake, "+QUEUED\r\n");
        return;
    }
    assert_true(words_are(&w.words, 1, "p:bargen:groups"));
    assert_true(words_are(&w.words, 2, "5"));
    snprintf(w.options, sizeof w.options, "%.*s", SPAN_ARG(w.words.word[3]));
    w.written++;
    fake_send(&w.fake, "+QUEUED\r\n");
}

static void queue_member(void)
{
    char now[24];

    snprintf(now, sizeof now, "%lld", (long long)w.now_ms);
    assert_true(words_are(&w.words, 1, "p:bargen:5:members"));
    assert_true(words_are(&w.words, 2, now));
    assert_true(words_are(&w.words, 3, "me"));
    w.written++;
    fake_send(&w.fake, "+QUEUED\r\n");
}

static void on_read(struct fake *f)
{
    while (words_next(f, &w.words)) {
        if (words_are(&w.words, 0, "TIME")) {
            w.now_ms += w.looks++ > 0 ? w.step_ms : 0;
            words_reply_time(f, w.now_ms);
        } else if (words_are(&w.words, 0, "HGETALL") && !w.groups) {
            answer_groups();
        } else if (words_are(&w.words, 0, "HGETALL")) {
            fake_send(f, w.groups);
        } else if (words_are(&w.words, 0, "ZRANGE")) {
            answer_members(w.words.word[1]);
        } else if (words_are(&w.words, 0, "ZSCORE")) {
            answer_score();
        } else if (words_are(&w.words, 0, "HSET")) {
            queue_row();
        } else if (words_are(&w.words, 0, "ZADD")) {
            queue_member();
        } else if (words_are(&w.words, 0, "EXEC")) {
            answer_exec();
        } else {
            fake_send(f, "+OK\r\n");
        }
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

static void on_joined(void *arg, bool rewound)
{
    (void)arg;
    w.joined++;
    w.rewound = rewound;
}

static void on_conflict(void *arg, const char *text)
{
    (void)arg;
    w.conflicts++;
    snprintf(w.text, sizeof w.text, "%s", text);
}

static void on_refused(void *arg, struct span why)
{
    (void)arg;
    w.refused++;
    snprintf(w.why, sizeof w.why, "%.*s", SPAN_ARG(why));
}

static void on_closed(void *arg)
{
    (void)arg;
    w.closed++;
}

/* Of all symbols, in five minutes. */
static void open_world(void)
{
    static const struct redis_cmd_events link = {.on_ready = on_ready,
                                                 .on_down = on_down};
    static const struct join_events events = {on_joined, on_conflict,
                                              on_refused};
    struct resolution r;

    memset(&w, 0, sizeof w);
    w.now_ms = NOW;
    w.step_ms = 250;
    assert_int_equal(resolution_parse(span_str("5"), &r), RESOLUTION_OK);
    group_init(&w.group, &r, 1, NULL, 0);
    group_rule(&w.group, "--grace", "250");
    fake_start(&w.fake, NULL);
    w.fake.on_read = on_read;
    w.cmd = redis_cmd_new(&w.fake.loop, &w.fake.config, NULL, &link, NULL);
    w.join = join_new(&w.fake.loop,
                      &(struct join_config){.cmd = w.cmd,
                                            .prefix = span_str("p:"),
                                            .group = &w.group,
                                            .id = "me"},
                      &events, NULL);
    FAKE_RUN_UNTIL(&w.fake, w.ready);
}

static void close_world(void)
{
    join_close(w.join, on_closed, NULL);
    redis_cmd_close(w.cmd, on_closed, NULL);
    fake_stop(&w.fake);
    assert_int_equal(w.closed, 2);
    group_close(&w.group);
}

static void join_now(void)
{
    join_begin(w.join, 0);
    FAKE_RUN_UNTIL(&w.fake, w.joined);
}

static void settle(void)
{
    for (int i = 0; i < 50; i++)
        uv_run(&w.fake.loop, UV_RUN_NOWAIT);
}

/* Among the bases: those of all our symbols, or any. */
static bool has_base(const char *base, bool covering)
{
    const char *const *bases;
    unsigned n_covering, n = join_bases(w.join, &bases, &n_covering);

    for (unsigned i = 0; i < (covering ? n_covering : n); i++)
        if (strcmp(bases[i], base) == 0)
            return true;
    return false;
}

/* --- nobody is in the way --- */

static void one_that_is_alone_joins_at_once(void **state)
{
    const char *const *bases;
    unsigned covering;

    (void)state;
    open_world();
    add_group("1", "1", "*");
    join_now();
    assert_int_equal(w.looks, 1);
    assert_int_equal(w.written, 2);
    assert_string_equal(w.options, "--resolutions=5 --symbols=* --grace=250");
    assert_false(w.rewound);
    assert_int_equal(w.asked, 0);
    assert_int_equal(join_bases(w.join, &bases, &covering), 0);
    close_world();
}

static void shards_are_nobodys_when_their_number_changes(void **state)
{
    static const struct {
        const char *group, *shards;
        unsigned were, disowned;
    } all[] = {
        {"5", "8", 16, 32},   {"5", "16", 8, 32}, {"5", "8", 8, 0},
        {"1,5", "8", 16, 32}, {"1", "8", 16, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct row *row;

        open_world();
        group_rule(&w.group, "--shards", all[i].shards);
        row = add_group(all[i].group, all[i].group, "*");
        snprintf(row->options, sizeof row->options,
                 "--resolutions=%s --symbols=* --grace=250 --shards=%u",
                 all[i].group, all[i].were);
        join_now();
        assert_int_equal(w.written, 2);
        assert_int_equal(w.disowned, all[i].disowned);
        assert_int_equal(w.state_15, all[i].disowned > 0);
        close_world();
    }
}

static void who_makes_other_bars_is_not_in_the_way(void **state)
{
    (void)state;
    open_world();
    let_live(add_group("1", "1", "*"), "other", NOW + 1);
    let_live(add_group("15,D", "15,D", "X"), "other", NOW + 1);
    join_now();
    assert_int_equal(w.asked, 0);
    assert_int_equal(w.conflicts, 0);
    close_world();
}

static void nor_is_one_of_the_same_group(void **state)
{
    (void)state;
    open_world();
    add_group("1", "1", "*");
    let_live(add_group("5", "5", "*"), "other", NOW + 1);
    join_now();
    assert_int_equal(w.asked, 0);
    close_world();
}

/* Our own sign of life of a moment ago, with the rules that we had then. */
static void nor_are_we(void **state)
{
    struct row *row;

    (void)state;
    open_world();
    row = add_group("5", "5", "*");
    snprintf(row->options, sizeof row->options,
             "--resolutions=5 --symbols=* --grace=1000");
    let_live(row, "me", NOW + 1);
    join_now();
    assert_int_equal(w.conflicts, 0);
    close_world();
}

static void who_is_silent_for_three_seconds_is_not(void **state)
{
    (void)state;
    open_world();
    let_live(add_group("1,5", "1,5", "*"), "other", NOW - MEMBERS_SILENT_MS);
    join_now();
    assert_int_equal(w.looks, 1);
    assert_int_equal(w.conflicts, 0);
    close_world();
}

/* --- somebody is --- */

static void who_may_have_died_is_waited_for(void **state)
{
    (void)state;
    open_world();
    w.step_ms = 1000;
    let_live(add_group("1,5", "1,5", "*"), "other", NOW - 500);
    join_now();
    assert_int_equal(w.looks, 4); /* at NOW, and 1, 2 and 3 s later */
    assert_int_equal(w.conflicts, 0);
    assert_true(has_base("p:bargen:1,5:", true));
    close_world();
}

static void who_lives_and_makes_our_bars_is_named(void **state)
{
    struct row *row;

    (void)state;
    open_world();
    row = add_group("1,5", "1,5", "*");
    let_live(row, "other", NOW);
    join_begin(w.join, 0);
    FAKE_RUN_UNTIL(&w.fake, w.looks == 2);
    assert_int_equal(w.conflicts, 0); /* it may have died since */
    let_live(row, "other", NOW + 300);
    FAKE_RUN_UNTIL(&w.fake, w.conflicts);
    assert_non_null(strstr(w.text, "--resolutions: 5 here overlaps with 1,5 of "
                                   "instance other, "));
    assert_int_equal(w.written, 0);
    /* It goes on trying. */
    w.step_ms = MEMBERS_SILENT_MS;
    FAKE_RUN_UNTIL(&w.fake, w.joined);
    close_world();
}

static void who_shares_our_bars_by_other_rules_is_named(void **state)
{
    struct row *row;

    (void)state;
    open_world();
    row = add_group("5", "5", "*");
    snprintf(row->options, sizeof row->options,
             "--resolutions=5 --symbols=* --grace=1000");
    let_live(row, "other", NOW + 1);
    join_begin(w.join, 0);
    FAKE_RUN_UNTIL(&w.fake, w.conflicts);
    assert_non_null(strstr(w.text, "--grace: 250 here, but instance other, "
                                   "which shares these bars, has 1000: "));
    close_world();
}

/* The hash is watched: EXEC does nothing where somebody else came first. */
static void two_at_a_time_come_one_after_the_other(void **state)
{
    struct row *row;

    (void)state;
    open_world();
    add_group("1", "1", "*");
    row = add_group("1,5", "1,5", "*");
    let_live(row, "other", NOW + 1);
    w.n_hidden = 1;
    w.fenced = true;
    join_begin(w.join, 0);
    FAKE_RUN_UNTIL(&w.fake, !w.fenced);
    w.n_hidden = 0;
    FAKE_RUN_UNTIL(&w.fake, w.conflicts);
    assert_int_equal(w.looks, 2);
    assert_int_equal(w.joined, 0);
    close_world();
}

static void among_many_that_have_ended_one_that_lives_is_seen(void **state)
{
    char name[16], resolutions[16];

    (void)state;
    open_world();
    for (unsigned i = 0; i < MORE; i++) {
        snprintf(name, sizeof name, "5@S%u", i);
        snprintf(resolutions, sizeof resolutions, "S%u", i);
        add_group(name, "5", resolutions);
    }
    let_live(add_group("1,5", "1,5", "*"), "other", NOW + 1);
    join_begin(w.join, 0);
    FAKE_RUN_UNTIL(&w.fake, w.conflicts || w.joined);
    assert_int_equal(w.joined, 0);
    assert_non_null(strstr(w.text, "instance other"));
    close_world();
}

/* --- clocks --- */

static void one_that_died_before_the_clock_was_set_back_has_ended(void **state)
{
    (void)state;
    open_world();
    w.step_ms = 1000;
    let_live(add_group("1,5", "1,5", "*"), "other", NOW + 3600000);
    join_now();
    assert_int_equal(w.conflicts, 0);
    assert_int_equal(w.looks, 4);
    close_world();
}

static void one_that_lives_says_so_after_the_clock_was_set_back(void **state)
{
    struct row *row;

    (void)state;
    open_world();
    row = add_group("1,5", "1,5", "*");
    let_live(row, "other", NOW + 3600000);
    join_begin(w.join, 0);
    FAKE_RUN_UNTIL(&w.fake, w.looks == 2);
    assert_int_equal(w.conflicts, 0);
    let_live(row, "other", NOW + 1000);
    FAKE_RUN_UNTIL(&w.fake, w.conflicts);
    assert_int_equal(w.joined, 0);
    close_world();
}

/* --- what Redis has lost --- */

static bool joined_as_rewound(int64_t score_ms, int64_t noted_ms)
{
    bool rewound;

    open_world();
    w.score_ms = score_ms;
    join_begin(w.join, noted_ms);
    FAKE_RUN_UNTIL(&w.fake, w.joined);
    rewound = w.rewound;
    close_world();
    return rewound;
}

static void a_redis_that_has_lost_our_sign_of_life_is_known(void **state)
{
    (void)state;
    assert_false(joined_as_rewound(0, 0));
    assert_false(joined_as_rewound(NOW - 900, NOW - 900));
    assert_false(joined_as_rewound(NOW - 400, NOW - 900)); /* unanswered */
    assert_true(joined_as_rewound(NOW - 1900, NOW - 900));
    assert_true(joined_as_rewound(0, NOW - 900));
}

/* --- heirs --- */

static void
of_groups_that_have_ended_those_of_all_symbols_come_first(void **state)
{
    const char *const *bases;
    unsigned covering;

    (void)state;
    open_world();
    add_group("5@X", "5", "X");
    add_group("1,5@X,Y", "1,5", "X,Y");
    add_group("1,5", "1,5", "*");
    add_group("5,D", "5,D", "*");
    add_group("D", "D", "*");
    add_group("1", "1", "*");
    join_now();
    assert_int_equal(join_bases(w.join, &bases, &covering), 4);
    assert_int_equal(covering, 2);
    assert_true(has_base("p:bargen:1,5:", true));
    assert_true(has_base("p:bargen:5,D:", true));
    assert_true(has_base("p:bargen:5@X:", false));
    assert_true(has_base("p:bargen:1,5@X,Y:", false));
    close_world();
}

/* Versions without groups have their state in plain keys, of any resolution,
 * and no row. */
static void what_has_no_row_may_be_of_an_older_version(void **state)
{
    (void)state;
    open_world();
    join_now();
    assert_true(has_base("p:bargen:", true));
    assert_int_equal(w.asked, 1);
    close_world();
}

static void among_many_that_have_ended_the_last_is_known(void **state)
{
    char name[16], symbol[16];

    (void)state;
    open_world();
    for (unsigned i = 0; i < MORE; i++) {
        snprintf(name, sizeof name, "5@S%u", i);
        snprintf(symbol, sizeof symbol, "S%u", i);
        add_group(name, "5", symbol);
    }
    add_group("1,5", "1,5", "*");
    join_now();
    assert_true(has_base("p:bargen:1,5:", true));
    assert_true(has_base("p:bargen:5@S79:", false));
    close_world();
}

/* --- errors, and the end --- */

static void what_is_refused_is_told(void **state)
{
    (void)state;
    open_world();
    w.groups = "-NOPERM no HGETALL\r\n";
    join_begin(w.join, 0);
    FAKE_RUN_UNTIL(&w.fake, w.refused);
    assert_string_equal(w.why, "NOPERM no HGETALL");
    settle();
    assert_int_equal(w.written, 0);
    close_world();

    open_world();
    w.exec = "-EXECABORT out of memory\r\n";
    join_begin(w.join, 0);
    FAKE_RUN_UNTIL(&w.fake, w.refused);
    assert_string_equal(w.why, "EXECABORT out of memory");
    settle();
    assert_int_equal(w.joined, 0);
    close_world();
}

static void after_the_end_nothing_is_told(void **state)
{
    (void)state;
    open_world();
    let_live(add_group("1,5", "1,5", "*"), "other", NOW + 1);
    join_begin(w.join, 0);
    join_end(w.join);
    settle();
    assert_int_equal(w.conflicts + w.joined + w.refused, 0);
    assert_int_equal(w.written, 0);
    close_world();
}

static void with_the_next_link_it_begins_anew(void **state)
{
    (void)state;
    open_world();
    let_live(add_group("1,5", "1,5", "*"), "other", NOW);
    join_begin(w.join, 0);
    FAKE_RUN_UNTIL(&w.fake, w.looks == 1);
    fake_hang_up(&w.fake);
    FAKE_RUN_UNTIL(&w.fake, !w.ready);
    join_end(w.join);
    FAKE_RUN_UNTIL(&w.fake, w.ready);
    w.now_ms = NOW + MEMBERS_SILENT_MS;
    w.score_ms = NOW;
    join_begin(w.join, NOW);
    FAKE_RUN_UNTIL(&w.fake, w.joined);
    assert_false(w.rewound);
    assert_int_equal(w.written, 2);
    close_world();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_is_alone_joins_at_once),
        cmocka_unit_test(who_makes_other_bars_is_not_in_the_way),
        cmocka_unit_test(nor_is_one_of_the_same_group),
        cmocka_unit_test(nor_are_we),
        cmocka_unit_test(who_is_silent_for_three_seconds_is_not),
        cmocka_unit_test(who_may_have_died_is_waited_for),
        cmocka_unit_test(who_lives_and_makes_our_bars_is_named),
        cmocka_unit_test(who_shares_our_bars_by_other_rules_is_named),
        cmocka_unit_test(two_at_a_time_come_one_after_the_other),
        cmocka_unit_test(among_many_that_have_ended_one_that_lives_is_seen),
        cmocka_unit_test(one_that_died_before_the_clock_was_set_back_has_ended),
        cmocka_unit_test(one_that_lives_says_so_after_the_clock_was_set_back),
        cmocka_unit_test(a_redis_that_has_lost_our_sign_of_life_is_known),
        cmocka_unit_test(
            of_groups_that_have_ended_those_of_all_symbols_come_first),
        cmocka_unit_test(what_has_no_row_may_be_of_an_older_version),
        cmocka_unit_test(among_many_that_have_ended_the_last_is_known),
        cmocka_unit_test(what_is_refused_is_told),
        cmocka_unit_test(after_the_end_nothing_is_told),
        cmocka_unit_test(with_the_next_link_it_begins_anew),
        cmocka_unit_test(shards_are_nobodys_when_their_number_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
