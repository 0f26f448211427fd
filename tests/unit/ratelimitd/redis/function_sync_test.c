#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ratelimitd/redis/function_sync.h"
#include "ratelimitd/redis/function_text.h"
#include "tests/unit/common/base/captured.h"
#include "tests/unit/common/redis/fake_redis.h"

#define PONG "+PONG\r\n"
#define NO_LIBRARY "*0\r\n"
#define LOADED "$14\r\ntickwire_limit\r\n"
#define WRITTEN ":1\r\n"
#define NO_FUNCTION "-ERR Function not found\r\n"
/* {version, stamp, instances} */
#define ALIVE(n, stamp) "*3\r\n:2\r\n$" #n "\r\n" stamp "\r\n:3\r\n"

struct world {
    struct fake fake;
    struct redis_cmd *cmd;
    struct function_sync *sync;
    struct ruleset *own;
    unsigned connected, ready, taken, refused, instances;
    char name[RULE_NAME_MAX + 1]; /* of the rules taken last */
    char why[256];
};

static struct world w;

static void on_connected(void *arg)
{
    (void)arg;
    w.connected++;
    function_sync_connected(w.sync);
}

static void on_down(void *arg, const char *why, bool refused)
{
    (void)arg;
    (void)why;
    (void)refused;
    function_sync_disconnected(w.sync);
}

static void on_ready(void *arg)
{
    (void)arg;
    w.ready++;
}

static void on_rules(void *arg, struct ruleset *set)
{
    (void)arg;
    w.taken++;
    snprintf(w.name, sizeof w.name, "%s", set->rules.at[0].name);
}

static void on_instances(void *arg, unsigned instances)
{
    (void)arg;
    w.instances = instances;
}

static void on_refused(void *arg, const char *why)
{
    (void)arg;
    w.refused++;
    snprintf(w.why, sizeof w.why, "%s", why);
}

static void begin(const char *const *answers, bool follows)
{
    static const struct redis_cmd_events cmd_events = {.on_ready = on_connected,
                                                       .on_down = on_down};
    static const struct function_sync_events events = {
        on_ready, on_rules, on_instances, on_refused};
    struct rules rules;

    memset(&w, 0, sizeof w);
    rules_default(&rules);
    w.own = ruleset_of(&rules, span_str("1000 own"));
    fake_start(&w.fake, answers);
    w.cmd =
        redis_cmd_new(&w.fake.loop, &w.fake.config, NULL, &cmd_events, NULL);
    w.sync = function_sync_new(&w.fake.loop, w.cmd, "eu:", "me", follows,
                               &events, NULL);
    function_sync_set_rules(w.sync, w.own);
}

static void end(void)
{
    redis_cmd_close(w.cmd, NULL, NULL);
    function_sync_close(w.sync);
    fake_stop(&w.fake);
    ruleset_unref(w.own);
}

static bool sent(const char *text)
{
    return w.fake.got.len > 0 &&
           memmem(w.fake.got.ptr, w.fake.got.len, text, strlen(text)) != NULL;
}

static bool wrote_rules(void)
{
    return sent("\r\ntickwire_limit_rules\r\n") && sent("eu:ratelimit:rules") &&
           sent("1000 own") && sent("100 60000 log - * local");
}

static void forget_what_was_sent(void)
{
    bytes_clear(&w.fake.got);
    w.fake.commands = 0;
}

/* The answer to FUNCTION LIST with this library; the caller's to free. */
static char *listed(const char *code)
{
    size_t n = strlen(code) + 200;
    char *text = malloc(n);

    assert_non_null(text);
    snprintf(text, n,
             "*1\r\n*4\r\n$12\r\nlibrary_name\r\n$14\r\ntickwire_limit\r\n"
             "$12\r\nlibrary_code\r\n$%zu\r\n%s\r\n",
             strlen(code), code);
    return text;
}

