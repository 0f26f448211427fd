#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ratelimitd/door/limiter.h"
#include "ratelimitd/redis/function_sync.h"
#include "tests/unit/common/redis/fake_redis.h"

#define PONG "+PONG\r\n"
#define YES "*1\r\n*5\r\n:1\r\n:5\r\n:4\r\n:0\r\n:1000\r\n"
#define NO "*1\r\n*5\r\n:0\r\n:5\r\n:0\r\n:900\r\n:1000\r\n"
#define SHADOW "*1\r\n*6\r\n:1\r\n:5\r\n:0\r\n:0\r\n:1000\r\n:1\r\n"
#define NO_FUNCTION "-ERR Function not found\r\n"

struct world {
    struct fake fake;
    struct redis_cmd *cmd;
    struct function_sync *sync;
    struct ruleset *set;
    struct limiter *limiter;
    bool ready;
};

struct asked {
    unsigned outcomes;
    struct outcome outcome;
    char error[256], rule[RULE_NAME_MAX + 1];
};

static struct world w;

static void on_ready(void *arg)
{
    (void)arg;
    w.ready = true;
}

static void on_rules(void *arg, struct ruleset *set)
{
    (void)arg;
    (void)set;
}

static void on_instances(void *arg, unsigned instances)
{
    (void)arg;
    (void)instances;
}

static void on_refused(void *arg, const char *why)
{
    (void)arg;
    (void)why;
}

static void on_outcome(void *arg, const struct outcome *o)
{
    struct asked *a = arg;

    a->outcomes++;
    a->outcome = *o;
    if (o->n > 0)
        snprintf(a->rule, sizeof a->rule, "%s", o->rules[0]->name);
    snprintf(a->error, sizeof a->error, "%s", o->error ? o->error : "");
}

/* api 5 in a minute, local; orders 10 in a second, denied without Redis; try is
 * a shadow of 0. */
static struct ruleset *ruleset(void)
{
    struct rules rules = {0};

    assert_true(rules_add_text(&rules, span_str("api"),
                               span_str("9 60000 log - svc* local\n"
                                        "5 60000 log - a* local\n")));
    assert_true(rules_add_text(&rules, span_str("orders"),
                               span_str("10 1000 log - * deny\n")));
    assert_true(rules_add_text(&rules, span_str("try"),
                               span_str("0 1000 log shadow * local\n")));
    return ruleset_of(&rules, span_str("1 x"));
}

static void begin(void)
{
    const struct limiter_config config = {
        .max_keys = 100, .timeout_ms = 5000, .deny_cache = true};

    memset(&w, 0, sizeof w);
    w.set = ruleset();
    w.limiter = limiter_new(&config, w.set);
}

static void begin_with_redis(const char *const *answers)
{
    static const struct redis_cmd_events cmd_events = {.on_ready = on_ready};
    static const struct function_sync_events events = {
        on_ready, on_rules, on_instances, on_refused};

    begin();
    fake_start(&w.fake, answers);
    w.cmd =
        redis_cmd_new(&w.fake.loop, &w.fake.config, NULL, &cmd_events, NULL);
    w.sync =
        function_sync_new(&w.fake.loop, w.cmd, "", "me", false, &events, NULL);
    function_sync_set_rules(w.sync, w.set);
    limiter_use_redis(w.limiter, &w.fake.loop, w.cmd, w.sync, "");
    FAKE_RUN_UNTIL(&w.fake, w.ready);
    bytes_clear(&w.fake.got);
}

static void end(void)
{
    limiter_free(w.limiter);
    ruleset_unref(w.set);
}

static void end_with_redis(void)
{
    redis_cmd_close(w.cmd, NULL, NULL);
    limiter_close_redis(w.limiter);
    function_sync_close(w.sync);
    fake_stop(&w.fake);
    end();
}

static void ask_mode(struct asked *a, const char *rule, const char *key,
                     enum limit_mode mode)
{
    struct question q = {.rules = {span_str(rule)},
                         .n_rules = 1,
                         .key = span_str(key),
                         .cost = 1,
                         .mode = mode};

    *a = (struct asked){0};
    limiter_ask(w.limiter, &q, on_outcome, a);
}

static void ask(struct asked *a, const char *rule, const char *key)
{
    ask_mode(a, rule, key, LIMIT_CHECK);
}

