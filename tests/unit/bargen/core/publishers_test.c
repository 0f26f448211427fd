#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bargen/core/publishers.h"

static enum seq_verdict take(struct publishers *s, uint64_t src, uint64_t seq)
{
    struct seq_span touched;

    return publishers_take(s, src, seq, (int64_t)seq * 10, &touched);
}

static void only_what_was_seen_is_a_repetition(void **state)
{
    struct publishers s = {0};

    (void)state;
    assert_int_equal(take(&s, 7, 10), SEQ_NEXT);
    assert_int_equal(take(&s, 7, 14), SEQ_JUMP);
    assert_int_equal(take(&s, 7, 12), SEQ_FILLED);
    assert_int_equal(take(&s, 7, 12), SEQ_SEEN);
    assert_int_equal(take(&s, 7, 10), SEQ_SEEN);
    assert_int_equal(take(&s, 7, 14), SEQ_SEEN);
    assert_int_equal(take(&s, 7, 13), SEQ_FILLED);
    assert_true(publishers_lost_in(&s, 100, 120));
    assert_int_equal(take(&s, 7, 11), SEQ_FILLED);
    assert_false(publishers_lost_in(&s, 0, 1000));
    assert_int_equal(s.last.n_older, 0);
    assert_int_equal(take(&s, 7, 9), SEQ_FILLED);
    assert_int_equal(take(&s, 7, 9), SEQ_SEEN);
    assert_false(publishers_lost_in(&s, 0, 1000));
    assert_int_equal(take(&s, 7, 15), SEQ_NEXT);
    publishers_close(&s);
}

static void any_order_is_taken_once(void **state)
{
    enum { N = 400, BLOCK = 20 };
    struct publishers s = {0};
    uint32_t x = 3;

    (void)state;
    for (unsigned at = 0; at < N; at += BLOCK) {
        uint64_t seq[BLOCK];

        for (unsigned i = 0; i < BLOCK; i++)
            seq[i] = at + i;
        for (unsigned i = BLOCK - 1; i > 0; i--) {
            unsigned j = (x = x * 1664525u + 1013904223u) % (i + 1);
            uint64_t t = seq[i];

            seq[i] = seq[j];
            seq[j] = t;
        }
        for (unsigned i = 0; i < BLOCK; i++) {
            assert_int_not_equal(take(&s, 1, seq[i]), SEQ_SEEN);
            assert_int_equal(take(&s, 1, seq[i / 2]), SEQ_SEEN);
        }
    }
    assert_int_equal(s.last.n_older, 0);
    assert_int_equal(s.last.newest.lo, 0);
    assert_int_equal(s.last.newest.hi, N - 1);
    publishers_close(&s);
}

static void sixteen_publishers_are_remembered(void **state)
{
    struct publishers s = {0};

    (void)state;
    for (uint64_t src = 1; src <= PUBLISHERS_MAX; src++)
        assert_int_equal(take(&s, src, 5), SEQ_NEXT);
    for (uint64_t src = 1; src <= PUBLISHERS_MAX; src++)
        assert_int_equal(take(&s, src, 5), SEQ_SEEN);
    take(&s, 1, 9);
    for (uint64_t src = 20; src < 20 + PUBLISHERS_MAX; src++)
        take(&s, src, 5);
    assert_int_equal(s.n_others, PUBLISHERS_MAX - 1);
    /* The first is forgotten; what it lacked stays lost. */
    assert_true(publishers_lost_in(&s, 60, 70));
    assert_int_equal(take(&s, 1, 5), SEQ_NEXT);
    publishers_close(&s);
}

static void holes_are_bounded_and_forgotten_ones_stay_lost(void **state)
{
    struct publishers s = {0};

    (void)state;
    for (uint64_t i = 1; i <= 100; i++)
        take(&s, 1, i * 2);
    assert_int_equal(s.last.n_older, PUBLISHER_OLDER_MAX);
    assert_int_equal(take(&s, 1, 3), SEQ_SEEN);
    assert_int_equal(take(&s, 1, 199), SEQ_FILLED);
    assert_true(publishers_lost_in(&s, 20, 40));
    assert_false(publishers_lost_in(&s, 2001, 3000));
    /* A new range in the midst, and below all, when there is no room. */
    take(&s, 1, 1000);
    take(&s, 1, 2000);
    assert_int_equal(take(&s, 1, 500), SEQ_FILLED);
    assert_int_equal(take(&s, 1, 500), SEQ_SEEN);
    assert_int_equal(take(&s, 1, 1000), SEQ_SEEN);
    publishers_close(&s);
    for (uint64_t i = 40; i > 0; i--)
        take(&s, 1, i * 2);
    assert_int_equal(s.last.n_older, PUBLISHER_OLDER_MAX);
    assert_int_equal(s.last.newest.hi, 80);
    publishers_close(&s);
}

static void numbers_may_end_at_the_largest(void **state)
{
    struct publishers s = {0};

    (void)state;
    assert_int_equal(take(&s, 1, UINT64_MAX), SEQ_NEXT);
    assert_int_equal(take(&s, 1, 0), SEQ_FILLED);
    assert_int_equal(take(&s, 1, 0), SEQ_SEEN);
    assert_int_equal(take(&s, 1, UINT64_MAX), SEQ_SEEN);
    publishers_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_was_seen_is_a_repetition),
        cmocka_unit_test(any_order_is_taken_once),
        cmocka_unit_test(sixteen_publishers_are_remembered),
        cmocka_unit_test(holes_are_bounded_and_forgotten_ones_stay_lost),
        cmocka_unit_test(numbers_may_end_at_the_largest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
