#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* after those */
#include <cmocka.h>

#include "common/base/line.h"
#include "common/event/price.h"

/* The price text of one event, NUL-terminated. */
static void expect(const char *event, const char *want)
{
    char line[512] = {0};
    struct event ev;
    struct price p;
    struct bytes out;
    unsigned column;

    assert_true(strlen(event) + LINE_PAD < sizeof line);
    memcpy(line, event, strlen(event));
    assert_int_equal(
        event_read_strict(span_make(line, strlen(event)), &ev, &column),
        EVENT_OK);
    p = price_of(&ev);
    bytes_init(&out);
    price_json(&out, ev.symbol, &p);
    bytes_add(&out, "", 1);
    assert_string_equal(out.ptr, want);
    bytes_close(&out);
}

static void a_quote_has_its_exact_middle_and_spread(void **state)
{
    (void)state;
    expect("{\"type\":\"tick\",\"symbol\":\"A\",\"time\":1705575045123,"
           "\"bid\":95000.50,\"ask\":95001.51}",
           "{\"symbol\":\"A\",\"time\":1705575045123,\"bid\":95000.50,"
           "\"ask\":95001.51,\"mid\":95001.005,\"spread\":1.01}");
}

static void a_middle_or_spread_of_any_length_is_exact(void **state)
{
    (void)state;
    expect("{\"type\":\"tick\",\"symbol\":\"A\",\"time\":1705575045123,"
           "\"bid\":123456789012345678,\"ask\":123456789012345679}",
           "{\"symbol\":\"A\",\"time\":1705575045123,"
           "\"bid\":123456789012345678,\"ask\":123456789012345679,"
           "\"mid\":123456789012345678.5,\"spread\":1}");
    expect("{\"type\":\"tick\",\"symbol\":\"A\",\"time\":1705575045123,"
           "\"bid\":0.000000000000000001,\"ask\":999999999999999999}",
           "{\"symbol\":\"A\",\"time\":1705575045123,"
           "\"bid\":0.000000000000000001,\"ask\":999999999999999999,"
           "\"mid\":499999999999999999.5000000000000000005,"
           "\"spread\":999999999999999998.999999999999999999}");
}

static void a_quote_of_one_side_has_no_middle(void **state)
{
    (void)state;
    expect("{\"type\":\"tick\",\"symbol\":\"A\",\"time\":1705575045123,"
           "\"bid\":0,\"ask\":0.05}",
           "{\"symbol\":\"A\",\"time\":1705575045123,\"ask\":0.05}");
    expect("{\"type\":\"tick\",\"symbol\":\"A\",\"time\":1705575045123,"
           "\"bid\":0.04}",
           "{\"symbol\":\"A\",\"time\":1705575045123,\"bid\":0.04}");
    expect("{\"type\":\"tick\",\"symbol\":\"A\",\"time\":1705575045123}",
           "{\"symbol\":\"A\",\"time\":1705575045123}");
}

static void a_trade_has_its_price_and_size(void **state)
{
    (void)state;
    expect("{\"type\":\"trade\",\"symbol\":\"A\",\"time\":1705575045123,"
           "\"price\":187.20,"
           "\"size\":100}",
           "{\"symbol\":\"A\",\"time\":1705575045123,\"price\":187.20,\"size\":"
           "100}");
    expect("{\"type\":\"trade\",\"symbol\":\"A\",\"time\":1705575045123,"
           "\"price\":5}",
           "{\"symbol\":\"A\",\"time\":1705575045123,\"price\":5}");
}

static void fractions_of_milliseconds_are_kept(void **state)
{
    (void)state;
    expect("{\"type\":\"trade\",\"symbol\":\"A\",\"time\":1705575045123.25,"
           "\"price\":5}",
           "{\"symbol\":\"A\",\"time\":1705575045123.25,\"price\":5}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quote_has_its_exact_middle_and_spread),
        cmocka_unit_test(a_middle_or_spread_of_any_length_is_exact),
        cmocka_unit_test(a_quote_of_one_side_has_no_middle),
        cmocka_unit_test(a_trade_has_its_price_and_size),
        cmocka_unit_test(fractions_of_milliseconds_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
