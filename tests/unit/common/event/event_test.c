#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/bytes.h"
#include "common/base/line.h"
#include "common/event/event_reader.h"

/* A line in memory of its own with LINE_PAD bytes behind it: a load too far is
 * seen by ASan.  The pad would go on with what the line ends with. */
static char *padded(struct span line, char pad)
{
    char *p = mem_alloc(line.len + LINE_PAD);

    if (line.len > 0)
        memcpy(p, line.ptr, line.len);
    memset(p + line.len, pad, LINE_PAD);
    return p;
}

static struct event_reader *reader;

static enum event_fault read_with(struct span line, char pad, struct event *ev,
                                  char **kept, unsigned *column)
{
    *kept = padded(line, pad);
    *column = 0;
    return event_read(reader, span_make(*kept, line.len), ev, column);
}

/* Reads it thrice: what was learnt from the first must not change a thing. */
static char *read_ok(const char *text, struct event *ev)
{
    char *kept = NULL;
    unsigned column;
    enum event_fault f;

    for (int i = 0; i < 3; i++) {
        free(kept);
        f = read_with(span_str(text), i == 1 ? '}' : '\n', ev, &kept, &column);
        if (f != EVENT_OK)
            fail_msg("%s: column %u: %s", text, column, event_fault_text(f));
    }
    return kept;
}

static void assert_decimal(struct decimal d, const char *want)
{
    char text[DECIMAL_TEXT_MAX];

    decimal_format(d, text);
    assert_string_equal(text, want);
}

static void assert_span(struct span s, const char *want)
{
    if (!span_is(s, want))
        fail_msg("'%.*s' is not '%s'", SPAN_ARG(s), want);
}

static void a_tick_is_read(void **state)
{
    struct event ev;
    char *kept = read_ok("{\"type\":\"tick\",\"symbol\":\"BTCUSD\",\"time\":"
                         "1705575045123,\"bid\":95000.50,\"ask\":95001.50,"
                         "\"lp\":\"OANDA\"}",
                         &ev);

    (void)state;
    assert_int_equal(ev.type, EVENT_TICK);
    assert_span(ev.symbol, "BTCUSD");
    assert_true(ev.time_ns == INT64_C(1705575045123000000));
    assert_decimal(ev.bid, "95000.50");
    assert_decimal(ev.ask, "95001.50");
    assert_int_equal(ev.have, EVENT_HAS_SYMBOL | EVENT_HAS_TIME |
                                  EVENT_HAS_BID | EVENT_HAS_ASK);
    free(kept);
}

static void a_trade_is_read(void **state)
{
    struct event ev;
    char *kept = read_ok("{\"type\":\"trade\",\"symbol\":\"AAPL\",\"time\":"
                         "1705575045123,\"price\":187.21,\"size\":100,\"id\":"
                         "\"71\",\"side\":\"buy\",\"src\":\"5f0c\",\"seq\":9}",
                         &ev);

    (void)state;
    assert_int_equal(ev.type, EVENT_TRADE);
    assert_decimal(ev.price, "187.21");
    assert_decimal(ev.size, "100");
    assert_span(ev.id, "71");
    assert_span(ev.side, "buy");
    assert_span(ev.src, "5f0c");
    assert_int_equal(ev.seq, 9);
    assert_int_equal(ev.have, EVENT_HAS_SYMBOL | EVENT_HAS_TIME |
                                  EVENT_HAS_PRICE | EVENT_HAS_SIZE |
                                  EVENT_HAS_ID | EVENT_HAS_SIDE |
                                  EVENT_HAS_SRC | EVENT_HAS_SEQ);
    free(kept);
}

static void order_spaces_and_escapes_do_not_matter(void **state)
{
    struct event ev;
    char *kept =
        read_ok(" {\t\"ask\" : 1E3 , \"x\":[1,{\"a\":null}],\r\n"
                "\"\\u0062id\":1.5e-7,\"time\":1705575045123.123456,"
                "\"symbol\":\"\\u0042TC\\/USD\",\"type\":\"t\\u0069ck\""
                "} ",
                &ev);

    (void)state;
    assert_int_equal(ev.type, EVENT_TICK);
    assert_span(ev.symbol, "BTC/USD");
    assert_true(ev.time_ns == INT64_C(1705575045123123456));
    assert_decimal(ev.bid, "0.00000015");
    assert_decimal(ev.ask, "1000");
    assert_int_equal(ev.text.ptr[0], '{');
    assert_int_equal(ev.text.ptr[ev.text.len - 1], '}');
    free(kept);
}

