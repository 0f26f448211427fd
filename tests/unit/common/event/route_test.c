#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/event/route.h"

static struct event event_with_names(void)
{
    struct event ev = {0};

    ev.symbol = span_str("AAPL");
    ev.resolution = span_str("5");
    ev.account_id = span_str("42");
    ev.expiry = span_str("2025-11-28");
    ev.exchange_event = span_str("connected");
    return ev;
}

static void assert_expands(const char *tmpl, const struct event *ev,
                           const char *want)
{
    struct bytes out;

    bytes_init(&out);
    bytes_add_str(&out, ">");
    if (!route_expand(tmpl, span_str("dev:"), ev, &out))
        fail_msg("'%s' does not expand", tmpl);
    bytes_add(&out, "", 1);
    assert_string_equal(out.ptr + 1, want);
    bytes_close(&out);
}

static void names_are_filled_in_behind_the_prefix(void **state)
{
    struct route_table *t = route_table_new(NULL, NULL);
    struct event ev = event_with_names();
    static const struct {
        enum event_type type;
        const char *channel, *key;
    } all[] = {
        {EVENT_TICK, "dev:market_data:AAPL", "dev:price:AAPL"},
        {EVENT_TRADE, "dev:market_data:AAPL", "dev:price:AAPL"},
        {EVENT_TRADE_EXCLUDED, "dev:_excluded:AAPL", NULL},
        {EVENT_ORDERBOOK, "dev:orderbook:AAPL", NULL},
        {EVENT_BAR, "dev:bars:AAPL:5", "dev:bars:history:AAPL:5"},
        {EVENT_PRICE_UPDATE, "dev:stock:price_updates", "dev:stock:price:AAPL"},
        {EVENT_MARKET_STATUS, "dev:stock:market_status",
         "dev:stock:market_status"},
        {EVENT_TRADING_ALERT, "dev:stock:trading_alerts", NULL},
        {EVENT_EXECUTION, "dev:executions:42", NULL},
        {EVENT_ACCOUNT, NULL, "dev:account:42"},
        {EVENT_POSITIONS, NULL, "dev:positions:42"},
        {EVENT_OPTION_CHAIN, "dev:option-chain:AAPL:2025-11-28",
         "dev:option-chain:snapshots:AAPL:2025-11-28"},
        {EVENT_IVDEX, "dev:ivdex:AAPL", "dev:ivdex:AAPL"},
        {EVENT_EXCHANGE, "dev:exchange:connected", NULL},
    };

    (void)state;
    assert_int_equal(sizeof all / sizeof *all, EVENT_TYPES);
    for (size_t i = 0; i < EVENT_TYPES; i++) {
        const struct route *r = route_of(t, all[i].type);

        assert_int_equal(r->type, all[i].type);
        assert_string_equal(r->profile, "default");
        if (all[i].channel)
            assert_expands(r->channel, &ev, all[i].channel);
        else
            assert_string_equal(r->channel, "");
        if (all[i].key)
            assert_expands(r->key, &ev, all[i].key);
        else
            assert_string_equal(r->key, "");
        assert_int_equal(r->journal, i <= EVENT_TRADE_EXCLUDED);
    }
    route_table_free(t);
}

static void lifetimes_are_those_of_the_design(void **state)
{
    struct route_table *t = route_table_new(NULL, NULL);

    (void)state;
    assert_int_equal(route_of(t, EVENT_TICK)->key_ttl_ms, 1000);
    assert_int_equal(route_of(t, EVENT_BAR)->key_ttl_ms, 0);
    assert_int_equal(route_of(t, EVENT_BAR)->key_keep, 5000);
    assert_int_equal(route_of(t, EVENT_BAR)->key_kind, ROUTE_KEY_SORTED);
    assert_int_equal(route_of(t, EVENT_PRICE_UPDATE)->key_ttl_ms, 30000);
    assert_int_equal(route_of(t, EVENT_ACCOUNT)->key_ttl_ms, 60000);
    assert_int_equal(route_of(t, EVENT_POSITIONS)->key_ttl_ms, 30000);
    assert_int_equal(route_of(t, EVENT_OPTION_CHAIN)->key_keep, 3);
    assert_int_equal(route_of(t, EVENT_OPTION_CHAIN)->key_ttl_ms, 86400000);
    assert_int_equal(route_of(t, EVENT_OPTION_CHAIN)->key_kind, ROUTE_KEY_LIST);
    assert_int_equal(route_of(t, EVENT_IVDEX)->key_ttl_ms, 86400000);
    assert_int_equal(route_of(t, EVENT_MARKET_STATUS)->key_ttl_ms, 86400000);
    route_table_free(t);
}

static void an_event_without_the_name_goes_nowhere(void **state)
{
    struct route_table *t = route_table_new(NULL, NULL);
    struct event ev = event_with_names();
    struct bytes out;

    (void)state;
    bytes_init(&out);
    bytes_add_str(&out, "kept");
    assert_false(route_expand(route_of(t, EVENT_TRADING_ALERT)->channel2,
                              span_str("dev:"), &ev, &out));
    assert_false(route_expand("", span_str("dev:"), &ev, &out));
    assert_int_equal(out.len, 4);
    ev.user_id = span_str("u7");
    assert_expands(route_of(t, EVENT_TRADING_ALERT)->channel2, &ev,
                   "dev:alerts:u7");
    assert_expands(route_of(t, EVENT_TRADING_ALERT)->stream, &ev,
                   "dev:stream:alerts:u7");
    assert_expands(route_of(t, EVENT_EXECUTION)->stream, &ev,
                   "dev:stream:executions:42");
    bytes_close(&out);
    route_table_free(t);
}

