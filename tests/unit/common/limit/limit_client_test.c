#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/limit/breaker.h"
#include "common/limit/limit_client.h"
#include "tests/unit/common/limit/rule_of.h"
#include "tests/unit/common/redis/fake_redis.h"

#define NO_FUNCTION "-ERR Function not found\r\n"
#define UNKNOWN "-ERR unknown rule\r\n"
#define YES "*5\r\n:1\r\n:3\r\n:2\r\n:0\r\n:1000\r\n"
#define NO "*5\r\n:0\r\n:3\r\n:0\r\n:900\r\n:1000\r\n"

/* A check by somebody who asks. */
struct asked {
    struct pending_check check; /* first */
    struct outcome outcome;
    unsigned outcomes;
    char why[64];
};

struct world {
    struct fake fake;
    struct redis_cmd *cmd;
    struct limit_store *store;
    struct limit_client *client;
    struct rule rule, other;
    unsigned ready, late, opened, answers, errors, missing[2];
    bool restores;
    bool closed;
};

static struct world w;

static void on_ready(void *arg)
{
    (void)arg;
    w.ready++;
}

static void on_late(void *arg, bool opened)
{
    (void)arg;
    w.late++;
    w.opened += opened;
}

static void on_answer(void *arg, int64_t took_us)
{
    (void)arg;
    assert_true(took_us >= 0);
    w.answers++;
}

static void on_error(void *arg, struct span text)
{
    (void)arg;
    assert_true(text.len > 0);
    w.errors++;
}

static bool on_missing(void *arg, enum limit_missing what)
{
    (void)arg;
    w.missing[what]++;
    return w.restores;
}

static void on_outcome(struct pending_check *p, const struct outcome *o)
{
    struct asked *a = (struct asked *)p;

    a->outcome = *o;
    a->outcomes++;
    if (o->degraded)
        snprintf(a->why, sizeof a->why, "%.*s", SPAN_ARG(o->why));
}

static void begin_asking(const char *const *answers, int64_t timeout_ms,
                         bool breaker, bool window)
{
    static const struct redis_cmd_events cmd_events = {.on_ready = on_ready};
    static const struct limit_client_events events = {on_late, on_answer,
                                                      on_error, on_missing};
    struct limit_client_config config = {.prefix = "eu:",
                                         .timeout_ms = timeout_ms,
                                         .deny_cache = true,
                                         .count_allowed = true,
                                         .breaker = breaker,
                                         .window = window};

    memset(&w, 0, sizeof w);
    w.rule = rule_of("api", 3, 1000000, RULE_LOG);
    w.other = rule_of("orders", 3, 1000000, RULE_LOG);
    w.rule.on_error = w.other.on_error = RULE_LOCAL;
    fake_start(&w.fake, answers);
    w.cmd =
        redis_cmd_new(&w.fake.loop, &w.fake.config, NULL, &cmd_events, NULL);
    w.store = limit_store_new(100);
    w.client = limit_client_new(&w.fake.loop, w.store, &config, &events, NULL);
    limit_client_connect(w.client, w.cmd);
    FAKE_RUN_UNTIL(&w.fake, w.ready);
    bytes_clear(&w.fake.got);
    w.fake.commands = 0;
}

static void begin(const char *const *answers, int64_t timeout_ms, bool breaker)
{
    begin_asking(answers, timeout_ms, breaker, false);
}

static void end(void)
{
    limit_client_stop(w.client);
    redis_cmd_close(w.cmd, NULL, NULL);
    fake_stop(&w.fake);
    limit_client_free(w.client);
    limit_store_free(w.store);
}

/* True: decided at once. */
static bool ask(struct asked *a, const char *key)
{
    const struct rule *rule = &w.rule;
    struct limit_check q = {&rule,         1,
                            span_str(key), 1,
                            LIMIT_CHECK,   (int64_t)(clock_mono_ns() / 1000)};

    *a = (struct asked){.check.on_outcome = on_outcome};
    if (limit_client_decide(w.client, &q, &a->outcome)) {
        on_outcome(&a->check, &a->outcome);
        return true;
    }
    limit_client_send(w.client, &a->check, &q);
    return false;
}

static bool sent(const char *text)
{
    return memmem(w.fake.got.ptr, w.fake.got.len, text, strlen(text)) != NULL;
}

