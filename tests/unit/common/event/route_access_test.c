#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/event/route.h"

static bool is_private(const struct route_table *t, const char *name)
{
    return route_is_private(t, span_str(name));
}

static void what_bears_an_account_or_a_user_is_private(void **state)
{
    static const char *const own[] = {
        "executions:42", "executions:*", "executions:42:x", "alerts:u7",
        "alerts:*",      "account:42",   "account",         "positions:42",
        "positions:*",   "positions"};
    static const char *const open[] = {
        "market_data:AAPL", "market_data:*", "bars:AAPL:5",
        "stock:trading_alerts", "stock:*", "option-chain:NIFTY:2025-11-28",
        "exchange:connected",
        /* only a part that is named so counts */
        "executions", "alerts", "executions-of:42", "accounts", "accounts:42",
        "accoun", "x:executions:42", "stream:executions:42", "fills:42"};
    struct route_table *t = route_table_new(NULL, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (!is_private(t, own[i]))
            fail_msg("%s is open to everybody", own[i]);
    for (size_t i = 0; i < sizeof open / sizeof *open; i++)
        if (is_private(t, open[i]))
            fail_msg("%s is private", open[i]);
    route_table_free(t);
}

static void every_type_that_names_an_account_or_user_says_whose_it_is(void **s)
{
    struct route_table *t = route_table_new(NULL, NULL);

    (void)s;
    for (unsigned i = 0; i < EVENT_TYPES; i++) {
        const struct route *r = route_of(t, (enum event_type)i);
        const char *const templates[] = {r->channel, r->channel2, r->key,
                                         r->stream};

        for (size_t k = 0; k < sizeof templates / sizeof *templates; k++)
            if (strstr(templates[k], "{account_id}") ||
                strstr(templates[k], "{user_id}")) {
                assert_non_null(r->private_to);
                assert_non_null(strstr(templates[k], r->private_to));
            }
    }
    route_table_free(t);
}

static void executions_alerts_and_stock_are_delivered_in_full(void **state)
{
    static const char *const all[] = {"executions:42",
                                      "executions:*",
                                      "alerts:u7",
                                      "stock:price_updates",
                                      "stock:market_status",
                                      "stock:trading_alerts",
                                      "stock:*",
                                      "stock:of_tomorrow"};
    static const char *const latest[] = {
        "market_data:AAPL", "bars:AAPL:5",     "bars:*",     "orderbook:AAPL",
        "ivdex:NIFTY",      "exchange:closed", "account:42", "stock",
        "executions",       "stocks:x"};
    struct route_table *t = route_table_new(NULL, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (route_mode_of(t, span_str(all[i])) != ROUTE_ALL)
            fail_msg("%s is conflated", all[i]);
    for (size_t i = 0; i < sizeof latest / sizeof *latest; i++)
        if (route_mode_of(t, span_str(latest[i])) != ROUTE_LATEST)
            fail_msg("%s is not conflated", latest[i]);
    route_table_free(t);
}

/* The column belongs to the row: wherever a file sends executions, they stay
 * what they are. */
static void a_file_that_moves_a_channel_moves_its_policy(void **state)
{
    static const char text[] =
        "{\"execution\":{\"channel\":\"fills:{account_id}\"}}";
    char path[] = "/tmp/tickwire-routes-XXXXXX";
    int fd = mkstemp(path);
    struct err err = {0};
    struct route_table *t;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    t = route_table_new(path, &err);
    unlink(path);
    assert_non_null(t);
    assert_true(is_private(t, "fills:42"));
    assert_int_equal(route_mode_of(t, span_str("fills:42")), ROUTE_ALL);
    assert_false(is_private(t, "executions:42"));
    assert_true(is_private(t, "alerts:u7"));
    route_table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_bears_an_account_or_a_user_is_private),
        cmocka_unit_test(
            every_type_that_names_an_account_or_user_says_whose_it_is),
        cmocka_unit_test(executions_alerts_and_stock_are_delivered_in_full),
        cmocka_unit_test(a_file_that_moves_a_channel_moves_its_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
