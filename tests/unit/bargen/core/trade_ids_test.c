#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bargen/core/trade_ids.h"

#define WINDOW INT64_C(1000000)
#define SOON (INT64_C(1) << 40)

static struct trade_ids_change change;

/* With everything before closed_ns closed. */
static bool take(struct trade_ids *ids, int64_t id, int64_t time_ns,
                 int64_t closed_ns)
{
    struct trade_ids_now now = {closed_ns, WINDOW};

    return trade_ids_next(ids, id, time_ns) ||
           trade_ids_take(ids, id, span_str(""), time_ns, &now, &change);
}

static bool add(struct trade_ids *ids, int64_t id, int64_t time_ns)
{
    return take(ids, id, time_ns, INT64_MIN);
}

static unsigned n_lost;

static void on_lost(void *arg, const struct id_hole *hole)
{
    struct id_hole *last = arg;

    *last = *hole;
    n_lost++;
}

static unsigned pass(struct trade_ids *ids, int64_t closed_ns,
                     struct id_hole *last)
{
    n_lost = 0;
    trade_ids_pass(ids, closed_ns, on_lost, last);
    return n_lost;
}

static void shuffle(int64_t *order, unsigned n, uint32_t x)
{
    for (unsigned i = n - 1; i > 0; i--) {
        unsigned j;
        int64_t t = order[i];

        x = x * 1664525u + 1013904223u;
        j = x % (i + 1);
        order[i] = order[j];
        order[j] = t;
    }
}

/* --- seen --- */

static void contiguous_ids_cost_one_range_and_no_memory(void **state)
{
    struct trade_ids ids;

    (void)state;
    trade_ids_init(&ids);
    for (int i = 0; i < 100000; i++)
        assert_true(add(&ids, 1000 + i, i));
    assert_int_equal(id_ranges_count(&ids.run), 1);
    assert_null(ids.run.at);
    assert_null(ids.more);
    for (int i = 0; i < 100000; i++)
        assert_false(add(&ids, 1000 + i, i));
    trade_ids_close(&ids);
}

static void shuffled_ids_are_all_new_and_leave_no_hole(void **state)
{
    struct trade_ids ids;
    int64_t order[20000];

    (void)state;
    trade_ids_init(&ids);
    for (int i = 0; i < 20000; i++)
        order[i] = i;
    shuffle(order, 20000, 1);
    for (int i = 0; i < 20000; i++)
        assert_true(take(&ids, order[i], order[i], SOON));
    for (int i = 0; i < 20000; i++)
        assert_false(take(&ids, order[i], order[i], SOON));
    /* Those that had to be moved out came back one by one. */
    assert_int_equal(id_ranges_count(&ids.run), 1);
    assert_true(ids.steps.contiguous);
    assert_int_equal(ids.steps.jumps, 0);
    assert_false(trade_ids_lost_in(&ids, SOON, 0, SOON));
    trade_ids_close(&ids);
}

/* Ids at `of(i)`, each again 2,500 later. */
static void assert_doubles_are_known(int64_t (*of)(int64_t i))
{
    struct trade_ids ids;

    trade_ids_init(&ids);
    for (int i = 0; i < 20000; i++) {
        assert_true(take(&ids, of(i), i, i - 10));
        if (i >= 2500)
            assert_false(take(&ids, of(i - 2500), i - 2500, i - 10));
    }
    trade_ids_close(&ids);
}

static int64_t even(int64_t i)
{
    return 2 * i;
}

static int64_t scattered(int64_t i)
{
    uint64_t x = (uint64_t)(i + 1) * UINT64_C(0x9E3779B97F4A7C15);

    return (int64_t)((x ^ x >> 31) >> 1);
}

static int64_t down(int64_t i)
{
    return 1000000 - i;
}

static int64_t down_by_threes(int64_t i)
{
    return 1000000 - 3 * i;
}

static int64_t of_the_clock(int64_t i)
{
    return (INT64_C(1756684800000) + i * 20) << 22 | i % 3;
}

static int64_t runs_of_three(int64_t i)
{
    return i / 3 * 1000 + i % 3;
}

static void duplicates_are_known_whatever_ids_look_like(void **state)
{
    (void)state;
    assert_doubles_are_known(even);
    assert_doubles_are_known(scattered);
    assert_doubles_are_known(down);
    assert_doubles_are_known(down_by_threes);
    assert_doubles_are_known(of_the_clock);
    assert_doubles_are_known(runs_of_three);
}

