#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/table.h"

enum { NAMES = 1024, BLOCK = 16, BLOCKS = 10 };

struct thing {
    struct node node;
    char name[BLOCKS * BLOCK + 1];
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

/*
 * Name i has, in block k, one of two texts that differ in the same bits as bit
 * k of i says.  A multiplication carries a difference in the highest bits of a
 * word nowhere, and a fold of halves only brings it to where the next word
 * takes it back: with the lower half alone one pair in two meets, whatever the
 * seed.
 */
static void name_of(unsigned i, char *name)
{
    for (unsigned k = 0; k < BLOCKS; k++)
        memcpy(name + k * BLOCK,
               i >> k & 1 ? "aaaaaaa+aaa+aaa+" : "aaaaaaakaaakaaak", BLOCK);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void names_cannot_be_chosen_to_meet(void **state)
{
    struct thing *things = calloc(NAMES, sizeof *things);
    uint64_t hash[NAMES];
    struct table t;

    (void)state;
    for (uint64_t seed = 1; seed <= 16; seed++) {
        table_seed(seed * UINT64_C(0x9e3779b97f4a7c15));
        table_init(&t, is_called);
        for (unsigned i = 0; i < NAMES; i++) {
            name_of(i, things[i].name);
            add(&t, &things[i]);
            hash[i] = things[i].node.hash;
        }
        qsort(hash, NAMES, sizeof *hash, by_value);
        for (unsigned i = 1; i < NAMES; i++)
            assert_true(hash[i - 1] != hash[i]);
        table_close(&t);
    }
    free(things);
}

static void another_seed_puts_names_elsewhere(void **state)
{
    struct thing one = {.name = "market_data:AAPL"}, two = one;
    struct table t;

    (void)state;
    table_init(&t, is_called);
    table_seed(1);
    add(&t, &one);
    table_close(&t);
    table_seed(2);
    add(&t, &two);
    assert_true(one.node.hash != two.node.hash);
    assert_non_null(table_find(&t, span_str(one.name)));
    table_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_found_until_it_is_removed),
        cmocka_unit_test(names_cannot_be_chosen_to_meet),
        cmocka_unit_test(another_seed_puts_names_elsewhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
