#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/glob.h"
#include "ratelimitd/limit/rules.h"

static const struct rule *find(const struct rules *r, const char *name,
                               const char *key)
{
    bool known;

    return rules_find(r, span_str(name), span_str(key), &known);
}

static void the_first_line_that_fits_wins(void **state)
{
    struct rules rules;
    struct err err = {0};
    bool known;

    (void)state;
    assert_true(rules_read(
        &rules,
        span_str("{\"rules\":[\n"
                 "{\"rule\":\"api\",\"key\":\"vip\",\"limit\":7,"
                 "\"window\":\"1s\"},\n"
                 "{\"rule\":\"api\",\"key\":\"svc-*\",\"limit\":8,"
                 "\"window\":250,\"shadow\":true},\n"
                 "{\"rule\":\"api\",\"limit\":9,\"window\":\"1m\"},\n"
                 "{\"rule\":\"x\",\"key\":\"a*z\",\"limit\":1000000,"
                 "\"window\":\"1h\",\"algorithm\":\"gcra\","
                 "\"on_error\":\"deny\"}]}"),
        "f", &err));
    assert_int_equal(rules.count, 4);
    assert_int_equal(rules.groups, 2);
    assert_int_equal(find(&rules, "api", "vip")->limit.limit, 7);
    assert_int_equal(find(&rules, "api", "svc-1")->limit.window_us, 250000);
    assert_true(find(&rules, "api", "svc-1")->shadow);
    assert_int_equal(find(&rules, "api", "vip2")->limit.limit, 9);
    assert_int_equal(find(&rules, "x", "abcz")->algorithm, RULE_GCRA);
    assert_int_equal(find(&rules, "x", "abcz")->on_error, RULE_DENY);
    assert_null(rules_find(&rules, span_str("x"), span_str("abc"), &known));
    assert_true(known);
    assert_null(rules_find(&rules, span_str("nope"), span_str("a"), &known));
    assert_false(known);
    rules_close(&rules);
}

static void the_default_rules_are_those_of_the_manual(void **state)
{
    struct rules rules;

    (void)state;
    rules_default(&rules);
    assert_int_equal(find(&rules, "api", "a")->limit.limit, 100);
    assert_int_equal(find(&rules, "api", "a")->limit.window_us, 60000000);
    assert_int_equal(find(&rules, "api", "a")->on_error, RULE_LOCAL);
    assert_int_equal(find(&rules, "orders", "a")->limit.limit, 10);
    assert_int_equal(find(&rules, "orders", "a")->limit.window_us, 1000000);
    assert_int_equal(find(&rules, "orders", "a")->on_error, RULE_DENY);
    rules_close(&rules);
}

