#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "ratelimitd/limit/deny_cache.h"
#include "ratelimitd/limit/heavy_hitters.h"
#include "ratelimitd/limit/store.h"

static struct rule make(const char *name, int64_t limit, int64_t window_us,
                        enum rule_algorithm algorithm)
{
    struct rule r = {.algorithm = algorithm, .name_len = strlen(name)};

    snprintf(r.name, sizeof r.name, "%s", name);
    assert_true(limit_make(limit, window_us, &r.limit));
    return r;
}

static void keys_and_rules_do_not_share_a_limit(void **state)
{
    struct store *s = store_new(100);
    struct rule a = make("a", 1, 1000000, RULE_LOG),
                ab = make("ab", 1, 1000000, RULE_LOG);

    (void)state;
    assert_true(
        store_ask(s, &a, &a.limit, span_str("bc"), 1, 1, LIMIT_CHECK).allowed);
    assert_true(
        store_ask(s, &ab, &ab.limit, span_str("c"), 1, 1, LIMIT_CHECK).allowed);
    assert_true(
        store_ask(s, &a, &a.limit, span_str("x"), 1, 1, LIMIT_CHECK).allowed);
    assert_false(
        store_ask(s, &a, &a.limit, span_str("bc"), 1, 1, LIMIT_CHECK).allowed);
    store_free(s);
}

static void an_attack_with_many_keys_stays_within_the_bound(void **state)
{
    struct store *s = store_new(1000);
    struct rule r = make("a", 5, 1000000, RULE_LOG);
    char key[32];

    (void)state;
    for (int i = 0; i < 100000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        assert_true(store_ask(s, &r, &r.limit, span_str(key), i, 1, LIMIT_CHECK)
                        .allowed);
        assert_true(store_count(s) <= 1000);
    }
    assert_true(store_evicted(s) > 0);
    store_free(s);
}

static void keys_that_went_quiet_are_forgotten(void **state)
{
    struct store *s = store_new(1000000);
    struct rule r = make("a", 5, 1000000, RULE_LOG);
    char key[32];

    (void)state;
    /* 1 key a millisecond, a window of a second. */
    for (int i = 0; i < 50000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        (void)store_ask(s, &r, &r.limit, span_str(key), i * INT64_C(1000), 1,
                        LIMIT_CHECK);
    }
    assert_true(store_count(s) < 5000);
    assert_int_equal(store_evicted(s), 0);
    store_free(s);
}

static void denied_and_peeked_keys_are_not_kept(void **state)
{
    struct store *s = store_new(10);
    struct rule r = make("a", 5, 1000000, RULE_LOG);

    (void)state;
    (void)store_ask(s, &r, &r.limit, span_str("p"), 1, 1, LIMIT_PEEK);
    (void)store_ask(s, &r, &r.limit, span_str("d"), 1, 6, LIMIT_CHECK);
    (void)store_ask(s, &r, &r.limit, span_str("z"), 1, 0, LIMIT_CHECK);
    assert_int_equal(store_count(s), 0);
    store_free(s);
}

static void of_several_rules_all_are_charged_or_none(void **state)
{
    struct store *s = store_new(10);
    struct rule a = make("a", 5, 1000000, RULE_LOG),
                b = make("b", 2, 1000000, RULE_GCRA);
    const struct rule *rules[] = {&a, &b};
    struct limit limits[] = {a.limit, b.limit};
    struct verdict v[2];
    struct span key = span_str("k");

    (void)state;
    assert_true(store_ask_all(s, rules, limits, 2, key, 1, 2, LIMIT_CHECK, v));
    assert_int_equal(v[0].remaining, 3);
    assert_int_equal(v[1].remaining, 0);
    assert_false(store_ask_all(s, rules, limits, 2, key, 1, 1, LIMIT_CHECK, v));
    assert_true(v[0].allowed);
    assert_false(v[1].allowed);
    assert_int_equal(
        store_ask(s, &a, &a.limit, key, 1, 1, LIMIT_PEEK).remaining, 3);
    store_free(s);
}

