#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/table.h"
#include "tests/unit/common/base/collisions.h"

enum { NAMES = 1024 };

struct thing {
    struct node node;
    char name[24];
};

static bool is_called(const struct node *n, struct span key)
{
    return span_is(key, node_of(struct thing, node, n)->name);
}

static void add(struct table *t, struct thing *thing)
{
    table_add(t, &thing->node, span_str(thing->name));
}

static void what_was_added_is_found_until_it_is_removed(void **state)
{
    struct thing *things = calloc(NAMES, sizeof *things);
    struct table t;

    (void)state;
    table_init(&t, is_called);
    assert_null(table_find(&t, span_str("0")));
    for (unsigned i = 0; i < NAMES; i++) {
        snprintf(things[i].name, sizeof things[i].name, "%u", i);
        add(&t, &things[i]);
    }
    assert_int_equal(t.count, NAMES);
    for (unsigned i = 0; i < NAMES; i += 2)
        table_remove(&t, &things[i].node);
    for (unsigned i = 0; i < NAMES; i++)
        assert_ptr_equal(table_find(&t, span_str(things[i].name)),
                         i % 2 ? &things[i].node : NULL);
    assert_int_equal(t.count, NAMES / 2);
    table_close(&t);
    free(things);
}

static void what_has_one_hash_is_passed_and_nothing_else(void **state)
{
    struct thing a, b, neighbour;
    const struct node *first, *second;
    struct table t;

    (void)state;
    table_init(&t, NULL);
    assert_null(table_first(&t, 7));
    table_put(&t, &a.node, 7);
    table_put(&t, &neighbour.node, 7 + t.n_buckets);
    table_put(&t, &b.node, 7);
    first = table_first(&t, 7);
    second = table_next(first);
    assert_true((first == &a.node && second == &b.node) ||
                (first == &b.node && second == &a.node));
    assert_null(table_next(second));
    assert_ptr_equal(table_first(&t, 7 + t.n_buckets), &neighbour.node);
    assert_null(table_next(&neighbour.node));
    assert_null(table_first(&t, 8));
    table_close(&t);
}

struct tour {
    struct table *table;
    unsigned seen[NAMES];
    unsigned all;
    bool removes;
    struct thing *things;
};

static void visit(void *arg, struct node *n)
{
    struct tour *tour = arg;

    tour->seen[node_of(struct thing, node, n) - tour->things]++;
    tour->all++;
    if (tour->removes)
        table_remove(tour->table, n);
}

static void
a_walk_passes_everything_once_in_steps_and_may_remove_it(void **state)
{
    struct thing *things = calloc(NAMES, sizeof *things);
    struct table t;
    struct tour tour = {.table = &t, .things = things};
    size_t at = 0;

    (void)state;
    table_init(&t, is_called);
    table_walk(&t, &at, 5, visit, &tour); /* nothing there */
    assert_int_equal(tour.all, 0);
    for (unsigned i = 0; i < NAMES; i++) {
        snprintf(things[i].name, sizeof things[i].name, "%u", i);
        add(&t, &things[i]);
    }
    for (size_t left = t.n_buckets; left > 0; left -= 4) {
        unsigned before = tour.all;

        table_walk(&t, &at, 4, visit, &tour);
        assert_true(tour.all - before < NAMES / 10); /* a part of them only */
    }
    assert_int_equal(tour.all, NAMES);
    for (unsigned i = 0; i < NAMES; i++)
        assert_int_equal(tour.seen[i], 1);
    tour.removes = true;
    table_walk(&t, &at, t.n_buckets, visit, &tour); /* round again */
    assert_int_equal(tour.all, 2 * NAMES);
    assert_int_equal(t.count, 0);
    assert_null(table_find(&t, span_str("1")));
    table_close(&t);
    free(things);
}

/* --- names that were chosen to collide --- */

/* Entries that are looked at where all names are asked for once. */
static size_t steps_under(struct hash_secret secret,
                          char (*names)[COLLISIONS_NAME])
{
    struct thing *things = calloc(COLLISIONS, sizeof *things);
    struct table t;
    size_t steps;

    hash_secret = secret;
    table_init(&t, is_called);
    for (unsigned i = 0; i < COLLISIONS; i++) {
        memcpy(things[i].name, names[i], COLLISIONS_NAME);
        add(&t, &things[i]);
    }
    assert_int_equal(t.n_buckets, COLLISIONS);
    steps = collisions_steps(&t);
    table_close(&t);
    free(things);
    return steps;
}

static void
names_that_share_a_bucket_share_none_under_another_secret(void **state)
{
    static char names[COLLISIONS][COLLISIONS_NAME];

    (void)state;
    hash_secret = collisions_known;
    collisions_choose(names, COLLISIONS, hash_text, COLLISIONS);
    assert_int_equal(steps_under(collisions_known, names),
                     COLLISIONS * (COLLISIONS + 1) / 2);
    /* 1.5 a name are to be expected. */
    assert_true(steps_under(collisions_other, names) < 2 * COLLISIONS);
}

static size_t compared;

static bool is_called_and_counted(const struct node *n, struct span key)
{
    compared++;
    return span_eq(span_make(node_of(struct thing, node, n)->name, 16), key);
}

/* Sixteen bytes whose hash is one and the same: the first eight make a factor
 * 0, and the others are forgotten. */
static void choose_full_collision(uint64_t i, char *name)
{
    memcpy(name, &hash_secret.start, 8);
    memcpy(name + 8, &i, 8);
}

static size_t compared_under(struct hash_secret secret,
                             const struct thing *chosen)
{
    struct thing *things = calloc(NAMES, sizeof *things);
    struct table t;

    hash_secret = secret;
    table_init(&t, is_called_and_counted);
    compared = 0;
    for (unsigned i = 0; i < NAMES; i++) {
        struct span name = span_make(chosen[i].name, 16);

        assert_null(table_find(&t, name));
        memcpy(things[i].name, name.ptr, name.len);
        table_add(&t, &things[i].node, name);
    }
    for (unsigned i = 0; i < NAMES; i++)
        assert_ptr_equal(table_find(&t, span_make(chosen[i].name, 16)),
                         &things[i].node);
    table_close(&t);
    free(things);
    return compared;
}

static void names_of_one_hash_are_compared_only_under_its_secret(void **state)
{
    struct thing *chosen = calloc(NAMES, sizeof *chosen);

    (void)state;
    hash_secret = collisions_known;
    for (unsigned i = 0; i < NAMES; i++)
        choose_full_collision(i, chosen[i].name);
    /* Each with all before it when it came, and with half when it was found. */
    assert_int_equal(compared_under(collisions_known, chosen),
                     NAMES * (NAMES - 1) / 2 + NAMES * (NAMES + 1) / 2);
    assert_int_equal(compared_under(collisions_other, chosen), NAMES);
    free(chosen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_found_until_it_is_removed),
        cmocka_unit_test(what_has_one_hash_is_passed_and_nothing_else),
        cmocka_unit_test(
            a_walk_passes_everything_once_in_steps_and_may_remove_it),
        cmocka_unit_test(
            names_that_share_a_bucket_share_none_under_another_secret),
        cmocka_unit_test(names_of_one_hash_are_compared_only_under_its_secret),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
