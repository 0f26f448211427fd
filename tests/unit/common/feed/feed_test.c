#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/line.h"
#include "common/event/event_time.h"
#include "common/feed/feed.h"
#include "common/feed/feed_time.h"

static const int64_t now_ns = INT64_C(1705575045123456789);

struct translated {
    enum feed_result result;
    enum event_fault fault;
    unsigned column;
    struct event ev;
};

static struct feed_reader *reader;

static void translate(const char *text, struct translated *t)
{
    size_t len = strlen(text);
    char *line = mem_alloc(len + LINE_PAD);

    memcpy(line, text, len);
    memset(line + len, '}', LINE_PAD);
    t->column = 0;
    t->result = feed_read(reader, span_make(line, len), now_ns, &t->ev,
                          &t->fault, &t->column);
    free(line); /* the event does not point there */
}

static void assert_becomes(const char *text, const char *want)
{
    struct translated t;

    translate(text, &t);
    assert_int_equal(t.result, FEED_EVENT);
    if (!span_is(t.ev.text, want))
        fail_msg("%.*s", SPAN_ARG(t.ev.text));
}

static void assert_ignored(const char *text)
{
    struct translated t;

    translate(text, &t);
    if (t.result != FEED_IGNORED)
        fail_msg("'%s' is not ignored", text);
}

static void assert_bad(const char *text, enum event_fault fault,
                       unsigned column)
{
    struct translated t;

    translate(text, &t);
    assert_int_equal(t.result, FEED_BAD);
    if (t.fault != fault || t.column != column)
        fail_msg("%s: column %u: %s", text, t.column,
                 event_fault_text(t.fault));
}

static void a_trade_keeps_the_text_of_its_numbers(void **state)
{
    (void)state;
    assert_becomes(
        "{\"e\":\"trade\",\"E\":123456789,\"s\":\"BTCUSDT\",\"t\":5933014,"
        "\"p\":\"0.0010\",\"q\":\"100\",\"T\":1672515782136,\"m\":true}",
        "{\"type\":\"trade\",\"symbol\":\"BTCUSDT\",\"time\":1672515782136,"
        "\"price\":0.0010,\"size\":100,\"id\":\"5933014\",\"side\":\"sell\"}");
}

static void an_aggregate_trade_says_how_many_it_stands_for(void **state)
{
    (void)state;
    assert_becomes(
        "{\"e\":\"aggTrade\",\"E\":1570752011620,\"a\":13519807,\"s\":"
        "\"XRPETH\",\"p\":\"0.00141342\",\"q\":\"23.00000000\",\"f\":100,"
        "\"l\":105,\"T\":1570752011620,\"m\":false,\"M\":true}",
        "{\"type\":\"trade\",\"symbol\":\"XRPETH\",\"time\":1570752011620,"
        "\"price\":0.00141342,\"size\":23.00000000,\"id\":\"13519807\","
        "\"side\":\"buy\",\"count\":6}");
}

static void the_event_is_what_the_line_says(void **state)
{
    struct translated t;
    char text[DECIMAL_TEXT_MAX];

    (void)state;
    translate(
        "{\"e\":\"aggTrade\",\"a\":7,\"s\":\"XRPETH\",\"p\":\"0.00141342\","
        "\"q\":\"23.0\",\"T\":1570752011620}",
        &t);
    assert_int_equal(t.result, FEED_EVENT);
    assert_int_equal(t.ev.type, EVENT_TRADE);
    assert_true(span_is(t.ev.symbol, "XRPETH"));
    assert_true(span_is(t.ev.id, "7"));
    assert_true(t.ev.time_ns == INT64_C(1570752011620000000));
    decimal_format(t.ev.price, text);
    assert_string_equal(text, "0.00141342");
    assert_true(span_starts(t.ev.text, "{\"type\":\"trade\","));
}

/* What follows the symbol of a trade with the id 7 becomes what follows it. */
static void assert_excluded(const char *rest, const char *want)
{
    char line[256], native[256];

    snprintf(line, sizeof line,
             "{\"e\":\"trade\",\"s\":\"A\",\"t\":7,\"T\":1672515782136,%s}",
             rest);
    snprintf(native, sizeof native,
             "{\"type\":\"trade_excluded\",\"symbol\":\"A\",\"time\":"
             "1672515782136,\"id\":\"7\",%s}",
             want);
    assert_becomes(line, native);
}