static void a_shadow_allows_and_says_that_it_would_not_have(void **state)
{
    struct store *s = store_new(10);
    struct rule r = make("a", 1, 1000000, RULE_LOG);
    struct verdict v;

    (void)state;
    r.shadow = true;
    v = store_ask(s, &r, &r.limit, span_str("k"), 1, 1, LIMIT_CHECK);
    assert_true(v.allowed && !v.shadow_over);
    v = store_ask(s, &r, &r.limit, span_str("k"), 1, 1, LIMIT_CHECK);
    assert_true(v.allowed && v.shadow_over && v.retry_after_ms == 0);
    store_free(s);
}

static void a_changed_algorithm_begins_anew(void **state)
{
    struct store *s = store_new(10);
    struct rule log = make("a", 2, 1000000, RULE_LOG),
                gcra = make("a", 2, 1000000, RULE_GCRA);
    struct span key = span_str("k");

    (void)state;
    (void)store_ask(s, &log, &log.limit, key, 1, 2, LIMIT_CHECK);
    assert_int_equal(
        store_ask(s, &gcra, &gcra.limit, key, 1, 1, LIMIT_CHECK).remaining, 1);
    assert_int_equal(
        store_ask(s, &log, &log.limit, key, 1, 1, LIMIT_CHECK).remaining, 1);
    store_free(s);
}

static void a_denial_is_remembered_until_it_may_be_over(void **state)
{
    struct deny_cache *c = deny_cache_new();
    struct rule r = make("a", 1, 1000000, RULE_LOG);
    struct verdict denied = {.limit = 1,
                             .retry_after_ms = 500,
                             .reset_ms = 500},
                   v;
    struct span key = span_str("k");

    (void)state;
    deny_cache_put(c, &r, key, 1, &denied, 1000, 3000);
    assert_true(deny_cache_get(c, &r, key, 1, 3000, &v));
    assert_int_equal(v.retry_after_ms, 500);
    assert_true(deny_cache_get(c, &r, key, 1, 103000, &v));
    assert_int_equal(v.retry_after_ms, 400);
    assert_false(deny_cache_get(c, &r, key, 2, 103000, &v));
    assert_false(deny_cache_get(c, &r, span_str("x"), 1, 103000, &v));
    /* It was decided at 1000 us or later, and rounded up by up to a ms. */
    assert_true(deny_cache_get(c, &r, key, 1, 499999, &v));
    assert_false(deny_cache_get(c, &r, key, 1, 500000, &v));
    deny_cache_free(c);
}

static void a_denial_is_remembered_a_second_at_most(void **state)
{
    struct deny_cache *c = deny_cache_new();
    struct rule r = make("a", 1, 60000000, RULE_LOG);
    struct verdict denied = {.limit = 1, .retry_after_ms = 60000}, v;
    struct verdict never = {.limit = 1, .retry_after_ms = LIMIT_NEVER};
    struct span key = span_str("k");

    (void)state;
    deny_cache_put(c, &r, key, 1, &denied, 0, 10);
    assert_true(deny_cache_get(c, &r, key, 1, 1000009, &v));
    assert_false(deny_cache_get(c, &r, key, 1, 1000010, &v));
    deny_cache_put(c, &r, key, 2, &never, 0, 10);
    assert_true(deny_cache_get(c, &r, key, 2, 1000009, &v));
    assert_int_equal(v.retry_after_ms, LIMIT_NEVER);
    deny_cache_drop(c, &r, key);
    assert_false(deny_cache_get(c, &r, key, 2, 11, &v));
    deny_cache_free(c);
}

static void a_frequent_key_is_among_the_top_whatever_else_comes(void **state)
{
    static struct top top;
    struct rule r = make("a", 1, 1000000, RULE_LOG);
    struct bytes json;
    char key[32];

    (void)state;
    for (int i = 0; i < 10000; i++) {
        snprintf(key, sizeof key, "noise%d", i);
        top_add(&top, &r, span_str(key));
        if (i % 4 == 0)
            top_add(&top, &r, span_str("loud"));
    }
    bytes_init(&json);
    top_json(&top, &json);
    bytes_add(&json, "", 1);
    assert_non_null(strstr(json.ptr, "[{\"rule\":\"a\",\"key\":\"loud\","));
    bytes_close(&json);
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
        cmocka_unit_test(a_denial_is_remembered_until_it_may_be_over),
        cmocka_unit_test(a_denial_is_remembered_a_second_at_most),
        cmocka_unit_test(a_frequent_key_is_among_the_top_whatever_else_comes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
