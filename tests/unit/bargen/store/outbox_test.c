#include "tests/unit/bargen/engine_world.h"

#include "bargen/store/outbox.h"

/* The sink of these tests: bars of a feed become commands. */
struct post {
    struct engine engine;
    struct resolution resolution;
    struct outbox box;
    struct route_table *routes;
    struct engine_config config;
};

static void on_bar(void *arg, struct symbol *sym, const struct resolution *r,
                   const struct bar *bar, enum bar_issue how)
{
    struct post *p = arg;

    outbox_bar(&p->box, sym, 0, r, bar, how);
}

static void post_open(struct post *p, bool updates)
{
    struct err err = {0};
    struct outbox_options options = {
        .prefix = span_str("p:"), .history_max = 10, .updates = updates};

    *p = (struct post){.config = feed_config()};
    assert_int_equal(resolution_parse(span_str("1"), &p->resolution), 0);
    p->routes = route_table_new(NULL, &err);
    assert_non_null(p->routes);
    options.route = route_of(p->routes, EVENT_BAR);
    outbox_init(&p->box, &options);
    p->config.resolutions = &p->resolution;
    p->config.n_resolutions = 1;
    p->config.sink = (struct bar_sink){on_bar, p};
    engine_init(&p->engine, &p->config);
}

static void post_close(struct post *p)
{
    outbox_close(&p->box);
    engine_close(&p->engine);
    route_table_free(p->routes);
}

static void trade(struct post *p, int64_t time_ms, const char *price)
{
    struct event ev = feed_trade_event("X", time_ms, price, "1", NULL);

    engine_event(&p->engine, &ev, (T0 + 365 * 1440 * MINUTE_MS) * MS);
}

/* The words of the n-th command, parted by blanks; messages as {...}. */
static void command(const struct post *p, unsigned n, char text[512])
{
    const char *at = p->box.run.ptr, *end = at + p->box.run.len;
    size_t len = 0;

    for (unsigned i = 0;; i++) {
        int words = 0, used = 0;

        assert_true(at < end);
        assert_int_equal(sscanf(at, "*%d\r\n%n", &words, &used), 1);
        at += used;
        for (int k = 0; k < words; k++) {
            size_t size = 0;

            assert_int_equal(sscanf(at, "$%zu%n", &size, &used), 1);
            at += used + 2;
            if (i == n)
                len += (size_t)snprintf(
                    text + len, 512 - len, "%s%.*s", k ? " " : "",
                    *at == '{' ? 5 : (int)size, *at == '{' ? "{...}" : at);
            at += size + 2;
        }
        if (i == n)
            return;
    }
}

static void assert_commands(const struct post *p, const char *const *want,
                            unsigned n)
{
    char text[512];

    assert_int_equal(p->box.commands, n);
    for (unsigned i = 0; i < n; i++) {
        command(p, i, text);
        assert_string_equal(text, want[i]);
    }
}

static void a_final_bar_is_kept_and_published(void **state)
{
    static const char *const want[] = {
        "ZREMRANGEBYSCORE p:bars:history:X:1 1756684800000 1756684800000",
        "ZADD p:bars:history:X:1 1756684800000 {...}",
        "PUBLISH p:bars:X:1 {...}",
        "HSET p:last:bars:X:1 bar {...}",
        "EXPIRE p:last:bars:X:1 86400",
        "ZREMRANGEBYRANK p:bars:history:X:1 0 -11",
    };
    struct post p;

    (void)state;
    post_open(&p, false);
    trade(&p, T0, "10");
    trade(&p, T0 + 60250, "10");
    outbox_latest(&p.box);
    assert_commands(&p, want, 6);
    post_close(&p);
}

static void an_open_bar_is_published_but_not_kept(void **state)
{
    static const char *const want[] = {
        "PUBLISH p:bars:X:1 {...}",
        "HSET p:last:bars:X:1 bar {...}",
        "EXPIRE p:last:bars:X:1 86400",
    };
    struct post p;

    (void)state;
    post_open(&p, true);
    trade(&p, T0, "10");
    engine_update(&p.engine, 0, 0);
    outbox_latest(&p.box);
    assert_commands(&p, want, 3);
    post_close(&p);
}

static void the_newest_value_is_written_once_a_batch(void **state)
{
    struct post p;
    unsigned last = 0, trims = 0;
    char text[512];

    (void)state;
    post_open(&p, true);
    for (int i = 0; i < 50; i++)
        trade(&p, T0 + i * MINUTE_MS, "10");
    engine_update(&p.engine, 0, 0);
    outbox_latest(&p.box);
    for (unsigned i = 0; i < p.box.commands; i++) {
        command(&p, i, text);
        last += strncmp(text, "HSET", 4) == 0;
        trims += strncmp(text, "ZREMRANGEBYRANK", 15) == 0;
    }
    assert_int_equal(last, 1);
    assert_int_equal(trims, 1);
    /* 48 final bars of 3 commands, one open, three at the end. */
    assert_int_equal(p.box.commands, 48 * 3 + 1 + 3);
    post_close(&p);
}