static void an_id_may_be_a_number(void **state)
{
    struct event ev;
    char *kept =
        read_ok("{\"type\":\"trade\",\"symbol\":\"A\",\"time\":9e11,"
                "\"price\":1,\"size\":null,\"id\":12345678901234567890,"
                "\"side\":null}",
                &ev);

    (void)state;
    assert_span(ev.id, "12345678901234567890");
    assert_int_equal(ev.have, EVENT_HAS_SYMBOL | EVENT_HAS_TIME |
                                  EVENT_HAS_PRICE | EVENT_HAS_ID);
    free(kept);
}

static void every_type_has_the_names_of_its_route(void **state)
{
    static const char *const resolutions[][2] = {
        {"\"1D\"", "D"},   {"\"1W\"", "W"},       {"\"M\"", "M"},
        {"\"S\"", "1S"},   {"\"\\u0031D\"", "D"}, {"60", "60"},
        {"\"15S\"", "15S"}};
    struct event ev;
    char *kept;

    (void)state;
    kept = read_ok("{\"type\":\"bar\",\"symbol\":\"AAPL\",\"resolution\":\"1\","
                   "\"bar\":{\"time\":1697097600000,\"open\":150.0}}",
                   &ev);
    assert_span(ev.resolution, "1");
    assert_true(ev.time_ns == INT64_C(1697097600000000000));
    free(kept);
    for (size_t i = 0; i < sizeof resolutions / sizeof *resolutions; i++) {
        char text[128];

        snprintf(text, sizeof text,
                 "{\"type\":\"bar\",\"symbol\":\"A\",\"resolution\":%s,\"bar\":"
                 "{\"time\":9e11}}",
                 resolutions[i][0]);
        kept = read_ok(text, &ev);
        assert_span(ev.resolution, resolutions[i][1]);
        free(kept);
    }
    kept = read_ok("{\"type\":\"execution\",\"account_id\":1,\"symbol\":"
                   "\"EURUSD\",\"price\":1.0950,\"timestamp\":1705575045123}",
                   &ev);
    assert_span(ev.account_id, "1");
    assert_span(ev.symbol, "EURUSD");
    assert_true(ev.time_ns == INT64_C(1705575045123000000));
    free(kept);
    kept = read_ok("{\"type\":\"option_chain\",\"symbol\":\"NIFTY\",\"expiry\":"
                   "\"2025-11-28\",\"chain\":[{},{}]}",
                   &ev);
    assert_span(ev.expiry, "2025-11-28");
    free(kept);
    kept = read_ok("{\"type\":\"trading_alert\",\"user_id\":\"u7\"}", &ev);
    assert_span(ev.user_id, "u7");
    free(kept);
    kept = read_ok("{\"type\":\"trading_alert\",\"user_id\":null}", &ev);
    assert_int_equal(ev.user_id.len, 0);
    free(kept);
    kept = read_ok("{\"type\":\"exchange\",\"event\":\"connected\"}", &ev);
    assert_span(ev.exchange_event, "connected");
    free(kept);
    kept = read_ok("{\"type\":\"market_status\",\"time\":\"noon\"}", &ev);
    assert_int_equal(ev.have, 0);
    free(kept);
    kept = read_ok("{\"type\":\"market_status\",\"time\":1705575045,"
                   "\"timestamp\":1705575045}",
                   &ev);
    assert_int_equal(ev.have, 0);
    free(kept);
}

