#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/limit/limit_local.h"
#include "tests/unit/common/limit/rule_of.h"

enum { SECOND_US = 1000000 };

static struct limit_store *store;
static struct outcome o;

static bool degrade(const struct rule *const *rules, unsigned n,
                    enum limit_mode mode, int64_t now_us, unsigned instances)
{
    struct limit_check q = {rules, n, span_str("k"), 1, mode, now_us};

    limit_local_degrade(store, &q, instances, span_str("test"), &o);
    assert_true(o.degraded && o.source == OUTCOME_LOCAL && o.n == n);
    return o.allowed;
}

static bool check(const struct rule *rule, int64_t now_us, unsigned instances)
{
    return degrade(&rule, 1, LIMIT_CHECK, now_us, instances);
}

/* All of a window at its very end, and as much at the beginning of the next: a
 * counter of fixed windows admits both. */
static void no_window_of_its_length_admits_more_than_the_limit(void **state)
{
    struct rule r = rule_of("api", 100, 60 * SECOND_US, RULE_LOG);
    unsigned admitted = 0;

    (void)state;
    r.on_error = RULE_LOCAL;
    store = limit_store_new(100);
    (void)check(&r, 1, 1);
    for (int64_t ms = 60000; ms < 62000; ms++)
        admitted += check(&r, ms * 1000, 1);
    assert_int_equal(admitted, 100);
    limit_store_free(store);
}

static void a_local_limit_is_shared_but_never_nothing(void **state)
{
    struct rule r = rule_of("api", 10, SECOND_US, RULE_LOG);
    struct rule none = rule_of("none", 0, SECOND_US, RULE_LOG);
    struct rule big = rule_of("big", 100, SECOND_US, RULE_GCRA);

    (void)state;
    r.on_error = none.on_error = big.on_error = RULE_LOCAL;
    store = limit_store_new(100);
    assert_true(check(&r, 1, 3));
    assert_int_equal(o.verdicts[0].limit, 3);
    assert_true(check(&r, 1, 3) && check(&r, 1, 3));
    assert_false(check(&r, 1, 3));
    assert_int_equal(o.verdicts[0].retry_after_ms, 1000);
    assert_true(check(&r, SECOND_US + 1, 1000));
    assert_int_equal(o.verdicts[0].limit, 1);
    assert_false(check(&none, 1, 1));
    assert_true(check(&big, 1, 7));
    assert_int_equal(o.verdicts[0].limit, 14);
    assert_int_equal(o.verdicts[0].remaining, 13);
    limit_store_free(store);
}

static void each_rule_says_what_holds_without_redis(void **state)
{
    struct rule allow = rule_of("free", 1, SECOND_US, RULE_LOG);
    struct rule deny = rule_of("orders", 10, SECOND_US, RULE_LOG);

    (void)state;
    allow.on_error = RULE_ALLOW;
    deny.on_error = RULE_DENY;
    store = limit_store_new(100);
    assert_true(check(&allow, 1, 1) && check(&allow, 1, 1));
    assert_false(check(&deny, 1, 1));
    assert_int_equal(o.verdicts[0].retry_after_ms, 1000);
    assert_int_equal(o.verdicts[0].limit, 10);
    deny.shadow = true;
    assert_true(check(&deny, 1, 1));
    assert_int_equal(limit_store_count(store), 0);
    limit_store_free(store);
}

/* Or a caller that is denied anyway would use up its other limits. */
static void what_one_rule_denies_is_charged_to_no_other(void **state)
{
    struct rule local = rule_of("api", 1, SECOND_US, RULE_LOG);
    struct rule deny = rule_of("orders", 10, SECOND_US, RULE_LOG);
    const struct rule *both[] = {&local, &deny};

    (void)state;
    local.on_error = RULE_LOCAL;
    deny.on_error = RULE_DENY;
    store = limit_store_new(100);
    assert_false(degrade(both, 2, LIMIT_CHECK, 1, 1));
    assert_true(o.verdicts[0].allowed);
    assert_int_equal(limit_store_count(store), 0);
    assert_true(check(&local, 1, 1));
    assert_false(check(&local, 1, 1));
    limit_store_free(store);
}

static void a_peek_charges_nothing_and_a_reset_forgets(void **state)
{
    struct rule r = rule_of("api", 1, SECOND_US, RULE_LOG);
    const struct rule *rule = &r;

    (void)state;
    r.on_error = RULE_LOCAL;
    store = limit_store_new(100);
    assert_true(degrade(&rule, 1, LIMIT_PEEK, 1, 1));
    assert_int_equal(limit_store_count(store), 0);
    assert_true(check(&r, 1, 1));
    assert_false(degrade(&rule, 1, LIMIT_PEEK, 1, 1));
    assert_true(degrade(&rule, 1, LIMIT_RESET, 1, 1));
    assert_true(check(&r, 1, 1));
    limit_store_free(store);
}

static void what_redis_allowed_counts_here(void **state)
{
    struct rule r = rule_of("api", 2, SECOND_US, RULE_LOG);
    const struct rule *rule = &r;
    struct limit_check q = {&rule, 1, span_str("k"), 1, LIMIT_CHECK, 1};

    (void)state;
    store = limit_store_new(100);
    r.on_error = RULE_DENY; /* keeps nothing: it would never be looked at */
    limit_local_note(store, &q);
    assert_int_equal(limit_store_count(store), 0);
    r.on_error = RULE_LOCAL;
    limit_local_note(store, &q);
    limit_local_note(store, &q);
    assert_false(check(&r, SECOND_US, 1));
    assert_true(check(&r, SECOND_US + 1, 1));
    limit_store_free(store);
}

static void without_redis_each_rule_has_its_whole_limit(void **state)
{
    struct rule r = rule_of("orders", 2, SECOND_US, RULE_LOG);
    const struct rule *rule = &r;
    struct limit_check q = {&rule, 1, span_str("k"), 2, LIMIT_CHECK, 1};

    (void)state;
    r.on_error = RULE_DENY;
    store = limit_store_new(100);
    limit_local_decide(store, &q, &o);
    assert_true(o.allowed && !o.degraded && o.source == OUTCOME_LOCAL);
    assert_int_equal(o.verdicts[0].remaining, 0);
    limit_local_decide(store, &q, &o);
    assert_false(o.allowed);
    limit_store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_window_of_its_length_admits_more_than_the_limit),
        cmocka_unit_test(a_local_limit_is_shared_but_never_nothing),
        cmocka_unit_test(each_rule_says_what_holds_without_redis),
        cmocka_unit_test(what_one_rule_denies_is_charged_to_no_other),
        cmocka_unit_test(a_peek_charges_nothing_and_a_reset_forgets),
        cmocka_unit_test(what_redis_allowed_counts_here),
        cmocka_unit_test(without_redis_each_rule_has_its_whole_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
