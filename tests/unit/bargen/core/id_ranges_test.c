#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "bargen/core/id_ranges.h"

static struct id_ranges made(const int64_t (*of)[2], unsigned n)
{
    struct id_ranges r = {.any = false};

    for (unsigned i = 0; i < n; i++)
        id_ranges_insert(&r, id_ranges_count(&r),
                         (struct id_range){of[i][0], of[i][1], of[i][0] * 10,
                                           of[i][1] * 10, 0});
    return r;
}

static void assert_ranges(struct id_ranges *r, const char *want)
{
    char got[400] = "";
    int len = 0;

    for (unsigned i = 0; i < id_ranges_count(r); i++) {
        const struct id_range *range = id_ranges_at(r, i);

        len += snprintf(got + len, sizeof got - (size_t)len, "%s%d-%d",
                        i ? " " : "", (int)range->lo, (int)range->hi);
        if (range->out)
            len += snprintf(got + len, sizeof got - (size_t)len, "(%d)",
                            (int)range->out);
    }
    assert_string_equal(got, want);
}

static const int64_t five[][2] = {
    {0, 9}, {12, 12}, {20, 29}, {31, 32}, {40, 49}};

static void an_id_is_found_in_any_range_and_in_no_hole(void **state)
{
    struct id_ranges r = {.any = false};

    (void)state;
    assert_false(id_ranges_has(&r, 0));
    assert_int_equal(id_ranges_find(&r, 0), 0);
    r = made(five, 5);
    for (int64_t id = 0; id < 60; id++) {
        bool in = false;

        for (unsigned i = 0; i < 5; i++)
            in |= id >= five[i][0] && id <= five[i][1];
        assert_int_equal(id_ranges_has(&r, id), in);
    }
    assert_int_equal(id_ranges_find(&r, 33), 4);
    assert_int_equal(id_ranges_find(&r, 50), 5);
    id_ranges_close(&r);
}

static void the_highest_range_takes_part_in_everything(void **state)
{
    struct id_ranges r = made(five, 2);

    (void)state;
    assert_int_equal(r.n, 1);
    id_ranges_insert(&r, 1, (struct id_range){10, 10, 1, 1, 0});
    assert_ranges(&r, "0-9 10-10 12-12");
    id_ranges_join(&r, 1);
    assert_ranges(&r, "0-10 12-12");
    id_ranges_join(&r, 1);
    assert_ranges(&r, "0-12");
    assert_int_equal(r.n, 0);
    id_ranges_close(&r);
}

static void a_hole_lies_between_the_times_around_it(void **state)
{
    struct id_ranges r = made(five, 2);
    struct id_hole hole;

    (void)state;
    assert_false(id_ranges_hole(&r, 0, &hole));
    assert_false(id_ranges_hole(&r, 2, &hole));
    assert_true(id_ranges_hole(&r, 1, &hole));
    assert_int_equal(hole.from_ns, 90);
    assert_int_equal(hole.to_ns, 120);
    /* The later number may have the earlier time, but not by much. */
    r.top.lo_ns = 40;
    assert_true(id_ranges_hole(&r, 1, &hole));
    assert_int_equal(hole.from_ns, 40);
    assert_int_equal(hole.to_ns, 90);
    r.at[0].hi_ns = 41 + ID_RANGES_BACK_NS;
    assert_false(id_ranges_hole(&r, 1, &hole));
    r.at[0].hi_ns = 40 + ID_RANGES_BACK_NS;
    assert_true(id_ranges_hole(&r, 1, &hole));
    /* Two are missing; both were moved out. */
    r.top.out = 1;
    assert_true(id_ranges_hole(&r, 1, &hole));
    r.top.out = 2;
    assert_false(id_ranges_hole(&r, 1, &hole));
    id_ranges_close(&r);
}

static void old_holes_are_filled_from_below(void **state)
{
    struct id_ranges r = made(five, 5);
    struct id_hole span;

    (void)state;
    assert_false(id_ranges_merge(&r, 119, 1, &span));
    assert_ranges(&r, "0-9 12-12 20-29 31-32 40-49");
    assert_true(id_ranges_merge(&r, 320, 3, &span));
    assert_ranges(&r, "0-29 31-32 40-49");
    assert_int_equal(span.from_ns, 90);
    assert_int_equal(span.to_ns, 200);
    assert_true(id_ranges_merge(&r, 399, 1, &span));
    assert_ranges(&r, "0-32 40-49");
    assert_true(id_ranges_merge(&r, 400, 1, &span));
    assert_ranges(&r, "0-49");
    assert_int_equal(r.top.lo_ns, 0);
    assert_int_equal(r.top.hi_ns, 490);
    assert_false(id_ranges_merge(&r, 400, 1, &span));
    id_ranges_close(&r);
}

static void an_old_hole_between_younger_ones_is_filled(void **state)
{
    struct id_ranges r = made(five, 5);
    struct id_hole span;

    (void)state;
    r.at[1].hi_ns = 900; /* the hole above it is young */
    assert_true(id_ranges_merge(&r, 400, 1, &span));
    assert_ranges(&r, "0-12 20-49");
    assert_int_equal(r.top.lo_ns, 200);
    id_ranges_close(&r);
}

static int moved[100];
static unsigned n_moved;

static void note(void *arg, int64_t id)
{
    (void)arg;
    moved[n_moved++] = (int)id;
}

static void the_shorter_half_is_moved_out(void **state)
{
    static const int64_t seven[][2] = {{0, 0},   {2, 5},   {7, 7},  {9, 9},
                                       {11, 19}, {21, 21}, {25, 25}};
    struct id_ranges r = made(seven, 7);

    (void)state;
    n_moved = 0;
    id_ranges_move_out(&r, note, NULL);
    /* The first and the last stay, though none is shorter. */
    assert_ranges(&r, "0-0 2-5 11-19(2) 25-25(1)");
    assert_int_equal(n_moved, 3);
    assert_int_equal(moved[0], 7);
    assert_int_equal(moved[2], 21);
    id_ranges_move_out(&r, note, NULL);
    assert_ranges(&r, "0-0 11-19(6) 25-25(1)");
    id_ranges_move_out(&r, note, NULL);
    assert_ranges(&r, "0-0 25-25(16)");
    id_ranges_move_out(&r, note, NULL);
    assert_ranges(&r, "0-0 25-25(16)");
    id_ranges_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_is_found_in_any_range_and_in_no_hole),
        cmocka_unit_test(the_highest_range_takes_part_in_everything),
        cmocka_unit_test(a_hole_lies_between_the_times_around_it),
        cmocka_unit_test(old_holes_are_filled_from_below),
        cmocka_unit_test(an_old_hole_between_younger_ones_is_filled),
        cmocka_unit_test(the_shorter_half_is_moved_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
