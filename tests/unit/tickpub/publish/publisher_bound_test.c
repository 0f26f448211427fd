#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/tickpub/publish/publisher_bench.h"

enum { EVENTS_MAX = 200000 };

static void fill(struct bench *b)
{
    while (!publisher_full(b->publisher)) {
        assert_true(b->accepted < EVENTS_MAX);
        add(b);
    }
}

static void a_full_queue_stops_the_input_until_there_is_room(void **state)
{
    struct publisher_options options = defaults();
    struct bench *b = begin(&options);

    (void)state;
    fill(b);
    assert_in_range(publish_metrics[PUBLISH_QUEUE].value, 0, 2 * QUEUE_MAX);
    assert_in_range(b->accepted, 50, QUEUE_MAX / 64); /* its bytes at least */
    assert_int_equal(tally(b).dropped, 0);
    assert_int_equal(tally(b).unsent, b->accepted);
    fake_connect();
    fake_answer_all();
    assert_false(publisher_full(b->publisher));
    assert_int_equal(b->room, 1);
    assert_int_equal(fake_count("PUBLISH"), b->accepted);
    assert_int_equal(tally(b).published, b->accepted);
    assert_int_equal(tally(b).journalled, b->accepted);
    end(b);
}

static void a_slow_redis_stops_the_input_before_the_queue_is_full(void **state)
{
    struct publisher_options options = defaults();
    struct bench *b = begin(&options);
    uint64_t without_link;

    (void)state;
    fill(b);
    without_link = b->accepted;
    fake_connect();
    fake_answer_all();
    fake->full = true;
    fill(b);
    assert_in_range(b->accepted - without_link, 1, without_link * 3 / 4);
    assert_int_equal(b->room, 1);
    fake->full = false;
    fake->events.on_room(fake->arg);
    fake_answer_all();
    assert_int_equal(b->room, 2);
    assert_int_equal(tally(b).published, b->accepted);
    end(b);
}

static void a_lost_link_lets_the_whole_queue_fill(void **state)
{
    struct publisher_options options = defaults();
    struct bench *b;
    uint64_t at_first;

    (void)state;
    options.queue_max_bytes = 8 << 20;
    b = begin(&options);
    fake_connect();
    fake->full = true;
    fill(b);
    at_first = b->accepted;
    assert_int_equal(b->room, 0);
    fake_lose();
    assert_int_equal(b->room, 1);
    fill(b);
    assert_true(b->accepted > 2 * at_first);
    assert_int_equal(tally(b).unsent, b->accepted);
    end(b);
}

static void a_full_queue_drops_its_oldest_and_counts_them(void **state)
{
    struct publisher_options options = defaults();
    struct bench *b;
    char first[32];
    struct tally n;

    (void)state;
    options.drop_oldest = true;
    b = begin(&options);
    add_line(b, "{\"type\":\"trade\",\"symbol\":\"B\",\"time\":1705575041000,"
                "\"price\":2,"
                "\"id\":\"1\"}");
    while (b->accepted < 2000) {
        add(b);
        assert_false(publisher_full(b->publisher));
    }
    n = tally(b);
    assert_in_range(n.dropped, 1000, 1999);
    fake_connect();
    publisher_flush(b->publisher);
    fake_answer_all();
    snprintf(first, sizeof first, "%d /", (int)n.dropped + 1);
    assert_int_equal(strncmp(ids(b, "PUBLISH"), first, strlen(first)), 0);
    assert_int_equal(fake_count("PUBLISH"), 2000 - n.dropped);
    assert_int_equal(fake_count("\"id\":\"2000\""), 3);    /* HSET too */
    assert_int_equal(fake_count("last:market_data:B"), 0); /* all dropped */
    assert_int_equal(tally(b).unsent, n.dropped);
    assert_int_equal(tally(b).dropped, n.dropped);
    assert_int_equal(tally(b).journalled, 2000 - n.dropped);
    end(b);
}

static void of_a_slow_journal_the_oldest_go_though_published(void **state)
{
    struct publisher_options options = defaults();
    struct bench *b;
    struct tally n;

    (void)state;
    options.drop_oldest = true;
    b = begin(&options);
    fake_connect();
    while (b->accepted < 2000)
        publish(b);
    n = tally(b);
    assert_in_range(n.dropped, 1000, 1999);
    assert_int_equal(n.unsent, 0);
    fake_answer_all();
    /* What was in flight is not dropped, what came last neither. */
    assert_int_equal(strncmp(ids(b, "XADD"), "1 /", 3), 0);
    assert_non_null(strstr(ids(b, "XADD"), " 2000 /"));
    assert_int_equal(tally(b).published, 2000);
    assert_int_equal(tally(b).journalled, 2000 - n.dropped);
    end(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_queue_stops_the_input_until_there_is_room),
        cmocka_unit_test(a_slow_redis_stops_the_input_before_the_queue_is_full),
        cmocka_unit_test(a_lost_link_lets_the_whole_queue_fill),
        cmocka_unit_test(a_full_queue_drops_its_oldest_and_counts_them),
        cmocka_unit_test(of_a_slow_journal_the_oldest_go_though_published),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
