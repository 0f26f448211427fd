#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ratelimitd/door/request.h"
#include "ratelimitd/limit/question.h"

static struct question q;

static bool read_text(const char *text, struct err *err)
{
    *err = (struct err){0};
    return question_read(&q, span_str(text), err);
}

static void what_is_absent_has_its_default(void **state)
{
    struct err err;

    (void)state;
    assert_true(read_text("{\"rule\":\"api\",\"key\":\"alice\"}", &err));
    assert_int_equal(q.id.len, 0);
    assert_int_equal(q.cost, 1);
    assert_int_equal(q.mode, LIMIT_CHECK);
    assert_false(q.is_list);
}

static void the_usual_shape_and_the_long_way_agree(void **state)
{
    /* The second of each pair has an escape, which only the long way reads. */
    static const char *const pairs[][2] = {
        {"{\"id\":7,\"rule\":\"api\",\"key\":\"alice\",\"cost\":2}",
         "{\"id\":7,\"rule\":\"\\u0061pi\",\"key\":\"alice\",\"cost\":2}"},
        {"{ \"key\" : \"a:b@c\" , \"rule\":\"x\" , \"mode\":\"peek\" }",
         "{\"key\":\"a:b\\u0040c\",\"rule\":\"x\",\"mode\":\"peek\"}"},
        {"{\"id\":\"t-1\",\"rule\":\"api\",\"key\":\"k\",\"mode\":\"reset\"}",
         "{\"id\":\"t\\u002d1\",\"rule\":\"api\",\"key\":\"k\","
         "\"mode\":\"reset\"}"},
        {"{\"id\":0,\"rule\":\"api\",\"key\":\"k\",\"cost\":0}",
         "{\"id\":0,\"rule\":\"ap\\u0069\",\"key\":\"k\",\"cost\":0}"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct question *scanned = calloc(1, sizeof *scanned);
        struct err err;
        assert_true(question_scan(scanned, span_str(pairs[i][0])));
        assert_false(question_scan(&q, span_str(pairs[i][1])));
        assert_true(read_text(pairs[i][1], &err));
        assert_true(span_eq(scanned->id, q.id));
        assert_true(span_eq(scanned->key, q.key));
        assert_true(span_eq(scanned->rules[0], q.rules[0]));
        assert_int_equal(scanned->n_rules, q.n_rules);
        assert_int_equal(scanned->cost, q.cost);
        assert_int_equal(scanned->mode, q.mode);
        free(scanned);
    }
}

static void whatever_the_scanner_takes_is_json(void **state)
{
    static const char *const bad[] = {
        "{\"rule\":\"a\",\"key\":\"b\",}",
        "{\"rule\":\"a\",\"key\":\"b\"",
        "{\"rule\":\"a\",\"key\":\"b\"}}",
        "{\"rule\":\"a\" \"key\":\"b\"}",
        "{\"rule\":\"a\",\"key\":\"b\",\"cost\":01}",
        "{\"rule\":\"a\",\"key\":\"b\",\"cost\":1.}",
        "{\"rule\":\"a\",\"key\":\"b\tc\"}",
        "{\"rule\":\"a\",\"key\":\"b\",\"key\":\"c\"}",
        "{rule:\"a\",\"key\":\"b\"}",
        "",
        "{",
        "{\"",
        "{}x",
    };
    struct err err;

    (void)state;
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(question_scan(&q, span_str(bad[i])));
        assert_false(read_text(bad[i], &err));
        assert_int_equal(err.code, ERR_INPUT);
    }
}

