#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/limit/limit_store.h"
#include "tests/unit/common/limit/rule_of.h"

static void keys_and_rules_do_not_share_a_limit(void **state)
{
    struct limit_store *s = limit_store_new(100);
    struct rule a = rule_of("a", 1, 1000000, RULE_LOG),
                ab = rule_of("ab", 1, 1000000, RULE_LOG);

    (void)state;
    assert_true(
        limit_store_ask(s, &a, &a.limit, span_str("bc"), 1, 1, LIMIT_CHECK)
            .allowed);
    assert_true(
        limit_store_ask(s, &ab, &ab.limit, span_str("c"), 1, 1, LIMIT_CHECK)
            .allowed);
    assert_true(
        limit_store_ask(s, &a, &a.limit, span_str("x"), 1, 1, LIMIT_CHECK)
            .allowed);
    assert_false(
        limit_store_ask(s, &a, &a.limit, span_str("bc"), 1, 1, LIMIT_CHECK)
            .allowed);
    limit_store_free(s);
}

static void an_attack_with_many_keys_stays_within_the_bound(void **state)
{
    struct limit_store *s = limit_store_new(1000);
    struct rule r = rule_of("a", 5, 1000000, RULE_LOG);
    char key[32];

    (void)state;
    for (int i = 0; i < 100000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        assert_true(
            limit_store_ask(s, &r, &r.limit, span_str(key), i, 1, LIMIT_CHECK)
                .allowed);
        assert_true(limit_store_count(s) <= 1000);
    }
    assert_true(limit_store_evicted(s) > 0);
    limit_store_free(s);
}

static void keys_that_went_quiet_are_forgotten(void **state)
{
    struct limit_store *s = limit_store_new(1000000);
    struct rule r = rule_of("a", 5, 1000000, RULE_LOG);
    char key[32];

    (void)state;
    /* 1 key a millisecond, a window of a second. */
    for (int i = 0; i < 50000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        (void)limit_store_ask(s, &r, &r.limit, span_str(key), i * INT64_C(1000),
                              1, LIMIT_CHECK);
    }
    assert_true(limit_store_count(s) < 5000);
    assert_int_equal(limit_store_evicted(s), 0);
    limit_store_free(s);
}

static void denied_and_peeked_keys_are_not_kept(void **state)
{
    struct limit_store *s = limit_store_new(10);
    struct rule r = rule_of("a", 5, 1000000, RULE_LOG);

    (void)state;
    (void)limit_store_ask(s, &r, &r.limit, span_str("p"), 1, 1, LIMIT_PEEK);
    (void)limit_store_ask(s, &r, &r.limit, span_str("d"), 1, 6, LIMIT_CHECK);
    (void)limit_store_ask(s, &r, &r.limit, span_str("z"), 1, 0, LIMIT_CHECK);
    assert_int_equal(limit_store_count(s), 0);
    limit_store_free(s);
}

static void of_several_rules_all_are_charged_or_none(void **state)
{
    struct limit_store *s = limit_store_new(10);
    struct rule a = rule_of("a", 5, 1000000, RULE_LOG),
                b = rule_of("b", 2, 1000000, RULE_GCRA);
    const struct rule *rules[] = {&a, &b};
    struct limit limits[] = {a.limit, b.limit};
    struct verdict v[2];
    struct span key = span_str("k");

    (void)state;
    assert_true(
        limit_store_ask_all(s, rules, limits, 2, key, 1, 2, LIMIT_CHECK, v));
    assert_int_equal(v[0].remaining, 3);
    assert_int_equal(v[1].remaining, 0);
    assert_false(
        limit_store_ask_all(s, rules, limits, 2, key, 1, 1, LIMIT_CHECK, v));
    assert_true(v[0].allowed);
    assert_false(v[1].allowed);
    assert_int_equal(
        limit_store_ask(s, &a, &a.limit, key, 1, 1, LIMIT_PEEK).remaining, 3);
    limit_store_free(s);
}

static void a_shadow_allows_and_says_that_it_would_not_have(void **state)
{
    struct limit_store *s = limit_store_new(10);
    struct rule r = rule_of("a", 1, 1000000, RULE_LOG);
    struct verdict v;

    (void)state;
    r.shadow = true;
    v = limit_store_ask(s, &r, &r.limit, span_str("k"), 1, 1, LIMIT_CHECK);
    assert_true(v.allowed && !v.shadow_over);
    v = limit_store_ask(s, &r, &r.limit, span_str("k"), 1, 1, LIMIT_CHECK);
    assert_true(v.allowed && v.shadow_over && v.retry_after_ms == 0);
    limit_store_free(s);
}

static void a_changed_algorithm_begins_anew(void **state)
{
    struct limit_store *s = limit_store_new(10);
    struct rule log = rule_of("a", 2, 1000000, RULE_LOG),
                gcra = rule_of("a", 2, 1000000, RULE_GCRA);
    struct span key = span_str("k");

    (void)state;
    (void)limit_store_ask(s, &log, &log.limit, key, 1, 2, LIMIT_CHECK);
    assert_int_equal(
        limit_store_ask(s, &gcra, &gcra.limit, key, 1, 1, LIMIT_CHECK)
            .remaining,
        1);
    assert_int_equal(
        limit_store_ask(s, &log, &log.limit, key, 1, 1, LIMIT_CHECK).remaining,
        1);
    limit_store_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_and_rules_do_not_share_a_limit),
        cmocka_unit_test(an_attack_with_many_keys_stays_within_the_bound),
        cmocka_unit_test(keys_that_went_quiet_are_forgotten),
        cmocka_unit_test(denied_and_peeked_keys_are_not_kept),
        cmocka_unit_test(of_several_rules_all_are_charged_or_none),
        cmocka_unit_test(a_shadow_allows_and_says_that_it_would_not_have),
        cmocka_unit_test(a_changed_algorithm_begins_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