static void a_missing_function_is_loaded_before_the_rules(void **state)
{
    static const char *const answers[] = {PONG, NO_LIBRARY, LOADED, WRITTEN,
                                          NULL};

    (void)state;
    begin(answers, false);
    FAKE_RUN_UNTIL(&w.fake, w.ready);
    assert_true(sent("\r\nLOAD\r\n") && sent("\r\nREPLACE\r\n") &&
                sent("redis.register_function"));
    assert_true(wrote_rules());
    assert_int_equal(w.fake.commands, 4);
    assert_int_equal(w.ready, 1);
    end();
}

static void our_own_function_is_left_as_it_is(void **state)
{
    char *list = listed(function_text);
    const char *const answers[] = {PONG, list, WRITTEN, NULL};

    (void)state;
    begin(answers, false);
    FAKE_RUN_UNTIL(&w.fake, w.ready);
    assert_false(sent("\r\nLOAD\r\n"));
    assert_true(wrote_rules());
    end();
    free(list);
}

static void a_newer_function_is_kept_and_gets_our_rules(void **state)
{
    char *list = listed("local VERSION = 99\n");
    const char *const answers[] = {PONG, list, WRITTEN, NULL};

    (void)state;
    begin(answers, false);
    FAKE_RUN_UNTIL(&w.fake, w.ready);
    assert_false(sent("\r\nLOAD\r\n"));
    assert_true(wrote_rules());
    end();
    free(list);
}

static void an_older_function_is_replaced(void **state)
{
    char *list = listed("local VERSION = 1\n");
    const char *const answers[] = {PONG, list, LOADED, WRITTEN, NULL};

    (void)state;
    begin(answers, false);
    FAKE_RUN_UNTIL(&w.fake, w.ready);
    assert_true(sent("\r\nLOAD\r\n") && sent("\r\nREPLACE\r\n"));
    end();
    free(list);
}

static void without_a_file_the_rules_of_redis_are_taken(void **state)
{
    static const char *const answers[] = {
        PONG,
        NO_LIBRARY,
        LOADED,
        "*4\r\n$6\r\n@stamp\r\n$6\r\n2000 x\r\n"
        "$4\r\nmine\r\n$16\r\n5 60000 log - *\n\r\n",
        ALIVE(6, "2000 x"),
        NULL};

    (void)state;
    begin(answers, true);
    FAKE_RUN_UNTIL(&w.fake, w.ready);
    assert_int_equal(w.taken, 1);
    assert_string_equal(w.name, "mine");
    assert_false(sent("\r\ntickwire_limit_rules\r\n"));
    /* Those are its own now: the same stamp is no news. */
    FAKE_RUN_UNTIL(&w.fake, w.instances);
    assert_int_equal(w.taken, 1);
    end();
}

static void without_a_file_our_rules_go_where_there_are_none(void **state)
{
    static const char *const answers[] = {PONG,     NO_LIBRARY, LOADED,
                                          "*0\r\n", WRITTEN,    NULL};

    (void)state;
    begin(answers, true);
    FAKE_RUN_UNTIL(&w.fake, w.ready);
    assert_int_equal(w.taken, 0);
    assert_true(wrote_rules());
    end();
}

static void rules_that_cannot_be_read_are_not_taken(void **state)
{
    static const char *const answers[] = {
        PONG, NO_LIBRARY, LOADED,
        "*4\r\n$3\r\napi\r\n$15\r\n5 60000 log - *\r\n"
        "$1\r\nx\r\n$8\r\nnonsense\r\n",
        NULL};

    (void)state;
    begin(answers, true);
    FAKE_RUN_UNTIL(&w.fake, w.ready);
    assert_int_equal(w.taken, 0);
    assert_false(sent("\r\ntickwire_limit_rules\r\n"));
    end();
}

static void follower_takes_rules_that_were_loaded_later(void **state)
{
    static const char *const answers[] = {
        PONG,
        NO_LIBRARY,
        LOADED,
        "*0\r\n",
        WRITTEN,
        ALIVE(6, "2000 x"),
        "*4\r\n$6\r\n@stamp\r\n$6\r\n2000 x\r\n"
        "$4\r\nmine\r\n$16\r\n5 60000 log - *\n\r\n",
        NULL};

    (void)state;
    begin(answers, true);
    FAKE_RUN_UNTIL(&w.fake, w.taken);
    assert_string_equal(w.name, "mine");
    end();
}

