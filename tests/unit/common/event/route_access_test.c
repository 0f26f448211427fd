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
        "alerts:*", "account:42", "account", "positions:42", "positions:*",
        "positions",
        /* whatever stands before: prefixes of other environments */
        "prod:executions:42", "a:b:executions:42", "prod:executions:*",
        "prod:alerts:7", "prod:account", "x:positions:1", "x:positions",
        "prod-executions:42", "prod.account", "prod/alerts:7",
        "prodpositions:1", "stream:executions:42", "last:executions:42",
        "a:*:executions:42", "a:*:account", "market_data:account:x"};
    static const char *const open[] = {
        "market_data:AAPL", "market_data:*", "bars:AAPL:5",
        "stock:trading_alerts", "stock:*", "option-chain:NIFTY:2025-11-28",
        "exchange:connected", "prod:stock:trading_alerts", "prod:*",
        "prod:*:42", "mine", "mine:42",
        /* only a part that is named so counts */
        "executions", "alerts", "x:executions", "executions-of:42", "accounts",
        "accounts:42", "accoun", "prod:accounts:1", "fills:42", ""};
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

static void a_part_that_begins_with_an_underscore_is_internal(void **state)
{
    static const char *const internal[] = {"_probe:abc",
                                           "_x",
                                           "prod:_probe:abc",
                                           "a:b:_c",
                                           "market_data:_X",
                                           "a:_",
                                           "_",
                                           "a:_b:*",
                                           "prod-_probe:abc",
                                           "prod_probe:abc"};
    static const char *const others[] = {
        "market_data:AAPL", "a_b:c_d", "a:b_", "probe:abc",
        "my_probes:x",      "a:*",     ""};

    (void)state;
    for (size_t i = 0; i < sizeof internal / sizeof *internal; i++)
        if (!route_channel_is_internal(span_str(internal[i])))
            fail_msg("%s is not internal", internal[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (route_channel_is_internal(span_str(others[i])))
            fail_msg("%s is internal", others[i]);
}

static void only_channels_of_mixed_rows_may_hold_what_is_private(void **state)
{
    static const char *const may[] = {
        "stock:trading_alerts", "stock:price_updates", "stock:of_tomorrow",
        "prod:stock:trading_alerts", "prod-stock:trading_alerts"};
    static const char *const may_not[] = {
        "market_data:AAPL", "bars:AAPL:5", "stock", "mine:x", "x:stock", ""};
    struct route_table *t = route_table_new(NULL, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof may / sizeof *may; i++)
        if (!route_may_hold_private(t, span_str(may[i])))
            fail_msg("%s may not hold alerts", may[i]);
    for (size_t i = 0; i < sizeof may_not / sizeof *may_not; i++)
        if (route_may_hold_private(t, span_str(may_not[i])))
            fail_msg("%s may hold alerts", may_not[i]);
    route_table_free(t);
}

static void a_message_that_names_somebody_is_theirs(void **state)
{
    static const struct {
        const char *payload, *channel; /* NULL: everybody's */
    } cases[] = {
        {"{\"type\":\"trading_alert\",\"user_id\":\"u7\"}", "alerts:u7"},
        {"{\"type\":\"trading_alert\",\"user_id\":7}", "alerts:7"},
        {" {\"type\":\"trading_alert\",\"a\":[1,{}],\"user_id\" : 7 } ",
         "alerts:7"},
        {"{\"type\":\"trading_alert\",\"user_id\":\"\\u0075\\u0037\"}",
         "alerts:u7"},
        {"{\"type\":\"trading_alert\",\"\\u0075ser_id\":7}", "alerts:7"},
        {"{\"type\":\"trading_alert\",\"data\":{\"user_id\":7}}", "alerts:7"},
        {"{\"type\":\"trading_alert\",\"user_id\":7,\"user_id\":null}",
         "alerts:7"},
        {"{\"type\":\"trading_alert\",\"user_id\":1,\"user_id\":2}",
         "alerts:2"},
        {"{\"type\":\"trading_alert\",\"user_id\":7,\"account_id\":8}",
         "alerts:7"},
        {"{\"type\":\"execution\",\"account_id\":42}", "executions:42"},
        {"{\"type\":\"account\",\"account_id\":42}", "account:42"},
        {"{\"type\":\"positions\",\"account_id\":\"a-1\"}", "positions:a-1"},
        /* no type that there is */
        {"{\"user_id\":\"u7\"}", "alerts:u7"},
        {"{\"type\":\"alert\",\"user_id\":\"u7\"}", "alerts:u7"},
        {"{\"type\":\"trading\\u005falert\",\"user_id\":\"u7\"}", "alerts:u7"},
        /* somebody who cannot have a channel */
        {"{\"type\":\"trading_alert\",\"user_id\":\"a b\"}", ""},
        {"{\"type\":\"trading_alert\",\"user_id\":\"a:b\"}", ""},
        {"{\"type\":\"trading_alert\",\"user_id\":\"*\"}", ""},
        {"{\"type\":\"trading_alert\",\"user_id\":true}", ""},
        {"{\"type\":\"trading_alert\",\"user_id\":-7}", ""},
        {"{\"type\":\"trading_alert\",\"user_id\":[7]}", ""},
        {"{\"type\":\"trading_alert\",\"user_id\":{}}", ""},
        {"{\"type\":\"trading_alert\",\"user_id\":"
         "\"12345678901234567890123456789012345678901234567890123456789012345"
         "\"}",
         ""},
        /* everybody's */
        {"{\"type\":\"trading_alert\",\"user_id\":null}", NULL},
        {"{\"type\":\"trading_alert\",\"user_id\":\"\"}", NULL},
        {"{\"type\":\"trading_alert\",\"level\":1}", NULL},
        {"{\"type\":\"trading_alert\"}", NULL},
        {"{\"type\":\"trading_alert\",\"user\":{\"user_id\":7}}", NULL},
        {"{\"type\":\"trading_alert\",\"account_id\":7}", NULL},
        {"{\"type\":\"price_update\",\"user_id\":7}", NULL},
        {"{\"type\":\"tick\",\"user_id\":7}", NULL},
        {"{\"level\":1}", NULL},
        {"7", NULL},
        {"", NULL},
        {"[{\"user_id\":7}]", NULL},
        /* no JSON: nobody hears it */
        {"{\"type\":\"trading_alert\",\"user_id\":7", NULL},
        {"{\"type\":\"trading_alert\",\"user_id\"", NULL},
    };
    struct route_table *t = route_table_new(NULL, NULL);
    struct bytes channel;

    (void)state;
    bytes_init(&channel);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool own;

        bytes_clear(&channel);
        bytes_add_str(&channel, "what was there");
        own = route_private_target(t, span_str(cases[i].payload), &channel);
        if (own != (cases[i].channel != NULL))
            fail_msg("%s is %s", cases[i].payload,
                     own ? "somebody's own" : "everybody's");
        if (own && !span_is(bytes_span(&channel), cases[i].channel))
            fail_msg("%s is for '%.*s'", cases[i].payload, (int)channel.len,
                     channel.ptr);
        assert_true(!own || channel.len == 0 ||
                    route_is_private(t, bytes_span(&channel)));
    }
    bytes_close(&channel);
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

static void a_channel_of_all_symbols_is_known(void **state)
{
    static const char *const others[] = {
        "stock:market_status", "stock:*",  "stock:trading_alerts",
        "market_data:AAPL",    "bars:A:5", ""};
    struct route_table *t = route_table_new(NULL, NULL);

    (void)state;
    assert_true(route_is_by_symbol(t, span_str("stock:price_updates")));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (route_is_by_symbol(t, span_str(others[i])))
            fail_msg("%s is by symbol", others[i]);
    route_table_free(t);
}

static void executions_and_alerts_are_delivered_in_full(void **state)
{
    static const char *const all[] = {
        "executions:42",       "executions:*",         "alerts:u7",
        "stock:market_status", "stock:trading_alerts", "stock:*"};
    static const char *const latest[] = {"market_data:AAPL",
                                         "stock:price_updates",
                                         "bars:AAPL:5",
                                         "bars:*",
                                         "orderbook:AAPL",
                                         "ivdex:NIFTY",
                                         "exchange:closed",
                                         "account:42",
                                         "stock",
                                         "executions",
                                         "stocks:x",
                                         "stock:of_tomorrow",
                                         "prod:*"};
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
        cmocka_unit_test(a_part_that_begins_with_an_underscore_is_internal),
        cmocka_unit_test(only_channels_of_mixed_rows_may_hold_what_is_private),
        cmocka_unit_test(a_message_that_names_somebody_is_theirs),
        cmocka_unit_test(a_channel_of_all_symbols_is_known),
        cmocka_unit_test(executions_and_alerts_are_delivered_in_full),
        cmocka_unit_test(a_file_that_moves_a_channel_moves_its_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
