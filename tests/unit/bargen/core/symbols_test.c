#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "bargen/core/symbols.h"
#include "tests/unit/common/base/collisions.h"

enum { SYMBOLS = 256, PLACES = 2048, NAME = 32 };

/* The most places that a search has to pass. */
static unsigned longest_run(const struct symbols *t)
{
    unsigned run = 0, longest = 0;

    for (unsigned i = 0; i <= 2 * t->mask; i++) { /* round the end, too */
        run = t->table[i & t->mask].symbol ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    return longest;
}

static unsigned run_under(struct hash_secret secret, const char *names,
                          size_t name_size)
{
    struct symbols t;
    unsigned longest;

    hash_secret = secret;
    symbols_init(&t);
    for (unsigned i = 0; i < SYMBOLS; i++) {
        struct span name = span_str(names + i * name_size);

        assert_null(symbols_find(&t, name));
        symbols_put(&t, symbol_new(name, 0));
    }
    for (unsigned i = 0; i < SYMBOLS; i++)
        assert_ptr_equal(symbols_find(&t, span_str(names + i * name_size)),
                         t.all[i]);
    assert_int_equal(t.mask, PLACES - 1);
    longest = longest_run(&t);
    symbols_close(&t);
    return longest;
}

static uint64_t hash_of(struct span name)
{
    return symbols_hash(symbols_words(name), name);
}

static void names_chosen_to_collide_do_so_only_under_one_secret(void **state)
{
    static char names[SYMBOLS][COLLISIONS_NAME];

    (void)state;
    hash_secret = collisions_known;
    collisions_choose(names, SYMBOLS, hash_of, PLACES);
    assert_int_equal(run_under(collisions_known, names[0], sizeof names[0]),
                     SYMBOLS);
    assert_true(run_under(collisions_other, names[0], sizeof names[0]) < 16);
}

/* A slot holds the two ends, but the place depends on all of the name. */
static void long_names_that_differ_in_the_middle_are_spread(void **state)
{
    static char names[SYMBOLS][NAME];

    (void)state;
    for (unsigned i = 0; i < SYMBOLS; i++)
        snprintf(names[i], NAME, "AAPL2401%05uC0015000", i);
    assert_true(run_under(collisions_other, names[0], NAME) < 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_chosen_to_collide_do_so_only_under_one_secret),
        cmocka_unit_test(long_names_that_differ_in_the_middle_are_spread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
