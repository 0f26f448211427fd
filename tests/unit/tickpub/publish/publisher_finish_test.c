#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/tickpub/publish/publisher_bench.h"

static void it_has_finished_when_everything_was_answered(void **state)
{
    struct publisher_options options = defaults();
    struct bench *b = begin(&options);

    (void)state;
    fake_connect();
    publish(b);
    add(b); /* sent by publisher_finish() */
    publisher_finish(b->publisher, on_finished, b);
    while (fake->pending.count > 0) {
        assert_int_equal(b->finished, 0);
        fake_answer("+OK");
    }
    assert_int_equal(b->finished, 1);
    assert_int_equal(publisher_unsettled(b->publisher), 0);
    assert_string_equal(fake->sent[fake->n_sent - 1], "PING");
    /* And again. */
    publish(b);
    publisher_finish(b->publisher, on_finished, b);
    fake_answer_all();
    assert_int_equal(b->finished, 2);
    assert_int_equal(tally(b).published, 3);
    end(b);
}

/* Nothing but the second PING says that what came after the first is there. */
static void an_answer_to_an_older_mark_is_not_the_finish(void **state)
{
    static const char account[] =
        "{\"type\":\"account\",\"account_id\":42,\"balance\":1}";
    struct publisher_options options = defaults();
    struct bench *b = begin(&options);

    (void)state;
    fake_connect();
    publisher_finish(b->publisher, on_finished, b);
    add_line(b, account);
    publisher_flush(b->publisher);
    assert_string_equal(kinds(b, 0), "PING SET PING ");
    fake_answer("+PONG");
    fake_answer("+OK");
    assert_int_equal(b->finished, 0);
    fake_answer("+PONG");
    assert_int_equal(b->finished, 1);
    end(b);
}

static void a_lost_link_delays_the_finish(void **state)
{
    struct publisher_options options = defaults();
    struct bench *b = begin(&options);

    (void)state;
    fake_connect();
    publish(b);
    publisher_finish(b->publisher, on_finished, b);
    fake_answer_up_to("PING");
    fake_lose();
    assert_int_equal(b->finished, 0);
    fake_connect();
    assert_string_equal(fake->sent[fake->n_sent - 1], "PING");
    assert_int_equal(b->finished, 0);
    fake_answer_all();
    assert_int_equal(b->finished, 1);
    end(b);
}

static void an_end_without_a_link_says_what_is_lost(void **state)
{
    struct publisher_options options = defaults();
    struct bench *b = begin(&options);

    (void)state;
    publish(b);
    publish(b);
    publisher_finish(b->publisher, on_finished, b);
    assert_int_equal(publisher_unsettled(b->publisher), 2);
    assert_int_equal(tally(b).lost, 2);
    assert_int_equal(tally(b).unsent, 2);
    end(b);
}

static void an_end_in_the_middle_waits_for_nothing(void **state)
{
    struct publisher_options options = defaults();
    struct bench *b = begin(&options);

    (void)state;
    fake_connect();
    publish(b);
    publish(b);
    fake_answer("-OOM command not allowed"); /* written again in a second */
    fake_answer_up_to("XADD");
    fake_answer("-OOM command not allowed"); /* as this */
    publisher_finish(b->publisher, on_finished, b);
    assert_int_equal(publisher_unsettled(b->publisher), 2);
    assert_int_equal(tally(b).published, 1);
    assert_int_equal(tally(b).unconfirmed, 1);
    assert_int_equal(tally(b).lost, 2);
    end(b); /* with commands in flight and both timers running */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_has_finished_when_everything_was_answered),
        cmocka_unit_test(an_answer_to_an_older_mark_is_not_the_finish),
        cmocka_unit_test(a_lost_link_delays_the_finish),
        cmocka_unit_test(an_end_without_a_link_says_what_is_lost),
        cmocka_unit_test(an_end_in_the_middle_waits_for_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
