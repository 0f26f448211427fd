#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/base/log.h"
#include "common/redis/redis_sub.h"
#include "tests/unit/common/redis/fake_redis.h"

struct owner {
    struct fake fake;
    struct redis_sub *sub;
    unsigned messages, confirmed, live, down, drained, refused, done;
    char why[256];
    struct bytes seen; /* messages: "channel=payload(pattern);" */
    const char *close_in;
};

static struct owner o;

static void on_done(void *arg)
{
    ((struct owner *)arg)->done++;
}

static void event(const char *name)
{
    assert_int_equal(o.done, 0);
    assert_true(o.sub != NULL);
    if (o.close_in && strcmp(o.close_in, name) == 0) {
        redis_sub_close(o.sub, on_done, &o);
        o.sub = NULL;
    }
}

static void on_message(void *arg, struct span channel, struct span payload,
                       struct span pattern)
{
    (void)arg;
    o.messages++;
    bytes_printf(&o.seen, "%.*s=%.*s(%.*s);", SPAN_ARG(channel),
                 SPAN_ARG(payload), SPAN_ARG(pattern));
    event("message");
}

static void on_confirmed(void *arg, struct span name, bool pattern)
{
    (void)arg;
    (void)name;
    (void)pattern;
    o.confirmed++;
    event("confirmed");
}

static void on_live(void *arg)
{
    (void)arg;
    o.live++;
    event("live");
}

static void on_down(void *arg, const char *why, bool refused)
{
    (void)arg;
    (void)refused;
    o.down++;
    snprintf(o.why, sizeof o.why, "%s", why);
    event("down");
}

static void on_drained(void *arg)
{
    (void)arg;
    o.drained++;
    event("drained");
}

static void on_refused(void *arg, struct span name, bool pattern,
                       struct span why)
{
    (void)arg;
    (void)pattern;
    assert_true(name.len > 0 && why.len > 0);
    o.refused++;
    event("refused");
}

static const struct redis_sub_events events = {.on_message = on_message,
                                               .on_confirmed = on_confirmed,
                                               .on_live = on_live,
                                               .on_down = on_down,
                                               .on_drained = on_drained,
                                               .on_refused = on_refused};

static void begin(const char *const *answers)
{
    memset(&o, 0, sizeof o);
    fake_start(&o.fake, answers);
    o.sub = redis_sub_new(&o.fake.loop, &o.fake.config, &events, &o);
}

static void end(void)
{
    if (o.sub)
        redis_sub_close(o.sub, on_done, &o);
    fake_stop(&o.fake);
    assert_int_equal(o.done, 1);
    bytes_close(&o.seen);
}

static void want(const char *name)
{
    redis_sub_want(o.sub, span_str(name), false);
}

/* Once connected, names are asked for in the order in which they are wanted. */
static void want_a_and_b_in_order(void)
{
    FAKE_RUN_UNTIL(&o.fake, o.live);
    if (!o.sub)
        return;
    want("a");
    want("b");
}

#define YES(NAME) "*3\r\n$9\r\nsubscribe\r\n$1\r\n" NAME "\r\n:1\r\n"
#define GONE(NAME) "*3\r\n$11\r\nunsubscribe\r\n$1\r\n" NAME "\r\n:0\r\n"
#define MESSAGE "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n"
#define PMESSAGE "*4\r\n$8\r\npmessage\r\n$2\r\na*\r\n$2\r\nab\r\n$2\r\nhi\r\n"
#define NOPERM                                                                 \
    "-NOPERM this user has no permissions to access one of the channels\r\n"

static void live_means_that_all_names_are_confirmed(void **state)
{
    (void)state;
    begin((const char *const[]){"+PONG\r\n", YES("a"), YES("b"), NULL});
    want("a");
    assert_int_equal(o.live, 0);
    FAKE_RUN_UNTIL(&o.fake, o.live);
    assert_int_equal(o.confirmed, 1);
    assert_true(redis_sub_confirmed(o.sub, span_str("a"), false));
    want("b");
    assert_false(redis_sub_confirmed(o.sub, span_str("b"), false));
    assert_true(redis_sub_settled(o.sub));
    FAKE_RUN_UNTIL(&o.fake, o.live == 2);
    assert_true(redis_sub_confirmed(o.sub, span_str("b"), false));
    assert_int_equal(redis_sub_wanted_count(o.sub), 2);
    end();
}

