#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tickpub/publish/ack_ledger.h"

static void commands_are_settled_in_their_order(void **state)
{
    struct ack_ledger l = {0};

    (void)state;
    ack_ledger_add(&l, 3, 0);
    ack_ledger_add(&l, 2, 1);
    ack_ledger_add(&l, 1, 7);
    assert_int_equal(l.events, 9);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ack_ledger_take(&l), 0);
    assert_int_equal(ack_ledger_take(&l), 1);
    assert_int_equal(ack_ledger_take(&l), 1);
    assert_int_equal(l.events, 7);
    assert_int_equal(ack_ledger_take(&l), 7);
    assert_int_equal(ack_ledger_take(&l), 0);
    assert_int_equal(l.events, 0);
    ack_ledger_close(&l);
}

static void the_last_command_may_stand_for_more(void **state)
{
    struct ack_ledger l = {0};

    (void)state;
    assert_false(ack_ledger_add_to_last(&l, 5));
    ack_ledger_add(&l, 2, 1);
    assert_true(ack_ledger_add_to_last(&l, 5));
    assert_int_equal(l.events, 7);
    assert_int_equal(ack_ledger_take(&l), 1);
    assert_true(ack_ledger_add_to_last(&l, 1));
    assert_int_equal(ack_ledger_take(&l), 7);
    assert_false(ack_ledger_add_to_last(&l, 1));
    ack_ledger_close(&l);
}

static void a_long_ledger_keeps_every_number(void **state)
{
    struct ack_ledger l = {0};
    uint64_t next = 0, taken = 0;

    (void)state;
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 100; i++)
            ack_ledger_add(&l, 1, next++);
        for (int i = 0; i < 90; i++)
            assert_int_equal(ack_ledger_take(&l), taken++);
    }
    while (taken < next)
        assert_int_equal(ack_ledger_take(&l), taken++);
    assert_int_equal(l.runs, 0);
    assert_int_equal(l.events, 0);
    ack_ledger_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_are_settled_in_their_order),
        cmocka_unit_test(the_last_command_may_stand_for_more),
        cmocka_unit_test(a_long_ledger_keeps_every_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
