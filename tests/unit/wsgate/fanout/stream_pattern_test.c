#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "wsgate/fanout/stream_pattern.h"

static const uint32_t PATTERN = 7 | SUBSCRIPTION_PATTERN;

struct world {
    struct stream native, view, other; /* view: of native's name */
    struct stream_pattern pattern;
    struct group *group;
};

static void start(struct world *w, bool names_view)
{
    const uint64_t both[] = {subscription_key(2, false),
                             subscription_key(PATTERN, true)};

    *w = (struct world){.pattern = {.id = PATTERN}};
    stream_init(&w->native, 1, 1, NULL);
    stream_init(&w->view, 2, 1, &w->native);
    stream_init(&w->other, 3, 1, NULL);
    w->group = names_view ? group_new(both, 2) : group_new(both + 1, 1);
    if (names_view)
        group_link(w->group, &w->view, both[0]);
}

static void stop(struct world *w)
{
    stream_pattern_unlink(&w->pattern, w->group);
    group_free(w->group);
    stream_pattern_close(&w->pattern);
    assert_int_equal(w->native.covered + w->other.covered, 0);
    assert_int_equal(w->native.n_links + w->view.n_links + w->other.n_links, 0);
    stream_close(&w->native);
    stream_close(&w->view);
    stream_close(&w->other);
}

static void a_group_gets_streams_covered_before_and_after_it_came(void **state)
{
    struct world w;

    (void)state;
    start(&w, false);
    stream_pattern_cover(&w.pattern, &w.native);
    stream_pattern_link(&w.pattern, w.group, true);
    stream_pattern_cover(&w.pattern, &w.other);
    assert_int_equal(w.native.n_links, 1);
    assert_int_equal(w.other.n_links, 1);
    assert_true(w.native.links[0].all && w.other.links[0].all);
    assert_int_equal(w.group->streams[0].subscription, PATTERN);
    stop(&w);
}

/* Whichever of its views: otherwise the message would come twice. */
static void what_a_group_names_it_does_not_get_by_the_pattern_too(void **state)
{
    struct world w;

    (void)state;
    for (int first = 0; first < 2; first++) {
        start(&w, true);
        if (first == 0)
            stream_pattern_link(&w.pattern, w.group, true);
        stream_pattern_cover(&w.pattern, &w.native);
        stream_pattern_cover(&w.pattern, &w.other);
        if (first == 1)
            stream_pattern_link(&w.pattern, w.group, true);
        assert_int_equal(w.native.n_links, 0);
        assert_int_equal(w.view.n_links, 1);
        assert_int_equal(w.other.n_links, 1);
        stop(&w);
    }
}

static void a_stream_that_went_is_given_to_nobody_who_comes_later(void **state)
{
    struct world w;

    (void)state;
    start(&w, false);
    stream_pattern_cover(&w.pattern, &w.native);
    stream_pattern_cover(&w.pattern, &w.other);
    stream_pattern_forget(&w.pattern, &w.native);
    w.native.covered = 0; /* as it is closed */
    stream_pattern_link(&w.pattern, w.group, false);
    assert_int_equal(w.native.n_links, 0);
    assert_int_equal(w.other.n_links, 1);
    stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_gets_streams_covered_before_and_after_it_came),
        cmocka_unit_test(what_a_group_names_it_does_not_get_by_the_pattern_too),
        cmocka_unit_test(a_stream_that_went_is_given_to_nobody_who_comes_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
