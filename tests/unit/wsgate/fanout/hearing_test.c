/* Which stream of several with the same messages a group hears, and who hears a
 * stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wsgate/fanout/hearing.h"

/* Four names: `native` and its view with an interval, `other`, `third`; two
 * patterns, `wide` over all and `narrow` over all but `third`. */
struct world {
    struct fanout fanout;
    struct stream native, view, other, third;
    struct stream_pattern narrow, wide;
    struct member member;
};

enum keys_of { NAME = 1, NARROW = 2, WIDE = 4 };

static ssize_t io_send(struct member *m, const struct iovec *iov, unsigned n)
{
    size_t sent = 0;

    (void)m;
    for (unsigned i = 0; i < n; i++)
        sent += iov[i].iov_len;
    return (ssize_t)sent;
}

static const struct fanout_io io = {.send = io_send};

static void start(struct world *w)
{
    static const struct fanout_limits limits = {1 << 16, 1 << 16, 1 << 16};

    *w = (struct world){.member = {.fd = -1}};
    fanout_init(&w->fanout, 4096, &limits, &io);
    fanout_add_pattern(&w->fanout, &w->wide, SUBSCRIPTION_RANK_MAX);
    fanout_add_pattern(&w->fanout, &w->narrow, 1);
    fanout_add_stream(&w->fanout, &w->native, NULL);
    fanout_add_stream(&w->fanout, &w->view, &w->native);
    fanout_add_stream(&w->fanout, &w->other, NULL);
    fanout_add_stream(&w->fanout, &w->third, NULL);
}

static void stop(struct world *w)
{
    fanout_forget(&w->fanout, &w->member);
    assert_int_equal(w->narrow.groups.n + w->wide.groups.n + w->native.links.n +
                         w->view.links.n,
                     0);
    fanout_remove_stream(&w->fanout, &w->view);
    fanout_remove_stream(&w->fanout, &w->native);
    fanout_remove_stream(&w->fanout, &w->other);
    fanout_remove_stream(&w->fanout, &w->third);
    fanout_remove_pattern(&w->fanout, &w->narrow);
    fanout_remove_pattern(&w->fanout, &w->wide);
    fanout_close(&w->fanout);
}

/* Its name is that of the view; the narrow pattern is `all`. */
static void subscribe(struct world *w, unsigned keys)
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
    fanout_subscribe(&w->fanout, &w->member, mine, n);
}

static void cover(struct world *w, struct stream *s)
{
    stream_pattern_cover(&w->fanout, &w->wide, s);
    if (s != &w->third)
        stream_pattern_cover(&w->fanout, &w->narrow, s);
}

static void count(void *arg, struct group *g, bool all)
{
    (void)g;
    (void)all;
    ++*(unsigned *)arg;
}

/* A frame of it comes so often. */
static void assert_comes(struct world *w, struct stream *s, unsigned times)
{
    uint64_t delivered = w->fanout.counters.delivered;
    unsigned groups = 0;

    hearing_each(&w->fanout, s, count, &groups);
    assert_int_equal(groups, times);
    assert_int_equal(hearing_members(&w->fanout, s), times);
    memcpy(fanout_room(&w->fanout, 4), "text", 4);
    fanout_add(&w->fanout, s, 0, 0, 4, 0, 4);
    fanout_flush(&w->fanout);
    assert_int_equal(w->fanout.counters.delivered - delivered, times);
}

/* It is heard by this subscription and in its mode. */
static void assert_heard(struct world *w, struct stream *s,
                         uint32_t subscription, bool all)
{
    struct hearing h = hearing_of(&w->fanout, group_keys(w->member.group), s);

    assert_ptr_equal(h.stream, s);
    assert_int_equal(h.subscription, subscription);
    assert_int_equal(h.all, all);
    assert_true(hearing_is_wanted(&w->fanout, s));
    assert_comes(w, s, 1);
}

static void a_group_hears_what_is_covered_before_and_after_it_came(void **state)
{
    struct world w;

    (void)state;
    start(&w);
    cover(&w, &w.native);
    subscribe(&w, NARROW);
    cover(&w, &w.other);
    cover(&w, &w.third);
    assert_heard(&w, &w.native, w.narrow.id, true);
    assert_heard(&w, &w.other, w.narrow.id, true);
    assert_comes(&w, &w.third, 0);
    assert_false(hearing_is_wanted(&w.fanout, &w.third));
    assert_true(hearing_is_brought(&w.fanout, &w.other));
    assert_false(hearing_is_brought(&w.fanout, &w.third));
    stop(&w);
}

/* Whichever of its views: otherwise the message would come twice. */
static void what_a_group_names_it_does_not_hear_by_a_pattern_too(void **state)
{
    struct world w;

    (void)state;
    start(&w);
    cover(&w, &w.native);
    subscribe(&w, NAME | NARROW | WIDE);
    cover(&w, &w.other);
    assert_heard(&w, &w.view, w.view.id, false);
    assert_comes(&w, &w.native, 0);
    assert_false(hearing_is_brought(&w.fanout, &w.native));
    assert_heard(&w, &w.other, w.narrow.id, true);
    stop(&w);
}

static void of_two_patterns_the_narrower_counts_whoever_was_first(void **state)
{
    struct world w;

    (void)state;
    for (int group_first = 0; group_first < 2; group_first++) {
        start(&w);
        if (group_first)
            subscribe(&w, NARROW | WIDE);
        cover(&w, &w.third);
        cover(&w, &w.native);
        cover(&w, &w.other);
        if (!group_first)
            subscribe(&w, NARROW | WIDE);
        assert_heard(&w, &w.native, w.narrow.id, true);
        assert_heard(&w, &w.other, w.narrow.id, true);
        assert_heard(&w, &w.third, w.wide.id, false);
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
            subscribe(&w, NARROW | WIDE);
        stream_pattern_cover(&w.fanout, &w.narrow, &w.view);
        stream_pattern_cover(&w.fanout, &w.wide, &w.native);
        if (!group_first)
            subscribe(&w, NARROW | WIDE);
        assert_heard(&w, &w.view, w.narrow.id, true);
        assert_comes(&w, &w.native, 0);
        stop(&w);
    }
}

static unsigned covered;

/* As pattern.c does. */
static void on_cover(void *arg, struct stream *root)
{
    struct world *w = arg;

    covered++;
    cover(w, root);
    root->looked = w->fanout.newest;
}

/* Of a pattern, when it is asked for; once, however often it is. */
static void a_stream_is_covered_when_it_matters(void **state)
{
    struct world w;

    (void)state;
    start(&w);
    w.fanout.cover = on_cover;
    w.fanout.cover_arg = &w;
    covered = 0;
    subscribe(&w, NAME);
    assert_ptr_equal(
        hearing_of(&w.fanout, group_keys(w.member.group), &w.native).stream,
        &w.view);
    assert_int_equal(covered, 0); /* it has no patterns */
    subscribe(&w, NARROW | WIDE);
    assert_int_equal(covered, 0);
    for (int i = 0; i < 3; i++)
        assert_heard(&w, &w.other, w.narrow.id, true);
    assert_int_equal(covered, 1);
    assert_heard(&w, &w.native, w.narrow.id, true);
    assert_int_equal(covered, 2);
    stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_group_hears_what_is_covered_before_and_after_it_came),
        cmocka_unit_test(what_a_group_names_it_does_not_hear_by_a_pattern_too),
        cmocka_unit_test(of_two_patterns_the_narrower_counts_whoever_was_first),
        cmocka_unit_test(views_of_one_channel_come_once),
        cmocka_unit_test(a_stream_is_covered_when_it_matters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
