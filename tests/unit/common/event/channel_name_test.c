#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/event/channel_name.h"
#include "common/event/route.h"

static void assert_read(const char *in, const char *canonical)
{
    struct bytes out;
    const char *why = "";

    bytes_init(&out);
    bytes_add_str(&out, "what was there");
    if (!channel_name_read(span_str(in), &out, &why))
        fail_msg("'%s' is refused: %s", in, why);
    if (!span_is(bytes_span(&out), canonical))
        fail_msg("'%s' is '%.*s', not '%s'", in, (int)out.len, out.ptr,
                 canonical);
    bytes_close(&out);
}

static void assert_refused(const char *in, const char *says)
{
    struct bytes out;
    const char *why = NULL;

    bytes_init(&out);
    bytes_add_str(&out, "what was there");
    if (channel_name_read(span_str(in), &out, &why))
        fail_msg("'%s' is taken", in);
    assert_int_equal(out.len, 0);
    if (!why || !strstr(why, says))
        fail_msg("'%s': '%s' does not say '%s'", in, !why ? "" : why, says);
    bytes_close(&out);
}

static void names_stay_what_they_are(void **state)
{
    static const char *const names[] = {"market_data:AAPL",
                                        "market_data:BTC/USD",
                                        "orderbook:BRK#B",
                                        "stock:price_updates",
                                        "mine",
                                        "a:b:c:d",
                                        "bars:AAPL:5",
                                        "bars:BTC:USD:5",
                                        "bars:AAPL:15S",
                                        "bars:AAPL:D",
                                        "barss:AAPL:1D",
                                        "prod:bars:AAPL:1D",
                                        "option-chain:NIFTY:2025-11-28",
                                        "x:1min"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_read(names[i], names[i]);
}

static void resolutions_are_read_as_bargen_reads_them(void **state)
{
    (void)state;
    assert_read("bars:AAPL:1D", "bars:AAPL:D");
    assert_read("bars:AAPL:1W", "bars:AAPL:W");
    assert_read("bars:AAPL:1M", "bars:AAPL:M");
    assert_read("bars:AAPL:S", "bars:AAPL:1S");
    assert_read("bars:A:B:1D", "bars:A:B:D");
    assert_read("bars:*:1D", "bars:*:D");
    assert_read("bars:1D:1D", "bars:1D:D");
}

static void a_resolution_that_does_not_exist_is_refused(void **state)
{
    static const char *const names[] = {
        "bars:AAPL:1min", "bars:AAPL:2D", "bars:AAPL:01",   "bars:AAPL:0",
        "bars:AAPL:d",    "bars:AAPL:1h", "bars:AAPL:1H",   "bars:AAPL:x",
        "bars:AAPL:1441", "bars:*:1min",  "bars:5:AAPL",    "bars:A:5:B",
        "bars:AAPL:12M",  "bars:AAPL:-1", "bars:AAPL:3601S"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_refused(names[i], "bars end with a resolution: 1S to 3600S");
    assert_refused("bars:AAPL:7", "divides a day");
    assert_refused("bars:AAPL", "bars:SYMBOL:RESOLUTION");
    assert_refused("bars:5", "bars:SYMBOL:RESOLUTION");
    assert_refused("bars", "bars:SYMBOL:RESOLUTION");
}

static void a_star_stands_for_a_whole_part(void **state)
{
    static const char *const names[] = {"market_data:*",
                                        "stock:*",
                                        "bars:*",
                                        "bars:*:5",
                                        "bars:AAPL:*",
                                        "bars:*:*",
                                        "bars:A:B:*",
                                        "option-chain:*:2025-11-28",
                                        "option-chain:NIFTY:*",
                                        "a:*:c",
                                        "a:*:*",
                                        "prod:*"};
    static const char *const bad[] = {
        "*",      "*:a",       "a:AA*",     "a:*A",      "a:**", "a*", "a:b*:c",
        "a:*b:c", "bars:A*:5", "bars:*A:*", "bars:A:*5", "*:*",  "**"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_read(names[i], names[i]);
        assert_true(channel_name_is_pattern(span_str(names[i])));
        assert_false(channel_name_is_canonical(span_str(names[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_refused(bad[i], "whole part");
    assert_refused("bars:A:*:5", "the whole symbol");
    assert_refused("bars:*:A:*", "the whole symbol");
}

static void other_names_are_refused(void **state)
{
    static const char *const empty[] = {
        ":", ":a", "a:", "a::b", "bars::5", "bars:A:", "bars:", "bars:*:"};
    static const char *const letters[] = {"a b", "a:b?", "a:[b]",     "a\"",
                                          "a,b", "a\n",  "a:\xc3\xa9"};
    char text[ROUTE_NAME_MAX + 2];

    (void)state;
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++)
        assert_refused(empty[i], "no part");
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
        assert_refused(letters[i], "letters, digits");
    assert_refused("", "1 to 255 bytes");
    memset(text, 'a', sizeof text);
    text[ROUTE_NAME_MAX] = '\0';
    assert_read(text, text);
    text[ROUTE_NAME_MAX] = 'a';
    text[ROUTE_NAME_MAX + 1] = '\0';
    assert_refused(text, "1 to 255 bytes");
    /* S is 1S, which is one byte too many. */
    memcpy(text, "bars:", 5);
    memcpy(text + ROUTE_NAME_MAX - 2, ":S", 3);
    assert_refused(text, "1 to 255 bytes");
    memcpy(text + ROUTE_NAME_MAX - 3, ":5S", 4);
    assert_read(text, text);
}

static void only_one_spelling_is_canonical(void **state)
{
    static const char *const others[] = {"bars:AAPL:1D",
                                         "bars:AAPL:S",
                                         "bars:AAPL:1min",
                                         "bars:AAPL",
                                         "bars",
                                         "a b",
                                         "",
                                         "bars::5"};

    (void)state;
    assert_true(channel_name_is_canonical(span_str("bars:AAPL:D")));
    assert_true(channel_name_is_canonical(span_str("bars:A:B:1S")));
    assert_true(channel_name_is_canonical(span_str("market_data:1D")));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (channel_name_is_canonical(span_str(others[i])))
            fail_msg("'%s' is canonical", others[i]);
}

static void a_symbol_is_one_part(void **state)
{
    static const char *const good[] = {"AAPL", "BTC/USD", "@ESZ5", "#US30",
                                       "a+b",  "_x",      "1"};
    static const char *const bad[] = {"", "A:B", "*", "A B", "A*", "\xc3\xa9"};
    char text[EVENT_NAME_MAX + 2];

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(channel_name_part_ok(span_str(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (channel_name_part_ok(span_str(bad[i])))
            fail_msg("'%s' is a part", bad[i]);
    memset(text, 'a', sizeof text);
    assert_true(channel_name_part_ok(span_make(text, EVENT_NAME_MAX)));
    assert_false(channel_name_part_ok(span_make(text, EVENT_NAME_MAX + 1)));
}

static void the_family_is_the_first_part(void **state)
{
    static const char *const pairs[][2] = {{"bars:*:5", "bars:"},
                                           {"market_data:A", "market_data:"},
                                           {"a:b:c", "a:"},
                                           {"account", "account"},
                                           {"", ""}};

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        assert_true(
            span_is(channel_name_family(span_str(pairs[i][0])), pairs[i][1]));
}

static void patterns_match_what_they_look_like(void **state)
{
    static const char *const yes[][2] = {
        {"market_data:*", "market_data:A"},
        {"market_data:*", "market_data:A:B"},
        {"stock:*", "stock:price_updates"},
        {"bars:*", "bars:AAPL:5"},
        {"bars:*", "bars:A:B:5"},
        {"bars:*:5", "bars:AAPL:5"},
        {"bars:*:5", "bars:A:B:5"},
        {"bars:AAPL:*", "bars:AAPL:D"},
        {"bars:A:B:*", "bars:A:B:5"},
        {"bars:*:*", "bars:AAPL:5"},
        {"bars:*:*", "bars:A:B:5"},
        {"option-chain:*:2025-11-28", "option-chain:NIFTY:2025-11-28"},
        {"option-chain:NIFTY:*", "option-chain:NIFTY:2025-11-28"},
        {"a:*:c:*", "a:b:c:d"},
        {"mine", "mine"},
        {"bars:A:5", "bars:A:5"}};
    static const char *const no[][2] = {
        {"market_data:*", "market_data"},
        {"market_data:*", "market_data:"},
        {"market_data:*", "market_dat:A"},
        {"market_data:*", "x:market_data:A"},
        {"bars:*:5", "bars:AAPL:15"},
        {"bars:*:5", "bars:5"},
        {"bars:*:5", "bars:A:5:D"},
        {"bars:AAPL:*", "bars:AAPLE:5"},
        {"bars:AAPL:*", "bars:AAPL:x:5"},
        {"bars:A:*", "bars:A:B:5"},
        {"bars:*:5", "option:A:5"},
        {"option-chain:*:2025-11-28", "option-chain:NIFTY:2025-12-28"},
        {"option-chain:NIFTY:*", "option-chain:NIFTY:2025:x"},
        {"option-chain:NIFTY:*", "option-chain:NIFTY"},
        {"a:*:*", "a:b"},
        {"a:*:*", "a:b:c:d"},
        {"mine", "mine:x"},
        {"bars:A:5", "bars:A:15"}};

    (void)state;
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (!channel_name_matches(span_str(yes[i][0]), span_str(yes[i][1])))
            fail_msg("%s does not match %s", yes[i][0], yes[i][1]);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (channel_name_matches(span_str(no[i][0]), span_str(no[i][1])))
            fail_msg("%s matches %s", no[i][0], no[i][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_stay_what_they_are),
        cmocka_unit_test(resolutions_are_read_as_bargen_reads_them),
        cmocka_unit_test(a_resolution_that_does_not_exist_is_refused),
        cmocka_unit_test(a_star_stands_for_a_whole_part),
        cmocka_unit_test(other_names_are_refused),
        cmocka_unit_test(only_one_spelling_is_canonical),
        cmocka_unit_test(a_symbol_is_one_part),
        cmocka_unit_test(the_family_is_the_first_part),
        cmocka_unit_test(patterns_match_what_they_look_like),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
