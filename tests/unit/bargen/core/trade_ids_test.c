#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "bargen/core/text_ids.h"
#include "bargen/core/trade_ids.h"

static bool add(struct trade_ids *ids, int64_t id, int64_t time_ns)
{
    struct trade_ids_span touched;

    return trade_ids_add(ids, id, time_ns, &touched);
}

static void contiguous_ids_cost_one_range(void **state)
{
    struct trade_ids ids;

    (void)state;
    trade_ids_init(&ids);
    for (int i = 0; i < 100000; i++)
        assert_true(add(&ids, 1000 + i, i));
    assert_int_equal(ids.n, 1);
    trade_ids_close(&ids);
}

static void a_repeated_id_is_a_duplicate(void **state)
{
    struct trade_ids ids;

    (void)state;
    trade_ids_init(&ids);
    for (int i = 0; i < 100; i++)
        assert_true(add(&ids, i, i));
    for (int i = 0; i < 100; i++)
        assert_false(add(&ids, i, i));
    trade_ids_close(&ids);
}

static void shuffled_ids_are_all_new_and_leave_no_hole(void **state)
{
    struct trade_ids ids;
    uint32_t x = 1;
    int order[5000];

    (void)state;
    trade_ids_init(&ids);
    for (int i = 0; i < 5000; i++)
        order[i] = i;
    for (int i = 4999; i > 0; i--) {
        int j, t;

        x = x * 1664525u + 1013904223u;
        j = (int)(x % (unsigned)(i + 1));
        t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
    for (int i = 0; i < 5000; i++)
        assert_true(add(&ids, order[i], 1));
    for (int i = 0; i < 5000; i++)
        assert_false(add(&ids, order[i], 1));
    assert_int_equal(ids.n, 1);
    assert_int_equal(ids.held, 5000);
    trade_ids_close(&ids);
}

static void a_numbering_that_starts_anew_is_not_a_duplicate(void **state)
{
    struct trade_ids ids;

    (void)state;
    trade_ids_init(&ids);
    for (int i = 1; i <= 50; i++)
        assert_true(add(&ids, i, i));
    assert_true(add(&ids, 1, 60));
    assert_true(add(&ids, 2, 61));
    assert_false(add(&ids, 1, 60));
    trade_ids_close(&ids);
}

static void a_hole_counts_as_lost_once_it_has_aged(void **state)
{
    struct trade_ids ids;
    struct trade_ids_span span;

    (void)state;
    trade_ids_init(&ids);
    for (int i = 0; i < 40; i++)
        assert_true(add(&ids, i, 100 + i));
    assert_true(add(&ids, 45, 200));
    assert_false(trade_ids_lost_in(&ids, 0, 1000));
    assert_int_equal(ids.unaged_ns, 200);
    span = trade_ids_age(&ids, 199);
    assert_true(trade_ids_span_empty(span));
    span = trade_ids_age(&ids, 200);
    assert_int_equal(span.from_ns, 139);
    assert_int_equal(span.to_ns, 200);
    assert_true(trade_ids_lost_in(&ids, 100, 140));
    assert_true(trade_ids_lost_in(&ids, 140, 150)); /* wholly inside the hole */
    assert_true(trade_ids_lost_in(&ids, 200, 300));
    assert_false(trade_ids_lost_in(&ids, 201, 300));
    assert_false(trade_ids_lost_in(&ids, 0, 139));
    trade_ids_close(&ids);
}

static void a_hole_that_is_filled_is_not_lost(void **state)
{
    struct trade_ids ids;
    struct trade_ids_span touched;

    (void)state;
    trade_ids_init(&ids);
    for (int i = 0; i < 40; i++)
        assert_true(add(&ids, i, 100 + i));
    assert_true(add(&ids, 41, 200));
    trade_ids_age(&ids, 300);
    assert_true(trade_ids_lost_in(&ids, 150, 160));
    assert_true(trade_ids_add(&ids, 40, 170, &touched));
    assert_int_equal(touched.from_ns, 139);
    assert_int_equal(touched.to_ns, 200);
    assert_false(trade_ids_lost_in(&ids, 150, 160));
    trade_ids_close(&ids);
}

static void trade_ids_that_were_never_contiguous_have_no_holes(void **state)
{
    struct trade_ids ids;

    (void)state;
    trade_ids_init(&ids);
    for (int i = 0; i < 500; i++)
        assert_true(add(&ids, i * 3, i));
    assert_true(trade_ids_span_empty(trade_ids_age(&ids, 1000)));
    assert_false(trade_ids_lost_in(&ids, 0, 1000));
    trade_ids_close(&ids);
}

static void memory_is_bounded_and_recent_ids_stay_known(void **state)
{
    struct trade_ids ids;

    (void)state;
    trade_ids_init(&ids);
    for (int i = 0; i < 100000; i++)
        assert_true(add(&ids, i * 2, i));
    assert_true(ids.n <= TRADE_IDS_RANGES_MAX);
    for (int i = 99000; i < 100000; i++)
        assert_false(add(&ids, i * 2, i));
    trade_ids_close(&ids);
}

static uint64_t text_id(int i)
{
    char text[40];
    int n = snprintf(text, sizeof text, "trade-%d-9dc75fca", i);

    return text_ids_fingerprint(span_make(text, (size_t)n));
}

static void textual_ids_are_known_for_the_last_4096(void **state)
{
    struct text_ids r;

    (void)state;
    text_ids_init(&r);
    for (int i = 0; i < 20000; i++) {
        assert_true(text_ids_add(&r, text_id(i)));
        assert_false(text_ids_add(&r, text_id(i > 4000 ? i - 4000 : 0)));
    }
    assert_int_equal(r.n, TEXT_IDS_MAX);
    assert_true(text_ids_newest(&r, 0) == text_id(19999));
    assert_true(text_ids_newest(&r, 4095) == text_id(19999 - 4095));
    assert_true(text_ids_add(&r, text_id(5)));
    text_ids_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contiguous_ids_cost_one_range),
        cmocka_unit_test(a_repeated_id_is_a_duplicate),
        cmocka_unit_test(shuffled_ids_are_all_new_and_leave_no_hole),
        cmocka_unit_test(a_numbering_that_starts_anew_is_not_a_duplicate),
        cmocka_unit_test(a_hole_counts_as_lost_once_it_has_aged),
        cmocka_unit_test(a_hole_that_is_filled_is_not_lost),
        cmocka_unit_test(trade_ids_that_were_never_contiguous_have_no_holes),
        cmocka_unit_test(memory_is_bounded_and_recent_ids_stay_known),
        cmocka_unit_test(textual_ids_are_known_for_the_last_4096),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
