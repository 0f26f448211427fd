#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "wsgate/fanout/stream_pattern.h"

/* Four names: `native` and its view with an interval, `other`, `third`; two
 * patterns, `wide` over all and `narrow` over all but `third`. */
struct world {
    struct stream native, view, other, third;
    struct stream_pattern narrow, wide;
    struct group *group;
    uint64_t stamp;
};

enum keys { NAME = 1, NARROW = 2, WIDE = 4 };

static void start(struct world *w)
{
    *w = (struct world){.narrow = {.id = subscription_of_pattern(9, 1)},
                        .wide = {.id = subscription_of_pattern(2, 127)}};
    stream_init(&w->native, 1, 1, NULL);
    stream_init(&w->view, 2, 1, &w->native);
    stream_init(&w->other, 3, 1, NULL);
    stream_init(&w->third, 4, 1, NULL);
}

/* As the fanout does for a group that is new: in the order of its keys. */
static void make_group(struct world *w, unsigned keys)
{
    const uint64_t all[] = {subscription_key(w->view.id, false),
                            subscription_key(w->narrow.id, true),
                            subscription_key(w->wide.id, false)};
    uint64_t mine[3];
    uint32_t n = 0;

    assert_true(all[0] < all[1] && all[1] < all[2]);
    for (unsigned i = 0; i < 3; i++) {
        if (keys & 1u << i)
            mine[n++] = all[i];
    }
    w->group = group_new(mine, n);
    w->stamp++;
    if (keys & NAME) {
        w->native.linked = w->stamp;
        group_link(w->group, &w->view, all[0]);
    }
    if (keys & NARROW)
        stream_pattern_link(&w->narrow, w->group, true, w->stamp);
    if (keys & WIDE)
        stream_pattern_link(&w->wide, w->group, false, w->stamp);
}

/* As is done for a channel that is new. */
static void cover(struct world *w, struct stream *s)
{
    w->stamp++;
    if (s != &w->third)
        stream_pattern_cover(&w->narrow, s, w->stamp);
    stream_pattern_cover(&w->wide, s, w->stamp);
}

static void stop(struct world *w)
{
    stream_pattern_unlink(&w->narrow, w->group);
    stream_pattern_unlink(&w->wide, w->group);
    group_free(w->group);
    stream_pattern_close(&w->narrow);
    stream_pattern_close(&w->wide);
    assert_int_equal(w->native.covered + w->other.covered + w->third.covered,
                     0);
    assert_int_equal(w->native.n_links + w->view.n_links + w->other.n_links +
                         w->third.n_links,
                     0);
    stream_close(&w->native);
    stream_close(&w->view);
    stream_close(&w->other);
    stream_close(&w->third);
}

/* It comes to the group once, by this subscription and in its mode. */
static void comes_by(const struct world *w, const struct stream *s,
                     uint32_t subscription, bool all)
{
    assert_int_equal(s->n_links, 1);
    assert_ptr_equal(s->links[0].group, w->group);
    assert_int_equal(w->group->streams[s->links[0].at].subscription,
                     subscription);
    assert_int_equal(s->links[0].all, all);
}

static void a_group_gets_streams_covered_before_and_after_it_came(void **state)
{
    struct world w;

    (void)state;
    start(&w);
    cover(&w, &w.native);
    make_group(&w, NARROW);
    cover(&w, &w.other);
    cover(&w, &w.third);
    comes_by(&w, &w.native, w.narrow.id, true);
    comes_by(&w, &w.other, w.narrow.id, true);
    assert_int_equal(w.third.n_links, 0);
    stop(&w);
}

/* Whichever of its views: otherwise the message would come twice. */
static void what_a_group_names_it_does_not_get_by_a_pattern_too(void **state)
{
    struct world w;

    (void)state;
    start(&w);
    cover(&w, &w.native);
    make_group(&w, NAME | NARROW | WIDE);
    cover(&w, &w.other);
    comes_by(&w, &w.view, w.view.id, false);
    assert_int_equal(w.native.n_links, 0);
    comes_by(&w, &w.other, w.narrow.id, true);
    stop(&w);
}

static void of_two_patterns_the_narrower_counts_whoever_was_first(void **state)
{
    struct world w;

    (void)state;
    for (int group_first = 0; group_first < 2; group_first++) {
        start(&w);
        if (group_first)
            make_group(&w, NARROW | WIDE);
        cover(&w, &w.third);
        cover(&w, &w.native);
        cover(&w, &w.other);
        if (!group_first)
            make_group(&w, NARROW | WIDE);
        comes_by(&w, &w.native, w.narrow.id, true);
        comes_by(&w, &w.other, w.narrow.id, true);
        comes_by(&w, &w.third, w.wide.id, false);
        stop(&w);
    }
}

/* Two patterns at different intervals: two streams, but the same messages. */
static void views_of_one_channel_come_once(void **state)
{
    struct world w;

    (void)state;
    for (int group_first = 0; group_first < 2; group_first++) {
        start(&w);
        if (group_first)
            make_group(&w, NARROW | WIDE);
        w.stamp++;
        stream_pattern_cover(&w.narrow, &w.view, w.stamp);
        stream_pattern_cover(&w.wide, &w.native, w.stamp);
        if (!group_first)
            make_group(&w, NARROW | WIDE);
        comes_by(&w, &w.view, w.narrow.id, true);
        assert_int_equal(w.native.n_links, 0);
        stop(&w);
    }
}

static void a_stream_that_went_is_given_to_nobody_who_comes_later(void **state)
{
    struct world w;

    (void)state;
    start(&w);
    cover(&w, &w.native);
    cover(&w, &w.other);
    stream_pattern_forget(&w.narrow, &w.native);
    w.native.covered--; /* as it is closed */
    make_group(&w, NARROW);
    assert_int_equal(w.native.n_links, 0);
    assert_int_equal(w.other.n_links, 1);
    stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_gets_streams_covered_before_and_after_it_came),
        cmocka_unit_test(what_a_group_names_it_does_not_get_by_a_pattern_too),
        cmocka_unit_test(of_two_patterns_the_narrower_counts_whoever_was_first),
        cmocka_unit_test(views_of_one_channel_come_once),
        cmocka_unit_test(a_stream_that_went_is_given_to_nobody_who_comes_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