static void a_trade_that_was_none_only_uses_up_its_id(void **state)
{
    struct translated t;

    (void)state;
    assert_excluded("\"p\":\"0\",\"q\":\"0\",\"X\":\"NA\",\"m\":true",
                    "\"reason\":\"NA\",\"price\":0,\"size\":0,\"side\":"
                    "\"sell\"");
    assert_excluded("\"p\":\"1.5\",\"q\":\"2\",\"X\":\"INSURANCE_FUND\"",
                    "\"reason\":\"INSURANCE_FUND\",\"price\":1.5,\"size\":2");
    assert_excluded("\"p\":\"1.5\",\"q\":\"2\",\"X\":\"ADL\"",
                    "\"reason\":\"ADL\",\"price\":1.5,\"size\":2");
    assert_excluded("\"X\":\"NA\"", "\"reason\":\"NA\"");
    /* Without a word for it, zeros say so. */
    assert_excluded("\"p\":\"0.000\",\"q\":\"1\"",
                    "\"price\":0.000,\"size\":1");
    assert_excluded("\"p\":\"10\",\"q\":0.0", "\"price\":10,\"size\":0.0");
    assert_excluded("\"p\":\"0e5\",\"q\":\"1\",\"X\":\"MARKET\"",
                    "\"reason\":\"MARKET\",\"price\":0e5,\"size\":1");
    assert_becomes("{\"e\":\"aggTrade\",\"s\":\"A\",\"a\":7,\"p\":\"0.00\","
                   "\"q\":\"0.00\",\"f\":-1,\"l\":-1,\"T\":1672515782136,"
                   "\"m\":false}",
                   "{\"type\":\"trade_excluded\",\"symbol\":\"A\",\"time\":"
                   "1672515782136,\"id\":\"7\",\"price\":0.00,\"size\":0.00,"
                   "\"side\":\"buy\"}");
    translate("{\"e\":\"trade\",\"s\":\"A\",\"t\":7,\"T\":1672515782136,"
              "\"X\":\"NA\"}",
              &t);
    assert_int_equal(t.ev.type, EVENT_TRADE_EXCLUDED);
    assert_true(span_is(t.ev.id, "7"));
    assert_bad("{\"e\":\"trade\",\"s\":\"A\",\"T\":1672515782136,\"X\":\"NA\"}",
               EVENT_NO_ID, 1);
    /* These are trades. */
    assert_becomes("{\"e\":\"trade\",\"s\":\"A\",\"t\":7,\"T\":1672515782136,"
                   "\"p\":\"0.10\",\"q\":\"0.020\",\"X\":\"MARKET\"}",
                   "{\"type\":\"trade\",\"symbol\":\"A\",\"time\":"
                   "1672515782136,\"price\":0.10,\"size\":0.020,\"id\":"
                   "\"7\"}");
    assert_becomes("{\"e\":\"trade\",\"s\":\"A\",\"t\":7,\"T\":1672515782136,"
                   "\"p\":\"100\",\"q\":\"1\",\"X\":null}",
                   "{\"type\":\"trade\",\"symbol\":\"A\",\"time\":"
                   "1672515782136,\"price\":100,\"size\":1,\"id\":\"7\"}");
}

static void a_book_ticker_is_a_tick(void **state)
{
    (void)state;
    assert_becomes(
        "{\"e\":\"bookTicker\",\"u\":400900217,\"E\":1568014460893,\"T\":"
        "1568014460891,\"s\":\"BNBUSDT\",\"b\":\"25.35190000\",\"B\":"
        "\"31.21000000\",\"a\":\"25.36520000\",\"A\":\"40.66000000\"}",
        "{\"type\":\"tick\",\"symbol\":\"BNBUSDT\",\"time\":1568014460891,"
        "\"bid\":25.35190000,\"ask\":25.36520000,\"bid_size\":31.21000000,"
        "\"ask_size\":40.66000000}");
}