static void textual_ids_are_known_too(void **state)
{
    struct trade_ids ids;
    struct trade_ids_now now = {INT64_MIN, WINDOW};
    char text[40];

    (void)state;
    trade_ids_init(&ids);
    for (int i = 0; i < 20000; i++) {
        snprintf(text, sizeof text, "trade-%d-9dc75fca", i);
        assert_true(trade_ids_take(&ids, -1, span_str(text), i, &now, &change));
        snprintf(text, sizeof text, "trade-%d-9dc75fca",
                 i > 9000 ? i - 9000 : 0);
        assert_false(
            trade_ids_take(&ids, -1, span_str(text), i, &now, &change));
    }
    trade_ids_close(&ids);
}

/* --- numbers used anew --- */

static void one_old_number_with_a_newer_time_clears_nothing(void **state)
{
    struct trade_ids ids;

    (void)state;
    trade_ids_init(&ids);
    for (int i = 0; i < 1000; i++)
        assert_true(add(&ids, i, i));
    for (int i = 0; i < 7; i++)
        assert_true(add(&ids, 5 + i, 1000 + i));
    assert_false(add(&ids, 5, 1000));
    assert_true(add(&ids, 1000, 1007));
    for (int i = 0; i < 1000; i++)
        assert_false(add(&ids, i, i));
    for (int i = 0; i < 7; i++)
        assert_false(add(&ids, 5 + i, 1000 + i));
    assert_true(ids.steps.contiguous);
    assert_int_equal(id_ranges_count(&ids.run), 1);
    trade_ids_close(&ids);
}

static void a_numbering_that_starts_anew_is_no_duplicate(void **state)
{
    struct trade_ids ids;

    (void)state;
    trade_ids_init(&ids);
    for (int i = 1; i <= 50; i++)
        assert_true(add(&ids, i, i));
    /* Two at a time, the later one first. */
    for (int i = 1; i <= 60; i += 2) {
        assert_true(add(&ids, i + 1, 100 + i));
        assert_true(add(&ids, i, 100 + i));
        assert_false(add(&ids, i, 100 + i));
    }
    for (int i = 1; i <= 60; i += 2)
        assert_false(add(&ids, i, 100 + i));
    /* What was seen of the old numbering still is, and what was not still
     * may come. */
    for (int i = 1; i <= 50; i++)
        assert_false(add(&ids, i, i));
    assert_true(add(&ids, 51, 49));
    assert_false(add(&ids, 51, 49));
    trade_ids_close(&ids);
}

static void scattered_numbers_may_start_anew_as_well(void **state)
{
    struct trade_ids ids;

    (void)state;
    trade_ids_init(&ids);
    for (int run = 0; run < 4; run++)
        for (int i = 0; i < 2000; i++) {
            assert_true(add(&ids, even(i), run * 10000 + i));
            if (i >= 1000)
                assert_false(add(&ids, even(i - 1000), run * 10000 + i - 1000));
        }
    for (int i = 0; i < 2000; i++)
        assert_false(add(&ids, even(i), 20000 + i));
    trade_ids_close(&ids);
}

/* The old numbering had lost some of the numbers that the new one brings. */
static void a_new_numbering_may_fill_holes_of_the_old(void **state)
{
    struct trade_ids ids;

    (void)state;
    trade_ids_init(&ids);
    for (int i = 0; i < 300; i++)
        if (i % 5 != 3)
            assert_true(add(&ids, i, i));
    for (int i = 0; i < 300; i++)
        assert_true(add(&ids, i, 1000 + i / 4));
    for (int i = 0; i < 300; i++) {
        assert_false(add(&ids, i, 1000 + i / 4));
        assert_int_equal(add(&ids, i, i), i % 5 == 3);
    }
    trade_ids_close(&ids);
}

/* --- missing --- */

static void a_hole_counts_as_lost_once_both_ends_are_closed(void **state)
{
    struct trade_ids ids;
    struct id_hole hole;

    (void)state;
    trade_ids_init(&ids);
    for (int i = 0; i < 40; i++)
        assert_true(add(&ids, i, 100 + i));
    assert_true(add(&ids, 45, 200));
    assert_int_equal(ids.due_ns, 200);
    assert_false(trade_ids_lost_in(&ids, 199, 0, 1000));
    assert_int_equal(pass(&ids, 199, &hole), 0);
    assert_int_equal(pass(&ids, 200, &hole), 1);
    assert_int_equal(hole.from_ns, 139);
    assert_int_equal(hole.to_ns, 200);
    assert_int_equal(pass(&ids, 300, &hole), 0);
    assert_true(trade_ids_lost_in(&ids, 300, 100, 140));
    assert_true(trade_ids_lost_in(&ids, 300, 140, 150)); /* inside the hole */
    assert_true(trade_ids_lost_in(&ids, 300, 200, 300));
    assert_false(trade_ids_lost_in(&ids, 300, 201, 300));
    assert_false(trade_ids_lost_in(&ids, 300, 0, 139));
    trade_ids_close(&ids);
}