static void without_names_it_is_live_when_connected(void **state)
{
    (void)state;
    begin((const char *const[]){"+PONG\r\n", NULL});
    FAKE_RUN_UNTIL(&o.fake, o.live);
    assert_int_equal(o.fake.commands, 1);
    end();
}

static void messages_carry_channel_payload_and_pattern(void **state)
{
    (void)state;
    begin((const char *const[]){"+PONG\r\n", YES("a") MESSAGE PMESSAGE, NULL});
    want("a");
    FAKE_RUN_UNTIL(&o.fake, o.messages == 2);
    assert_true(span_is(bytes_span(&o.seen), "a=hi();ab=hi(a*);"));
    assert_true(o.drained > 0);
    end();
}

static void after_a_loss_the_names_are_confirmed_again(void **state)
{
    (void)state;
    begin((const char *const[]){"+PONG\r\n", YES("a"), NULL});
    want("a");
    FAKE_RUN_UNTIL(&o.fake, o.live);
    fake_hang_up(&o.fake);
    FAKE_RUN_UNTIL(&o.fake, o.down);
    assert_false(redis_sub_confirmed(o.sub, span_str("a"), false));
    assert_false(redis_sub_settled(o.sub));
    FAKE_RUN_UNTIL(&o.fake, o.live == 2);
    assert_int_equal(o.confirmed, 2);
    end();
}

static void a_forbidden_name_neither_drops_nor_delays(void **state)
{
    (void)state;
    begin((const char *const[]){"+PONG\r\n", NOPERM, YES("a"), NOPERM, NULL});
    want_a_and_b_in_order();
    FAKE_RUN_UNTIL(&o.fake, o.live == 2);
    assert_int_equal(o.confirmed, 1);
    assert_int_equal(o.refused, 1);
    assert_int_equal(o.down, 0);
    assert_true(redis_sub_confirmed(o.sub, span_str("a"), false));
    assert_false(redis_sub_confirmed(o.sub, span_str("b"), false));
    end();
}

static void a_forbidden_name_is_known_to_be_so_until_it_is_granted(void **state)
{
    struct span why;

    (void)state;
    begin((const char *const[]){"+PONG\r\n", NOPERM, NOPERM, NOPERM, YES("a"),
                                NULL});
    want("a");
    assert_false(redis_sub_refused(o.sub, span_str("a"), false, &why));
    FAKE_RUN_UNTIL(&o.fake, o.live);
    assert_int_equal(redis_sub_refused_count(o.sub), 1);
    want("a"); /* no event: it is asked */
    assert_true(redis_sub_refused(o.sub, span_str("a"), false, &why));
    assert_true(span_starts(why, "NOPERM this user"));
    assert_true(redis_sub_refused(o.sub, span_str("a"), false, NULL));
    assert_false(redis_sub_refused(o.sub, span_str("a"), true, NULL));
    /* the batch, by itself, again, and granted */
    FAKE_RUN_UNTIL(&o.fake, o.confirmed);
    assert_int_equal(o.fake.commands, 5);
    assert_int_equal(o.refused, 1);
    assert_int_equal(o.live, 1);
    assert_int_equal(redis_sub_refused_count(o.sub), 0);
    assert_false(redis_sub_refused(o.sub, span_str("a"), false, NULL));
    end();
}

static void replies_that_make_no_sense_drop_the_link(void **state)
{
    static const char *const bad[] = {
        YES("b"),
        ":1\r\n",
        "*0\r\n",
        "*2\r\n:1\r\n:2\r\n",
        "*3\r\n$7\r\nmessage\r\n$-1\r\n$1\r\nx\r\n",
        "*3\r\n$9\r\nsubscribe\r\n:1\r\n:1\r\n",
        "*3\r\n$10\r\nssubscribe\r\n$1\r\na\r\n:1\r\n",
        "*2\r\n$4\r\npong\r\n$0\r\n\r\n",
        "+PONG\r\n",
        "$5\r\nhello\r\n",
        "-ERR unknown\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        begin((const char *const[]){"+PONG\r\n", bad[i], NULL});
        want("a");
        FAKE_RUN_UNTIL(&o.fake, o.down);
        assert_int_equal(o.confirmed, 0);
        FAKE_RUN_UNTIL(&o.fake, o.down == 2);
        end();
    }
}