static void nobody_on_one_side_of_a_book_is_a_quote_of_the_other(void **state)
{
    struct translated t;

    (void)state;
    translate("{\"e\":\"bookTicker\",\"s\":\"A\",\"T\":1672515782136,\"b\":"
              "\"0.00000000\",\"B\":\"0.00000000\",\"a\":\"2.5\",\"A\":"
              "\"1\"}",
              &t);
    assert_int_equal(t.result, FEED_EVENT);
    assert_int_equal(t.ev.have & (EVENT_HAS_BID | EVENT_HAS_ASK),
                     EVENT_HAS_ASK);
    translate("{\"u\":4,\"s\":\"A\",\"b\":\"2.5\",\"B\":\"1\",\"a\":"
              "\"0.0\",\"A\":\"0.0\"}",
              &t);
    assert_int_equal(t.result, FEED_EVENT);
    assert_int_equal(t.ev.have & (EVENT_HAS_BID | EVENT_HAS_ASK),
                     EVENT_HAS_BID);
}

static void prices_below_zero_pass_where_they_are_allowed(void **state)
{
    static const struct event_rules rules = {.unit = EVENT_UNIT_S,
                                             .allow_negative = true};
    struct feed_reader *usual = reader;

    (void)state;
    reader = feed_reader_new("binance", NULL);
    feed_reader_by(reader, &rules);
    assert_becomes("{\"e\":\"trade\",\"s\":\"A\",\"t\":1,\"p\":\"-1.50\","
                   "\"q\":\"3\",\"T\":1672515782136}",
                   "{\"type\":\"trade\",\"symbol\":\"A\",\"time\":"
                   "1672515782136,\"price\":-1.50,\"size\":3,\"id\":\"1\"}");
    feed_reader_free(reader);
    reader = usual;
}

static void a_spot_book_ticker_takes_the_time_it_came(void **state)
{
    (void)state;
    assert_becomes(
        "{\"u\":400900217,\"s\":\"BNBUSDT\",\"b\":\"25.3\",\"B\":\"31.2\","
        "\"a\":\"25.4\",\"A\":\"40.6\"}",
        "{\"type\":\"tick\",\"symbol\":\"BNBUSDT\",\"time\":1705575045123,"
        "\"bid\":25.3,\"ask\":25.4,\"bid_size\":31.2,\"ask_size\":40.6}");
}

static void a_combined_stream_is_unwrapped(void **state)
{
    (void)state;
    assert_becomes(
        " {\"stream\" : \"btcusdt@trade\", \"data\" : {\"e\":\"trade\",\"s\":"
        "\"BTCUSDT\",\"t\":1,\"p\":\"2\",\"q\":\"3\",\"T\":1672515782136}} ",
        "{\"type\":\"trade\",\"symbol\":\"BTCUSDT\",\"time\":1672515782136,"
        "\"price\":2,\"size\":3,\"id\":\"1\"}");
    assert_ignored("{\"stream\":\"x\",\"data\":[1]}");
}

static void what_is_no_event_is_ignored(void **state)
{
    (void)state;
    assert_ignored("{\"result\":null,\"id\":1}");
    assert_ignored(
        "{\"e\":\"kline\",\"E\":1,\"s\":\"BNBBTC\",\"k\":{\"t\":1}}");
    assert_ignored("{\"error\":{\"code\":2,\"msg\":\"x\"},\"id\":null}");
    assert_ignored("[]");
    assert_ignored("{}");
    assert_ignored("{\"e\":7}");
    /* Keys are case sensitive: this has an E and no e. */
    assert_ignored("{\"E\":\"trade\",\"s\":\"A\",\"p\":\"1\"}");
    /* All of the spot ticker but u. */
    assert_ignored(
        "{\"s\":\"A\",\"b\":\"1\",\"B\":\"1\",\"a\":\"1\",\"A\":\"1\"}");
}

#define TRADE "{\"e\":\"trade\",\"s\":\"A\",\"t\":1,"