/* 177 to 181 are lost, and a late one moves the end of the hole. */
static void a_hole_is_lost_whatever_became_of_its_ends(void **state)
{
    struct trade_ids ids;
    struct id_hole hole;

    (void)state;
    trade_ids_init(&ids);
    for (int i = 100; i < 176; i++)
        assert_true(add(&ids, i, i * 10));
    assert_true(add(&ids, 183, 1830));
    assert_true(add(&ids, 184, 1840));
    assert_int_equal(pass(&ids, 1835, &hole), 1);
    assert_true(take(&ids, 182, 1820, 1835));
    assert_int_equal(change.look.from_ns, 1750);
    assert_int_equal(change.look.to_ns, 1830);
    assert_true(trade_ids_lost_in(&ids, 1835, 1750, 1800));
    assert_true(take(&ids, 176, 1760, 1835));
    assert_false(trade_ids_lost_in(&ids, 1835, 1700, 1760));
    assert_true(trade_ids_lost_in(&ids, 1835, 1760, 1770));
    assert_true(trade_ids_lost_in(&ids, 1835, 1820, 1830));
    assert_false(trade_ids_lost_in(&ids, 1835, 1821, 1830));
    trade_ids_close(&ids);
}

/* The lowest id comes last: its hole ends with the trade above. */
static void a_hole_above_a_late_lowest_id_is_lost(void **state)
{
    struct trade_ids ids;

    (void)state;
    trade_ids_init(&ids);
    for (int i = 10; i < 50; i++)
        assert_true(add(&ids, i, i));
    assert_true(take(&ids, 7, 7, 40));
    assert_int_equal(change.look.from_ns, 7);
    assert_int_equal(change.look.to_ns, 10);
    assert_true(trade_ids_lost_in(&ids, 40, 8, 9));
    trade_ids_close(&ids);
}

static void a_hole_that_is_filled_is_not_lost(void **state)
{
    struct trade_ids ids;
    struct id_hole hole;

    (void)state;
    trade_ids_init(&ids);
    for (int i = 0; i < 40; i++)
        assert_true(add(&ids, i, 100 + i));
    assert_true(add(&ids, 41, 200));
    assert_int_equal(pass(&ids, 300, &hole), 1);
    assert_true(trade_ids_lost_in(&ids, 300, 150, 160));
    assert_true(take(&ids, 40, 170, 300));
    assert_int_equal(change.look.from_ns, 139);
    assert_int_equal(change.look.to_ns, 200);
    assert_false(trade_ids_lost_in(&ids, 300, 150, 160));
    trade_ids_close(&ids);
}

static void what_was_missed_before_ids_were_known_is_lost_then(void **state)
{
    struct trade_ids ids;

    (void)state;
    trade_ids_init(&ids);
    for (int i = 0; i < 15; i++) {
        assert_true(take(&ids, i < 3 ? i : i + 2, 100 + i, 100 + i));
        assert_false(ids.steps.contiguous);
        assert_false(trade_ids_lost_in(&ids, SOON, 0, SOON));
    }
    assert_true(take(&ids, 17, 115, 115));
    assert_true(ids.steps.contiguous);
    assert_true(change.look.from_ns <= 102 && change.look.to_ns >= 103);
    assert_true(trade_ids_lost_in(&ids, 115, 102, 103));
    assert_false(trade_ids_lost_in(&ids, 115, 104, SOON));
    trade_ids_close(&ids);
}

/* Bars that it has flagged stay flagged; a trade in it is a duplicate. */
static void old_holes_are_given_up_where_there_are_too_many(void **state)
{
    struct trade_ids ids;

    (void)state;
    trade_ids_init(&ids);
    for (int i = 0; i <= TRADE_IDS_RANGES_MAX; i++) {
        for (int k = 0; k < 9; k++)
            assert_true(take(&ids, i * 10 + k, i * WINDOW, (i - 1) * WINDOW));
        assert_true(id_ranges_count(&ids.run) <= TRADE_IDS_RANGES_MAX);
    }
    assert_int_equal(id_ranges_count(&ids.run), TRADE_IDS_RANGES_MAX / 2);
    assert_null(ids.more);
    assert_false(take(&ids, 9, 0, 1000 * WINDOW));
    assert_true(take(&ids, 10 * TRADE_IDS_RANGES_MAX - 1,
                     (TRADE_IDS_RANGES_MAX - 1) * WINDOW, SOON));
    for (int i = 0; i <= TRADE_IDS_RANGES_MAX; i++)
        for (int k = 0; k < 9; k++)
            assert_false(add(&ids, i * 10 + k, i * WINDOW));
    trade_ids_close(&ids);
}

