#include "tests/unit/bargen/source/source_world.h"

#include "bargen/source/pubsub.h"
#include "common/redis/redis_resp.h"

#define PONG "+PONG\r\n"
/* Names are asked for in any order. */
static void answer(struct fake *f)
{
    static size_t done; /* bytes of the connection */
    struct bytes out;
    const char *at;
    unsigned n = 0;

    if (f->got.len < done || f->reads == 1)
        done = 0;
    bytes_init(&out);
    bytes_add(&f->got, "", 1);
    at = f->got.ptr + done;
    if (strstr(at, "PING"))
        bytes_add_str(&out, PONG);
    while ((at = strstr(at, "\r\np:")) != NULL) {
        size_t len = strcspn(at += 2, "\r");

        resp_array(&out, 3);
        resp_bulk_str(&out, at[len - 1] == '*' ? "psubscribe" : "subscribe");
        resp_bulk(&out, at, len);
        bytes_printf(&out, ":%u\r\n", ++n);
    }
    bytes_add(&out, "", 1);
    done = --f->got.len;
    fake_send(f, out.ptr);
    bytes_close(&out);
}

static void open_pubsub(const char *const *symbols, unsigned n,
                        const char *const *answers)
{
    struct source_context to = world_open(answers, 1);
    struct pubsub_config config = {
        .redis = &w.fake.config, .symbols = symbols, .n_symbols = n};

    snprintf(w.fake.config.prefix, sizeof w.fake.config.prefix, "p:");
    if (!answers)
        w.fake.on_read = answer;
    w.source = pubsub_new(&to, &config);
}

static void begin(void)
{
    open_pubsub(NULL, 0, NULL);
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
    open_pubsub(NULL, 0, NULL);
    world_settle();
    assert_int_equal(w.fake.accepted, 0);
    assert_string_equal(source_fault(w.source), "not subscribed");
    world_close();
}

static void it_subscribes_to_all_or_to_the_symbols_asked_for(void **state)
{
    const char *const symbols[] = {"X"};

    (void)state;
    begin();
    assert_null(source_fault(w.source));
    assert_true(source_caught_up(w.source));
    world_close();
    open_pubsub(symbols, 1, NULL);
    source_resume(w.source);
    FAKE_RUN_UNTIL(&w.fake, w.ready);
    bytes_add(&w.fake.got, "", 1);
    assert_non_null(strstr(w.fake.got.ptr, "\r\np:market_data:X\r\n"));
    assert_non_null(strstr(w.fake.got.ptr, "\r\np:_excluded:X\r\n"));
    assert_null(strstr(w.fake.got.ptr, "*\r\n"));
    world_close();
}

static void a_message_may_hold_several_events(void **state)
{
    (void)state;
    begin();
    publish(TRADE("1") "\nrubbish\n\n" TRADE("2"));
    publish(TRADE("3"));
    FAKE_RUN_UNTIL(&w.fake, events() == 3);
    assert_true(w.drained > 0);
    world_close();
}

static void a_pause_means_nothing_to_it(void **state)
{
    (void)state;
    begin();
    source_pause(w.source);
    publish(TRADE("1"));
    FAKE_RUN_UNTIL(&w.fake, events() == 1);
    assert_true(source_caught_up(w.source));
    world_close();
}

static void what_was_not_heard_flags_the_bars(void **state)
{
    (void)state;
    begin();
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
    open_pubsub(NULL, 0, NULL);
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
    begin();
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
