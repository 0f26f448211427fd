/* Which patterns a stream notes, and which of those it still has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wsgate/fanout/fanout.h"

static struct fanout f;

static void start(struct stream *s)
{
    static const struct fanout_limits limits = {1 << 16, 1 << 16, 1 << 16};

    fanout_init(&f, 4096, &limits, NULL);
    fanout_add_stream(&f, s, NULL);
}

static void stop(struct stream *s)
{
    fanout_remove_stream(&f, s);
    fanout_close(&f);
}

static void a_stream_has_narrow_patterns_before_wide_ones(void **state)
{
    static const unsigned ranks[] = {3, 0, SUBSCRIPTION_RANK_MAX, 1, 3, 2};
    enum { N = sizeof ranks / sizeof *ranks };
    struct stream_pattern p[N];
    struct stream s;

    (void)state;
    start(&s);
    for (int i = 0; i < N; i++) {
        fanout_add_pattern(&f, &p[i], ranks[i]);
        stream_pattern_cover(&f, &p[i], &s);
    }
    assert_int_equal(s.n_covers, N);
    for (int i = 1; i < N; i++)
        assert_true(s.covers[i - 1].pattern < s.covers[i].pattern);
    for (int i = 0; i < N; i++)
        fanout_remove_pattern(&f, &p[i]);
    stop(&s);
}

/* The next one gets its place and, where it is as wide, its id. */
static void a_pattern_is_not_taken_for_the_one_before_it(void **state)
{
    struct stream_pattern first, second;
    struct stream s;

    (void)state;
    start(&s);
    fanout_add_pattern(&f, &first, 1);
    stream_pattern_cover(&f, &first, &s);
    assert_ptr_equal(stream_pattern_of(&f, &s.covers[0]), &first);
    fanout_remove_pattern(&f, &first);
    assert_null(stream_pattern_of(&f, &s.covers[0]));
    fanout_add_pattern(&f, &second, 1);
    assert_int_equal(second.id, s.covers[0].pattern);
    assert_null(stream_pattern_of(&f, &s.covers[0]));
    fanout_remove_pattern(&f, &second);
    stop(&s);
}

static void patterns_that_are_gone_give_their_room_away(void **state)
{
    struct stream_pattern stays, comes;
    struct stream s;

    (void)state;
    start(&s);
    fanout_add_pattern(&f, &stays, 2);
    stream_pattern_cover(&f, &stays, &s);
    for (int i = 0; i < 1000; i++) {
        fanout_add_pattern(&f, &comes, 1);
        stream_pattern_cover(&f, &comes, &s);
        fanout_remove_pattern(&f, &comes);
    }
    assert_true(s.cap_covers <= 4);
    assert_ptr_equal(stream_pattern_of(&f, &s.covers[s.n_covers - 1]), &stays);
    fanout_remove_pattern(&f, &stays);
    stop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_has_narrow_patterns_before_wide_ones),
        cmocka_unit_test(a_pattern_is_not_taken_for_the_one_before_it),
        cmocka_unit_test(patterns_that_are_gone_give_their_room_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
