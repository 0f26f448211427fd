#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/common/base/captured.h"
#include "tests/unit/tickpub/publish/publisher_bench.h"

static void what_was_answered_is_not_sent_again(void **state)
{
    struct publisher_options options = defaults();
    struct bench *b = begin(&options);
    size_t sent;

    (void)state;
    fake_connect();
    publish(b);
    assert_string_equal(kinds(b, 0), "HSET EXPIRE SET PUBLISH XADD ");
    fake_answer_all();
    sent = fake->n_sent;
    fake_lose();
    fake_connect();
    publisher_flush(b->publisher);
    assert_int_equal(fake->n_sent, sent);
    assert_int_equal(tally(b).published, 1);
    assert_int_equal(tally(b).journalled, 1);
    assert_int_equal(b->up, 2);
    assert_int_equal(b->down, 1);
    end(b);
}

static void a_message_lost_with_the_link_is_not_published_again(void **state)
{
    struct publisher_options options = defaults();
    struct bench *b = begin(&options);

    (void)state;
    fake_connect();
    publish(b);
    assert_int_equal(tally(b).unconfirmed, 1); /* as if it ended now */
    fake_lose();
    fake_connect();
    /* The journal and the newest values have to be written, no matter what
     * became of the first attempt. */
    assert_string_equal(kinds(b, 5), "XADD HSET EXPIRE SET ");
    assert_string_equal(command_of_kind("XADD", 0), command_of_kind("XADD", 1));
    assert_string_equal(command_of_kind("HSET", 0), command_of_kind("HSET", 1));
    fake_answer_all();
    assert_int_equal(tally(b).unconfirmed, 1);
    assert_int_equal(tally(b).published, 0);
    assert_int_equal(tally(b).journalled, 1);
    end(b);
}

static void a_reconnect_keeps_the_order(void **state)
{
    struct publisher_options options = defaults();
    struct bench *b = begin(&options);

    (void)state;
    fake_connect();
    publish(b);
    publish(b);
    publish(b);
    fake_lose();
    publish(b);
    fake_connect();
    publish(b);
    fake_answer_all();
    assert_string_equal(ids(b, "PUBLISH"), "1 /2 /3 /4 /5 /");
    assert_string_equal(ids(b, "XADD"), "1 /1 /2 3 4 5 /");
    assert_int_equal(tally(b).unconfirmed, 3);
    assert_int_equal(tally(b).published, 2);
    assert_int_equal(tally(b).journalled, 5);
    end(b);
}

static void a_journal_entry_refused_for_good_is_given_up(void **state)
{
    struct publisher_options options = defaults();
    struct bench *b = begin(&options);

    (void)state;
    fake_connect();
    publish(b);
    publish(b);
    fake_answer_up_to("XADD");
    fake_answer("-WRONGTYPE not a stream");
    assert_int_equal(tally(b).dropped, 1);
    assert_int_equal(tally(b).published, 1);
    publisher_finish(b->publisher, on_finished, b);
    fake_answer_all();
    assert_string_equal(ids(b, "XADD"), "1 /2 /");
    assert_int_equal(tally(b).journalled, 1);
    assert_int_equal(b->finished, 1);
    end(b);
}

static void run_until_sent(struct bench *b, size_t commands)
{
    uint64_t late_ms = uv_now(&b->loop) + 10 * 1000;

    while (fake->n_sent < commands) {
        assert_true(uv_now(&b->loop) < late_ms);
        uv_run(&b->loop, UV_RUN_ONCE);
    }
}

static void an_entry_refused_for_now_goes_before_what_came_later(void **state)
{
    struct publisher_options options = defaults();
    struct bench *b = begin(&options);

    (void)state;
    fake_connect();
    publish(b);
    fake_answer_up_to("XADD");
    fake_answer("-OOM command not allowed");
    publish(b);
    fake_answer_all();
    assert_string_equal(ids(b, "XADD"), "1 /"); /* the second has to wait */
    assert_string_equal(ids(b, "PUBLISH"), "1 /2 /");
    assert_int_equal(tally(b).lost, 2);
    run_until_sent(b, fake->n_sent + 1);
    fake_answer_all();
    assert_string_equal(ids(b, "XADD"), "1 /1 /2 /");
    assert_string_equal(command_of_kind("XADD", 0), command_of_kind("XADD", 1));
    assert_int_equal(tally(b).journalled, 2);
    end(b);
}