static void checks_of_one_turn_leave_in_one_call(void **state)
{
    static const char *const answers[] = {"+PONG\r\n", "*2\r\n" YES NO, NULL};
    struct asked a, b;

    (void)state;
    begin(answers, 5000, true);
    assert_false(ask(&a, "alice"));
    assert_false(ask(&b, "bob"));
    assert_int_equal(limit_client_out(w.client), 2);
    FAKE_RUN_UNTIL(&w.fake, limit_client_out(w.client) == 0);
    assert_int_equal(w.fake.commands, 1);
    assert_true(sent("tickwire_limit_batch") && sent("eu:ratelimit:rules") &&
                sent("eu:ratelimit:api:alice") && sent("eu:ratelimit:api:bob"));
    assert_true(a.outcome.allowed && a.outcome.source == OUTCOME_REDIS);
    assert_int_equal(a.outcome.verdicts[0].remaining, 2);
    assert_false(b.outcome.allowed || b.outcome.degraded);
    assert_int_equal(b.outcome.verdicts[0].retry_after_ms, 900);
    assert_true(a.outcomes == 1 && b.outcomes == 1 && w.answers == 2);
    end();
}

static void the_window_is_told_by_a_function_that_knows_it(void **state)
{
    static const char *const answers[] = {
        "+PONG\r\n",
        YES,
        "*6\r\n:1\r\n:3\r\n:2\r\n:0\r\n:9\r\n:1\r\n",
        "*7\r\n:1\r\n:3\r\n:2\r\n:0\r\n:9\r\n:0\r\n:60000\r\n",
        UNKNOWN,
        "*7\r\n:0\r\n:3\r\n:0\r\n:9\r\n:9\r\n:0\r\n:70000\r\n",
        NULL};
    struct asked old, shadow, a, b;

    (void)state;
    begin_asking(answers, 5000, true, true);
    w.restores = true;
    assert_false(ask(&old, "a") || ask(&shadow, "b") || ask(&a, "c") ||
                 ask(&b, "d"));
    FAKE_RUN_UNTIL(&w.fake, b.outcomes);
    assert_true(sent("\r\ntickwire_limit\r\n") && sent("\r\nwindow\r\n"));
    assert_int_equal(w.fake.commands, 5);
    assert_true(old.outcome.allowed && !old.outcome.degraded);
    assert_int_equal(old.outcome.verdicts[0].window_ms, 0);
    assert_int_equal(shadow.outcome.verdicts[0].window_ms, 0);
    assert_true(shadow.outcome.verdicts[0].shadow_over);
    assert_int_equal(a.outcome.verdicts[0].window_ms, 60000);
    assert_false(a.outcome.verdicts[0].shadow_over);
    assert_int_equal(w.missing[LIMIT_NO_RULES], 1);
    assert_false(b.outcome.allowed || b.outcome.degraded);
    assert_true(ask(&b, "d") && b.outcome.source == OUTCOME_CACHE);
    assert_int_equal(b.outcome.verdicts[0].window_ms, 70000);
    end();
}

static void a_denial_is_not_asked_again(void **state)
{
    static const char *const answers[] = {"+PONG\r\n", "*1\r\n" NO, NULL};
    struct asked a;

    (void)state;
    begin(answers, 5000, true);
    assert_false(ask(&a, "k"));
    FAKE_RUN_UNTIL(&w.fake, a.outcomes);
    assert_true(ask(&a, "k"));
    assert_true(!a.outcome.allowed && a.outcome.source == OUTCOME_CACHE);
    assert_false(a.outcome.degraded);
    assert_false(ask(&a, "other"));
    FAKE_RUN_UNTIL(&w.fake, a.outcomes);
    limit_client_forget(w.client);
    assert_false(ask(&a, "k"));
    /* By the old rules: not remembered under the new ones. */
    limit_client_forget(w.client);
    FAKE_RUN_UNTIL(&w.fake, a.outcomes);
    assert_false(ask(&a, "k"));
    FAKE_RUN_UNTIL(&w.fake, a.outcomes);
    end();
}