static void what_is_wrong_is_named_and_pointed_at(void **state)
{
    static const struct {
        const char *text;
        enum event_fault fault;
        unsigned column;
    } all[] = {
#define TICK "{\"type\":\"tick\",\"symbol\":\"A\","
#define TRADE "{\"type\":\"trade\",\"symbol\":\"A\","
        {"", EVENT_NOT_JSON, 1},
        {"  ", EVENT_NOT_JSON, 3},
        {"hello", EVENT_NOT_JSON, 1},
        {"[1]", EVENT_NOT_OBJECT, 1},
        {" 12", EVENT_NOT_OBJECT, 2},
        {"{}", EVENT_NO_TYPE, 1},
        {"{\"type\":7}", EVENT_UNKNOWN_TYPE, 9},
        {"{\"type\":\"tock\"}", EVENT_UNKNOWN_TYPE, 9},
        {"{\"type\":\"\"}", EVENT_UNKNOWN_TYPE, 9},
        {TICK "\"time\":9e11,\"bid\":1,\"ask\":1", EVENT_NOT_JSON, 56},
        {TICK "\"time\":9e11,\"bid\":1,\"ask\":1}}", EVENT_NOT_JSON, 57},
        {TICK "\"time\":9e11,\"bid\":1,\"ask\":1},", EVENT_NOT_JSON, 57},
        {TICK "\"time\":9e11,\"bid\":01,\"ask\":1}", EVENT_NOT_JSON, 48},
        {TICK "\"time\":9e11,\"bid\":NaN,\"ask\":1}", EVENT_NOT_JSON, 47},
        {TICK "\"time\":9e11,\"bid\":1,\"ask\":1,}", EVENT_NOT_JSON, 57},
        {TICK "\"time\":9e11,\"bid\":1,\"ask\":1e}", EVENT_NOT_JSON, 57},
        {TICK "\"time\":9e11,\"bid\":1,\"lp\":\"\xff\",\"ask\":1}",
         EVENT_BAD_UTF8, 55},
        {TICK "\"time\":9e11,\"bid\":1,\xff\"ask\":1}", EVENT_BAD_UTF8, 49},
        {TICK "\"time\":9e11,\"bid\":1,\"bid\":1,\"ask\":1}",
         EVENT_DUPLICATE_KEY, 49},
        {TICK "\"time\":9e11,\"bid\":1,\"x\":1,\"y\":2,\"x\":1,\"ask\":1}",
         EVENT_DUPLICATE_KEY, 61},
        {TICK "\"time\":9e11,\"bid\":1,\"\\u0062id\":1,\"ask\":1}",
         EVENT_DUPLICATE_KEY, 49},
        {TICK "\"time\":9e11,\"bid\":1,\"ask\":1,\"x\":{\"a\":1,\"a\":2}}",
         EVENT_DUPLICATE_KEY, 68},
        {"{\"type\":\"tick\",\"time\":9e11,\"bid\":1,\"ask\":1}",
         EVENT_NO_SYMBOL, 1},
        {"{\"type\":\"tick\",\"symbol\":\"\",\"time\":9e11,\"bid\":1,\"ask\":"
         "1}",
         EVENT_BAD_SYMBOL, 25},
        {"{\"type\":\"tick\",\"symbol\":5,\"time\":9e11,\"bid\":1,\"ask\":1}",
         EVENT_BAD_SYMBOL, 25},
        {"{\"type\":\"tick\",\"symbol\":null,\"time\":9e11,\"bid\":1,\"ask\":"
         "1}",
         EVENT_BAD_SYMBOL, 25},
        {TICK "\"bid\":1,\"ask\":1}", EVENT_NO_TIME, 1},
        {TICK "\"time\":0,\"bid\":1,\"ask\":1}", EVENT_BAD_TIME, 36},
        {TICK "\"time\":-5,\"bid\":1,\"ask\":1}", EVENT_BAD_TIME, 36},
        {TICK "\"time\":\"1\",\"bid\":1,\"ask\":1}", EVENT_BAD_TIME, 36},
        {TICK "\"time\":null,\"bid\":1,\"ask\":1}", EVENT_BAD_TIME, 36},
        {TICK "\"time\":9e18,\"bid\":1,\"ask\":1}", EVENT_BAD_TIME, 36},
        {TICK "\"time\":0.5,\"bid\":1,\"ask\":1}", EVENT_BAD_TIME, 36},
        {TICK "\"time\":1,\"bid\":1,\"ask\":1}", EVENT_TIME_IN_S, 36},
        {TICK "\"time\":631151999999.9,\"bid\":1,\"ask\":1}", EVENT_TIME_IN_S,
         36},
        {TICK "\"time\":9000000000000,\"bid\":1,\"ask\":1}", EVENT_TIME_IN_US,
         36},
        {TICK "\"time\":1705575045123456,\"bid\":1,\"ask\":1}",
         EVENT_TIME_IN_US, 36},
        {TICK "\"time\":1705575045123456789,\"bid\":1,\"ask\":1}",
         EVENT_TIME_IN_NS, 36},
        {"{\"type\":\"bar\",\"symbol\":\"A\",\"resolution\":1,"
         "\"bar\":{\"time\":1705575045}}",
         EVENT_TIME_IN_S, 57},
        {TICK "\"time\":1e999,\"bid\":1,\"ask\":1}", EVENT_BAD_TIME, 36},
        {TICK "\"time\":1e-99,\"bid\":1,\"ask\":1}", EVENT_BAD_TIME, 36},
        {TRADE "\"time\":9e11,\"bid\":1}", EVENT_NO_PRICE, 1},
        {TRADE "\"time\":9e11,\"price\":null}", EVENT_BAD_PRICE, 50},
        {TRADE "\"time\":9e11,\"price\":0}", EVENT_LOW_PRICE, 50},
        {TRADE "\"time\":9e11,\"price\":-1.5}", EVENT_LOW_PRICE, 50},
        {TRADE "\"time\":9e11,\"price\":1e-20}", EVENT_BAD_PRICE, 50},
        {TICK "\"time\":9e11,\"bid\":-1,\"ask\":1}", EVENT_LOW_PRICE, 47},
        {TICK "\"time\":9e11,\"ask\":-0.5}", EVENT_LOW_PRICE, 47},
        {TICK "\"time\":9e11,\"bid\":0,\"ask\":-1}", EVENT_LOW_PRICE, 55},
        {TICK "\"time\":9e11,\"bid\":\"1\",\"ask\":1}", EVENT_BAD_PRICE, 47},
        {TICK "\"time\":9e11,\"bid\":1e999,\"ask\":1}", EVENT_BAD_PRICE, 47},
        {TICK "\"time\":9e11,\"bid\":1234567890123456789,\"ask\":1}",
         EVENT_BAD_PRICE, 47},
        {TICK "\"time\":9e11,\"bid\":1,\"ask\":[1]}", EVENT_BAD_PRICE, 55},
        {"{\"type\":\"trade\",\"symbol\":\"A\",\"time\":9e11,\"price\":1,"
         "\"size\":-1}",
         EVENT_BAD_SIZE, 59},
        {"{\"type\":\"trade\",\"symbol\":\"A\",\"time\":9e11,\"price\":1,"
         "\"size\":\"1\"}",
         EVENT_BAD_SIZE, 59},
        {"{\"type\":\"price_update\",\"symbol\":\"A\",\"price\":-1}",
         EVENT_LOW_PRICE, 45},
        {"{\"type\":\"bar\",\"symbol\":\"A\",\"bar\":{\"time\":9e11}}",
         EVENT_BAD_NAME, 1},
        {"{\"type\":\"bar\",\"symbol\":\"A\",\"resolution\":1}", EVENT_NO_TIME,
         1},
        {"{\"type\":\"bar\",\"symbol\":\"A\",\"resolution\":1,\"bar\":{}}",
         EVENT_NO_TIME, 49},
        {"{\"type\":\"bar\",\"symbol\":\"A\",\"resolution\":1,\"bar\":\"{\"}",
         EVENT_NO_TIME, 49},
        {"{\"type\":\"bar\",\"symbol\":\"A\",\"resolution\":1,"
         "\"bar\":{\"time\":-1}}",
         EVENT_BAD_TIME, 57},
        {"{\"type\":\"bar\",\"symbol\":\"A\",\"resolution\":\"1min\","
         "\"bar\":{\"time\":9e11}}",
         EVENT_BAD_NAME, 41},
        {"{\"type\":\"bar\",\"symbol\":\"A\",\"resolution\":7,"
         "\"bar\":{\"time\":9e11}}",
         EVENT_BAD_NAME, 41},
        {"{\"type\":\"account\"}", EVENT_BAD_NAME, 1},
        {"{\"type\":\"account\",\"account_id\":\"a:b\"}", EVENT_BAD_NAME, 32},
        {"{\"type\":\"account\",\"account_id\":-1}", EVENT_BAD_NAME, 32},
        {"{\"type\":\"trading_alert\",\"user_id\":\"a b\"}", EVENT_BAD_NAME,
         35},
    };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        for (int k = 0; k < 2; k++) {
            struct event ev;
            unsigned column;
            char *kept;
            enum event_fault f = read_with(span_str(all[i].text), k ? '}' : '1',
                                           &ev, &kept, &column);

            if (f != all[i].fault || column != all[i].column)
                fail_msg("%s: column %u: %s", all[i].text, column,
                         event_fault_text(f));
            free(kept);
        }
    }
}