static void a_new_link_ends_the_wait_of_a_refused_entry(void **state)
{
    struct publisher_options options = defaults();
    struct bench *b = begin(&options);

    (void)state;
    fake_connect();
    publish(b);
    fake_answer_up_to("XADD");
    fake_answer("-LOADING Redis is loading the dataset in memory");
    fake_lose();
    fake_connect();
    fake_answer_all();
    assert_string_equal(ids(b, "XADD"), "1 /1 /");
    assert_int_equal(tally(b).journalled, 1);
    end(b);
}

static void a_newest_value_refused_for_now_is_written_later(void **state)
{
    struct publisher_options options = defaults();
    struct bench *b = begin(&options);

    (void)state;
    fake_connect();
    publish(b);
    publisher_finish(b->publisher, on_finished, b);
    fake_answer("-OOM command not allowed"); /* HSET */
    fake_answer_all();
    assert_int_equal(b->finished, 0);
    assert_int_equal(publish_metrics[PUBLISH_ERRORS].value, 1);
    assert_string_equal(kinds(b, 0), "HSET EXPIRE SET PUBLISH XADD ");
    run_until_sent(b, 6);
    fake_answer_all();
    assert_string_equal(kinds(b, 5), "HSET SET PING ");
    assert_string_equal(command_of_kind("HSET", 0), command_of_kind("HSET", 1));
    assert_int_equal(b->finished, 1);
    assert_int_equal(tally(b).published, 1);
    end(b);
}

static void a_value_refused_for_now_delays_the_finish(void **state)
{
    struct publisher_options options = defaults();
    struct bench *b = begin(&options);

    (void)state;
    fake_connect();
    add_line(b, "{\"type\":\"account\",\"account_id\":42,\"balance\":1}");
    publisher_finish(b->publisher, on_finished, b);
    assert_string_equal(kinds(b, 0), "SET PING "); /* no stream to wait for */
    fake_answer("-OOM command not allowed");
    fake_answer("+PONG");
    assert_int_equal(b->finished, 0);
    run_until_sent(b, 4);
    assert_string_equal(kinds(b, 2), "SET PING ");
    fake_answer_all();
    assert_int_equal(b->finished, 1);
    end(b);
}

static void a_new_link_ends_the_wait_of_a_refused_value(void **state)
{
    struct publisher_options options = defaults();
    struct bench *b = begin(&options);

    (void)state;
    fake_connect();
    add_line(b, "{\"type\":\"account\",\"account_id\":42,\"balance\":1}");
    publisher_finish(b->publisher, on_finished, b);
    fake_answer("-OOM command not allowed");
    fake_answer("+PONG");
    fake_lose();
    fake_connect();
    assert_string_equal(kinds(b, 2), "SET PING ");
    assert_int_equal(b->finished, 0);
    fake_answer_all();
    assert_int_equal(b->finished, 1);
    end(b);
}

static void a_refused_message_is_in_the_journal_all_the_same(void **state)
{
    struct publisher_options options = defaults();
    struct bench *b = begin(&options);

    (void)state;
    fake_connect();
    publish(b);
    fake_answer_up_to("PUBLISH");
    fake_answer("-NOPERM no permission");
    fake_answer_all();
    assert_int_equal(tally(b).refused, 1);
    assert_int_equal(tally(b).published, 0);
    assert_int_equal(tally(b).journalled, 1);
    assert_int_equal(fake_count("PUBLISH"), 1);
    end(b);
}