static void what_is_not_answered_in_time_is_decided_here(void **state)
{
    static const char *const answers[] = {"+PONG\r\n", "", NULL};
    struct asked a;

    (void)state;
    begin(answers, 5, false);
    assert_false(ask(&a, "k"));
    FAKE_RUN_UNTIL(&w.fake, a.outcomes);
    assert_true(a.outcome.degraded && a.outcome.allowed);
    assert_string_equal(a.why, "no answer in time");
    assert_int_equal(w.late, 1);
    assert_int_equal(limit_client_out(w.client), 0);
    /* What comes now is forgotten. */
    fake_send(&w.fake, "*1\r\n" YES);
    FAKE_RUN_UNTIL(&w.fake, redis_cmd_in_flight(w.cmd) == 0);
    assert_int_equal(a.outcomes, 1);
    assert_int_equal(w.answers, 0);
    end();
}

static void a_redis_that_is_too_slow_is_asked_less(void **state)
{
    static const char *const answers[] = {"+PONG\r\n", "", NULL};
    struct asked a, b;

    (void)state;
    begin(answers, 1, true);
    for (int i = 0; i < BREAKER_FAILURES; i++) {
        assert_false(ask(&a, "k"));
        FAKE_RUN_UNTIL(&w.fake, a.outcomes);
    }
    assert_true(w.opened == 1 && limit_client_breaker_open(w.client));
    assert_true(ask(&a, "k"));
    assert_true(a.outcome.degraded);
    /* One is let through in the end; that it is lost says nothing. */
    do
        uv_run(&w.fake.loop, UV_RUN_NOWAIT);
    while (ask(&a, "k"));
    assert_true(ask(&b, "k"));
    limit_client_pause(w.client);
    assert_false(limit_client_breaker_open(w.client));
    end();
}

static void without_a_breaker_it_is_asked_every_time(void **state)
{
    static const char *const answers[] = {"+PONG\r\n", "", NULL};
    struct asked a;

    (void)state;
    begin(answers, 1, false);
    for (int i = 0; i < BREAKER_FAILURES + 3; i++) {
        assert_false(ask(&a, "k"));
        FAKE_RUN_UNTIL(&w.fake, a.outcomes);
    }
    assert_int_equal(w.late, BREAKER_FAILURES + 3);
    end();
}

static void a_lost_link_is_decided_here_with_what_redis_allowed(void **state)
{
    static const char *const answers[] = {"+PONG\r\n", "*1\r\n" YES,
                                          "*1\r\n" YES, "", NULL};
    struct asked a;

    (void)state;
    begin(answers, 5000, true);
    for (int i = 0; i < 2; i++) {
        assert_false(ask(&a, "k"));
        FAKE_RUN_UNTIL(&w.fake, a.outcomes);
    }
    assert_false(ask(&a, "k"));
    FAKE_RUN_UNTIL(&w.fake, w.fake.commands == 3);
    fake_hang_up(&w.fake);
    FAKE_RUN_UNTIL(&w.fake, a.outcomes);
    assert_true(a.outcome.degraded && a.outcome.allowed);
    assert_string_equal(a.why, "Redis went away");
    assert_true(ask(&a, "k"));
    assert_false(a.outcome.allowed); /* 2 by Redis, 1 here, of 3 */
    end();
}

static void a_missing_function_is_restored_and_asked_again(void **state)
{
    static const char *const answers[] = {"+PONG\r\n", NO_FUNCTION,
                                          "*1\r\n" YES, NULL};
    struct asked a;

    (void)state;
    begin(answers, 5000, true);
    w.restores = true;
    assert_false(ask(&a, "k"));
    FAKE_RUN_UNTIL(&w.fake, a.outcomes);
    assert_int_equal(w.missing[LIMIT_NO_FUNCTION], 1);
    assert_true(a.outcome.allowed && a.outcome.source == OUTCOME_REDIS);
    assert_int_equal(w.fake.commands, 2);
    assert_int_equal(w.errors, 0);
    end();
}