static void a_nul_byte_is_named(void **state)
{
    static const char text[] = TICK "\"time\":9e11,\"bid\":1,\"ask\":1\0}";
    static const char inside[] = "{\"type\":\"ti\0ck\"}";
    struct event ev;
    unsigned column;
    char *kept;

    (void)state;
    assert_int_equal(
        read_with(span_make(text, sizeof text - 1), '}', &ev, &kept, &column),
        EVENT_NUL_BYTE);
    assert_int_equal(column, 56);
    free(kept);
    assert_int_equal(read_with(span_make(inside, sizeof inside - 1), '}', &ev,
                               &kept, &column),
                     EVENT_NUL_BYTE);
    assert_int_equal(column, 12);
    free(kept);
}

static void symbols_are_of_letters_that_channels_can_have(void **state)
{
    static const char *const good[] = {
        "A", "BTC/USD", "EUR_USD", "BRK.B", "BTC-PERPETUAL", "a@b#c+d", "0"};
    static const char *const bad[] = {
        "A B", "A:B", "A*", "A?", "[A]",   "A{",    "\\u0001", "\xc3\xa9",
        "A,B", "A=B", "A^", "`",  "A\\\\", "A\\\"", "A;"};
    char line[256];
    struct event ev;
    unsigned column;
    char *kept;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(line, sizeof line, "{\"type\":\"ivdex\",\"symbol\":\"%s\"}",
                 good[i]);
        kept = read_ok(line, &ev);
        assert_span(ev.symbol, good[i]);
        free(kept);
        snprintf(line, sizeof line,
                 "{\"type\":\"tick\",\"symbol\":\"%s\",\"time\":9e11,\"bid\":1,"
                 "\"ask\":1}",
                 good[i]);
        kept = read_ok(line, &ev);
        assert_span(ev.symbol, good[i]);
        free(kept);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(line, sizeof line,
                 "{\"type\":\"tick\",\"symbol\":\"%s\",\"time\":9e11,\"bid\":1,"
                 "\"ask\":1}",
                 bad[i]);
        assert_int_equal(read_with(span_str(line), 'x', &ev, &kept, &column),
                         EVENT_BAD_SYMBOL);
        free(kept);
    }
}

