#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* after those */
#include <cmocka.h>

#include "common/redis/redis_cmd.h"
#include "tests/unit/common/redis/fake_redis.h"
#include "wsgate/http/api_limit.h"

static bool reads(const char *text, int64_t limit, int64_t window_us,
                  enum rule_algorithm algorithm)
{
    struct rule r;

    return api_limit_parse(text, &r) && r.limit.limit == limit &&
           r.limit.window_us == window_us && r.algorithm == algorithm;
}

static void the_option_is_requests_per_time(void **state)
{
    static const char *const bad[] = {"100",  "100/60", "0/60s",
                                      "/60s", "-1/60s", "100/0s"};
    struct rule r;

    (void)state;
    assert_true(reads("100/60s", 100, 60000000, RULE_LOG));
    assert_true(reads("1/500ms", 1, 500000, RULE_LOG));
    assert_true(reads("1000/1s", 1000, 1000000, RULE_LOG));
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(api_limit_parse(bad[i], &r));
}

/* What the log would hold for them has no bound. */
static void large_limits_take_constant_memory(void **state)
{
    (void)state;
    assert_true(reads("1001/1s", 1001, 1000000, RULE_GCRA));
    assert_true(reads("1000000000/60s", 1000000000, 60000000, RULE_GCRA));
    /* share * window is above 2^53: half of it in half the time. */
    assert_true(reads("999999999/60s", 499999999, 30000000, RULE_GCRA) ||
                reads("999999999/60s", 249999999, 15000000, RULE_GCRA));
    assert_true(reads("1000/99999999999d", 1000,
                      INT64_C(36500) * 86400 * 1000000, RULE_LOG));
}

struct asked {
    struct outcome outcome;
    unsigned outcomes;
};

static void on_answer(void *arg, const struct outcome *o)
{
    struct asked *a = arg;

    a->outcome = *o;
    a->outcomes++;
}

static bool take(struct api_limit *l, const char *address)
{
    struct asked a = {0};

    api_limit_ask(l, address, on_answer, &a);
    assert_int_equal(a.outcomes, 1);
    assert_true(a.outcome.degraded);
    return a.outcome.allowed;
}

static struct api_limit *without_redis(uv_loop_t *loop, const char *text)
{
    struct err err = {0};
    struct api_limit *l;

    uv_loop_init(loop);
    l = api_limit_new(loop, "", text, &err);
    assert_non_null(l);
    return l;
}

static void end(struct api_limit *l, uv_loop_t *loop)
{
    api_limit_stop(l);
    uv_run(loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(loop), 0);
    api_limit_free(l);
}

static void each_address_has_its_own_limit(void **state)
{
    uv_loop_t loop;
    struct api_limit *l = without_redis(&loop, "2/60s");

    (void)state;
    assert_true(take(l, "10.0.0.1") && take(l, "10.0.0.1"));
    assert_false(take(l, "10.0.0.1"));
    assert_true(take(l, "10.0.0.2"));
    end(l, &loop);
}

static void a_denial_says_when_to_come_back(void **state)
{
    uv_loop_t loop;
    struct api_limit *l = without_redis(&loop, "1/60s");
    struct asked a = {0};

    (void)state;
    assert_true(take(l, "::1"));
    api_limit_ask(l, "::1", on_answer, &a);
    assert_false(a.outcome.allowed);
    assert_in_range(a.outcome.verdicts[0].retry_after_ms, 50000, 60000);
    assert_int_equal(a.outcome.verdicts[0].remaining, 0);
    end(l, &loop);
}

/* Addresses come from anybody. */
static void many_addresses_stay_within_the_bound(void **state)
{
    uv_loop_t loop;
    struct api_limit *l = without_redis(&loop, "1/60s");
    char address[48];

    (void)state;
    for (int i = 0; i < 3 * API_LIMIT_ADDRESSES_MAX; i++) {
        snprintf(address, sizeof address, "10.0.%d.%d", i >> 8, i & 255);
        assert_true(take(l, address));
        assert_false(take(l, address));
    }
    assert_true(take(l, "10.0.0.0"));
    end(l, &loop);
}

/* A name longer than any address is cut, not copied over something else. */
static void a_long_address_is_cut(void **state)
{
    uv_loop_t loop;
    struct api_limit *l = without_redis(&loop, "1/60s");
    char address[RULE_KEY_MAX + 100];

    (void)state;
    memset(address, 'x', sizeof address);
    address[sizeof address - 1] = '\0';
    assert_true(take(l, address));
    address[RULE_KEY_MAX] = '\0';
    assert_false(take(l, address));
    end(l, &loop);
}

static void on_ready(void *arg)
{
    *(bool *)arg = true;
}

/* False: an answer came too late. */
static bool asks_redis(struct fake *fake, struct api_limit *l,
                       const char *address, int times)
{
    for (int i = 0; i < times; i++) {
        struct asked a = {0};

        api_limit_ask(l, address, on_answer, &a);
        while (!a.outcomes)
            uv_run(&fake->loop, UV_RUN_ONCE);
        if (a.outcome.degraded)
            return false;
        assert_true(a.outcome.allowed);
    }
    return true;
}

/* --api-limit is not the limit of the rule in Redis: who may ask often there is
 * not denied for it when Redis stalls for a moment. */
static void what_redis_allowed_does_not_count_against_the_option(void **state)
{
    static const char *const answers[] = {
        "+PONG\r\n", "*5\r\n:1\r\n:5000\r\n:9\r\n:0\r\n:1\r\n", NULL};
    static const struct redis_cmd_events events = {.on_ready = on_ready};
    struct fake fake;
    struct redis_cmd *cmd;
    struct api_limit *l;
    struct err err = {0};
    char address[48];
    bool ready = false;
    int tries = 0;

    (void)state;
    fake_start(&fake, answers);
    cmd = redis_cmd_new(&fake.loop, &fake.config, NULL, &events, &ready);
    FAKE_RUN_UNTIL(&fake, ready);
    l = api_limit_new(&fake.loop, "", "2/60s", &err);
    api_limit_connect(l, cmd);
    do /* again for another, where this machine was too slow */
        snprintf(address, sizeof address, "10.0.0.%d", tries++);
    while (!asks_redis(&fake, l, address, 5));
    api_limit_stop(l);
    assert_true(take(l, address) && take(l, address));
    assert_false(take(l, address));
    redis_cmd_close(cmd, NULL, NULL);
    fake_stop(&fake);
    api_limit_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_option_is_requests_per_time),
        cmocka_unit_test(large_limits_take_constant_memory),
        cmocka_unit_test(each_address_has_its_own_limit),
        cmocka_unit_test(a_denial_says_when_to_come_back),
        cmocka_unit_test(many_addresses_stay_within_the_bound),
        cmocka_unit_test(a_long_address_is_cut),
        cmocka_unit_test(what_redis_allowed_does_not_count_against_the_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
