#include "tests/unit/bargen/source/source_world.h"

#include "bargen/source/pubsub.h"
#include "common/redis/redis_resp.h"

#define PONG "+PONG\r\n"
/* The server takes the "*" of the name for a command: it answers with "". */
#define ALL "*3\r\n$10\r\npsubscribe\r\n$15\r\np:market_data:*\r\n:1\r\n"
#define ONE "*3\r\n$9\r\nsubscribe\r\n$15\r\np:market_data:X\r\n:1\r\n"

static void open_pubsub(const char *const *symbols, unsigned n,
                        const char *const *answers)
{
    struct source_context to = world_open(answers, 1);
    struct pubsub_config config = {
        .redis = &w.fake.config, .symbols = symbols, .n_symbols = n};

    snprintf(w.fake.config.prefix, sizeof w.fake.config.prefix, "p:");
    w.source = pubsub_new(&to, &config);
}

static void begin(const char *const *answers)
{
    open_pubsub(NULL, 0, answers);
    source_resume(w.source);
    FAKE_RUN_UNTIL(&w.fake, w.ready);
}

static void publish(const char *payload)
{
    struct bytes out;

    bytes_init(&out);
    resp_array(&out, 4);
    resp_bulk_str(&out, "pmessage");
    resp_bulk_str(&out, "p:market_data:*");
    resp_bulk_str(&out, "p:market_data:X");
    resp_bulk_str(&out, payload);
    bytes_add(&out, "", 1);
    fake_send(&w.fake, out.ptr);
    bytes_close(&out);
}

static unsigned events(void)
{
    return (unsigned)w.feed.engine.counts.events;
}

static void it_does_nothing_before_it_is_resumed(void **state)
{
    (void)state;
    open_pubsub(NULL, 0, (const char *const[]){PONG, NULL});
    world_settle();
    assert_int_equal(w.fake.accepted, 0);
    assert_string_equal(source_fault(w.source), "not subscribed");
    world_close();
}

static void it_subscribes_to_all_or_to_the_symbols_asked_for(void **state)
{
    const char *const symbols[] = {"X"};

    (void)state;
    begin((const char *const[]){PONG, ALL, "", NULL});
    assert_null(source_fault(w.source));
    assert_true(source_caught_up(w.source));
    world_close();
    open_pubsub(symbols, 1, (const char *const[]){PONG, ONE, NULL});
    source_resume(w.source);
    FAKE_RUN_UNTIL(&w.fake, w.ready);
    bytes_add(&w.fake.got, "", 1);
    assert_non_null(strstr(w.fake.got.ptr, "\r\np:market_data:X\r\n"));
    assert_null(strstr(w.fake.got.ptr, "*\r\n"));
    world_close();
}

static void a_message_may_hold_several_events(void **state)
{
    (void)state;
    begin((const char *const[]){PONG, ALL, "", NULL});
    publish(TRADE("1") "\nrubbish\n\n" TRADE("2"));
    publish(TRADE("3"));
    FAKE_RUN_UNTIL(&w.fake, events() == 3);
    assert_true(w.drained > 0);
    world_close();
}

static void a_pause_means_nothing_to_it(void **state)
{
    (void)state;
    begin((const char *const[]){PONG, ALL, "", NULL});
    source_pause(w.source);
    publish(TRADE("1"));
    FAKE_RUN_UNTIL(&w.fake, events() == 1);
    assert_true(source_caught_up(w.source));
    world_close();
}

static void what_was_not_heard_flags_the_bars(void **state)
{
    (void)state;
    begin((const char *const[]){PONG, ALL, "", NULL});
    publish(TRADE("1"));
    FAKE_RUN_UNTIL(&w.fake, events() == 1);
    assert_false(world_open_bar()->flags & BAR_GAP);
    fake_hang_up(&w.fake);
    FAKE_RUN_UNTIL(&w.fake, w.down);
    assert_non_null(source_fault(w.source));
    assert_false(source_caught_up(w.source));
    w.drained = 0;
    FAKE_RUN_UNTIL(&w.fake, w.ready == 2);
    assert_true(world_open_bar()->flags & BAR_GAP);
    assert_true(w.drained > 0); /* so that the flag is sent */
    world_close();
}

static void a_state_of_before_the_start_is_flagged(void **state)
{
    struct event ev = feed_trade_event("X", T0, "10", "1", "1");

    (void)state;
    open_pubsub(NULL, 0, (const char *const[]){PONG, ALL, "", NULL});
    engine_event(&w.feed.engine, &ev, T0 * MS);
    source_resume(w.source);
    FAKE_RUN_UNTIL(&w.fake, w.ready);
    assert_true(world_open_bar()->flags & BAR_GAP);
    world_close();
}

static void it_tells_why_it_is_refused(void **state)
{
    (void)state;
    open_pubsub(NULL, 0,
                (const char *const[]){"-NOAUTH who are you?\r\n", NULL});
    source_resume(w.source);
    FAKE_RUN_UNTIL(&w.fake, w.down);
    assert_int_equal(w.refused, 1);
    assert_non_null(strstr(w.why, "NOAUTH"));
    assert_int_equal(w.ready, 0);
    world_close();
}

static void nothing_follows_a_close(void **state)
{
    (void)state;
    begin((const char *const[]){PONG, ALL, "", NULL});
    world_settle();
    w.close_in_drained = true;
    publish(TRADE("1"));
    FAKE_RUN_UNTIL(&w.fake, !w.source);
    publish(TRADE("2"));
    world_settle();
    assert_int_equal(events(), 1);
    world_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_does_nothing_before_it_is_resumed),
        cmocka_unit_test(it_subscribes_to_all_or_to_the_symbols_asked_for),
        cmocka_unit_test(a_message_may_hold_several_events),
        cmocka_unit_test(a_pause_means_nothing_to_it),
        cmocka_unit_test(what_was_not_heard_flags_the_bars),
        cmocka_unit_test(a_state_of_before_the_start_is_flagged),
        cmocka_unit_test(it_tells_why_it_is_refused),
        cmocka_unit_test(nothing_follows_a_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
