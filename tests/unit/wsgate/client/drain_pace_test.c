/* When each of n clients is let go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* after those */
#include <cmocka.h>

#include "wsgate/client/drain_pace.h"

enum { SECOND_US = 1000000 };

/* Asked every step_us, it lets n go; at[i] is when the one after i others
 * went. */
static void run(uint64_t n, uint64_t spread_us, uint64_t step_us, uint64_t *at)
{
    struct drain_pace p = drain_pace_start(spread_us);
    uint64_t gone = 0;

    for (uint64_t now_us = 0; gone < n; now_us += step_us) {
        assert_true(now_us < spread_us + step_us);
        for (uint64_t k = drain_pace_due(&p, now_us, n - gone); k > 0; k--)
            at[gone++] = now_us;
    }
}

static void the_one_after_i_others_goes_at_i_nths_of_the_time(void **state)
{
    static const uint64_t sizes[] = {1, 2, 3, 7, 100, 1000, 10000, 100000};
    static const uint64_t spreads_us[] = {100000, 4 * SECOND_US,
                                          20 * SECOND_US};
    const uint64_t step_us = 1000;
    uint64_t *at = malloc(100000 * sizeof *at);

    (void)state;
    assert_non_null(at);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (size_t k = 0; k < 3; k++) {
            uint64_t n = sizes[s], spread_us = spreads_us[k];

            run(n, spread_us, step_us, at);
            for (uint64_t i = 0; i < n; i++) {
                uint64_t want_us = i * spread_us / n;

                assert_in_range(at[i], want_us > 0 ? want_us - 1 : 0,
                                want_us + step_us);
            }
        }
    free(at);
}

/* No second of the drain sees more of them than another. */
static void each_part_of_the_time_sees_as_many(void **state)
{
    static uint64_t at[10000];
    unsigned bins[20] = {0};

    (void)state;
    run(10000, 20 * SECOND_US, 7000, at);
    for (unsigned i = 0; i < 10000; i++)
        bins[at[i] / SECOND_US]++;
    for (unsigned i = 0; i < 20; i++)
        assert_in_range(bins[i], 495, 505);
}

static void nobody_to_let_go_is_nobody_due(void **state)
{
    struct drain_pace p = drain_pace_start(4 * SECOND_US);

    (void)state;
    assert_int_equal(drain_pace_due(&p, 0, 0), 0);
    assert_int_equal(drain_pace_due(&p, 9 * SECOND_US, 0), 0);
}

static void without_time_all_go_at_once(void **state)
{
    struct drain_pace p = drain_pace_start(0);

    (void)state;
    assert_int_equal(drain_pace_due(&p, 0, 500), 500);
}

/* Half leave by themselves in the first second: the others are not hurried, and
 * no hole is left where those would have gone. */
static void who_remains_shares_the_time_that_remains(void **state)
{
    struct drain_pace p = drain_pace_start(4 * SECOND_US);
    uint64_t left = 100, now_us = 0;
    unsigned bins[4] = {0};

    (void)state;
    for (; left > 0; now_us += 1000) {
        uint64_t due;

        if (now_us == SECOND_US)
            left -= 30;
        due = drain_pace_due(&p, now_us, left);
        bins[now_us / SECOND_US] += (unsigned)due;
        left -= due;
    }
    assert_int_equal(bins[0], 25);
    for (unsigned i = 1; i < 4; i++)
        assert_in_range(bins[i], 14, 16); /* 45 in three seconds */
    assert_in_range(now_us, 3900000, 4 * SECOND_US);
}

/* A loop that was held up catches up, and goes on as planned. */
static void a_pause_is_made_up_for(void **state)
{
    struct drain_pace p = drain_pace_start(4 * SECOND_US);

    (void)state;
    assert_int_equal(drain_pace_due(&p, 0, 100), 1);
    assert_int_equal(drain_pace_due(&p, 2 * SECOND_US, 99), 50);
    assert_int_equal(drain_pace_due(&p, 2 * SECOND_US + 39000, 49), 0);
    assert_int_equal(drain_pace_due(&p, 2 * SECOND_US + 40000, 49), 1);
    assert_int_equal(drain_pace_due(&p, 60 * (uint64_t)SECOND_US, 48), 48);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_one_after_i_others_goes_at_i_nths_of_the_time),
        cmocka_unit_test(each_part_of_the_time_sees_as_many),
        cmocka_unit_test(nobody_to_let_go_is_nobody_due),
        cmocka_unit_test(without_time_all_go_at_once),
        cmocka_unit_test(who_remains_shares_the_time_that_remains),
        cmocka_unit_test(a_pause_is_made_up_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