/* On the loop's clock, which stands still until somebody looks at it. */
static void next_millisecond(struct bench *b)
{
    uint64_t now_ms = uv_now(&b->loop);

    while (uv_now(&b->loop) == now_ms)
        uv_update_time(&b->loop);
}

static void what_waited_too_long_is_kept_but_not_published(void **state)
{
    struct publisher_options options = defaults();
    struct bench *b;

    (void)state;
    options.stale_after_ms = 0;
    b = begin(&options);
    publish(b);
    publish(b);
    next_millisecond(b);
    fake_connect();
    fake_answer_all();
    assert_string_equal(ids(b, "PUBLISH"), "");
    assert_string_equal(ids(b, "XADD"), "1 2 /");
    assert_string_equal(ids(b, "HSET"), "2 /");
    assert_int_equal(fake_count("SET price:A "), 1);
    assert_int_equal(tally(b).stale, 2);
    assert_int_equal(tally(b).journalled, 2);
    /* What comes afterwards is fresh; so is what came when the link did. */
    fake_lose();
    publish(b);
    next_millisecond(b);
    publish(b);
    fake_connect();
    publish(b);
    fake_answer_all();
    assert_string_equal(ids(b, "PUBLISH"), "4 /5 /");
    assert_int_equal(tally(b).stale, 3);
    assert_int_equal(tally(b).published, 2);
    assert_int_equal(tally(b).journalled, 5);
    end(b);
}

/* However many turns it takes to send them. */
static void what_waited_too_long_is_reported_once(void **state)
{
    struct publisher_options options = defaults();
    struct bench *b;
    char line[64];
    unsigned old;

    (void)state;
    options.stale_after_ms = 0;
    b = begin(&options);
    while (publish_metrics[PUBLISH_QUEUE].value < QUEUE_MAX / 2)
        publish(b); /* more than one batch */
    next_millisecond(b);
    old = (unsigned)b->accepted;
    publish(b);
    fake->full_from = 1;
    fake_connect();
    assert_in_range(tally(b).stale, 1, old - 1);
    assert_string_equal(captured(), "");
    fake->full_from = 0;
    fake->events.on_room(fake->arg);
    fake_answer_all();
    snprintf(line, sizeof line, "ev=stale events=%u ", old);
    assert_non_null(strstr(captured(), line));
    assert_int_equal(tally(b).stale, old);
    assert_int_equal(tally(b).published, 1);
    end(b);
}

static void every_lost_link_reports_its_own_loss(void **state)
{
    struct publisher_options options = defaults();
    struct bench *b = begin(&options);

    (void)state;
    fake_connect();
    publish(b);
    publish(b);
    fake_lose();
    assert_non_null(strstr(captured(), "ev=unconfirmed events=2 "));
    fake_connect();
    publish(b);
    fake_lose();
    assert_non_null(strstr(captured(), "ev=unconfirmed events=1 "));
    fake_connect();
    fake_lose();
    assert_string_equal(captured(), "");
    assert_int_equal(tally(b).unconfirmed, 3);
    end(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_answered_is_not_sent_again),
        cmocka_unit_test(a_message_lost_with_the_link_is_not_published_again),
        cmocka_unit_test(a_reconnect_keeps_the_order),
        cmocka_unit_test(a_journal_entry_refused_for_good_is_given_up),
        cmocka_unit_test(an_entry_refused_for_now_goes_before_what_came_later),
        cmocka_unit_test(a_new_link_ends_the_wait_of_a_refused_entry),
        cmocka_unit_test(a_newest_value_refused_for_now_is_written_later),
        cmocka_unit_test(a_value_refused_for_now_delays_the_finish),
        cmocka_unit_test(a_new_link_ends_the_wait_of_a_refused_value),
        cmocka_unit_test(a_refused_message_is_in_the_journal_all_the_same),
        cmocka_unit_test(what_waited_too_long_is_kept_but_not_published),
        CAPTURED(what_waited_too_long_is_reported_once),
        CAPTURED(every_lost_link_reports_its_own_loss),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