static void only_the_checks_that_met_a_hole_are_sent_again(void **state)
{
    static const char *const answers[] = {
        "+PONG\r\n", "*3\r\n" YES UNKNOWN UNKNOWN, "*2\r\n" YES UNKNOWN, NULL};
    struct asked a, b, c;

    (void)state;
    begin(answers, 5000, true);
    w.restores = true;
    assert_false(ask(&a, "alice") || ask(&b, "bob") || ask(&c, "carl"));
    FAKE_RUN_UNTIL(&w.fake, a.outcomes);
    bytes_clear(&w.fake.got);
    FAKE_RUN_UNTIL(&w.fake, c.outcomes);
    assert_int_equal(w.missing[LIMIT_NO_RULES], 1);
    assert_false(sent("alice"));
    assert_true(sent("bob") && sent("carl"));
    assert_true(a.outcome.allowed && b.outcome.allowed);
    assert_true(a.outcomes == 1 && b.outcomes == 1 && c.outcomes == 1);
    /* Once is enough: an unknown rule is an error, and never an allow of
     * Redis. */
    assert_true(c.outcome.degraded && w.errors == 1);
    assert_string_equal(c.why, "ERR unknown rule");
    end();
}

static void nobody_restores_it_and_the_text_of_redis_says_why(void **state)
{
    static const char *const answers[] = {"+PONG\r\n", NO_FUNCTION,
                                          "-OOM no \"room\"\r\n",
                                          "*1\r\n$2\r\nhi\r\n", NULL};
    struct asked a;

    (void)state;
    begin(answers, 5000, true);
    assert_false(ask(&a, "k"));
    FAKE_RUN_UNTIL(&w.fake, a.outcomes);
    assert_string_equal(a.why, "ERR Function not found");
    assert_false(ask(&a, "k"));
    FAKE_RUN_UNTIL(&w.fake, a.outcomes);
    assert_string_equal(a.why, "OOM no \"room\"");
    assert_false(ask(&a, "k"));
    FAKE_RUN_UNTIL(&w.fake, a.outcomes);
    assert_string_equal(a.why, "unexpected reply");
    assert_int_equal(w.errors, 3);
    assert_int_equal(w.fake.commands, 3);
    end();
}

static void several_rules_are_one_call_of_their_own(void **state)
{
    static const char *const answers[] = {"+PONG\r\n", "*1\r\n" YES,
                                          "*3\r\n:0\r\n" YES NO, "", NULL};
    const struct rule *rules[] = {&w.rule, &w.other};
    struct limit_check q = {rules, 2, span_str("k"), 1, LIMIT_CHECK, 0};
    struct asked a, b = {.check.on_outcome = on_outcome};

    (void)state;
    begin(answers, 200, true);
    q.now_us = (int64_t)(clock_mono_ns() / 1000);
    assert_false(ask(&a, "first"));
    limit_client_send(w.client, &b.check, &q);
    FAKE_RUN_UNTIL(&w.fake, b.outcomes);
    assert_int_equal(a.outcomes, 1);
    assert_true(sent("tickwire_limit_many") && sent("eu:ratelimit:orders:k"));
    assert_true(!b.outcome.allowed && b.outcome.n == 2);
    assert_true(b.outcome.verdicts[0].allowed);
    assert_false(b.outcome.verdicts[1].allowed);
    /* Too late: the answer is for nobody, and no error. */
    limit_client_send(w.client, &b.check, &q);
    FAKE_RUN_UNTIL(&w.fake, b.outcomes == 2);
    assert_true(b.outcome.degraded);
    fake_send(&w.fake, "*3\r\n:0\r\n" YES NO);
    FAKE_RUN_UNTIL(&w.fake, redis_cmd_in_flight(w.cmd) == 0);
    assert_true(b.outcomes == 2 && w.errors == 0);
    end();
}

static void a_pause_asks_nothing_until_it_is_over(void **state)
{
    static const char *const answers[] = {"+PONG\r\n", "*1\r\n" YES, NULL};
    struct asked a;

    (void)state;
    begin(answers, 5000, true);
    limit_client_pause(w.client);
    limit_client_share(w.client, 3);
    assert_false(limit_client_ready(w.client));
    assert_true(ask(&a, "k"));
    assert_true(a.outcome.degraded);
    assert_int_equal(a.outcome.verdicts[0].limit, 1);
    limit_client_resume(w.client);
    assert_false(ask(&a, "k"));
    FAKE_RUN_UNTIL(&w.fake, a.outcomes);
    end();
}