/* Within the window they are not: every id counts, and no hole is missed. */
static void more_holes_than_ranges_are_all_lost(void **state)
{
    enum { N = 40000 };
    struct trade_ids ids;

    (void)state;
    trade_ids_init(&ids);
    for (int i = 0; i < N; i++)
        if (i % 3 != 2)
            assert_true(take(&ids, i, i, i));
    assert_true(ids.steps.contiguous);
    assert_true(id_ranges_count(&ids.run) <= TRADE_IDS_RANGES_MAX);
    for (int i = 0; i < N; i++)
        if (i % 3 != 2)
            assert_false(take(&ids, i, i, SOON));
    for (int i = 2; i < N - 1; i += 3)
        assert_true(trade_ids_lost_in(&ids, SOON, i, i + 1));
    for (int i = 2; i < N; i += 3)
        assert_true(take(&ids, i, i, SOON));
    assert_false(trade_ids_lost_in(&ids, SOON, 0, SOON));
    assert_int_equal(id_ranges_count(&ids.run), 1);
    trade_ids_close(&ids);
}

static void ids_that_are_not_contiguous_have_no_holes(void **state)
{
    struct trade_ids ids;

    (void)state;
    trade_ids_init(&ids);
    for (int i = 0; i < 500; i++)
        assert_true(take(&ids, i * 3, i, i));
    assert_false(ids.steps.contiguous);
    assert_int_equal(ids.due_ns, INT64_MAX);
    assert_false(trade_ids_lost_in(&ids, SOON, 0, SOON));
    trade_ids_close(&ids);
}

/* Whatever comes: none is counted twice, none is taken for another, and memory
 * is bounded. */
static void random_ids_agree_with_a_list_of_all(void **state)
{
    enum { N = 6000, SPAN = 12000 };

    (void)state;
    for (unsigned seed = 1; seed <= 12; seed++) {
        static bool known[SPAN];
        struct trade_ids ids;
        uint32_t x = seed;

        memset(known, 0, sizeof known);
        trade_ids_init(&ids);
        for (int i = 0; i < N; i++) {
            int64_t id;

            x = x * 1664525u + 1013904223u;
            id = seed % 3 == 0   ? (x >> 8) % SPAN
                 : seed % 3 == 1 ? i + (int64_t)(x >> 8) % 700
                                 : (i + (int64_t)(x >> 8) % 50) & ~1;
            assert_int_equal(take(&ids, id, id, SOON), !known[id]);
            known[id] = true;
        }
        assert_true(id_ranges_count(&ids.run) <= TRADE_IDS_RANGES_MAX);
        trade_ids_close(&ids);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contiguous_ids_cost_one_range_and_no_memory),
        cmocka_unit_test(shuffled_ids_are_all_new_and_leave_no_hole),
        cmocka_unit_test(duplicates_are_known_whatever_ids_look_like),
        cmocka_unit_test(textual_ids_are_known_too),
        cmocka_unit_test(one_old_number_with_a_newer_time_clears_nothing),
        cmocka_unit_test(a_numbering_that_starts_anew_is_no_duplicate),
        cmocka_unit_test(scattered_numbers_may_start_anew_as_well),
        cmocka_unit_test(a_new_numbering_may_fill_holes_of_the_old),
        cmocka_unit_test(a_hole_counts_as_lost_once_both_ends_are_closed),
        cmocka_unit_test(a_hole_is_lost_whatever_became_of_its_ends),
        cmocka_unit_test(a_hole_above_a_late_lowest_id_is_lost),
        cmocka_unit_test(a_hole_that_is_filled_is_not_lost),
        cmocka_unit_test(what_was_missed_before_ids_were_known_is_lost_then),
        cmocka_unit_test(old_holes_are_given_up_where_there_are_too_many),
        cmocka_unit_test(more_holes_than_ranges_are_all_lost),
        cmocka_unit_test(ids_that_are_not_contiguous_have_no_holes),
        cmocka_unit_test(random_ids_agree_with_a_list_of_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
