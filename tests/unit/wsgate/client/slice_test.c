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

    slice_used(&p->all, &p->clients[0], 3 * TURN_NS + 1);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(slice_left_ns(&p->all, &p->clients[0]), 0);
        assert_int_equal(slice_left_ns(&p->all, &p->clients[1]), TURN_NS);
        slice_turn(&p->all);
    }
    assert_int_equal(slice_left_ns(&p->all, &p->clients[0]), TURN_NS - 1);
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
        TEST(nothing_long_is_begun_when_the_turn_is_over),
        TEST(who_took_long_waits_for_a_turn_until_that_is_forgotten),
        TEST(who_asks_for_little_is_served_in_every_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