static void what_is_wrong_is_named_and_pointed_at(void **state)
{
    (void)state;
    assert_bad("{\"e\":\"trade\"", EVENT_NOT_JSON, 13);
    assert_bad("not json", EVENT_NOT_JSON, 2);
    assert_bad("{\"e\":\"\xff\"}", EVENT_BAD_UTF8, 7);
    assert_bad("{\"e\":\"trade\",\"e\":\"trade\"}", EVENT_DUPLICATE_KEY, 14);
    assert_bad("{\"aa\":1,\"b\":1,\"aa\":2}", EVENT_DUPLICATE_KEY, 15);
    assert_bad("{\"stream\":\"x\",\"data\":{\"p\":1,\"p\":2}}",
               EVENT_DUPLICATE_KEY, 29);
    assert_bad(
        "{\"e\":\"trade\",\"t\":1,\"p\":\"1\",\"q\":\"1\",\"T\":1672515782136}",
        EVENT_NO_SYMBOL, 1);
    assert_bad(
        "{\"e\":\"trade\",\"s\":5,\"p\":\"1\",\"q\":\"1\",\"T\":1672515782136}",
        EVENT_BAD_SYMBOL, 18);
    assert_bad("{\"e\":\"trade\",\"s\":\"A:B\",\"t\":1,\"p\":\"1\",\"q\":\"1\","
               "\"T\":1672515782136}",
               EVENT_BAD_SYMBOL, 18);
    assert_bad(TRADE "\"q\":\"1\",\"T\":1672515782136}", EVENT_NO_PRICE, 1);
    assert_bad(TRADE "\"p\":\"1\",\"q\":\"1\"}", EVENT_NO_TIME, 1);
    assert_bad(TRADE "\"p\":\"1\",\"q\":\"1\",\"T\":0}", EVENT_BAD_TIME, 48);
    /* In 1970, whatever the unit. */
    assert_bad(TRADE "\"p\":\"1\",\"q\":\"1\",\"T\":1}", EVENT_BAD_TIME, 48);
    assert_bad(TRADE "\"p\":\"1\",\"q\":\"1\",\"T\":\"x\"}", EVENT_BAD_TIME,
               48);
    assert_bad(TRADE "\"p\":\"-1\",\"q\":\"1\",\"T\":1672515782136}",
               EVENT_LOW_PRICE, 32);
    assert_bad(TRADE "\"p\":\"1e999\",\"q\":\"1\",\"T\":1672515782136}",
               EVENT_BAD_PRICE, 32);
    assert_bad(TRADE "\"p\":\"NaN\",\"q\":\"1\",\"T\":1672515782136}",
               EVENT_BAD_PRICE, 32);
    assert_bad(TRADE "\"p\":\"1\",\"q\":\"-1\",\"T\":1672515782136}",
               EVENT_BAD_SIZE, 40);
    assert_bad("{\"e\":\"bookTicker\",\"s\":\"A\",\"T\":1672515782136,\"b\":"
               "\"0\",\"a\":\"-1\"}",
               EVENT_LOW_PRICE, 57);
    assert_bad("{\"e\":\"bookTicker\",\"s\":\"A\",\"T\":1672515782136,\"b\":"
               "\"0\",\"a\":\"1e99\"}",
               EVENT_BAD_PRICE, 57);
}

static void a_string_cannot_smuggle_json_in(void **state)
{
    (void)state;
    assert_bad(TRADE "\"p\":\"1,\\\"x\\\":2\",\"q\":\"1\",\"T\":1672515782136}",
               EVENT_BAD_PRICE, 32);
    assert_bad(TRADE "\"p\":\"1,2\",\"q\":\"1\",\"T\":1672515782136}",
               EVENT_BAD_PRICE, 32);
    assert_bad(TRADE "\"p\":\"1\",\"q\":\" 1\",\"T\":1672515782136}",
               EVENT_BAD_SIZE, 40);
    assert_becomes(
        "{\"e\":\"trade\",\"s\":\"A\",\"t\":\"a\\\"b\",\"p\":\"1\","
        "\"q\":\"1\",\"T\":1672515782136}",
        "{\"type\":\"trade\",\"symbol\":\"A\",\"time\":1672515782136,"
        "\"price\":1,\"size\":1,\"id\":\"a\\\"b\"}");
}

static void assert_time(const char *text, const char *want_ms)
{
    struct bytes out;
    int64_t ns = -1;

    bytes_init(&out);
    if (!feed_time_number(span_str(text), &ns) &&
        !feed_time_rfc3339(span_str(text), &ns))
        fail_msg("'%s' is no time", text);
    event_time_add_ms(&out, ns);
    bytes_add(&out, "", 1);
    assert_string_equal(out.ptr, want_ms);
    bytes_close(&out);
}

static void the_unit_of_a_time_is_seen_from_its_magnitude(void **state)
{
    (void)state;
    assert_time("1705575045", "1705575045000");
    assert_time("1705575045123", "1705575045123");
    assert_time("1705575045123456", "1705575045123.456");
    assert_time("1705575045123456789", "1705575045123.456789");
    assert_time("1705575045123000", "1705575045123");
    assert_time("1762795433.9717445", "1762795433971.7445");
    assert_time("1705575045123.5", "1705575045123.5");
    assert_time("9223372036", "9223372036000");
    assert_time("100000000000", "100000000000");
    assert_time("9223372036854", "9223372036854");
    assert_time("100000000000000", "100000000000");
    assert_time("1705575045.12345678912345", "1705575045123.456789");
}

