#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
/* after those */
#include <cmocka.h>

#include "wsgate/http/limit_local.h"

static void the_option_is_requests_per_time(void **state)
{
    int64_t limit = 0;
    int64_t window_ms = 0;

    (void)state;
    assert_true(limit_local_parse("100/60s", &limit, &window_ms));
    assert_int_equal(limit, 100);
    assert_int_equal(window_ms, 60000);
    assert_true(limit_local_parse("1/500ms", &limit, &window_ms));
    assert_int_equal(window_ms, 500);
    assert_false(limit_local_parse("100", &limit, &window_ms));
    assert_false(limit_local_parse("100/60", &limit, &window_ms));
    assert_false(limit_local_parse("0/60s", &limit, &window_ms));
    assert_false(limit_local_parse("/60s", &limit, &window_ms));
    assert_false(limit_local_parse("-1/60s", &limit, &window_ms));
    assert_false(limit_local_parse("100/0s", &limit, &window_ms));
}

static bool take(struct limit_local *l, const char *address, uint64_t now_ms)
{
    int64_t remaining;
    int64_t reset_ms;

    return limit_local_take(l, limit_local_of(l, address, now_ms), now_ms,
                            &remaining, &reset_ms);
}

static void each_address_has_its_own_window(void **state)
{
    struct limit_local l;

    (void)state;
    limit_local_init(&l, 2, 1000);
    assert_true(take(&l, "10.0.0.1", 5000));
    assert_true(take(&l, "10.0.0.1", 5500));
    assert_false(take(&l, "10.0.0.1", 5999));
    assert_true(take(&l, "10.0.0.2", 5999));
    assert_true(take(&l, "10.0.0.1", 6000));
    limit_local_close(&l);
}

static void a_denial_says_when_to_come_back(void **state)
{
    struct limit_local l;
    struct local_entry *e;
    int64_t remaining = -1;
    int64_t reset_ms = -1;

    (void)state;
    limit_local_init(&l, 1, 1000);
    e = limit_local_of(&l, "::1", 5000);
    assert_true(limit_local_take(&l, e, 5000, &remaining, &reset_ms));
    assert_int_equal(remaining, 0);
    assert_int_equal(reset_ms, 1000);
    assert_false(limit_local_take(&l, e, 5400, &remaining, &reset_ms));
    assert_int_equal(reset_ms, 600);
    limit_local_close(&l);
}

static void the_quietest_address_gives_way(void **state)
{
    struct limit_local l;
    char address[LOCAL_ADDRESS_MAX];

    (void)state;
    limit_local_init(&l, 1, 1000000);
    for (int i = 0; i < 100000; i++) {
        snprintf(address, sizeof address, "10.%d.%d.%d", i >> 16, i >> 8 & 255,
                 i & 255);
        take(&l, address, 1000 + (uint64_t)i);
    }
    assert_false(take(&l, address, 101001));
    assert_true(take(&l, "10.0.0.0", 101002));
    limit_local_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_option_is_requests_per_time),
        cmocka_unit_test(each_address_has_its_own_window),
        cmocka_unit_test(a_denial_says_when_to_come_back),
        cmocka_unit_test(the_quietest_address_gives_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
