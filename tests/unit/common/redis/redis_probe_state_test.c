#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/redis/redis_probe_state.h"

/* Both links up and settled at time 1,000; the first probe came back. */
static struct redis_probe_state live_at_1000(void)
{
    struct redis_probe_state s = {0};

    redis_probe_state_links(&s, true, true, true);
    assert_int_equal(redis_probe_state_step(&s, 1000), REDIS_PROBE_PUBLISH);
    redis_probe_state_answer(&s, 1000, true);
    redis_probe_state_heard(&s, 1000);
    assert_int_equal(redis_probe_state_upstream(&s, 1000), UPSTREAM_LIVE);
    return s;
}

static void nothing_connected_is_down_and_half_of_it_stale(void **state)
{
    struct redis_probe_state s = {0};

    (void)state;
    assert_int_equal(redis_probe_state_upstream(&s, 5), UPSTREAM_DOWN);
    redis_probe_state_links(&s, true, false, false);
    assert_int_equal(redis_probe_state_upstream(&s, 5), UPSTREAM_STALE);
    redis_probe_state_links(&s, false, true, true);
    assert_int_equal(redis_probe_state_upstream(&s, 5), UPSTREAM_STALE);
    assert_int_equal(redis_probe_state_step(&s, 5), REDIS_PROBE_WAIT);
}

static void a_new_subscription_is_tried_at_once(void **state)
{
    struct redis_probe_state s = {0};

    (void)state;
    redis_probe_state_links(&s, true, true, false);
    assert_int_equal(redis_probe_state_step(&s, 10), REDIS_PROBE_WAIT);
    redis_probe_state_links(&s, true, true, true);
    assert_int_equal(redis_probe_state_upstream(&s, 10), UPSTREAM_STALE);
    assert_int_equal(redis_probe_state_step(&s, 10), REDIS_PROBE_PUBLISH);
    /* another reconnect, right after */
    redis_probe_state_answer(&s, 11, false);
    redis_probe_state_links(&s, true, false, false);
    redis_probe_state_links(&s, true, true, true);
    assert_int_equal(redis_probe_state_step(&s, 12), REDIS_PROBE_PUBLISH);
}

static void traffic_makes_the_probe_unnecessary(void **state)
{
    struct redis_probe_state s = live_at_1000();

    (void)state;
    for (uint64_t now = 1000; now < 20000; now += 1400) {
        assert_int_equal(redis_probe_state_step(&s, now), REDIS_PROBE_WAIT);
        redis_probe_state_heard(&s, now);
    }
}

static void silence_is_probed_and_the_probe_keeps_it_live(void **state)
{
    struct redis_probe_state s = live_at_1000();

    (void)state;
    assert_int_equal(redis_probe_state_due(&s, 1000), 1000);
    assert_int_equal(redis_probe_state_step(&s, 2499), REDIS_PROBE_WAIT);
    assert_int_equal(redis_probe_state_due(&s, 2499), 1);
    assert_int_equal(redis_probe_state_step(&s, 2500), REDIS_PROBE_PUBLISH);
    redis_probe_state_answer(&s, 2501, true);
    redis_probe_state_heard(&s, 2501);
    assert_int_equal(redis_probe_state_upstream(&s, 2501), UPSTREAM_LIVE);
    assert_int_equal(redis_probe_state_upstream(&s, 5000), UPSTREAM_LIVE);
}

static void a_redis_that_hangs_is_stale_within_3_s(void **state)
{
    struct redis_probe_state s = live_at_1000();

    (void)state;
    assert_int_equal(redis_probe_state_step(&s, 2500), REDIS_PROBE_PUBLISH);
    assert_int_equal(redis_probe_state_due(&s, 2500), 1000);
    assert_int_equal(redis_probe_state_upstream(&s, 3499), UPSTREAM_LIVE);
    assert_int_equal(redis_probe_state_upstream(&s, 3500), UPSTREAM_STALE);
    /* nothing else is published, nothing dropped: the links see to that */
    for (uint64_t now = 3500; now < 9000; now += 100)
        assert_int_equal(redis_probe_state_step(&s, now), REDIS_PROBE_WAIT);
    redis_probe_state_answer(&s, 9000, true);
    redis_probe_state_heard(&s, 9000);
    assert_int_equal(redis_probe_state_upstream(&s, 9000), UPSTREAM_LIVE);
}

static void a_stalled_subscriber_is_dropped(void **state)
{
    struct redis_probe_state s = live_at_1000();

    (void)state;
    assert_int_equal(redis_probe_state_step(&s, 2500), REDIS_PROBE_PUBLISH);
    redis_probe_state_answer(&s, 2501, true);
    assert_int_equal(redis_probe_state_step(&s, 3500), REDIS_PROBE_WAIT);
    assert_int_equal(redis_probe_state_due(&s, 3500), 1);
    assert_int_equal(redis_probe_state_upstream(&s, 3500), UPSTREAM_STALE);
    assert_int_equal(redis_probe_state_step(&s, 3501), REDIS_PROBE_DROP);
}

