#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after those */
#include <cmocka.h>

#include "wsgate/client/slice.h"

enum { TURN_NS = SLICE_TURN_US * 1000, LITTLE_NS = 10000 };

struct party {
    struct slices all;
    struct peer peers[100];
    struct client clients[100]; /* each from an address of its own */
};

static int setup(void **state)
{
    static struct party p;

    p = (struct party){0};
    for (unsigned i = 0; i < 100; i++)
        p.clients[i].peer = &p.peers[i];
    slice_turn(&p.all);
    *state = &p;
    return 0;
}

static void those_who_want_something_share_the_next_turn(void **state)
{
    struct party *p = *state;

    assert_int_equal(slice_left_ns(&p->all, &p->clients[0]), TURN_NS);
    for (unsigned i = 0; i < 5; i++) {
        slice_used(&p->all, &p->clients[i], 1000);
        slice_used(&p->all, &p->clients[i], 1000);
    }
    slice_turn(&p->all);
    assert_int_equal(slice_left_ns(&p->all, &p->clients[0]), TURN_NS / 5);
    for (unsigned i = 0; i < 100; i++)
        slice_used(&p->all, &p->clients[i], 1000);
    slice_turn(&p->all);
    assert_int_equal(slice_left_ns(&p->all, &p->clients[0]),
                     SLICE_MIN_US * 1000);
    slice_turn(&p->all);
    assert_int_equal(slice_left_ns(&p->all, &p->clients[0]), TURN_NS);
}

static void what_was_taken_beyond_is_made_up_for(void **state)
{
    struct party *p = *state;

    slice_used(&p->all, &p->clients[0], 2 * TURN_NS + 1);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(slice_left_ns(&p->all, &p->clients[0]), 0);
        assert_int_equal(slice_left_ns(&p->all, &p->clients[1]), TURN_NS);
        slice_turn(&p->all);
    }
    assert_int_equal(slice_left_ns(&p->all, &p->clients[0]), TURN_NS - 1);
}

/* Turns until the address has something left again. */
static unsigned turns_of(struct party *p, uint64_t took_ns)
{
    unsigned turns = 0;

    slice_used(&p->all, &p->clients[0], took_ns);
    for (; slice_left_ns(&p->all, &p->clients[0]) == 0; turns++)
        slice_turn(&p->all);
    slice_turn(&p->all); /* all of it is made up for */
    return turns;
}

static void what_takes_very_long_counts_for_more(void **state)
{
    struct party *p = *state;
    const uint64_t work = SLICE_WORK_US * 1000, ms = 1000000;
    unsigned turns = turns_of(p, work), more = turns_of(p, work + ms);

    assert_in_range(turns, work / TURN_NS - 1, work / TURN_NS + 1);
    assert_in_range(more - turns, SLICE_SURCHARGE * ms / TURN_NS - 1,
                    SLICE_SURCHARGE * ms / TURN_NS + 1);
    /* It may have been the machine. */
    more = turns_of(p, 30 * ms);
    assert_in_range(more, SLICE_CHARGE_MAX_US / SLICE_TURN_US - 1,
                    SLICE_CHARGE_MAX_US / SLICE_TURN_US + 1);
    more = turns_of(p, 70 * ms);
    assert_in_range(more, 70 * ms / TURN_NS - 1, 70 * ms / TURN_NS + 1);
}

static void nothing_long_is_begun_when_the_turn_is_over(void **state)
{
    struct party *p = *state;

    slice_used(&p->all, &p->clients[0], TURN_NS - 1);
    assert_true(slice_fits(&p->all, &p->clients[1], SLICE_LONG_BYTES));
    slice_used(&p->all, &p->clients[1], TURN_NS);
    assert_false(slice_fits(&p->all, &p->clients[2], SLICE_LONG_BYTES));
    assert_true(slice_fits(&p->all, &p->clients[2], SLICE_LONG_BYTES - 1));
    slice_turn(&p->all);
    assert_true(slice_fits(&p->all, &p->clients[2], SLICE_LONG_BYTES));
}

/* A short message can take long, too; who sent one is known. */
static void who_took_long_waits_for_a_turn_until_that_is_forgotten(void **state)
{
    struct party *p = *state;
    struct client *c = &p->clients[0];
    unsigned times = 0;

    slice_used(&p->all, c, 5 * TURN_NS);
    assert_false(slice_fits(&p->all, c, 10));
    slice_turn(&p->all);
    assert_true(slice_fits(&p->all, c, 10));
    slice_used(&p->all, &p->clients[1], TURN_NS);
    assert_false(slice_fits(&p->all, c, 10));
    for (; !slice_fits(&p->all, c, 10); times++)
        slice_used(&p->all, c, LITTLE_NS);
    assert_in_range(times, 10, 100);
}

static void who_asks_for_little_is_served_in_every_turn(void **state)
{
    struct party *p = *state;
    struct client *c = &p->clients[0];

    for (unsigned i = 0; i < 1000; i++) {
        slice_turn(&p->all);
        slice_used(&p->all, &p->clients[1], 10 * TURN_NS);
        assert_true(slice_fits(&p->all, c, 100));
        assert_true(slice_left_ns(&p->all, c) > 0);
        slice_used(&p->all, c, LITTLE_NS);
    }
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(those_who_want_something_share_the_next_turn),
        TEST(what_was_taken_beyond_is_made_up_for),
        TEST(what_takes_very_long_counts_for_more),
        TEST(nothing_long_is_begun_when_the_turn_is_over),
        TEST(who_took_long_waits_for_a_turn_until_that_is_forgotten),
        TEST(who_asks_for_little_is_served_in_every_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