static void a_bad_question_says_what_is_wrong_and_keeps_its_id(void **state)
{
    static const struct {
        const char *text, *says, *id;
    } cases[] = {
        {"{\"id\":3,\"rule\":\"a\",\"key\":\"b c\"}", "key has a character",
         "3"},
        {"{\"id\":\"x\",\"rule\":\"a\"}", "no key", "\"x\""},
        {"{\"id\":4,\"key\":\"a\"}", "no rule", "4"},
        {"{\"id\":5,\"rule\":\"a\",\"key\":\"b\",\"cost\":-1}", "cost", "5"},
        {"{\"id\":5,\"rule\":\"a\",\"key\":\"b\",\"cost\":\"1\"}", "cost", "5"},
        {"{\"id\":5,\"rule\":\"a\",\"key\":\"b\",\"cost\":1.5}", "cost", "5"},
        {"{\"id\":5,\"rule\":\"a\",\"key\":\"b\",\"mode\":\"take\"}", "mode",
         "5"},
        {"{\"coast\":5,\"rule\":\"a\",\"key\":\"b\",\"id\":6}",
         "unknown member 'coast'", "6"},
        {"{\"id\":6,\"rules\":[],\"key\":\"b\"}", "rules is not", "6"},
        {"{\"id\":6,\"rules\":[\"a\",\"a\"],\"key\":\"b\"}", "named twice",
         "6"},
        {"{\"id\":6,\"rules\":[\"a\"],\"rule\":\"a\",\"key\":\"b\"}",
         "both rule and rules", "6"},
        {"{\"id\":[],\"rule\":\"a\",\"key\":\"b\"}", "id is neither", ""},
        {"{\"id\":7,\"rule\":\"a\",\"key\":\"b\",\"cost\":1000000000}", "cost",
         "7"},
        {"{\"id\":7,\"rule\":\"a\",\"key\":\"b\",\"mode\":1}", "mode", "7"},
        {"{\"id\":7,\"rule\":\"a\",\"key\":1.5}", "key is neither", "7"},
        {"{\"id\":7,\"rule\":\"\",\"key\":\"b\"}", "a rule is not a text", "7"},
        {"{\"id\":7,\"rules\":[1],\"key\":\"b\"}", "a rule is not a text", "7"},
        {"{\"id\":7,\"rules\":\"a\",\"key\":\"b\"}", "rules is not", "7"},
        {"{\"id\":7,\"rules\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\","
         "\"8\",\"9\"],\"key\":\"b\"}",
         "more than 8 rules", "7"},
        {"[1]", "not a JSON object", ""},
        {"garbage", "column", ""},
    };
    struct err err;

    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_false(read_text(cases[i].text, &err));
        if (!strstr(err.text, cases[i].says))
            fail_msg("'%s' does not say '%s'", err.text, cases[i].says);
        assert_true(span_is(q.id, cases[i].id));
    }
}

/* Who waits for the answer keeps QUESTION_ID_MAX bytes of it. */
static void an_id_is_bounded_as_it_is_echoed(void **state)
{
    char text[1024], id[260] = "";
    struct err err;

    (void)state;
    snprintf(text, sizeof text,
             "{\"id\":\"%065d\",\"rule\":\"a\",\"key\":\"b\"}", 0);
    assert_false(read_text(text, &err));
    assert_non_null(strstr(err.text, "id is neither"));
    for (unsigned i = 0; i <= 32; i++) {
        snprintf(text, sizeof text,
                 "{\"id\":\"%s\",\"rule\":\"a\",\"key\":\"b\"}", id);
        assert_true(read_text(text, &err));
        assert_int_equal(q.id.len, 2 + 2 * i);
        memcpy(id + 2 * i, "\\\"", 3); /* one more escaped quote */
    }
    snprintf(text, sizeof text, "{\"id\":\"%s\",\"rule\":\"a\",\"key\":\"b\"}",
             id);
    assert_false(read_text(text, &err));
    assert_string_equal(err.text, "id has too many escapes");
    assert_int_equal(q.id.len, 0);
    assert_true(read_text("{\"id\":null,\"rule\":\"a\",\"key\":\"b\"}", &err));
    assert_int_equal(q.id.len, 0);
}

static void a_users_number_is_a_key(void **state)
{
    struct err err;

    (void)state;
    assert_true(read_text("{\"rule\":\"api\",\"key\":42}", &err));
    assert_true(span_is(q.key, "42"));
}