/* Times at which a subscriber that stays stalled is dropped. */
static unsigned drops_within(uint64_t span_ms, uint64_t *last_gap_ms)
{
    struct redis_probe_state s = {0};
    unsigned drops = 0;
    uint64_t last = 0;

    redis_probe_state_links(&s, true, true, true);
    for (uint64_t now = 0; now < span_ms; now += 10) {
        switch (redis_probe_state_step(&s, now)) {
        case REDIS_PROBE_PUBLISH:
            redis_probe_state_answer(&s, now, true);
            break;
        case REDIS_PROBE_DROP:
            *last_gap_ms = now - last;
            last = now;
            drops++;
            redis_probe_state_links(&s, true, false, false);
            redis_probe_state_links(&s, true, true, true);
            break;
        case REDIS_PROBE_WAIT:
            break;
        }
    }
    return drops;
}

static void drops_of_a_stalled_subscriber_get_rarer(void **state)
{
    uint64_t gap_ms = 0;

    (void)state;
    assert_in_range(drops_within(10000, &gap_ms), 3, 5);
    assert_in_range(drops_within(600000, &gap_ms), 12, 18);
    assert_in_range(gap_ms, 60000, 63000);
}

static void a_publish_that_failed_proves_nothing(void **state)
{
    struct redis_probe_state s = live_at_1000();

    (void)state;
    assert_int_equal(redis_probe_state_step(&s, 2500), REDIS_PROBE_PUBLISH);
    redis_probe_state_answer(&s, 2500, false);
    for (uint64_t now = 2510; now < 3500; now += 10)
        assert_int_equal(redis_probe_state_step(&s, now), REDIS_PROBE_WAIT);
    assert_int_equal(redis_probe_state_step(&s, 3500), REDIS_PROBE_PUBLISH);
    assert_int_equal(redis_probe_state_upstream(&s, 3500), UPSTREAM_STALE);
}

static void a_message_that_overtakes_the_answer_counts(void **state)
{
    struct redis_probe_state s = live_at_1000();

    (void)state;
    assert_int_equal(redis_probe_state_step(&s, 2500), REDIS_PROBE_PUBLISH);
    redis_probe_state_heard(&s, 2501);
    redis_probe_state_answer(&s, 2502, true);
    assert_int_equal(redis_probe_state_step(&s, 3502), REDIS_PROBE_WAIT);
    assert_int_equal(redis_probe_state_upstream(&s, 3502), UPSTREAM_LIVE);
}

static void time_in_which_we_did_not_run_proves_nothing(void **state)
{
    struct redis_probe_state s = live_at_1000();

    (void)state;
    redis_probe_state_stalled(&s, 8000);
    assert_int_equal(redis_probe_state_upstream(&s, 9500), UPSTREAM_LIVE);
    assert_int_equal(redis_probe_state_upstream(&s, 11500), UPSTREAM_STALE);
}

static void a_reconnect_wants_to_be_heard_again(void **state)
{
    struct redis_probe_state s = live_at_1000();

    (void)state;
    redis_probe_state_links(&s, true, false, false);
    assert_int_equal(redis_probe_state_upstream(&s, 1100), UPSTREAM_STALE);
    redis_probe_state_links(&s, true, true, true);
    assert_int_equal(redis_probe_state_upstream(&s, 1200), UPSTREAM_STALE);
    assert_int_equal(redis_probe_state_step(&s, 1200), REDIS_PROBE_PUBLISH);
    redis_probe_state_heard(&s, 1201);
    assert_int_equal(redis_probe_state_upstream(&s, 1201), UPSTREAM_LIVE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_connected_is_down_and_half_of_it_stale),
        cmocka_unit_test(a_new_subscription_is_tried_at_once),
        cmocka_unit_test(traffic_makes_the_probe_unnecessary),
        cmocka_unit_test(silence_is_probed_and_the_probe_keeps_it_live),
        cmocka_unit_test(a_redis_that_hangs_is_stale_within_3_s),
        cmocka_unit_test(a_stalled_subscriber_is_dropped),
        cmocka_unit_test(drops_of_a_stalled_subscriber_get_rarer),
        cmocka_unit_test(a_publish_that_failed_proves_nothing),
        cmocka_unit_test(a_message_that_overtakes_the_answer_counts),
        cmocka_unit_test(time_in_which_we_did_not_run_proves_nothing),
        cmocka_unit_test(a_reconnect_wants_to_be_heard_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