static void a_symbol_has_at_most_64_letters(void **state)
{
    char line[256];
    struct event ev;
    unsigned column;
    char *kept;

    (void)state;
    for (int len = 1; len <= 70; len++) {
        enum event_fault f;

        snprintf(
            line, sizeof line,
            "{\"type\":\"tick\",\"symbol\":\"%.*s\",\"time\":9e11,\"bid\":1,"
            "\"ask\":1}",
            len,
            "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZ"
            "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
        for (int k = 0; k < 3; k++) {
            f = read_with(span_str(line), 'x', &ev, &kept, &column);
            free(kept);
            assert_int_equal(f, len <= 64 ? EVENT_OK : EVENT_BAD_SYMBOL);
        }
        if (f == EVENT_OK)
            assert_int_equal(ev.symbol.len, len);
    }
}

static void types_have_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i < EVENT_TYPES; i++) {
        enum event_type back = EVENT_TYPES;
        const char *name = event_type_name((enum event_type)i);

        assert_true(event_type_of(span_str(name), &back));
        assert_int_equal(back, i);
    }
    for (unsigned i = 0; i < EVENT_FAULTS; i++)
        assert_true(strlen(event_fault_text((enum event_fault)i)) > 5);
}

static void assert_quote(const char *members, unsigned have)
{
    char line[256];
    struct event ev;
    char *kept;

    snprintf(line, sizeof line, TICK "\"time\":1705575045123%s}", members);
    kept = read_ok(line, &ev);
    if ((ev.have & (EVENT_HAS_BID | EVENT_HAS_ASK)) != have)
        fail_msg("%s: has %x", members, ev.have);
    free(kept);
}