static void times_of_rfc_3339_are_read(void **state)
{
    (void)state;
    assert_time("2014-11-07T08:19:27.028459Z", "1415348367028.459");
    assert_time("1970-01-01T00:00:00Z", "0");
    assert_time("2024-02-29T23:59:60Z", "1709251200000");
    assert_time("2018-01-15 13:16:54+05:30", "1516002414000");
    assert_time("2016-09-20T15:05:47.960449532Z", "1474383947960.449532");
    assert_time("2000-03-01T00:00:00-00:30", "951870600000");
}

static void what_is_no_time_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "x",
        "-1",
        "1.",
        "1e3",
        ".5",
        "99999999999999999999",
        "2014-11-07",
        "2014-13-07T08:19:27Z",
        "2014-02-29T08:19:27Z",
        "2014-11-07T24:19:27Z",
        "2014-11-07T08:19:27",
        "2014-11-07T08:19:27.Z",
        "2014-11-07T08:19:27Zx",
        "2014-11-07T08:19:27+0530",
        "2014-1-07T08:19:27Z",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t ns = 42;

        if (feed_time_number(span_str(bad[i]), &ns) ||
            feed_time_rfc3339(span_str(bad[i]), &ns))
            fail_msg("'%s' was taken", bad[i]);
    }
}

static void an_unknown_feed_is_a_usage_error(void **state)
{
    struct err err = {0};

    (void)state;
    assert_null(feed_reader_new("nyse", &err));
    assert_int_equal(err.code, ERR_USAGE);
    assert_string_equal(err.text,
                        "--feed: 'nyse' is not a feed (try native, binance)");
}

/* The reader keeps its text and what it has learnt from line to line. */
static void one_line_leaves_nothing_to_the_next(void **state)
{
    static const char trade[] =
        "{\"e\":\"trade\",\"s\":\"A\",\"t\":1,\"p\":\"2\",\"q\":\"3\","
        "\"T\":1672515782136}";
    static const char want[] =
        "{\"type\":\"trade\",\"symbol\":\"A\",\"time\":1672515782136,"
        "\"price\":2,\"size\":3,\"id\":\"1\"}";

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_becomes(trade, want);
        assert_bad("{\"e\":\"trade\",\"s\":\"A\",\"t\":1,\"p\":\"x\","
                   "\"q\":\"3\",\"T\":1672515782136}",
                   EVENT_BAD_PRICE, 32);
        assert_ignored("{\"result\":null,\"id\":1}");
    }
}

static int open_reader(void **state)
{
    (void)state;
    reader = feed_reader_new("binance", NULL);
    return 0;
}

static int close_reader(void **state)
{
    (void)state;
    feed_reader_free(reader);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trade_keeps_the_text_of_its_numbers),
        cmocka_unit_test(an_aggregate_trade_says_how_many_it_stands_for),
        cmocka_unit_test(the_event_is_what_the_line_says),
        cmocka_unit_test(a_trade_that_was_none_only_uses_up_its_id),
        cmocka_unit_test(a_book_ticker_is_a_tick),
        cmocka_unit_test(a_spot_book_ticker_takes_the_time_it_came),
        cmocka_unit_test(nobody_on_one_side_of_a_book_is_a_quote_of_the_other),
        cmocka_unit_test(prices_below_zero_pass_where_they_are_allowed),
        cmocka_unit_test(a_combined_stream_is_unwrapped),
        cmocka_unit_test(what_is_no_event_is_ignored),
        cmocka_unit_test(what_is_wrong_is_named_and_pointed_at),
        cmocka_unit_test(a_string_cannot_smuggle_json_in),
        cmocka_unit_test(the_unit_of_a_time_is_seen_from_its_magnitude),
        cmocka_unit_test(times_of_rfc_3339_are_read),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(one_line_leaves_nothing_to_the_next),
        cmocka_unit_test(an_unknown_feed_is_a_usage_error),
    };

    return cmocka_run_group_tests(tests, open_reader, close_reader);
}
