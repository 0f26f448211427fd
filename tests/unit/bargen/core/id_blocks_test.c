#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bargen/core/id_blocks.h"
#include "tests/unit/common/base/collisions.h"

enum { IDS = 512, PLACES = 2 * IDS, WINDOW = 1000 };

/* --- names of slots --- */

/* The most places that a search has to pass. */
static unsigned longest_run(const struct id_blocks *b)
{
    unsigned run = 0, longest = 0;

    for (unsigned i = 0; i < 2 * PLACES; i++) { /* round the end, too */
        run = b->table[i % PLACES] != 0 ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    return longest;
}

static unsigned run_under(struct hash_secret secret, const uint64_t *ids)
{
    struct id_blocks b;
    unsigned longest;

    hash_secret = secret;
    id_blocks_init(&b);
    for (unsigned i = 0; i < IDS; i++)
        assert_true(id_blocks_add(&b, ID_EVEN, ids[i], 1, WINDOW));
    assert_int_equal(b.cap, IDS);
    longest = longest_run(&b);
    for (unsigned i = 0; i < IDS; i++)
        assert_false(id_blocks_add(&b, ID_EVEN, ids[i], 1, WINDOW));
    id_blocks_close(&b);
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
            n += 64;
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

/* --- what is remembered --- */

/* Of a sequence without order. */
static uint64_t scattered(uint64_t i)
{
    uint64_t x = (i + 1) * UINT64_C(0x9E3779B97F4A7C15);

    return (x ^ x >> 31) >> 2;
}

static void an_id_is_known_for_the_window_whatever_its_value(void **state)
{
    struct id_blocks b;

    (void)state;
    id_blocks_init(&b);
    for (int i = 0; i < 100000; i++) {
        assert_true(
            id_blocks_add(&b, ID_EVEN, scattered((uint64_t)i), i, 20000));
        if (i >= 19999)
            assert_false(id_blocks_add(
                &b, ID_EVEN, scattered((uint64_t)i - 19999), i, 20000));
    }
    assert_in_range(b.n, 20000, 20001);
    assert_int_equal(b.forgotten, 0);
    id_blocks_close(&b);
}

static void the_newest_thousand_blocks_stay_whatever_their_age(void **state)
{
    struct id_blocks b;

    (void)state;
    id_blocks_init(&b);
    for (int i = 0; i < 5000; i++)
        id_blocks_add(&b, ID_EVEN, scattered((uint64_t)i), i * 10000, WINDOW);
    assert_int_equal(b.n, ID_BLOCKS_MIN);
    assert_int_equal(b.cap, ID_BLOCKS_MIN);
    for (uint64_t i = 5000 - ID_BLOCKS_MIN; i < 5000; i++)
        assert_true(id_blocks_has(&b, ID_EVEN, scattered(i)));
    assert_false(id_blocks_has(&b, ID_EVEN, scattered(5000 - 1025)));
    assert_int_equal(b.forgotten, 0);
    id_blocks_close(&b);
}

static void beyond_the_bound_the_oldest_goes_and_is_counted(void **state)
{
    struct id_blocks b;

    (void)state;
    id_blocks_init(&b);
    for (uint64_t i = 0; i < ID_BLOCKS_MAX + 100; i++)
        assert_true(id_blocks_add(&b, ID_EVEN, scattered(i), 1, WINDOW));
    assert_int_equal(b.n, ID_BLOCKS_MAX);
    assert_int_equal(b.forgotten, 100);
    assert_false(id_blocks_has(&b, ID_EVEN, scattered(99)));
    for (uint64_t i = 100; i < ID_BLOCKS_MAX + 100; i++)
        assert_true(id_blocks_has(&b, ID_EVEN, scattered(i)));
    id_blocks_close(&b);
}

/* Its place in the ring says when it was begun, not when it was last used. */
static void a_block_in_use_stays_and_holds_nothing_up(void **state)
{
    struct id_blocks b;

    (void)state;
    id_blocks_init(&b);
    for (int i = 0; i < 64 * 1000; i++) {
        if (i % 1000 == 0)
            assert_true(
                id_blocks_add(&b, ID_EVEN, (uint64_t)(i / 1000), i, 5000));
        id_blocks_add(&b, ID_ODD, scattered((uint64_t)i), i, 5000);
    }
    assert_true(id_blocks_has(&b, ID_EVEN, 0));
    assert_true(b.n < 5000 + ID_BLOCKS_MIN);
    id_blocks_close(&b);
}

/* It came late: what counts is when. */
static void a_late_id_is_known_as_long_as_others(void **state)
{
    struct id_blocks b;

    (void)state;
    id_blocks_init(&b);
    for (int i = 0; i < 10000; i++)
        id_blocks_add(&b, ID_EVEN, scattered((uint64_t)i), i, 3000);
    id_blocks_add(&b, ID_EVEN, 7, 5, 3000);
    for (int i = 10000; i < 12990; i++)
        id_blocks_add(&b, ID_EVEN, scattered((uint64_t)i), i, 3000);
    assert_true(id_blocks_has(&b, ID_EVEN, 7));
    id_blocks_close(&b);
}

static void kinds_are_apart_and_one_can_be_cleared(void **state)
{
    struct id_blocks b;

    (void)state;
    id_blocks_init(&b);
    assert_true(id_blocks_add(&b, ID_EVEN, 70, 1, WINDOW));
    assert_true(id_blocks_add(&b, ID_ODD, 70, 1, WINDOW));
    assert_true(id_blocks_add(&b, ID_TEXT, 70, 1, WINDOW));
    id_blocks_clear(&b, ID_ODD);
    assert_true(id_blocks_has(&b, ID_EVEN, 70));
    assert_false(id_blocks_has(&b, ID_ODD, 70));
    assert_true(id_blocks_has(&b, ID_TEXT, 70));
    assert_true(id_blocks_add(&b, ID_ODD, 71, 2, WINDOW));
    assert_false(id_blocks_has(&b, ID_ODD, 70));
    /* An empty block is in the way of nothing. */
    id_blocks_clear(&b, ID_ODD);
    for (uint64_t i = 0; i < 5000; i++)
        assert_true(id_blocks_add(&b, ID_EVEN, scattered(i), 3, WINDOW));
    assert_true(id_blocks_add(&b, ID_ODD, 70, 3, WINDOW));
    id_blocks_close(&b);
}

/* --- for the store --- */

static void only_chunks_that_have_changed_say_so(void **state)
{
    struct id_blocks b;

    (void)state;
    id_blocks_init(&b);
    for (uint64_t i = 0; i < 1000; i++)
        id_blocks_add(&b, ID_EVEN, i * 64, 1, WINDOW);
    assert_int_equal(id_blocks_chunk_first(&b), 0);
    assert_int_equal(id_blocks_chunk_end(&b), 4);
    for (uint64_t i = 0; i < 4; i++)
        assert_true(id_blocks_take_changed(&b, i));
    for (uint64_t i = 0; i < 4; i++)
        assert_false(id_blocks_take_changed(&b, i));
    id_blocks_add(&b, ID_EVEN, 300 * 64 + 5, 2, WINDOW);
    id_blocks_add(&b, ID_EVEN, 300 * 64 + 5, 2, WINDOW); /* nothing new */
    id_blocks_add(&b, ID_EVEN, 2000 * 64, 2, WINDOW);
    assert_false(id_blocks_take_changed(&b, 0));
    assert_true(id_blocks_take_changed(&b, 1));
    assert_false(id_blocks_take_changed(&b, 2));
    assert_true(id_blocks_take_changed(&b, 3));
    id_blocks_close(&b);
}

static void blocks_that_are_restored_are_the_same(void **state)
{
    struct id_blocks a, b;

    (void)state;
    id_blocks_init(&a);
    id_blocks_init(&b);
    for (uint64_t i = 0; i < 3000; i++)
        id_blocks_add(&a, ID_TEXT, scattered(i / 2) + i % 2, (int64_t)i, 1500);
    assert_true(id_blocks_restore(&b, a.first, a.n));
    b.now_ns = a.now_ns;
    for (uint64_t i = a.first; i < a.first + a.n; i++)
        assert_true(id_blocks_restore_block(&b, i, id_blocks_at(&a, i)));
    /* Not twice, and no other. */
    assert_false(
        id_blocks_restore_block(&b, a.first, id_blocks_at(&a, a.first)));
    assert_false(
        id_blocks_restore_block(&b, a.first - 1, id_blocks_at(&a, a.first)));
    assert_false(id_blocks_restore(&b, 0, 1));
    for (uint64_t i = 0; i < 3000; i++)
        assert_int_equal(id_blocks_has(&a, ID_TEXT, scattered(i / 2) + i % 2),
                         id_blocks_has(&b, ID_TEXT, scattered(i / 2) + i % 2));
    for (uint64_t i = 0; i < 3000; i++)
        assert_int_equal(
            id_blocks_add(&a, ID_TEXT, scattered(i), 3000 + (int64_t)i, 1500),
            id_blocks_add(&b, ID_TEXT, scattered(i), 3000 + (int64_t)i, 1500));
    assert_int_equal(a.first, b.first);
    assert_int_equal(a.n, b.n);
    id_blocks_close(&a);
    id_blocks_close(&b);
    assert_false(id_blocks_restore(&b, 0, ID_BLOCKS_MAX + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            trade_ids_chosen_to_collide_do_so_only_under_one_secret),
        cmocka_unit_test(fingerprints_with_the_same_low_bits_are_spread),
        cmocka_unit_test(an_id_is_known_for_the_window_whatever_its_value),
        cmocka_unit_test(the_newest_thousand_blocks_stay_whatever_their_age),
        cmocka_unit_test(beyond_the_bound_the_oldest_goes_and_is_counted),
        cmocka_unit_test(a_block_in_use_stays_and_holds_nothing_up),
        cmocka_unit_test(a_late_id_is_known_as_long_as_others),
        cmocka_unit_test(kinds_are_apart_and_one_can_be_cleared),
        cmocka_unit_test(only_chunks_that_have_changed_say_so),
        cmocka_unit_test(blocks_that_are_restored_are_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