static void a_side_of_a_quote_may_be_missing_or_zero(void **state)
{
    (void)state;
    assert_quote(",\"bid\":1,\"ask\":2", EVENT_HAS_BID | EVENT_HAS_ASK);
    assert_quote(",\"bid\":1", EVENT_HAS_BID);
    assert_quote(",\"ask\":2", EVENT_HAS_ASK);
    assert_quote("", 0);
    assert_quote(",\"bid\":1,\"price\":0", EVENT_HAS_BID);
    for (int i = 0; i < 3; i++) {
        static const char *const none[] = {"0", "0.00", "null"};
        char text[64];

        snprintf(text, sizeof text, ",\"bid\":%s,\"ask\":2.5", none[i]);
        assert_quote(text, EVENT_HAS_ASK);
        snprintf(text, sizeof text, ",\"bid\":2.5,\"ask\":%s", none[i]);
        assert_quote(text, EVENT_HAS_BID);
        snprintf(text, sizeof text, ",\"bid\":%s,\"ask\":0.0", none[i]);
        assert_quote(text, 0);
    }
}

/* By a reader that has met the line before, and by none. */
static void assert_allowed(const char *text, unsigned have, const char *want)
{
    static const struct event_rules rules = {.allow_negative = true};
    enum { ALL = EVENT_HAS_BID | EVENT_HAS_ASK | EVENT_HAS_PRICE };
    struct event_reader *lenient = event_reader_new();
    char *kept = padded(span_str(text), '\n');
    struct span line = span_make(kept, strlen(text));
    struct event ev, strict;
    unsigned column;

    event_reader_by(lenient, &rules);
    for (int i = 0; i < 3; i++)
        assert_int_equal(event_read(lenient, line, &ev, &column), EVENT_OK);
    assert_int_equal(event_read_by(&rules, line, &strict, &column), EVENT_OK);
    assert_int_equal(ev.have, strict.have);
    assert_int_equal(ev.have & ALL, have);
    if (have & EVENT_HAS_PRICE)
        assert_decimal(ev.price, want);
    else if (have & EVENT_HAS_BID)
        assert_decimal(ev.bid, want);
    else if (have & EVENT_HAS_ASK)
        assert_decimal(ev.ask, want);
    event_reader_free(lenient);
    free(kept);
}

static void
prices_of_zero_and_below_are_read_where_they_are_allowed(void **state)
{
#define AT "\"time\":1705575045123,"
    enum { BOTH = EVENT_HAS_BID | EVENT_HAS_ASK };

    (void)state;
    assert_allowed(TRADE AT "\"price\":-37.63,\"size\":5}", EVENT_HAS_PRICE,
                   "-37.63");
    assert_allowed(TRADE AT "\"price\":0.00,\"size\":5}", EVENT_HAS_PRICE,
                   "0.00");
    assert_allowed(TICK AT "\"bid\":-0.25,\"ask\":-0.20}", BOTH, "-0.25");
    assert_allowed(TICK AT "\"bid\":-0.25,\"ask\":0}", BOTH, "-0.25");
    assert_allowed(TICK AT "\"bid\":0.0,\"ask\":-1}", BOTH, "0.0");
    assert_allowed(TICK AT "\"ask\":-1}", EVENT_HAS_ASK, "-1");
    /* A zero by itself still says that nobody bids, or offers. */
    assert_allowed(TICK AT "\"bid\":0,\"ask\":0.05}", EVENT_HAS_ASK, "0.05");
    assert_allowed(TICK AT "\"bid\":0,\"ask\":0}", 0, "");
    assert_allowed(TICK AT "\"bid\":1.5,\"ask\":0}", EVENT_HAS_BID, "1.5");
#undef AT
}

