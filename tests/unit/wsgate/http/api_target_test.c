#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
/* after those */
#include <cmocka.h>

#include "wsgate/http/api_target.h"

static enum api_found read_path(const char *path, struct api_target *t)
{
    return api_target_read(span_str(path), t);
}

static void fixed_paths_are_found_whole(void **state)
{
    struct api_target t;

    (void)state;
    assert_int_equal(read_path("/api/v1/ws/status", &t), API_FOUND);
    assert_int_equal(t.endpoint, API_WS_STATUS);
    assert_int_equal(read_path("/health/redis", &t), API_FOUND);
    assert_int_equal(t.endpoint, API_REDIS_STATUS);
    assert_int_equal(read_path("/api/v1/ws/status/", &t), API_UNKNOWN);
    assert_int_equal(read_path("/api/v1/ws", &t), API_UNKNOWN);
    assert_int_equal(read_path("", &t), API_UNKNOWN);
    assert_int_equal(read_path("/", &t), API_UNKNOWN);
}

static void a_price_needs_a_symbol(void **state)
{
    struct api_target t;

    (void)state;
    assert_int_equal(read_path("/api/v1/price/AAPL", &t), API_FOUND);
    assert_int_equal(t.endpoint, API_PRICE);
    assert_string_equal(t.symbol, "AAPL");
    assert_int_equal(read_path("/api/v1/price/BTC/USD", &t), API_FOUND);
    assert_string_equal(t.symbol, "BTC/USD");
    assert_int_equal(read_path("/api/v1/price/", &t), API_UNKNOWN);
    assert_int_equal(read_path("/api/v1/price/A:B", &t), API_BAD_SYMBOL);
    assert_int_equal(read_path("/api/v1/price/*", &t), API_BAD_SYMBOL);
    assert_int_equal(read_path("/api/v1/price/A B", &t), API_BAD_SYMBOL);
    assert_int_equal(read_path("/api/v1/price/<b>", &t), API_BAD_SYMBOL);
}

static void the_last_part_of_a_bars_path_is_the_resolution(void **state)
{
    struct api_target t;

    (void)state;
    assert_int_equal(read_path("/api/v1/bars/AAPL/5", &t), API_FOUND);
    assert_int_equal(t.endpoint, API_BARS);
    assert_string_equal(t.symbol, "AAPL");
    assert_string_equal(t.resolution, "5");
    assert_int_equal(read_path("/api/v1/bars/BTC/USD/1S", &t), API_FOUND);
    assert_string_equal(t.symbol, "BTC/USD");
    assert_string_equal(t.resolution, "1S");
    assert_int_equal(read_path("/api/v1/bars/AAPL", &t), API_UNKNOWN);
    assert_int_equal(read_path("/api/v1/bars/AAPL/7q", &t), API_BAD_RESOLUTION);
    assert_int_equal(read_path("/api/v1/bars/AAPL/", &t), API_BAD_RESOLUTION);
    assert_int_equal(read_path("/api/v1/bars//5", &t), API_BAD_SYMBOL);
}

static void names_longer_than_their_bound_are_refused(void **state)
{
    char path[200];
    struct api_target t;
    int n = snprintf(path, sizeof path, "/api/v1/price/%064d", 7);

    (void)state;
    assert_int_equal(api_target_read(span_make(path, (size_t)n), &t),
                     API_FOUND);
    n = snprintf(path, sizeof path, "/api/v1/price/%065d", 7);
    assert_int_equal(api_target_read(span_make(path, (size_t)n), &t),
                     API_BAD_SYMBOL);
}

static void a_refused_path_leaves_the_target_alone(void **state)
{
    struct api_target t = {.endpoint = API_SYMBOLS, .symbol = "KEPT"};

    (void)state;
    assert_int_equal(read_path("/api/v1/bars/AAPL/x", &t), API_BAD_RESOLUTION);
    assert_int_equal(t.endpoint, API_SYMBOLS);
    assert_string_equal(t.symbol, "KEPT");
}

static void resolutions_are_those_of_bargen(void **state)
{
    static const char *const good[][2] = {
        {"1", "1"}, {"60", "60"}, {"1S", "1S"}, {"S", "1S"},
        {"D", "D"}, {"1D", "D"},  {"1W", "W"},  {"1M", "M"}};
    static const char *const bad[] = {"",     "7q",  "DD", "D1",       "1 ",
                                      "-1",   "1s",  "2D", "7",        "01",
                                      "1min", "12M", "*",  "123456789"};
    char path[64];
    struct api_target t;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(path, sizeof path, "/api/v1/bars/A/%s", good[i][0]);
        assert_int_equal(read_path(path, &t), API_FOUND);
        assert_string_equal(t.resolution, good[i][1]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(path, sizeof path, "/api/v1/bars/A/%s", bad[i]);
        if (read_path(path, &t) != API_BAD_RESOLUTION)
            fail_msg("'%s' is not refused", bad[i]);
    }
}

static void a_price_and_bars_are_those_of_a_channel(void **state)
{
    static const char *const pairs[][2] = {
        {"/api/v1/price/BTC/USD", "market_data:BTC/USD"},
        {"/api/v1/bars/A/1D", "bars:A:D"},
        {"/api/v1/symbols", ""}};
    struct api_target t;
    struct bytes name;

    (void)state;
    bytes_init(&name);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        bytes_clear(&name);
        assert_int_equal(read_path(pairs[i][0], &t), API_FOUND);
        assert_int_equal(api_target_channel(&t, &name), pairs[i][1][0] != '\0');
        assert_true(span_is(bytes_span(&name), pairs[i][1]));
    }
    bytes_close(&name);
}

static void numbers_are_whole_and_within_bounds(void **state)
{
    int64_t n = 5;

    (void)state;
    assert_true(api_number(span_str("500"), 1, 5000, &n));
    assert_int_equal(n, 500);
    assert_true(api_number(span_str("-1"), -5, 5, &n));
    assert_int_equal(n, -1);
    n = 5;
    assert_false(api_number(span_str("5001"), 1, 5000, &n));
    assert_false(api_number(span_str("0"), 1, 5000, &n));
    assert_false(api_number(span_str(""), 1, 5000, &n));
    assert_false(api_number(span_str("-"), -5, 5000, &n));
    assert_false(api_number(span_str("1e3"), 1, 5000, &n));
    assert_false(api_number(span_str("1.0"), 1, 5000, &n));
    assert_false(api_number(span_str(" 1"), 1, 5000, &n));
    assert_false(api_number(span_str("9999999999999999999"), 1, INT64_MAX, &n));
    assert_int_equal(n, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_paths_are_found_whole),
        cmocka_unit_test(a_price_needs_a_symbol),
        cmocka_unit_test(the_last_part_of_a_bars_path_is_the_resolution),
        cmocka_unit_test(names_longer_than_their_bound_are_refused),
        cmocka_unit_test(a_refused_path_leaves_the_target_alone),
        cmocka_unit_test(resolutions_are_those_of_bargen),
        cmocka_unit_test(a_price_and_bars_are_those_of_a_channel),
        cmocka_unit_test(numbers_are_whole_and_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