static struct route_table *table_from(const char *text, struct err *err)
{
    char path[] = "/tmp/tickwire-routes-XXXXXX";
    int fd = mkstemp(path);
    struct route_table *t;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    t = route_table_new(path, err);
    unlink(path);
    return t;
}

static void a_file_replaces_what_it_names_and_nothing_else(void **state)
{
    struct err err = {0};
    struct route_table *t =
        table_from("{\"tick\":{\"channel\":\"quotes:{symbol}\",\"key_ttl_ms\":"
                   "5000,\"journal\":false},"
                   "\"orderbook\":{\"key\":\"book:{symbol}\",\"key_kind\":"
                   "\"list\",\"key_keep\":10}}",
                   &err);
    const struct route *r;

    (void)state;
    assert_non_null(t);
    r = route_of(t, EVENT_TICK);
    assert_string_equal(r->channel, "quotes:{symbol}");
    assert_string_equal(r->key, "price:{symbol}");
    assert_int_equal(r->key_ttl_ms, 5000);
    assert_false(r->journal);
    r = route_of(t, EVENT_ORDERBOOK);
    assert_string_equal(r->channel, "orderbook:{symbol}");
    assert_int_equal(r->key_kind, ROUTE_KEY_LIST);
    assert_int_equal(r->key_keep, 10);
    assert_string_equal(route_of(t, EVENT_TRADE)->channel,
                        "market_data:{symbol}");
    route_table_free(t);
}

static void a_file_with_anything_odd_in_it_is_refused(void **state)
{
    static const struct {
        const char *text, *names;
    } all[] = {
        {"{\"tick\":", "line 1"},
        {"[]", "not a JSON object"},
        {"{\"tock\":{}}", "'tock'"},
        {"{\"tick\":[]}", "tick is not an object"},
        {"{\"tick\":{\"chanel\":\"x\"}}", "tick.chanel"},
        {"{\"tick\":{\"channel\":7}}", "tick.channel"},
        {"{\"tick\":{\"channel\":\"a{b}\"}}", "tick.channel"},
        {"{\"tick\":{\"channel\":\"a{symbol\"}}", "tick.channel"},
        {"{\"tick\":{\"channel\":\"a*\"}}", "tick.channel"},
        {"{\"tick\":{\"channel\":\"a b\"}}", "tick.channel"},
        {"{\"tick\":{\"key_kind\":\"hash\"}}", "tick.key_kind"},
        {"{\"tick\":{\"key_ttl_ms\":-1}}", "tick.key_ttl_ms"},
        {"{\"tick\":{\"journal\":1}}", "tick.journal"},
        {"{\"orderbook\":{\"key\":\"b:{symbol}\"}}", "key_kind"},
        {"{\"orderbook\":{\"journal\":true}}", "orderbook.journal"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct err err = {0};

        assert_null(table_from(all[i].text, &err));
        assert_int_equal(err.code, ERR_CONFIG);
        assert_non_null(strstr(err.text, "/tmp/tickwire-routes-"));
        if (!strstr(err.text, all[i].names))
            fail_msg("%s: %s", all[i].text, err.text);
    }
}

static void the_table_prints_a_line_for_each_type(void **state)
{
    struct route_table *t = route_table_new(NULL, NULL);
    struct bytes out;
    unsigned lines = 0;

    (void)state;
    bytes_init(&out);
    route_print(t, "dev:", &out);
    for (size_t i = 0; i < out.len; i++)
        lines += out.ptr[i] == '\n';
    bytes_add(&out, "", 1);
    assert_int_equal(lines, EVENT_TYPES + 1);
    assert_non_null(strstr(out.ptr, "\ntick "));
    assert_non_null(strstr(out.ptr, " dev:market_data:{symbol} "));
    assert_non_null(
        strstr(out.ptr, " dev:bars:history:{symbol}:{resolution} "));
    assert_non_null(strstr(out.ptr, " list,3,24h "));
    assert_non_null(strstr(out.ptr, " string,1s "));
    assert_non_null(strstr(out.ptr, " all              user_id "));
    assert_non_null(strstr(out.ptr, " all              account_id "));
    assert_non_null(strstr(out.ptr, " -                account_id "));
    assert_non_null(strstr(out.ptr, " latest           -  "));
    bytes_close(&out);
    route_table_free(t);
}

static void shards_are_those_of_fnv_1a(void **state)
{
    (void)state;
    /* 64-bit FNV-1a of "" is cbf29ce484222325, of "a" af63dc4c8601ec8c, of
     * "foobar" 85944171f73967e8: vectors of its authors. */
    assert_int_equal(route_shard(span_str(""), 16), 0x5);
    assert_int_equal(route_shard(span_str("a"), 16), 0xc);
    assert_int_equal(route_shard(span_str("foobar"), 16), 0x8);
    assert_int_equal(route_shard(span_str("foobar"), 1), 0);
    assert_int_equal(route_shard(span_str("foobar"), 1000),
                     0x85944171f73967e8u % 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_filled_in_behind_the_prefix),
        cmocka_unit_test(lifetimes_are_those_of_the_design),
        cmocka_unit_test(an_event_without_the_name_goes_nowhere),
        cmocka_unit_test(a_file_replaces_what_it_names_and_nothing_else),
        cmocka_unit_test(a_file_with_anything_odd_in_it_is_refused),
        cmocka_unit_test(the_table_prints_a_line_for_each_type),
        cmocka_unit_test(shards_are_those_of_fnv_1a),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
