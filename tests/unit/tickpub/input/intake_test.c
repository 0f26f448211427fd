#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/line.h"
#include "tickpub/input/intake.h"

enum { HOUR_MS = 3600 * 1000 };

static const struct event_rules none;

struct reading {
    char line[1024];
    enum intake_result result;
    struct event ev;
    enum event_fault fault;
    unsigned column;
};

static void read_line(struct intake *in, const char *text, struct reading *r)
{
    *r = (struct reading){0};
    assert_true(strlen(text) + LINE_PAD < sizeof r->line);
    snprintf(r->line, sizeof r->line, "%s", text);
    r->result =
        intake_read(in, span_str(r->line), &r->ev, &r->fault, &r->column);
}

static void tick_at(int64_t time_ms, char text[256])
{
    snprintf(text, 256,
             "{\"type\":\"tick\",\"symbol\":\"A\",\"time\":%lld,"
             "\"bid\":1,\"ask\":2}",
             (long long)time_ms);
}

static void a_native_line_is_an_event(void **state)
{
    struct intake in;
    struct reading r;
    char text[256];

    (void)state;
    assert_true(intake_init(&in, NULL, &none, 5000, NULL));
    tick_at(1705575045123, text);
    read_line(&in, text, &r);
    assert_int_equal(r.result, INTAKE_EVENT);
    assert_true(span_is(r.ev.text, text));
    intake_close(&in);
}

static enum intake_result trade_at(struct intake *in, int64_t time_ms)
{
    struct reading r;
    char text[256];

    snprintf(text, sizeof text,
             "{\"type\":\"trade\",\"symbol\":\"A\",\"time\":%lld,\"price\":1}",
             (long long)time_ms);
    read_line(in, text, &r);
    return r.result;
}

static void trades_are_taken_when_the_clock_is_set_back(void **state)
{
    int64_t now_ms = clock_wall_ms();
    struct reading r;
    struct intake in;
    char text[256];

    (void)state;
    assert_true(intake_init(&in, NULL, &none, HOUR_MS, NULL));
    tick_at(now_ms + HOUR_MS / 2, text);
    read_line(&in, text, &r);
    assert_int_equal(r.result, INTAKE_EVENT);
    /* What was as far ahead as may be is too far now. */
    in.max_future_ns = 0;
    in.latest_ns = 0;
    assert_int_equal(trade_at(&in, now_ms + HOUR_MS / 2), INTAKE_BAD);
    in.max_future_ns = HOUR_MS * INT64_C(1000000);
    assert_int_equal(trade_at(&in, now_ms + HOUR_MS / 2), INTAKE_EVENT);
    in.max_future_ns = 0;
    in.latest_ns = 0;
    for (int s = 0; s < 300; s++)
        assert_int_equal(trade_at(&in, now_ms + HOUR_MS / 2 + s * 1000),
                         INTAKE_EVENT);
    assert_int_equal(trade_at(&in, now_ms + HOUR_MS / 2 + 360 * 1000),
                     INTAKE_BAD);
    intake_close(&in);
}

static void an_empty_line_is_ignored(void **state)
{
    struct intake in;
    struct reading r;

    (void)state;
    assert_true(intake_init(&in, NULL, &none, 5000, NULL));
    read_line(&in, "", &r);
    assert_int_equal(r.result, INTAKE_IGNORED);
    intake_close(&in);
}

static void the_far_future_is_refused_and_the_near_one_is_not(void **state)
{
    struct intake in;
    struct reading r;
    char text[256];

    (void)state;
    assert_true(intake_init(&in, NULL, &none, 5000, NULL));
    tick_at(clock_wall_ms() + 4000, text);
    read_line(&in, text, &r);
    assert_int_equal(r.result, INTAKE_EVENT);
    tick_at(clock_wall_ms() + HOUR_MS, text);
    read_line(&in, text, &r);
    assert_int_equal(r.result, INTAKE_BAD);
    assert_int_equal(r.fault, EVENT_FUTURE_TIME);
    assert_int_equal(r.column, 36);
    /* And one bad clock among the producers stops nobody else. */
    tick_at(clock_wall_ms(), text);
    read_line(&in, text, &r);
    assert_int_equal(r.result, INTAKE_EVENT);
    intake_close(&in);
}

static void a_feed_is_translated(void **state)
{
    struct intake in;
    struct reading r;

    (void)state;
    assert_true(intake_init(&in, "binance", &none, 5000, NULL));
    read_line(&in,
              "{\"e\":\"trade\",\"E\":1570752011620,\"s\":\"BTCUSDT\","
              "\"t\":59,\"p\":\"0.0010\",\"q\":\"100\",\"T\":1570752011619,"
              "\"m\":true}",
              &r);
    assert_int_equal(r.result, INTAKE_EVENT);
    assert_int_equal(r.ev.type, EVENT_TRADE);
    assert_true(span_is(r.ev.symbol, "BTCUSDT"));
    read_line(&in, "{\"result\":null,\"id\":1}", &r);
    assert_int_equal(r.result, INTAKE_IGNORED);
    read_line(&in, "{\"result\":", &r);
    assert_int_equal(r.result, INTAKE_BAD);
    intake_close(&in);
}

static void an_unknown_feed_is_a_usage_error(void **state)
{
    struct err err = {0};
    struct intake in;

    (void)state;
    assert_false(intake_init(&in, "nosuchfeed", &none, 5000, &err));
    assert_int_equal(err.code, ERR_USAGE);
    intake_close(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_native_line_is_an_event),
        cmocka_unit_test(trades_are_taken_when_the_clock_is_set_back),
        cmocka_unit_test(an_empty_line_is_ignored),
        cmocka_unit_test(the_far_future_is_refused_and_the_near_one_is_not),
        cmocka_unit_test(a_feed_is_translated),
        cmocka_unit_test(an_unknown_feed_is_a_usage_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
