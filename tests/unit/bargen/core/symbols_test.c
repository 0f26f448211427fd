#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "bargen/core/symbols.h"
#include "tests/unit/common/base/collisions.h"

enum { SYMBOLS = 256, PLACES = 2048 };

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

static void names_chosen_to_collide_do_so_only_under_one_secret(void **state)
{
    static char names[SYMBOLS][COLLISIONS_NAME];

    (void)state;
    hash_secret = collisions_known;
    collisions_choose(names, SYMBOLS, hash_text, PLACES);
    assert_int_equal(run_under(collisions_known, names[0], sizeof names[0]),
                     SYMBOLS);
    assert_true(run_under(collisions_other, names[0], sizeof names[0]) < 16);
}

/* --- names of every form cost as much as random ones --- */

enum { MANY = 10000, LONGEST = 65, FORMS = 9 };

/* The n-th name of each form; all names of one are different. */
static void name_of(unsigned form, unsigned n, char name[LONGEST])
{
    static const char *const roots[] = {"A", "BRKB", "SPXW", "AAPL", "QQQ"};
    const char *root = roots[n % 5];
    unsigned day = n / 5 % 31 + 1, strike = n / 310 + 1;
    char side = n / 155 % 2 ? 'P' : 'C';

    switch (form) {
    case 0: /* options: all days of a month, calls and puts, strikes */
        snprintf(name, LONGEST, "%s2401%02u%c%08u", root, day, side,
                 strike * 2500);
        break;
    case 1: /* of one root */
        snprintf(name, LONGEST, "AAPL2401%02u%c%08u", n % 31 + 1,
                 n / 31 % 2 ? 'P' : 'C', (n / 62 + 1) * 2500);
        break;
    case 2: /* what differs stands in the middle */
        snprintf(name, LONGEST, "AAPL2401%05uC0015000", n);
        break;
    case 3: /* as Deribit writes them */
        snprintf(name, LONGEST, "BTC-%uJAN24-%u-%c", day, strike * 500 + n % 5,
                 side);
        break;
    case 4:
        snprintf(name, LONGEST, "%u", n);
        break;
    case 5: /* sixteen bytes, and what differs at their middle */
        snprintf(name, LONGEST, "FUT%06u2024USD", n);
        break;
    case 6:
        snprintf(name, LONGEST, "%04uUSD", n);
        break;
    case 7: /* beyond what a slot holds */
        snprintf(name, LONGEST, "%058u%u", 0, n);
        break;
    default: /* as long as the longest that may be */
        snprintf(name, LONGEST, "%04u%060u", n, 0);
        break;
    }
}

/* 19 letters and digits: as long as the name of an option. */
static void random_name(uint64_t *state, char name[LONGEST])
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

    for (unsigned i = 0; i < 19; i++) {
        *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407U;
        name[i] = letters[*state >> 59];
    }
    name[19] = '\0';
}

/* Slots that are looked at to find each name once, and those among them that
 * make it read another symbol, or compare a name, in vain. */
struct cost {
    unsigned slots, in_vain;
};

static struct cost cost_of(const struct symbols *t)
{
    struct cost cost = {0};

    for (unsigned k = 0; k < t->n; k++) {
        struct span name = t->all[k]->name;
        uint64_t hash = hash_text(name);
        unsigned i = (unsigned)hash & t->mask;

        assert_ptr_equal(symbols_find(t, name), t->all[k]);
        for (;; i = (i + 1) & t->mask) {
            cost.slots++;
            if (t->table[i].symbol == t->all[k])
                break;
            cost.in_vain += t->table[i].tag == symbols_tag(hash, name.len);
        }
    }
    return cost;
}

static void put(struct symbols *t, const char *name)
{
    assert_null(symbols_find(t, span_str(name)));
    symbols_put(t, symbol_new(span_str(name), 0));
}