static void an_unsubscribe_of_nothing_is_ignored(void **state)
{
    (void)state;
    begin((const char *const[]){
        "+PONG\r\n", "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n" YES("a"),
        NULL});
    want("a");
    FAKE_RUN_UNTIL(&o.fake, o.live);
    assert_int_equal(o.down, 0);
    end();
}

static void pings_are_answered_in_and_out_of_subscribed_mode(void **state)
{
    (void)state;
    begin((const char *const[]){"+PONG\r\n", "+PONG\r\n", "+PONG\r\n", YES("a"),
                                "*2\r\n$4\r\npong\r\n$0\r\n\r\n", NULL});
    redis_sub_close(o.sub, on_done, &o);
    uv_run(&o.fake.loop, UV_RUN_NOWAIT);
    o.done = 0;
    o.fake.config.idle_ping_ms = 10;
    o.fake.config.pong_timeout_ms = 1000;
    o.sub = redis_sub_new(&o.fake.loop, &o.fake.config, &events, &o);
    FAKE_RUN_UNTIL(&o.fake, o.fake.commands == 3);
    want("a");
    FAKE_RUN_UNTIL(&o.fake, o.fake.commands >= 7);
    assert_int_equal(o.down, 0);
    assert_true(redis_sub_confirmed(o.sub, span_str("a"), false));
    end();
}

static void rapid_changes_end_as_they_should(void **state)
{
    (void)state;
    begin((const char *const[]){"+PONG\r\n", "", NULL});
    want("a");
    FAKE_RUN_UNTIL(&o.fake, o.fake.commands == 2);
    redis_sub_unwant(o.sub, span_str("a"), false);
    FAKE_RUN_UNTIL(&o.fake, o.fake.commands == 3);
    want("a");
    FAKE_RUN_UNTIL(&o.fake, o.fake.commands == 4);
    fake_send(&o.fake, YES("a") GONE("a"));
    while (o.drained < 2)
        uv_run(&o.fake.loop, UV_RUN_ONCE);
    assert_int_equal(o.confirmed, 0);
    assert_false(redis_sub_confirmed(o.sub, span_str("a"), false));
    fake_send(&o.fake, YES("a"));
    FAKE_RUN_UNTIL(&o.fake, o.live);
    assert_int_equal(o.confirmed, 1);
    end();
}

static void it_can_be_closed_in_any_event(void **state)
{
    static const char *const places[] = {"message", "confirmed", "live",
                                         "drained", "refused",   "down"};

    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        bool down = strcmp(places[i], "down") == 0;

        begin((const char *const[]){"+PONG\r\n", NOPERM,
                                    YES("a") MESSAGE MESSAGE,
                                    down ? NOPERM "-ERR\r\n" : NOPERM, NULL});
        o.close_in = places[i];
        want_a_and_b_in_order();
        while (o.sub)
            uv_run(&o.fake.loop, UV_RUN_ONCE);
        end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(live_means_that_all_names_are_confirmed),
        cmocka_unit_test(without_names_it_is_live_when_connected),
        cmocka_unit_test(messages_carry_channel_payload_and_pattern),
        cmocka_unit_test(after_a_loss_the_names_are_confirmed_again),
        cmocka_unit_test(a_forbidden_name_neither_drops_nor_delays),
        cmocka_unit_test(
            a_forbidden_name_is_known_to_be_so_until_it_is_granted),
        cmocka_unit_test(replies_that_make_no_sense_drop_the_link),
        cmocka_unit_test(an_unsubscribe_of_nothing_is_ignored),
        cmocka_unit_test(pings_are_answered_in_and_out_of_subscribed_mode),
        cmocka_unit_test(rapid_changes_end_as_they_should),
        cmocka_unit_test(it_can_be_closed_in_any_event),
    };

    log_init("test", LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