static void ask_redis(struct asked *a, const char *rule, const char *key)
{
    ask(a, rule, key);
    assert_int_equal(a->outcomes, 0);
    FAKE_RUN_UNTIL(&w.fake, a->outcomes);
}

static void without_redis_the_rule_of_the_key_decides(void **state)
{
    struct asked a;

    (void)state;
    begin();
    for (int i = 0; i < 5; i++) {
        ask(&a, "api", "alice");
        assert_true(a.outcomes == 1 && a.outcome.allowed);
        assert_false(a.outcome.degraded);
    }
    ask(&a, "api", "alice");
    assert_false(a.outcome.allowed);
    ask(&a, "api", "svc-1");
    assert_true(a.outcome.allowed);
    assert_int_equal(a.outcome.verdicts[0].limit, 9);
    /* Also where Redis would have been due: there is none. */
    ask(&a, "orders", "alice");
    assert_true(a.outcome.allowed && a.outcome.source == OUTCOME_LOCAL);
    end();
}

static void an_unknown_rule_is_an_error_and_never_an_allow(void **state)
{
    struct asked a;
    uint64_t before;

    (void)state;
    begin();
    before = stats.unknown_rules.value;
    ask(&a, "none", "alice");
    assert_int_equal(a.outcomes, 1);
    assert_string_equal(a.error, "unknown rule 'none'");
    ask(&a, "api", "bob");
    assert_string_equal(a.error, "rule 'api' has no line for the key 'bob'");
    assert_int_equal(a.outcome.n, 0);
    assert_int_equal(stats.unknown_rules.value, before + 2);
    assert_int_equal(limit_store_count(limiter_store(w.limiter)), 0);
    end();
}

static void a_shadow_allows_and_is_counted(void **state)
{
    struct asked a;
    uint64_t over, shadow;

    (void)state;
    begin();
    over = stats_of_rule("try")->over.value;
    shadow = stats_of_rule("try")->shadow_over.value;
    ask(&a, "try", "alice");
    assert_true(a.outcome.allowed && a.outcome.verdicts[0].shadow_over);
    assert_int_equal(stats_of_rule("try")->over.value, over);
    assert_int_equal(stats_of_rule("try")->shadow_over.value, shadow + 1);
    assert_int_equal(limiter_heavy_hitters(w.limiter)->count, 0);
    end();
}

static void a_peek_charges_nothing_and_names_no_heavy_hitter(void **state)
{
    struct asked a;

    (void)state;
    begin();
    for (int i = 0; i < 6; i++)
        ask_mode(&a, "api", "alice", LIMIT_PEEK);
    assert_true(a.outcome.allowed);
    assert_int_equal(limit_store_count(limiter_store(w.limiter)), 0);
    for (int i = 0; i < 5; i++)
        ask(&a, "api", "alice");
    ask_mode(&a, "api", "alice", LIMIT_PEEK);
    assert_false(a.outcome.allowed);
    assert_int_equal(limiter_heavy_hitters(w.limiter)->count, 0);
    ask(&a, "api", "alice");
    assert_int_equal(limiter_heavy_hitters(w.limiter)->count, 1);
    end();
}

static void redis_is_asked_once_the_function_is_known_to_be_there(void **state)
{
    static const char *const answers[] = {PONG, "*0\r\n", NULL};
    struct asked a;

    (void)state;
    begin_with_redis(answers);
    assert_false(limiter_has_redis(w.limiter));
    ask(&a, "api", "alice");
    assert_true(a.outcomes == 1 && a.outcome.degraded && a.outcome.allowed);
    ask(&a, "orders", "alice");
    assert_true(a.outcome.degraded && !a.outcome.allowed);
    limiter_resume(w.limiter);
    assert_true(limiter_has_redis(w.limiter));
    ask(&a, "api", "alice");
    assert_int_equal(a.outcomes, 0);
    assert_int_equal(limiter_out(w.limiter), 1);
    end_with_redis();
    /* The link was closed: answered all the same. */
    assert_true(a.outcomes == 1 && a.outcome.degraded);
}