static void several_rules_can_be_asked_at_once(void **state)
{
    struct err err;

    (void)state;
    assert_true(
        read_text("{\"rules\":[\"api\",\"orders\"],\"key\":\"a\"}", &err));
    assert_int_equal(q.n_rules, 2);
    assert_true(q.is_list);
    assert_true(span_is(q.rules[1], "orders"));
}

static void the_longest_of_everything_fits(void **state)
{
    char name[65], key[129], text[1024];
    struct err err;

    (void)state;
    memset(name, 'n', 64);
    memset(key, 'k', 128);
    name[64] = key[128] = '\0';
    snprintf(text, sizeof text,
             "{\"id\":\"%s\",\"rules\":[\"1%.63s\",\"2%.63s\",\"3%.63s\","
             "\"4%.63s\",\"5%.63s\",\"6%.63s\",\"7%.63s\",\"8%.63s\"],"
             "\"key\":\"%s\"}",
             name, name, name, name, name, name, name, name, name, key);
    assert_true(read_text(text, &err));
    assert_int_equal(q.n_rules, 8);
    assert_int_equal(q.key.len, 128);
}

static void a_request_of_the_queue_names_where_the_answer_goes(void **state)
{
    static struct request r;
    struct err err = {0};

    (void)state;
    assert_true(request_read(
        &r,
        span_str("{\"rule\":\"api\",\"key\":\"a\",\"reply\":\"here\","
                 "\"expires_ms\":1705575045123,\"id\":1}"),
        &err));
    assert_true(span_is(span_make(r.reply, r.reply_len), "here"));
    assert_true(r.expires_ms == INT64_C(1705575045123));
    assert_true(span_is(r.question.key, "a"));
    assert_false(request_read(
        &r, span_str("{\"rule\":\"api\",\"key\":\"a\",\"reply\":\"here\"}"),
        &err));
    assert_int_equal(r.reply_len, 4);
    assert_non_null(strstr(err.text, "expires_ms"));
}

static void a_bad_request_is_answered_where_it_says_where(void **state)
{
    static const struct {
        const char *text, *says;
        size_t reply_len;
    } cases[] = {
        {"nonsense", "column", 0},
        {"[1]", "not a JSON object", 0},
        {"{\"rule\":\"a\",\"key\":\"b\",\"expires_ms\":1}", "reply is not", 0},
        {"{\"rule\":\"a\",\"key\":\"b\",\"expires_ms\":1,\"reply\":7}",
         "reply is not", 0},
        {"{\"rule\":\"a\",\"key\":\"b\",\"expires_ms\":1,\"reply\":\"\"}",
         "reply is not", 0},
        {"{\"rule\":\"a\",\"key\":\"b\",\"expires_ms\":\"1\",\"reply\":\"r\"}",
         "expires_ms", 1},
        {"{\"rule\":\"a\",\"expires_ms\":1,\"reply\":\"r\"}", "no key", 1},
    };
    static struct request r;

    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err = {0};

        assert_false(request_read(&r, span_str(cases[i].text), &err));
        assert_int_equal(err.code, ERR_INPUT);
        if (!strstr(err.text, cases[i].says))
            fail_msg("'%s' does not say '%s'", err.text, cases[i].says);
        assert_int_equal(r.reply_len, cases[i].reply_len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_absent_has_its_default),
        cmocka_unit_test(the_usual_shape_and_the_long_way_agree),
        cmocka_unit_test(whatever_the_scanner_takes_is_json),
        cmocka_unit_test(a_bad_question_says_what_is_wrong_and_keeps_its_id),
        cmocka_unit_test(an_id_is_bounded_as_it_is_echoed),
        cmocka_unit_test(a_users_number_is_a_key),
        cmocka_unit_test(several_rules_can_be_asked_at_once),
        cmocka_unit_test(the_longest_of_everything_fits),
        cmocka_unit_test(a_request_of_the_queue_names_where_the_answer_goes),
        cmocka_unit_test(a_bad_request_is_answered_where_it_says_where),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