static void a_correction_of_an_older_bar_is_not_the_newest_value(void **state)
{
    struct post p;
    char text[512];

    (void)state;
    post_open(&p, true);
    trade(&p, T0, "10");
    trade(&p, T0 + 61000, "11");
    engine_update(&p.engine, 0, 0);
    outbox_latest(&p.box);
    outbox_clear(&p.box);
    trade(&p, T0 + 1, "12");
    outbox_latest(&p.box);
    assert_int_equal(p.box.commands, 4);
    command(&p, 3, text);
    assert_string_equal(text, "ZREMRANGEBYRANK p:bars:history:X:1 0 -11");
    post_close(&p);
}

static void the_newest_value_is_the_message_that_was_published(void **state)
{
    struct post p;
    const char *published, *kept;
    size_t len;

    (void)state;
    post_open(&p, true);
    trade(&p, T0, "10.50");
    engine_update(&p.engine, 0, 0);
    outbox_latest(&p.box);
    published = strstr(p.box.run.ptr, "{\"type\"");
    assert_non_null(published);
    len = strcspn(published, "\r");
    kept = strstr(published + len, "{\"type\"");
    assert_non_null(kept);
    assert_memory_equal(published, kept, len);
    post_close(&p);
}

/* --- who hears it --- */

/* Takes the run over, as a checkpoint does; each PUBLISH in it was heard by so
 * many, and the other commands have answers of their own. */
static void sent_and_heard(struct post *p, int64_t heard)
{
    struct redis_reply answers[64] = {{0}};
    unsigned n = p->box.commands;
    char text[512];

    assert_in_range(n, 0, 64);
    for (unsigned i = 0; i < n; i++) {
        command(p, i, text);
        answers[i].type = REDIS_INTEGER;
        answers[i].integer = strncmp(text, "PUBLISH", 7) == 0 ? heard : 1;
    }
    outbox_latest(&p->box);
    outbox_clear(&p->box);
    engine_clean(&p->engine, 0);
    outbox_answered(&p->box, answers, n);
}

static unsigned updated(struct post *p, uint64_t now_ms)
{
    engine_update(&p->engine, 0, now_ms);
    return p->box.commands;
}

static void open_asking(struct post *p)
{
    post_open(p, true);
    p->box.options.ask = true;
    p->engine.config.track = true;
}

static void updates_that_nobody_hears_wait_two_seconds(void **state)
{
    struct post p;

    (void)state;
    open_asking(&p);
    trade(&p, T0, "10");
    assert_int_equal(updated(&p, 1000), 1);
    sent_and_heard(&p, 0);
    trade(&p, T0 + 300, "11");
    assert_int_equal(updated(&p, 1250), 0);
    assert_int_equal(engine_later_ms(&p.engine, 0), 3000);
    engine_clean(&p.engine, 0);
    assert_int_equal(p.engine.shards[0].n_dirty, 0);
    assert_int_equal(updated(&p, 2999), 0);
    /* Without another trade. */
    assert_int_equal(updated(&p, 3000), 1);
    assert_int_equal(engine_later_ms(&p.engine, 0), UINT64_MAX);
    sent_and_heard(&p, 0);
    assert_int_equal(updated(&p, 9000), 0); /* nothing has changed */
    post_close(&p);
}

static void updates_that_somebody_hears_do_not_wait(void **state)
{
    struct post p;

    (void)state;
    open_asking(&p);
    for (int i = 0; i < 4; i++) {
        trade(&p, T0 + i, "10");
        assert_int_equal(updated(&p, 1000 + (uint64_t)i), 1);
        sent_and_heard(&p, i < 3 ? 2 : 0);
    }
    trade(&p, T0 + 4, "10");
    assert_int_equal(updated(&p, 1004), 0);
    /* Somebody has come since: heard once, it is as fast as before. */
    assert_int_equal(updated(&p, 3003), 1);
    sent_and_heard(&p, 1);
    trade(&p, T0 + 5, "10");
    assert_int_equal(updated(&p, 3004), 1);
    post_close(&p);
}

static void final_bars_never_wait(void **state)
{
    struct post p;

    (void)state;
    open_asking(&p);
    trade(&p, T0, "10");
    assert_int_equal(updated(&p, 1000), 1);
    sent_and_heard(&p, 0);
    trade(&p, T0 + 60250, "11");
    assert_int_equal(p.box.commands, 3); /* of the final bar, at once */
    assert_int_equal(p.engine.counts.finals, 1);
    post_close(&p);
}

static void without_auto_nobody_is_counted(void **state)
{
    struct post p;

    (void)state;
    open_asking(&p);
    p.box.options.ask = false;
    for (int i = 0; i < 5; i++) {
        trade(&p, T0 + i, "10");
        assert_int_equal(updated(&p, 1000 + (uint64_t)i), 1);
        sent_and_heard(&p, 0);
    }
    post_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_final_bar_is_kept_and_published),
        cmocka_unit_test(an_open_bar_is_published_but_not_kept),
        cmocka_unit_test(the_newest_value_is_written_once_a_batch),
        cmocka_unit_test(a_correction_of_an_older_bar_is_not_the_newest_value),
        cmocka_unit_test(the_newest_value_is_the_message_that_was_published),
        cmocka_unit_test(updates_that_nobody_hears_wait_two_seconds),
        cmocka_unit_test(updates_that_somebody_hears_do_not_wait),
        cmocka_unit_test(final_bars_never_wait),
        cmocka_unit_test(without_auto_nobody_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