static void what_redis_says_is_counted_and_remembered(void **state)
{
    static const char *const answers[] = {PONG, YES, NO, SHADOW, NULL};
    uint64_t within, over, cached, near, shadow;
    struct asked a;

    (void)state;
    begin_with_redis(answers);
    limiter_resume(w.limiter);
    within = stats_of_rule("api")->within.value;
    over = stats_of_rule("api")->over.value;
    near = stats_of_rule("api")->near.value;
    cached = stats_of_rule("api")->deny_cache.value;
    shadow = stats_of_rule("try")->shadow_over.value;
    ask_redis(&a, "api", "alice");
    assert_true(a.outcome.allowed && a.outcome.source == OUTCOME_REDIS);
    ask_redis(&a, "api", "alice");
    assert_false(a.outcome.allowed);
    ask(&a, "api", "alice");
    assert_true(a.outcomes == 1 && !a.outcome.allowed);
    assert_int_equal(a.outcome.source, OUTCOME_CACHE);
    ask_redis(&a, "try", "alice");
    assert_true(a.outcome.allowed && a.outcome.verdicts[0].shadow_over);
    assert_int_equal(stats_of_rule("api")->within.value, within + 1);
    assert_int_equal(stats_of_rule("api")->near.value, near);
    assert_int_equal(stats_of_rule("api")->over.value, over + 2);
    assert_int_equal(stats_of_rule("api")->deny_cache.value, cached + 1);
    assert_int_equal(stats_of_rule("try")->shadow_over.value, shadow + 1);
    assert_int_equal(limiter_heavy_hitters(w.limiter)->at[0].count, 2);
    end_with_redis();
}

static void new_rules_forget_denials_by_the_old_ones(void **state)
{
    static const char *const answers[] = {PONG, NO, YES, NULL};
    struct ruleset *later = ruleset();
    struct asked a;

    (void)state;
    begin_with_redis(answers);
    limiter_resume(w.limiter);
    ask_redis(&a, "api", "alice");
    limiter_set_rules(w.limiter, later);
    ruleset_unref(later);
    ask_redis(&a, "api", "alice");
    assert_true(a.outcome.allowed);
    end_with_redis();
}

/* The rules that a question was asked under live as long as it does. */
static void a_question_on_its_way_survives_new_rules(void **state)
{
    static const char *const answers[] = {PONG, NO, NULL};
    struct ruleset *later = ruleset();
    struct asked a;

    (void)state;
    begin_with_redis(answers);
    limiter_resume(w.limiter);
    ask(&a, "api", "alice");
    limiter_set_rules(w.limiter, later);
    function_sync_set_rules(w.sync, later);
    ruleset_unref(w.set);
    w.set = later;
    FAKE_RUN_UNTIL(&w.fake, a.outcomes);
    assert_string_equal(a.rule, "api");
    ask(&a, "api", "alice"); /* a denial by the old rules is not remembered */
    assert_int_equal(a.outcomes, 0);
    FAKE_RUN_UNTIL(&w.fake, a.outcomes);
    end_with_redis();
}

static void a_missing_function_is_loaded_ahead_of_the_question(void **state)
{
    static const char *const answers[] = {PONG,     NO_FUNCTION, "+ok\r\n",
                                          ":1\r\n", YES,         NULL};
    struct asked a;

    (void)state;
    begin_with_redis(answers);
    limiter_resume(w.limiter);
    ask_redis(&a, "api", "alice");
    assert_true(a.outcome.allowed && a.outcome.source == OUTCOME_REDIS);
    assert_non_null(memmem(w.fake.got.ptr, w.fake.got.len, "\r\nLOAD\r\n", 8));
    end_with_redis();
}

static void local_limits_are_shared_among_instances(void **state)
{
    static const char *const answers[] = {PONG, NULL};
    struct asked a;

    (void)state;
    begin_with_redis(answers);
    limiter_share(w.limiter, 2);
    ask(&a, "api", "svc");
    assert_int_equal(a.outcome.verdicts[0].limit, 4);
    end_with_redis();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_redis_the_rule_of_the_key_decides),
        cmocka_unit_test(an_unknown_rule_is_an_error_and_never_an_allow),
        cmocka_unit_test(a_shadow_allows_and_is_counted),
        cmocka_unit_test(a_peek_charges_nothing_and_names_no_heavy_hitter),
        cmocka_unit_test(redis_is_asked_once_the_function_is_known_to_be_there),
        cmocka_unit_test(what_redis_says_is_counted_and_remembered),
        cmocka_unit_test(new_rules_forget_denials_by_the_old_ones),
        cmocka_unit_test(a_question_on_its_way_survives_new_rules),
        cmocka_unit_test(a_missing_function_is_loaded_ahead_of_the_question),
        cmocka_unit_test(local_limits_are_shared_among_instances),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