/* {stamp in Redis, are the rules written again} */
static void restores(const char *alive, bool written)
{
    const char *const answers[] = {PONG,  NO_LIBRARY, LOADED, WRITTEN,
                                   alive, WRITTEN,    NULL};

    begin(answers, false);
    FAKE_RUN_UNTIL(&w.fake, w.ready);
    forget_what_was_sent();
    FAKE_RUN_UNTIL(&w.fake, w.instances);
    assert_int_equal(w.instances, 3);
    assert_true(sent("\r\ntickwire_limit_alive\r\n") &&
                sent("eu:ratelimit:instances") && sent("\r\nme\r\n"));
    if (written)
        FAKE_RUN_UNTIL(&w.fake, w.fake.commands == 2);
    else
        uv_run(&w.fake.loop, UV_RUN_NOWAIT);
    assert_true(wrote_rules() == written);
    end();
}

static void rules_that_are_gone_or_older_are_written_again(void **state)
{
    (void)state;
    restores(ALIVE(0, ""), true);
    restores(ALIVE(5, "999 x"), true);
    restores(ALIVE(8, "1000 own"), false);
    restores(ALIVE(6, "1001 x"), false); /* of another instance: they hold */
}

/* Every instance looks at every tick. */
static void newer_rules_of_another_are_reported_once(void **state)
{
    static const char *const answers[] = {PONG,    NO_LIBRARY,         LOADED,
                                          WRITTEN, ALIVE(6, "1001 x"), NULL};
    static const char *const later[] = {PONG,    NO_LIBRARY,         LOADED,
                                        WRITTEN, ALIVE(6, "1002 x"), NULL};
    const char *text;

    (void)state;
    begin(answers, false);
    for (int i = 0; i < 3; i++) {
        w.instances = 0;
        FAKE_RUN_UNTIL(&w.fake, w.instances);
        w.fake.answers = i == 0 ? answers : later;
        fake_hang_up(&w.fake); /* a new connection looks sooner */
    }
    text = captured();
    assert_int_equal(count_of(text, "ev=rules_newer stamp=\"1001 x\""), 1);
    assert_int_equal(count_of(text, "ev=rules_newer stamp=\"1002 x\""), 1);
    end();
}

static void a_function_that_is_gone_is_loaded_again(void **state)
{
    static const char *const answers[] = {
        PONG, NO_LIBRARY, LOADED, WRITTEN, NO_FUNCTION, LOADED, WRITTEN, NULL};

    (void)state;
    begin(answers, false);
    FAKE_RUN_UNTIL(&w.fake, w.ready);
    forget_what_was_sent();
    FAKE_RUN_UNTIL(&w.fake, w.fake.commands == 3);
    assert_true(sent("\r\nLOAD\r\n") && wrote_rules());
    assert_int_equal(w.refused, 0);
    end();
}

static void what_checks_miss_is_restored_once(void **state)
{
    static const char *const answers[] = {PONG, NO_LIBRARY, LOADED, WRITTEN,
                                          NULL};

    (void)state;
    begin(answers, false);
    FAKE_RUN_UNTIL(&w.fake, w.ready);
    forget_what_was_sent();
    function_sync_restore_rules(w.sync);
    function_sync_restore_rules(w.sync);
    FAKE_RUN_UNTIL(&w.fake, redis_cmd_in_flight(w.cmd) == 0);
    assert_int_equal(w.fake.commands, 1);
    forget_what_was_sent();
    function_sync_restore_function(w.sync);
    function_sync_restore_function(w.sync);
    FAKE_RUN_UNTIL(&w.fake, redis_cmd_in_flight(w.cmd) == 0);
    assert_int_equal(w.fake.commands, 2); /* the function and the rules */
    end();
}

static void a_permission_that_is_missing_is_told(void **state)
{
    static const char *const answers[] = {
        PONG, "-NOPERM this user has no permissions\r\n", NULL};

    (void)state;
    begin(answers, false);
    FAKE_RUN_UNTIL(&w.fake, w.refused);
    assert_string_equal(w.why, "Redis refuses FUNCTION LIST: NOPERM this user "
                               "has no permissions");
    assert_int_equal(w.ready, 0);
    end();
}

