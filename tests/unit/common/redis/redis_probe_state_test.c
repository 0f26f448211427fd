#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/redis/redis_probe_state.h"

/* Both links up and settled at time 1,000; the first probe came back. */
static struct redis_probe_state live_at_1000(void)
{
    struct redis_probe_state s = {0};

    redis_probe_state_links(&s, 1000, true, true, true);
    assert_int_equal(redis_probe_state_step(&s, 1000), REDIS_PROBE_PUBLISH);
    redis_probe_state_answer(&s, 1000, REDIS_PROBE_ATTACHED);
    redis_probe_state_echo(&s, 1000);
    assert_int_equal(redis_probe_state_upstream(&s, 1000), UPSTREAM_LIVE);
    return s;
}

static void nothing_connected_is_down_and_half_of_it_stale(void **state)
{
    struct redis_probe_state s = {0};

    (void)state;
    assert_int_equal(redis_probe_state_upstream(&s, 5), UPSTREAM_DOWN);
    redis_probe_state_links(&s, 5, true, false, false);
    assert_int_equal(redis_probe_state_upstream(&s, 5), UPSTREAM_STALE);
    redis_probe_state_links(&s, 5, false, true, true);
    assert_int_equal(redis_probe_state_upstream(&s, 5), UPSTREAM_STALE);
    assert_int_equal(redis_probe_state_step(&s, 5), REDIS_PROBE_WAIT);
}

static void a_new_subscription_is_tried_at_once(void **state)
{
    struct redis_probe_state s = {0};

    (void)state;
    redis_probe_state_links(&s, 10, true, true, false);
    assert_int_equal(redis_probe_state_step(&s, 10), REDIS_PROBE_WAIT);
    redis_probe_state_links(&s, 10, true, true, true);
    assert_int_equal(redis_probe_state_upstream(&s, 10), UPSTREAM_STALE);
    assert_int_equal(redis_probe_state_step(&s, 10), REDIS_PROBE_PUBLISH);
    /* another reconnect, right after */
    redis_probe_state_answer(&s, 11, REDIS_PROBE_FAILED);
    redis_probe_state_links(&s, 11, true, false, false);
    redis_probe_state_links(&s, 12, true, true, true);
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
    redis_probe_state_answer(&s, 2501, REDIS_PROBE_ATTACHED);
    redis_probe_state_echo(&s, 2501);
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
    redis_probe_state_answer(&s, 9000, REDIS_PROBE_ATTACHED);
    redis_probe_state_echo(&s, 9000);
    assert_int_equal(redis_probe_state_upstream(&s, 9000), UPSTREAM_LIVE);
}

