#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/limit/deny_cache.h"
#include "tests/unit/common/base/collisions.h"
#include "tests/unit/common/limit/rule_of.h"

enum { KEYS = 64 };

static void a_denial_is_remembered_until_it_may_be_over(void **state)
{
    struct deny_cache *c = deny_cache_new();
    struct rule r = rule_of("a", 1, 1000000, RULE_LOG);
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
    struct rule r = rule_of("a", 1, 60000000, RULE_LOG);
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

static uint64_t hash_of_key(struct span key)
{
    return hash_pair(span_str("a"), key);
}

/* Of the denials of all keys, how many are remembered. */
static unsigned remembered_under(struct hash_secret secret,
                                 char (*keys)[COLLISIONS_NAME])
{
    struct deny_cache *c = deny_cache_new();
    struct rule r = rule_of("a", 1, 60000000, RULE_LOG);
    struct verdict denied = {.limit = 1, .retry_after_ms = 60000}, v;
    unsigned n = 0;

    hash_secret = secret;
    for (unsigned i = 0; i < KEYS; i++)
        deny_cache_put(c, &r, span_str(keys[i]), 1, &denied, 0, 10);
    for (unsigned i = 0; i < KEYS; i++)
        n += deny_cache_get(c, &r, span_str(keys[i]), 1, 11, &v);
    deny_cache_free(c);
    return n;
}

/* Who could choose his keys so would have each of them asked for in Redis. */
static void
keys_chosen_for_one_place_share_none_under_another_secret(void **state)
{
    static char keys[KEYS][COLLISIONS_NAME];

    (void)state;
    hash_secret = collisions_known;
    collisions_choose(keys, KEYS, hash_of_key, DENY_CACHE_SLOTS);
    assert_int_equal(remembered_under(collisions_known, keys), 1);
    assert_true(remembered_under(collisions_other, keys) > KEYS - 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_denial_is_remembered_until_it_may_be_over),
        cmocka_unit_test(a_denial_is_remembered_a_second_at_most),
        cmocka_unit_test(
            keys_chosen_for_one_place_share_none_under_another_secret),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