static void a_mistake_is_named_with_its_line_and_member(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"{\"rules\":[\n{\"rule\":\"a\",\"limit\":1,\n\"wnidow\":\"1s\"}]}",
         "f: line 3: \"wnidow\" is not a member"},
        {"{\"rules\":[{\"rule\":\"a\",\"limit\":1,\"window\":\"1s\"},\n\n"
         "{\"rule\":\"b\",\"limit\":-1,\"window\":\"1s\"}]}",
         "f: line 3: \"limit\" is not a whole number"},
        {"{\"rules\":[{\"rule\":\"a\",\"limit\":1}]}",
         "f: line 1: the rule has no \"window\""},
        {"{\"rules\":[{\"rule\":\"a\",\"limit\":1,\"window\":\"soon\"}]}",
         "\"window\" is not a duration"},
        {"{\"rules\":[{\"rule\":\"a b\",\"limit\":1,\"window\":\"1s\"}]}",
         "\"rule\" is not 1 to 64"},
        {"{\"rules\":[{\"rule\":\"a\",\"key\":\"{x}\",\"limit\":1,"
         "\"window\":\"1s\"}]}",
         "\"key\" cannot be"},
        {"{\"rules\":[{\"rule\":\"a\",\"key\":\"*a*b*\",\"limit\":1,"
         "\"window\":\"1s\"}]}",
         "\"key\" has more than 2 stars"},
        {"{\"rules\":[{\"rule\":\"a\",\"limit\":20000,\"window\":\"1s\"}]}",
         "\"limit\" is over 10000"},
        {"{\"rules\":[{\"rule\":\"a\",\"limit\":1,\"window\":\"1s\"},\n"
         "{\"rule\":\"a\",\"key\":\"x\",\"limit\":1,\"window\":\"1s\"}]}",
         "f: line 2: no key reaches this rule: line 1"},
        {"{\"rules\":[],\n\"extra\":1}", "f: line 2: unknown member \"extra\""},
        {"{\"rules\":[]}", "\"rules\" has 0 elements"},
        {"[]", "the file is not {\"rules\": [...]}"},
        {"{\"rules\":[\n{]}", "f: line 2 column"},
        {"{\"rules\":[{\"rule\":\"a\",\"rule\":\"b\",\"limit\":1,"
         "\"window\":\"1s\"}]}",
         "duplicate"},
        {"{\"rules\":[7]}", "not an object"},
        {"{\"rules\":7}", "the file is not {\"rules\": [...]}"},
        {"{\"rules\":[{\"rule\":7,\"limit\":1,\"window\":\"1s\"}]}",
         "\"rule\" is not 1 to 64"},
        {"{\"rules\":[{\"limit\":1,\"window\":\"1s\"}]}",
         "the rule has no \"rule\""},
        {"{\"rules\":[{\"rule\":\"a\",\"window\":\"1s\"}]}",
         "the rule has no \"limit\""},
        {"{\"rules\":[{\"rule\":\"a\",\"key\":\"\",\"limit\":1,"
         "\"window\":\"1s\"}]}",
         "\"key\" is not a text of 1 to 128 bytes"},
        {"{\"rules\":[{\"rule\":\"a\",\"key\":3,\"limit\":1,"
         "\"window\":\"1s\"}]}",
         "\"key\" is not a text of 1 to 128 bytes"},
        {"{\"rules\":[{\"rule\":\"a\",\"limit\":1000000000,"
         "\"window\":\"1s\"}]}",
         "\"limit\" is not a whole number"},
        {"{\"rules\":[{\"rule\":\"a\",\"limit\":\"1\",\"window\":\"1s\"}]}",
         "\"limit\" is not a whole number"},
        {"{\"rules\":[{\"rule\":\"a\",\"limit\":1,\"window\":true}]}",
         "\"window\" is not a duration"},
        {"{\"rules\":[{\"rule\":\"a\",\"limit\":1,\"window\":0}]}",
         "\"window\" is not within 1ms to 31d"},
        {"{\"rules\":[{\"rule\":\"a\",\"limit\":1,\"window\":\"32d\"}]}",
         "\"window\" is not within 1ms to 31d"},
        {"{\"rules\":[{\"rule\":\"a\",\"limit\":1,\"window\":\"1s\","
         "\"algorithm\":\"leaky\"}]}",
         "\"algorithm\" is neither"},
        {"{\"rules\":[{\"rule\":\"a\",\"limit\":1,\"window\":\"1s\","
         "\"algorithm\":1}]}",
         "\"algorithm\" is neither"},
        {"{\"rules\":[{\"rule\":\"a\",\"limit\":1,\"window\":\"1s\","
         "\"on_error\":\"perhaps\"}]}",
         "\"on_error\" is not one of"},
        {"{\"rules\":[{\"rule\":\"a\",\"limit\":1,\"window\":\"1s\","
         "\"shadow\":\"yes\"}]}",
         "\"shadow\" is neither true nor false"},
        {"{\"rules\":[{\"rule\":\"a\",\"limit\":0,\"window\":\"1s\","
         "\"algorithm\":\"gcra\"}]}",
         "\"limit\" is 0, which gcra cannot be"},
        {"{\"rules\":[{\"rule\":\"a\",\"limit\":999983,\"window\":\"1d\","
         "\"algorithm\":\"gcra\"}]}",
         "choose a rounder number"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rules rules;
        struct err err = {0};
        assert_false(rules_read(&rules, span_str(cases[i].text), "f", &err));
        assert_int_equal(err.code, ERR_CONFIG);
        if (!strstr(err.text, cases[i].says))
            fail_msg("'%s' does not say '%s'", err.text, cases[i].says);
    }
}