static void a_stalled_subscriber_is_dropped(void **state)
{
    struct redis_probe_state s = live_at_1000();

    (void)state;
    assert_int_equal(redis_probe_state_step(&s, 2500), REDIS_PROBE_PUBLISH);
    redis_probe_state_answer(&s, 2501, REDIS_PROBE_ATTACHED);
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

    redis_probe_state_links(&s, 0, true, true, true);
    for (uint64_t now = 0; now < span_ms; now += 10) {
        switch (redis_probe_state_step(&s, now)) {
        case REDIS_PROBE_PUBLISH:
            redis_probe_state_answer(&s, now, REDIS_PROBE_ATTACHED);
            break;
        case REDIS_PROBE_DROP:
            *last_gap_ms = now - last;
            last = now;
            drops++;
            redis_probe_state_links(&s, now, true, false, false);
            redis_probe_state_links(&s, now, true, true, true);
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
    redis_probe_state_answer(&s, 2500, REDIS_PROBE_FAILED);
    for (uint64_t now = 2510; now < 3500; now += 10)
        assert_int_equal(redis_probe_state_step(&s, now), REDIS_PROBE_WAIT);
    assert_int_equal(redis_probe_state_step(&s, 3500), REDIS_PROBE_PUBLISH);
    assert_int_equal(redis_probe_state_upstream(&s, 3500), UPSTREAM_STALE);
}

static void an_echo_that_overtakes_the_answer_counts(void **state)
{
    struct redis_probe_state s = live_at_1000();

    (void)state;
    assert_int_equal(redis_probe_state_step(&s, 2500), REDIS_PROBE_PUBLISH);
    redis_probe_state_echo(&s, 2501);
    redis_probe_state_answer(&s, 2502, REDIS_PROBE_ATTACHED);
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
    redis_probe_state_links(&s, 1100, true, false, false);
    assert_int_equal(redis_probe_state_upstream(&s, 1100), UPSTREAM_STALE);
    redis_probe_state_links(&s, 1200, true, true, true);
    assert_int_equal(redis_probe_state_upstream(&s, 1200), UPSTREAM_STALE);
    assert_int_equal(redis_probe_state_step(&s, 1200), REDIS_PROBE_PUBLISH);
    /* What came in is of this node, but of which kind is it? */
    redis_probe_state_echo(&s, 1201);
    assert_int_equal(redis_probe_state_upstream(&s, 1201), UPSTREAM_STALE);
    redis_probe_state_answer(&s, 1201, REDIS_PROBE_ATTACHED);
    assert_int_equal(redis_probe_state_upstream(&s, 1201), UPSTREAM_LIVE);
}

/* Every 10 ms until `until`: what the links do for an answer that is always the
 * same, and messages every `every` ms (0: none).  The changes of state. */
struct changes {
    unsigned count;
    uint64_t last_ms;
    enum upstream_state now;
};

static struct changes run(struct redis_probe_state *s, uint64_t from,
                          uint64_t until, enum redis_probe_answer answer,
                          uint64_t every)
{
    struct changes c = {.now = redis_probe_state_upstream(s, from)};

    for (uint64_t now = from; now < until; now += 10) {
        enum upstream_state is;

        if (every > 0 && now % every == 0)
            redis_probe_state_heard(s, now);
        if (redis_probe_state_step(s, now) == REDIS_PROBE_PUBLISH) {
            if (answer != REDIS_PROBE_FAILED)
                redis_probe_state_echo(s, now);
            redis_probe_state_answer(s, now, answer);
        }
        is = redis_probe_state_upstream(s, now);
        if (is == c.now)
            continue;
        c.now = is;
        c.last_ms = now;
        c.count++;
    }
    return c;
}

static void echoes_of_a_detached_node_prove_nothing(void **state)
{
    struct redis_probe_state s = live_at_1000();
    struct changes c;

    (void)state;
    c = run(&s, 1000, 30000, REDIS_PROBE_DETACHED, 0);
    assert_int_equal(c.now, UPSTREAM_STALE);
    assert_int_equal(c.count, 1);
    assert_in_range(c.last_ms, 2500, 4000);
    /* nor do others of our own */
    redis_probe_state_echo(&s, 30000);
    assert_int_equal(redis_probe_state_upstream(&s, 30000), UPSTREAM_STALE);
    c = run(&s, 30000, 60000, REDIS_PROBE_ATTACHED, 0);
    assert_int_equal(c.now, UPSTREAM_LIVE);
    assert_int_equal(c.count, 1);
    assert_in_range(c.last_ms, 30000, 31100);
}

/* As long as a connection is new, nobody knows what its node is. */
static void a_detached_node_is_not_live_for_a_moment(void **state)
{
    struct redis_probe_state s = {0};
    struct changes c;

    (void)state;
    redis_probe_state_links(&s, 0, true, true, true);
    c = run(&s, 0, 20000, REDIS_PROBE_DETACHED, 0);
    assert_int_equal(c.count, 0);
    redis_probe_state_links(&s, 20000, false, true, true);
    redis_probe_state_links(&s, 20000, true, true, true);
    assert_int_equal(redis_probe_state_step(&s, 20000), REDIS_PROBE_PUBLISH);
    redis_probe_state_echo(&s, 20001);
    assert_int_equal(redis_probe_state_upstream(&s, 20001), UPSTREAM_STALE);
    redis_probe_state_answer(&s, 20002, REDIS_PROBE_DETACHED);
    assert_int_equal(redis_probe_state_upstream(&s, 20002), UPSTREAM_STALE);
}

static void messages_keep_a_detached_node_live(void **state)
{
    struct redis_probe_state s = live_at_1000();

    (void)state;
    assert_int_equal(run(&s, 1000, 60000, REDIS_PROBE_DETACHED, 2000).count, 0);
    assert_int_equal(redis_probe_state_upstream(&s, 60000), UPSTREAM_LIVE);
}

static void rare_messages_do_not_make_a_detached_node_flap(void **state)
{
    struct redis_probe_state s = live_at_1000();
    struct changes c;

    (void)state;
    c = run(&s, 1000, 60000, REDIS_PROBE_DETACHED, 3000);
    assert_int_equal(c.now, UPSTREAM_STALE);
    assert_int_equal(c.count, 1);
    /* more of them, for 3 s */
    c = run(&s, 60000, 80000, REDIS_PROBE_DETACHED, 2000);
    assert_int_equal(c.now, UPSTREAM_LIVE);
    assert_int_equal(c.count, 1);
    assert_in_range(c.last_ms, 63000, 64000);
    c = run(&s, 80000, 90000, REDIS_PROBE_DETACHED, 0);
    assert_int_equal(c.count, 1);
    assert_in_range(c.last_ms, 80000, 82500);
}

static void what_we_publish_besides_does_not_hide_a_detached_node(void **state)
{
    struct redis_probe_state s = live_at_1000();
    uint64_t stale_ms = 0;

    (void)state;
    for (uint64_t now = 1000; now < 10000; now += 100) {
        if (redis_probe_state_step(&s, now) == REDIS_PROBE_PUBLISH)
            redis_probe_state_answer(&s, now, REDIS_PROBE_DETACHED);
        redis_probe_state_echo(&s, now);
        if (stale_ms == 0 &&
            redis_probe_state_upstream(&s, now) == UPSTREAM_STALE)
            stale_ms = now;
        assert_true(stale_ms == 0 ||
                    redis_probe_state_upstream(&s, now) == UPSTREAM_STALE);
    }
    assert_in_range(stale_ms, 1000, 3000);
}

static void messages_are_enough_while_the_command_link_is_lost(void **state)
{
    struct redis_probe_state s = live_at_1000();

    (void)state;
    redis_probe_state_links(&s, 1100, false, true, true);
    for (uint64_t now = 2000; now < 60000; now += 2000) {
        redis_probe_state_heard(&s, now);
        assert_int_equal(redis_probe_state_step(&s, now), REDIS_PROBE_WAIT);
        assert_int_equal(redis_probe_state_upstream(&s, now), UPSTREAM_LIVE);
        assert_int_equal(redis_probe_state_upstream(&s, now + 1999),
                         UPSTREAM_LIVE);
    }
}

static void silence_without_a_command_link_is_stale(void **state)
{
    struct redis_probe_state s = live_at_1000();

    (void)state;
    redis_probe_state_links(&s, 1100, false, true, true);
    assert_int_equal(redis_probe_state_due(&s, 3000), 500);
    assert_int_equal(redis_probe_state_upstream(&s, 3499), UPSTREAM_LIVE);
    assert_int_equal(redis_probe_state_upstream(&s, 3500), UPSTREAM_STALE);
    /* A message now and then changes nothing: nobody can say what is between. */
    assert_int_equal(run(&s, 6000, 60000, REDIS_PROBE_FAILED, 3000).count, 0);
    redis_probe_state_links(&s, 60000, true, true, true);
    assert_int_equal(run(&s, 60000, 70000, REDIS_PROBE_ATTACHED, 0).last_ms,
                     60000);
    assert_int_equal(redis_probe_state_upstream(&s, 70000), UPSTREAM_LIVE);
}

static void a_command_link_that_comes_back_at_once_changes_nothing(void **state)
{
    struct redis_probe_state s = live_at_1000();

    (void)state;
    for (uint64_t now = 1010; now < 60000; now += 500) {
        redis_probe_state_links(&s, now, false, true, true);
        assert_int_equal(redis_probe_state_upstream(&s, now), UPSTREAM_LIVE);
        redis_probe_state_links(&s, now + 100, true, true, true);
        assert_int_equal(
            run(&s, now + 100, now + 500, REDIS_PROBE_ATTACHED, 0).count, 0);
    }
}

/* A feed that is busy from the start needs no probe, but for the ROLE. */
static void a_new_command_link_is_tried_whatever_comes(void **state)
{
    struct redis_probe_state s = {0};

    (void)state;
    redis_probe_state_links(&s, 0, false, true, true);
    redis_probe_state_heard(&s, 10);
    assert_int_equal(redis_probe_state_upstream(&s, 10), UPSTREAM_STALE);
    redis_probe_state_links(&s, 20, true, true, true);
    redis_probe_state_heard(&s, 20);
    assert_int_equal(redis_probe_state_step(&s, 20), REDIS_PROBE_PUBLISH);
    redis_probe_state_answer(&s, 21, REDIS_PROBE_ATTACHED);
    assert_int_equal(redis_probe_state_upstream(&s, 21), UPSTREAM_LIVE);
    redis_probe_state_heard(&s, 500);
    assert_int_equal(redis_probe_state_step(&s, 1900), REDIS_PROBE_WAIT);
    assert_int_equal(redis_probe_state_step(&s, 2000), REDIS_PROBE_PUBLISH);
}

/* Its answer says nothing about the subscription link that is there now. */
static void a_probe_of_an_earlier_link_drops_no_later_one(void **state)
{
    struct redis_probe_state s = live_at_1000();

    (void)state;
    assert_int_equal(redis_probe_state_step(&s, 2500), REDIS_PROBE_PUBLISH);
    redis_probe_state_links(&s, 2600, true, false, false);
    redis_probe_state_links(&s, 2700, true, true, true);
    redis_probe_state_answer(&s, 2800, REDIS_PROBE_ATTACHED);
    assert_int_equal(redis_probe_state_upstream(&s, 2800), UPSTREAM_STALE);
    assert_int_equal(redis_probe_state_step(&s, 2800), REDIS_PROBE_PUBLISH);
    redis_probe_state_echo(&s, 2801);
    redis_probe_state_answer(&s, 2801, REDIS_PROBE_ATTACHED);
    assert_int_equal(redis_probe_state_upstream(&s, 2801), UPSTREAM_LIVE);
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
        cmocka_unit_test(an_echo_that_overtakes_the_answer_counts),
        cmocka_unit_test(time_in_which_we_did_not_run_proves_nothing),
        cmocka_unit_test(a_reconnect_wants_to_be_heard_again),
        cmocka_unit_test(echoes_of_a_detached_node_prove_nothing),
        cmocka_unit_test(a_detached_node_is_not_live_for_a_moment),
        cmocka_unit_test(messages_keep_a_detached_node_live),
        cmocka_unit_test(rare_messages_do_not_make_a_detached_node_flap),
        cmocka_unit_test(what_we_publish_besides_does_not_hide_a_detached_node),
        cmocka_unit_test(messages_are_enough_while_the_command_link_is_lost),
        cmocka_unit_test(silence_without_a_command_link_is_stale),
        cmocka_unit_test(
            a_command_link_that_comes_back_at_once_changes_nothing),
        cmocka_unit_test(a_new_command_link_is_tried_whatever_comes),
        cmocka_unit_test(a_probe_of_an_earlier_link_drops_no_later_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