static void no_more_are_on_their_way_than_the_bound(void **state)
{
    static const char *const answers[] = {"+PONG\r\n", "", NULL};
    struct asked *many = calloc(LIMIT_CLIENT_OUT_MAX, sizeof *many), one;

    (void)state;
    assert_non_null(many);
    begin(answers, 5000, true);
    for (unsigned i = 0; i < LIMIT_CLIENT_OUT_MAX; i++)
        assert_false(ask(&many[i], "k"));
    assert_true(ask(&one, "k"));
    assert_true(one.outcome.degraded);
    end();
    free(many);
}

static void a_stop_decides_what_is_on_its_way_and_what_comes_later(void **state)
{
    static const char *const answers[] = {"+PONG\r\n", "", NULL};
    struct asked a, b, c;

    (void)state;
    begin(answers, 5000, true);
    assert_false(ask(&a, "sent"));
    FAKE_RUN_UNTIL(&w.fake, w.fake.commands);
    assert_false(ask(&b, "not sent yet"));
    limit_client_stop(w.client);
    assert_true(a.outcomes == 1 && b.outcomes == 1);
    assert_string_equal(a.why, "stopping");
    assert_string_equal(b.why, "stopping");
    assert_int_equal(w.late, 0);
    assert_true(ask(&c, "later"));
    assert_string_equal(c.why, "stopping");
    end();
    assert_int_equal(a.outcomes, 1);
}

static void without_a_link_all_is_decided_here(void **state)
{
    static const struct limit_client_events none = {NULL, NULL, NULL, NULL};
    struct limit_client_config config = {.prefix = "", .timeout_ms = 50};
    uv_loop_t loop;
    struct asked a;

    (void)state;
    memset(&w, 0, sizeof w);
    uv_loop_init(&loop);
    w.rule = rule_of("api", 1, 1000000, RULE_LOG);
    w.rule.on_error = RULE_LOCAL;
    w.store = limit_store_new(10);
    w.client = limit_client_new(&loop, w.store, &config, &none, NULL);
    assert_true(ask(&a, "k") && a.outcome.allowed);
    assert_string_equal(a.why, "Redis is not there");
    assert_true(ask(&a, "k") && !a.outcome.allowed);
    limit_client_stop(w.client);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    limit_client_free(w.client);
    limit_store_free(w.store);
}

/* An error is an answer, but says nothing of the time that Redis takes. */
static void a_probe_that_meets_an_error_lets_another_through(void **state)
{
    static const char *const answers[] = {"+PONG\r\n", "", NULL};
    static const char *const error[] = {"-OOM\r\n", NULL};
    struct asked a;

    (void)state;
    begin(answers, 200, true);
    for (int i = 0; i < BREAKER_FAILURES; i++) {
        assert_false(ask(&a, "k"));
        FAKE_RUN_UNTIL(&w.fake, a.outcomes);
    }
    for (int i = 0; i < BREAKER_FAILURES; i++)
        fake_send(&w.fake, "*1\r\n" YES);
    w.fake.answers = error;
    w.fake.at = 0;
    FAKE_RUN_UNTIL(&w.fake, redis_cmd_in_flight(w.cmd) == 0);
    do
        uv_run(&w.fake.loop, UV_RUN_NOWAIT);
    while (ask(&a, "k"));
    FAKE_RUN_UNTIL(&w.fake, a.outcomes);
    assert_int_equal(w.late, BREAKER_FAILURES);
    assert_false(ask(&a, "k"));
    FAKE_RUN_UNTIL(&w.fake, a.outcomes);
    end();
}

static void an_answer_in_time_begins_the_count_anew(void **state)
{
    static const char *const answers[] = {"+PONG\r\n", "", NULL};
    static const char *const good[] = {"*1\r\n" YES, NULL};
    struct asked a;

    (void)state;
    begin(answers, 200, true);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < BREAKER_FAILURES - 1; i++) {
            assert_false(ask(&a, "k"));
            FAKE_RUN_UNTIL(&w.fake, a.outcomes);
            fake_send(&w.fake, "*1\r\n" YES);
            FAKE_RUN_UNTIL(&w.fake, redis_cmd_in_flight(w.cmd) == 0);
        }
        w.fake.answers = good;
        w.fake.at = 0;
        assert_false(ask(&a, "k"));
        FAKE_RUN_UNTIL(&w.fake, a.outcomes);
        assert_false(a.outcome.degraded);
        w.fake.answers = answers;
        w.fake.at = 1;
    }
    assert_false(limit_client_breaker_open(w.client));
    assert_int_equal(w.late, 2 * (BREAKER_FAILURES - 1));
    end();
}