static void names_of_every_form_cost_as_much_as_random_ones(void **state)
{
    static const struct hash_secret secrets[] = {
        {UINT64_C(0x0123456789abcdef), UINT64_C(0x94d049bb133111eb)},
        {UINT64_C(0x4b8a1c02d7e3f965), UINT64_C(0xbf58476d1ce4e5b9)},
        {UINT64_C(0x9e3779b97f4a7c15), UINT64_C(0xa0761d6478bd642f)}};
    uint64_t seed = 1;
    char name[LONGEST];

    (void)state;
    for (unsigned k = 0; k < 3; k++) {
        struct cost random, cost;
        struct symbols t;

        hash_secret = secrets[k];
        symbols_init(&t);
        for (unsigned i = 0; i < MANY; i++) {
            random_name(&seed, name);
            put(&t, name);
        }
        random = cost_of(&t);
        symbols_close(&t);
        /* One slot each, and one in ten is taken. */
        assert_in_range(random.slots, MANY, MANY + MANY / 8);
        for (unsigned form = 0; form < FORMS; form++) {
            symbols_init(&t);
            for (unsigned i = 0; i < MANY; i++) {
                name_of(form, i, name);
                put(&t, name);
            }
            cost = cost_of(&t);
            symbols_close(&t);
            assert_in_range(cost.slots, MANY, random.slots + MANY / 50);
            assert_int_equal(cost.in_vain, 0);
        }
    }
}

/* --- what is in a slot is all that a name is compared with --- */

static void names_are_told_apart_at_every_byte_and_length(void **state)
{
    static char text[LONGEST - 1];
    struct symbols t;

    (void)state;
    memset(text, 'A', sizeof text);
    for (size_t len = 1; len <= sizeof text; len++) {
        struct symbol *sym;

        symbols_init(&t);
        sym = symbol_new(span_make(text, len), 0);
        symbols_put(&t, sym);
        for (size_t other = 1; other <= sizeof text; other++)
            assert_ptr_equal(symbols_find(&t, span_make(text, other)),
                             other == len ? sym : NULL);
        for (size_t i = 0; i < len; i++) {
            struct span name = span_make(text, len);

            text[i] = 'B';
            assert_null(symbols_find(&t, name));
            /* Were the hashes the same, the bytes would tell. */
            for (unsigned k = 0; k <= t.mask; k++)
                if (t.table[k].symbol)
                    assert_false(symbols_is(&t.table[k], name));
            text[i] = 'A';
        }
        symbols_close(&t);
    }
}

static bool has_odd_rank(const struct symbol *sym, const void *arg)
{
    return sym->wake.rank % 2 == *(const unsigned *)arg;
}

static void
what_is_removed_is_found_no_more_and_the_rest_keeps_its_order(void **state)
{
    unsigned odd = 1;
    struct symbols t;
    char name[LONGEST];

    (void)state;
    symbols_init(&t);
    for (unsigned i = 0; i < MANY; i++) {
        name_of(1, i, name);
        put(&t, name);
    }
    symbols_remove(&t, has_odd_rank, &odd);
    assert_int_equal(t.n, MANY / 2);
    for (unsigned i = 0; i < MANY; i++) {
        const struct symbol *found;

        name_of(1, i, name);
        found = symbols_find(&t, span_str(name));
        assert_int_equal(found != NULL, i % 2 == 0);
        if (!found)
            continue;
        assert_int_equal(found->wake.rank, i / 2);
        assert_ptr_equal(t.all[i / 2], found);
    }
    name_of(1, 1, name);
    put(&t, name);
    assert_int_equal(symbols_find(&t, span_str(name))->wake.rank, MANY / 2);
    symbols_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_chosen_to_collide_do_so_only_under_one_secret),
        cmocka_unit_test(names_of_every_form_cost_as_much_as_random_ones),
        cmocka_unit_test(names_are_told_apart_at_every_byte_and_length),
        cmocka_unit_test(
            what_is_removed_is_found_no_more_and_the_rest_keeps_its_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