/* {"rules":[...]} of count rules called by name, each with a key of its own. */
static void write_rules(struct bytes *text, unsigned count, const char *name)
{
    bytes_clear(text);
    bytes_add_str(text, "{\"rules\":[");
    for (unsigned i = 0; i < count; i++)
        bytes_printf(text,
                     "%s{\"rule\":\"%s\",\"key\":\"k%u\",\"limit\":1,"
                     "\"window\":\"1s\"}",
                     i ? "," : "", name, i);
    bytes_add_str(text, "]}");
}

static void a_file_holds_a_bounded_number_of_rules(void **state)
{
    struct rules rules;
    struct err err = {0};
    struct bytes text;

    (void)state;
    bytes_init(&text);
    write_rules(&text, RULE_LINES_MAX, "a");
    assert_true(rules_read(&rules, bytes_span(&text), "f", &err));
    assert_int_equal(rules.count, RULE_LINES_MAX);
    rules_close(&rules);
    write_rules(&text, RULE_LINES_MAX + 1, "a");
    assert_false(rules_read(&rules, bytes_span(&text), "f", &err));
    assert_non_null(strstr(err.text, "more than 64 lines for rule a"));
    err = (struct err){0};
    write_rules(&text, RULES_MAX + 1, "a");
    assert_false(rules_read(&rules, bytes_span(&text), "f", &err));
    assert_non_null(strstr(err.text, "\"rules\" has 1025 elements"));
    bytes_close(&text);
}