/* The process stood still: the answer is in the socket when the timer runs. */
static void an_answer_that_waits_in_the_socket_is_in_time(void **state)
{
    static const char *const answers[] = {"+PONG\r\n", "*1\r\n" YES, NULL};
    struct asked a;
    uint64_t from;

    (void)state;
    begin(answers, 200, true);
    assert_false(ask(&a, "k"));
    FAKE_RUN_UNTIL(&w.fake, w.fake.commands);
    assert_int_equal(a.outcomes, 0); /* sent, and not read yet */
    for (from = uv_hrtime(); uv_hrtime() - from < 250 * 1000000;) {
    }
    FAKE_RUN_UNTIL(&w.fake, a.outcomes);
    assert_false(a.outcome.degraded);
    assert_int_equal(w.late, 0);
    end();
}

/* Or it would be sent for ever. */
static void what_is_missing_again_is_an_error(void **state)
{
    static const char *const answers[] = {"+PONG\r\n", NO_FUNCTION, NULL};
    struct asked a;

    (void)state;
    begin(answers, 5000, true);
    w.restores = true;
    assert_false(ask(&a, "k"));
    FAKE_RUN_UNTIL(&w.fake, a.outcomes);
    assert_string_equal(a.why, "ERR Function not found");
    assert_true(w.missing[LIMIT_NO_FUNCTION] == 1 && w.fake.commands == 2);
    end();
}

static void a_reset_forgets_a_denial(void **state)
{
    static const char *const answers[] = {"+PONG\r\n", "*1\r\n" NO,
                                          "*1\r\n" YES, NULL};
    const struct rule *rule = &w.rule;
    struct limit_check q = {&rule, 1, span_str("k"), 1, LIMIT_RESET, 0};
    struct asked a, b = {.check.on_outcome = on_outcome};

    (void)state;
    begin(answers, 5000, true);
    assert_false(ask(&a, "k"));
    FAKE_RUN_UNTIL(&w.fake, a.outcomes);
    assert_true(ask(&a, "k"));
    q.now_us = (int64_t)(clock_mono_ns() / 1000);
    assert_false(limit_client_decide(w.client, &q, &b.outcome));
    limit_client_send(w.client, &b.check, &q);
    FAKE_RUN_UNTIL(&w.fake, b.outcomes);
    assert_false(ask(&a, "k"));
    FAKE_RUN_UNTIL(&w.fake, a.outcomes);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checks_of_one_turn_leave_in_one_call),
        cmocka_unit_test(the_window_is_told_by_a_function_that_knows_it),
        cmocka_unit_test(a_denial_is_not_asked_again),
        cmocka_unit_test(what_is_not_answered_in_time_is_decided_here),
        cmocka_unit_test(a_redis_that_is_too_slow_is_asked_less),
        cmocka_unit_test(without_a_breaker_it_is_asked_every_time),
        cmocka_unit_test(a_lost_link_is_decided_here_with_what_redis_allowed),
        cmocka_unit_test(a_missing_function_is_restored_and_asked_again),
        cmocka_unit_test(only_the_checks_that_met_a_hole_are_sent_again),
        cmocka_unit_test(nobody_restores_it_and_the_text_of_redis_says_why),
        cmocka_unit_test(several_rules_are_one_call_of_their_own),
        cmocka_unit_test(a_pause_asks_nothing_until_it_is_over),
        cmocka_unit_test(no_more_are_on_their_way_than_the_bound),
        cmocka_unit_test(
            a_stop_decides_what_is_on_its_way_and_what_comes_later),
        cmocka_unit_test(without_a_link_all_is_decided_here),
        cmocka_unit_test(a_probe_that_meets_an_error_lets_another_through),
        cmocka_unit_test(an_answer_in_time_begins_the_count_anew),
        cmocka_unit_test(an_answer_that_waits_in_the_socket_is_in_time),
        cmocka_unit_test(what_is_missing_again_is_an_error),
        cmocka_unit_test(a_reset_forgets_a_denial),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