static bool peek(const char *text, struct event_peek *out, char **kept)
{
    *kept = padded(span_str(text), '}');
    return event_peek(span_make(*kept, strlen(text)), out);
}

static void a_peek_finds_type_symbol_and_bar(void **state)
{
    struct event_peek p;
    char *kept;

    (void)state;
    assert_true(peek("{\"hello\": [1, 2 ]}", &p, &kept));
    assert_int_equal(p.type.len, 0);
    free(kept);
    assert_true(peek("[{\"type\":\"tick\"}]", &p, &kept));
    assert_int_equal(p.type.len, 0);
    free(kept);
    assert_true(peek("{\"x\":{\"type\":\"y\"},\"type\":\"tick\"}", &p, &kept));
    assert_span(p.type, "tick");
    assert_false(p.is_bar);
    free(kept);
    assert_true(peek("{\"type\":\"bar\",\"bar\":{\"x\":{\"time\":5},\"time\":"
                     "1697097600000,\"final\":true}}",
                     &p, &kept));
    assert_true(p.is_bar && p.bar_final);
    assert_true(p.bar_time_ms == INT64_C(1697097600000));
    free(kept);
    assert_true(
        peek("{\"bar\":{\"time\":9e11,\"final\":false},\"type\":\"bar\"}", &p,
             &kept));
    assert_true(p.is_bar && !p.bar_final);
    free(kept);
    assert_true(peek("{\"bar\":\"{\",\"type\":\"bar\"}", &p, &kept));
    assert_false(p.is_bar);
    free(kept);
    assert_true(peek("{\"type\":\"a\",\"type\":\"b\"}", &p, &kept));
    assert_span(p.type, "b");
    assert_int_equal(p.symbol.len, 0);
    free(kept);
    assert_true(
        peek("{\"x\":{\"symbol\":\"y\"},\"symbol\":\"AAPL\"}", &p, &kept));
    assert_span(p.symbol, "AAPL");
    free(kept);
}

static void a_peek_takes_any_json_and_nothing_else(void **state)
{
    static const char *const good[] = {
        "1", "\"x\"", "null", " [] ", "-1.5e9", "{}", "{\"type\":1}", "1e999"};
    static const char *const bad[] = {
        "", "x", "{", "{}{}", "[1,]", "{\"a\"}", "\"\xff\"", "1 2", "{\"a\":1"};
    struct event_peek p;
    char *kept;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(peek(good[i], &p, &kept));
        free(kept);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(peek(bad[i], &p, &kept));
        free(kept);
    }
}

static int open_reader(void **state)
{
    (void)state;
    reader = event_reader_new();
    return 0;
}

static int close_reader(void **state)
{
    (void)state;
    event_reader_free(reader);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tick_is_read),
        cmocka_unit_test(a_trade_is_read),
        cmocka_unit_test(order_spaces_and_escapes_do_not_matter),
        cmocka_unit_test(an_id_may_be_a_number),
        cmocka_unit_test(every_type_has_the_names_of_its_route),
        cmocka_unit_test(what_is_wrong_is_named_and_pointed_at),
        cmocka_unit_test(a_nul_byte_is_named),
        cmocka_unit_test(symbols_are_of_letters_that_channels_can_have),
        cmocka_unit_test(a_symbol_has_at_most_64_letters),
        cmocka_unit_test(types_have_names),
        cmocka_unit_test(a_side_of_a_quote_may_be_missing_or_zero),
        cmocka_unit_test(
            prices_of_zero_and_below_are_read_where_they_are_allowed),
        cmocka_unit_test(a_peek_finds_type_symbol_and_bar),
        cmocka_unit_test(a_peek_takes_any_json_and_nothing_else),
    };

    return cmocka_run_group_tests(tests, open_reader, close_reader);
}
