#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bargen/core/text_ids.h"
#include "tests/unit/common/base/collisions.h"

enum { IDS = 512, PLACES = 2 * IDS };

/* The most places that a search has to pass. */
static unsigned longest_run(const struct text_ids *r)
{
    unsigned run = 0, longest = 0;

    for (unsigned i = 0; i < 2 * PLACES; i++) { /* round the end, too */
        run = r->table[i % PLACES] != 0 ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    return longest;
}

static unsigned run_under(struct hash_secret secret, const uint64_t *ids)
{
    struct text_ids r;
    unsigned longest;

    hash_secret = secret;
    text_ids_init(&r);
    for (unsigned i = 0; i < IDS; i++)
        assert_true(text_ids_add(&r, ids[i]));
    assert_int_equal(r.cap, IDS);
    longest = longest_run(&r);
    for (unsigned i = 0; i < IDS; i++)
        assert_false(text_ids_add(&r, ids[i]));
    text_ids_close(&r);
    return longest;
}

static void
trade_ids_chosen_to_collide_do_so_only_under_one_secret(void **state)
{
    uint64_t ids[IDS], n = 0;

    (void)state;
    hash_secret = collisions_known;
    for (unsigned i = 0; i < IDS; i++) {
        do
            n++;
        while (hash_number(n) % PLACES != 0);
        ids[i] = n;
    }
    assert_int_equal(run_under(collisions_known, ids), IDS);
    assert_true(run_under(collisions_other, ids) < IDS / 8);
}

/* Anybody can make those: the fingerprint is no secret. */
static void fingerprints_with_the_same_low_bits_are_spread(void **state)
{
    uint64_t ids[IDS];

    (void)state;
    for (uint64_t i = 0; i < IDS; i++)
        ids[i] = (i << 32) + 1;
    assert_true(run_under(collisions_other, ids) < IDS / 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            trade_ids_chosen_to_collide_do_so_only_under_one_secret),
        cmocka_unit_test(fingerprints_with_the_same_low_bits_are_spread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