static void a_new_connection_begins_anew(void **state)
{
    static const char *const answers[] = {PONG, NO_LIBRARY, LOADED, WRITTEN,
                                          NULL};

    (void)state;
    begin(answers, false);
    FAKE_RUN_UNTIL(&w.fake, w.ready);
    fake_hang_up(&w.fake);
    FAKE_RUN_UNTIL(&w.fake, w.ready == 2);
    assert_int_equal(w.connected, 2);
    assert_true(sent("\r\nLOAD\r\n") && wrote_rules());
    end();
}

/* Loading takes Redis a while: then it says so instead of what it has. */
static void a_redis_that_is_loading_is_looked_at_again(void **state)
{
    static const char *const answers[] = {PONG, NO_LIBRARY, LOADED, WRITTEN,
                                          NULL};
    static const char *const loading[] = {
        PONG, "-LOADING Redis is loading\r\n", NO_LIBRARY, LOADED, WRITTEN,
        NULL};

    (void)state;
    begin(answers, false);
    FAKE_RUN_UNTIL(&w.fake, w.ready);
    w.fake.answers = loading;
    fake_hang_up(&w.fake);
    FAKE_RUN_UNTIL(&w.fake, w.ready == 2);
    assert_true(sent("\r\nLOAD\r\n") && wrote_rules());
    end();
}

static void new_rules_are_written_at_once_and_a_goodbye_said(void **state)
{
    static const char *const answers[] = {PONG, NO_LIBRARY, LOADED, WRITTEN,
                                          NULL};
    struct rules rules;
    struct ruleset *later;

    (void)state;
    begin(answers, false);
    FAKE_RUN_UNTIL(&w.fake, w.ready);
    rules_default(&rules);
    later = ruleset_of(&rules, span_str("2000 later"));
    function_sync_set_rules(w.sync, later);
    ruleset_unref(later);
    FAKE_RUN_UNTIL(&w.fake, sent("2000 later"));
    function_sync_sign_off(w.sync);
    FAKE_RUN_UNTIL(&w.fake, sent("\r\nZREM\r\n"));
    end();
}

/* Its memory is needed until the last answer has come. */
static void a_close_waits_for_answers_that_are_due(void **state)
{
    static const char *const answers[] = {PONG, "", NULL};

    (void)state;
    begin(answers, false);
    FAKE_RUN_UNTIL(&w.fake, sent("\r\nLIST\r\n"));
    function_sync_close(w.sync);
    uv_run(&w.fake.loop, UV_RUN_NOWAIT);
    redis_cmd_close(w.cmd, NULL, NULL);
    fake_stop(&w.fake);
    assert_int_equal(w.ready, 0);
    ruleset_unref(w.own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_function_is_loaded_before_the_rules),
        cmocka_unit_test(our_own_function_is_left_as_it_is),
        cmocka_unit_test(a_newer_function_is_kept_and_gets_our_rules),
        cmocka_unit_test(an_older_function_is_replaced),
        cmocka_unit_test(without_a_file_the_rules_of_redis_are_taken),
        cmocka_unit_test(without_a_file_our_rules_go_where_there_are_none),
        cmocka_unit_test(rules_that_cannot_be_read_are_not_taken),
        cmocka_unit_test(follower_takes_rules_that_were_loaded_later),
        cmocka_unit_test(rules_that_are_gone_or_older_are_written_again),
        CAPTURED(newer_rules_of_another_are_reported_once),
        cmocka_unit_test(a_function_that_is_gone_is_loaded_again),
        cmocka_unit_test(what_checks_miss_is_restored_once),
        cmocka_unit_test(a_permission_that_is_missing_is_told),
        cmocka_unit_test(a_new_connection_begins_anew),
        cmocka_unit_test(a_redis_that_is_loading_is_looked_at_again),
        cmocka_unit_test(new_rules_are_written_at_once_and_a_goodbye_said),
        cmocka_unit_test(a_close_waits_for_answers_that_are_due),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