static void a_pattern_fits_whole_texts_only(void **state)
{
    static const struct {
        const char *pattern, *text;
        bool fits;
    } cases[] = {
        {"*", "", true},       {"*", "abc", true},     {"a*", "a", true},
        {"a*", "ba", false},   {"*a", "ba", true},     {"*a", "ab", false},
        {"a*c", "abbc", true}, {"a*c", "abcb", false}, {"a", "a", true},
        {"a", "ab", false},    {"*b*", "abc", true},   {"*b*", "ac", false},
        {"a.c", "abc", false}, {"*ab", "aab", true},   {"%a*", "%ab", true},
        {"a*ab", "aab", true}, {"a*ab", "ab", false},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (glob_match(span_str(cases[i].pattern), span_str(cases[i].text)) !=
            cases[i].fits)
            fail_msg("'%s' and '%s'", cases[i].pattern, cases[i].text);
}

static void keys_that_could_not_be_part_of_a_name_are_refused(void **state)
{
    char longest[RULE_KEY_MAX + 1];

    memset(longest, 'k', sizeof longest);
    (void)state;
    assert_null(rule_key_fault(span_str("alice@example.org")));
    assert_null(rule_key_fault(span_str("2001:db8::1")));
    assert_non_null(rule_key_fault(span_str("")));
    assert_non_null(rule_key_fault(span_str("a b")));
    assert_non_null(rule_key_fault(span_str("a*")));
    assert_non_null(rule_key_fault(span_str("a\n")));
    assert_non_null(rule_key_fault(span_str("\xc3\xa9")));
    assert_non_null(rule_key_fault(span_str("a{b")));
    assert_non_null(rule_key_fault(span_str("a}b")));
    assert_non_null(rule_key_fault(span_str("a\\b")));
    assert_non_null(rule_key_fault(span_str("a\"b")));
    assert_null(rule_key_fault(span_make(longest, RULE_KEY_MAX)));
    assert_non_null(rule_key_fault(span_make(longest, RULE_KEY_MAX + 1)));
}

static void the_text_for_redis_has_one_line_for_each_pattern(void **state)
{
    struct rules rules;
    struct bytes text;

    (void)state;
    rules_default(&rules);
    bytes_init(&text);
    rules_text(&rules, 0, &text);
    assert_true(span_is(bytes_span(&text), "100 60000 log - * local\n"));
    bytes_close(&text);
    rules_close(&rules);
}

static void rules_come_back_from_their_text_as_they_were(void **state)
{
    static const char file[] =
        "{\"rules\":[{\"rule\":\"api\",\"key\":\"svc-*\",\"limit\":8,"
        "\"window\":250,\"shadow\":true,\"on_error\":\"allow\"},"
        "{\"rule\":\"api\",\"limit\":9,\"window\":\"1m\"},"
        "{\"rule\":\"x\",\"limit\":1000000,\"window\":\"1h\","
        "\"algorithm\":\"gcra\",\"on_error\":\"deny\"}]}";
    struct rules rules, back = {0};
    struct err err = {0};
    struct bytes text;

    (void)state;
    assert_true(rules_read(&rules, span_str(file), "f", &err));
    bytes_init(&text);
    for (unsigned g = 0; g < rules.groups; g++) {
        bytes_clear(&text);
        rules_text(&rules, g, &text);
        assert_true(rules_add_text(&back, span_str(rules_name(&rules, g)),
                                   bytes_span(&text)));
    }
    assert_int_equal(back.count, 3);
    assert_true(rules_digest(&rules) == rules_digest(&back));
    assert_int_equal(find(&back, "x", "a")->limit.step,
                     find(&rules, "x", "a")->limit.step);
    /* As an older version, or a person, wrote it. */
    assert_true(
        rules_add_text(&back, span_str("y"), span_str("5 1000 log - *")));
    assert_int_equal(find(&back, "y", "a")->on_error, RULE_LOCAL);
    assert_false(rules_add_text(&back, span_str("@stamp"), span_str("1 x")));
    assert_false(rules_add_text(&back, span_str("z"), span_str("")));
    assert_false(rules_add_text(&back, span_str("z"), span_str("5 0 log - *")));
    assert_false(
        rules_add_text(&back, span_str("z"), span_str("5 10 lag - *")));
    assert_false(rules_add_text(&back, span_str("z"), span_str("5 10 log -")));
    assert_int_equal(back.count, 4);
    bytes_close(&text);
    rules_close(&back);
    rules_close(&rules);
}

static void texts_of_redis_that_are_no_rules_change_nothing(void **state)
{
    static const char *const bad[] = {
        "",
        "\n",
        "x 1000 log - *",
        "-1 1000 log - *",
        "1000000000 1000 log - *",
        "1 x log - *",
        "1 1234567890123 log - *",
        "1 2678400001 log - *",
        "0 1000 gcra - *",
        "999983 86400000 gcra - *",
        "10001 1000 log - *",
        "1 1000 log - * perhaps",
        "1 1000 log - *\n1 1000",
    };
    struct rules rules = {0};
    struct bytes text;

    (void)state;
    assert_true(rules_add_text(&rules, span_str("good"),
                               span_str("1 1000 log shadow * allow")));
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (rules_add_text(&rules, span_str("bad"), span_str(bad[i])))
            fail_msg("'%s' was taken", bad[i]);
    bytes_init(&text);
    for (unsigned i = 0; i <= RULE_LINES_MAX; i++)
        bytes_printf(&text, "1 1000 log - k%u\n", i);
    assert_false(rules_add_text(&rules, span_str("bad"), bytes_span(&text)));
    bytes_clear(&text);
    bytes_add_str(&text, "1 1000 log - ");
    for (unsigned i = 0; i <= RULE_KEY_MAX; i++)
        bytes_add_str(&text, "k");
    assert_false(rules_add_text(&rules, span_str("bad"), bytes_span(&text)));
    bytes_close(&text);
    assert_false(rules_add_text(&rules, span_str(""), span_str("1 1 log - *")));
    assert_int_equal(rules.count, 1);
    assert_int_equal(rules.groups, 1);
    assert_true(find(&rules, "good", "a")->shadow);
    assert_int_equal(find(&rules, "good", "a")->on_error, RULE_ALLOW);
    rules_close(&rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_line_that_fits_wins),
        cmocka_unit_test(the_default_rules_are_those_of_the_manual),
        cmocka_unit_test(a_mistake_is_named_with_its_line_and_member),
        cmocka_unit_test(a_file_holds_a_bounded_number_of_rules),
        cmocka_unit_test(texts_of_redis_that_are_no_rules_change_nothing),
        cmocka_unit_test(a_pattern_fits_whole_texts_only),
        cmocka_unit_test(keys_that_could_not_be_part_of_a_name_are_refused),
        cmocka_unit_test(the_text_for_redis_has_one_line_for_each_pattern),
        cmocka_unit_test(rules_come_back_from_their_text_as_they_were),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
