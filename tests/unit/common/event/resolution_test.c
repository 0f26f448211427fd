#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/event/resolution.h"

static struct resolution res(const char *name)
{
    struct resolution r = {.name = "?"};

    assert_int_equal(resolution_parse(span_str(name), &r), RESOLUTION_OK);
    return r;
}

static void assert_bucket(const char *name, int64_t time_ms, int64_t start_ms,
                          int64_t end_ms)
{
    struct resolution r = res(name);
    int64_t start_ns, end_ns;

    resolution_bucket(&r, time_ms * NS_PER_MS, &start_ns, &end_ns);
    assert_int_equal(start_ns, start_ms * NS_PER_MS);
    assert_int_equal(end_ns, end_ms * NS_PER_MS);
}

static void names_are_those_of_the_chart_library(void **state)
{
    static const char *const pairs[][2] = {
        {"1", "1"},   {"5", "5"},   {"60", "60"},     {"240", "240"},
        {"1S", "1S"}, {"S", "1S"},  {"30S", "30S"},   {"D", "D"},
        {"1D", "D"},  {"1W", "W"},  {"W", "W"},       {"M", "M"},
        {"1M", "M"},  {"90", "90"}, {"1440", "1440"}, {"15", "15"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        assert_string_equal(res(pairs[i][0]).name, pairs[i][1]);
        assert_true(
            span_is(resolution_canonical(span_str(pairs[i][0])), pairs[i][1]));
    }
    assert_int_equal(resolution_canonical(span_str("1min")).len, 0);
}

static void other_names_are_refused(void **state)
{
    static const char *const bad[] = {
        "",   "7q", "0",   "01", "-1",  "1 ",   "m",           "d",
        "2D", "2W", "12M", "0S", "1.5", "1441", "99999999999", "DD",
        "q",  "S1", "1m",  "1h", "+1",  "3601S"};
    struct resolution r;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (resolution_parse(span_str(bad[i]), &r) != RESOLUTION_UNKNOWN)
            fail_msg("'%s' is not refused", bad[i]);
}

static void a_width_must_divide_the_day(void **state)
{
    struct resolution r;

    (void)state;
    assert_int_equal(resolution_parse(span_str("7"), &r), RESOLUTION_UNEVEN);
    assert_int_equal(resolution_parse(span_str("7S"), &r), RESOLUTION_UNEVEN);
    assert_int_equal(resolution_parse(span_str("721"), &r), RESOLUTION_UNEVEN);
}

static void a_tick_at_exactly_the_minute_belongs_to_that_minute(void **state)
{
    (void)state;
    /* 2025-09-02 09:16:00.000 and the millisecond before. */
    assert_bucket("1", 1756804560000, 1756804560000, 1756804620000);
    assert_bucket("1", 1756804559999, 1756804500000, 1756804560000);
}

static void intraday_bars_lie_on_the_grid_of_the_epoch(void **state)
{
    (void)state;
    assert_bucket("5S", 1756804567890, 1756804565000, 1756804570000);
    assert_bucket("15", 1756804567890, 1756804500000, 1756805400000);
    assert_bucket("240", 1756804567890, 1756800000000, 1756814400000);
}

static void a_day_is_the_utc_day(void **state)
{
    (void)state;
    assert_bucket("D", 1756771200000, 1756771200000, 1756857600000);
    assert_bucket("D", 1756857599999, 1756771200000, 1756857600000);
    assert_bucket("1440", 1756857599999, 1756771200000, 1756857600000);
}

static void a_week_begins_on_monday_not_on_the_epochs_thursday(void **state)
{
    (void)state;
    /* Tuesday 2025-09-02 belongs to Monday 2025-09-01. */
    assert_bucket("W", 1756771200000, 1756684800000, 1757289600000);
    /* Sunday night and Monday 00:00. */
    assert_bucket("W", 1757289599999, 1756684800000, 1757289600000);
    assert_bucket("W", 1757289600000, 1757289600000, 1757894400000);
    /* The first days of 1970 belong to Monday 1969-12-29. */
    assert_bucket("W", 0, -259200000, 345600000);
}

static void a_month_is_the_calendar_month(void **state)
{
    (void)state;
    /* 2025-09 */
    assert_bucket("M", 1756771200000, 1756684800000, 1759276800000);
    /* December ends with the year: 2024-12-31 23:59:59.999 */
    assert_bucket("M", 1735689599999, 1733011200000, 1735689600000);
}

static void february_has_29_days_in_leap_years_only(void **state)
{
    (void)state;
    assert_bucket("M", 1709164800000, 1706745600000, 1709251200000); /* 2024 */
    assert_bucket("M", 1740700800000, 1738368000000, 1740787200000); /* 2025 */
    assert_bucket("M", 951782400000, 949363200000, 951868800000);    /* 2000 */
    /* 2100 is none: February is 28 days. */
    assert_bucket("M", 4107456000000, 4105123200000, 4107542400000);
}

static void every_instant_lies_in_its_bar(void **state)
{
    static const char *const names[] = {"1S", "1", "15", "240", "D", "W", "M"};
    uint64_t x = 42;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct resolution r = res(names[i % 7]);
        int64_t t, start_ns, end_ns, next_ns, after_ns;

        x = x * 6364136223846793005u + 1442695040888963407u;
        t = (int64_t)(x >> 2);
        if (t > INT64_C(9000000000) * NS_PER_SECOND)
            t /= 4;
        resolution_bucket(&r, t, &start_ns, &end_ns);
        assert_true(start_ns <= t && t < end_ns);
        /* The next bar begins where this one ends. */
        resolution_bucket(&r, end_ns, &next_ns, &after_ns);
        assert_int_equal(next_ns, end_ns);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_those_of_the_chart_library),
        cmocka_unit_test(other_names_are_refused),
        cmocka_unit_test(a_width_must_divide_the_day),
        cmocka_unit_test(a_tick_at_exactly_the_minute_belongs_to_that_minute),
        cmocka_unit_test(intraday_bars_lie_on_the_grid_of_the_epoch),
        cmocka_unit_test(a_day_is_the_utc_day),
        cmocka_unit_test(a_week_begins_on_monday_not_on_the_epochs_thursday),
        cmocka_unit_test(a_month_is_the_calendar_month),
        cmocka_unit_test(february_has_29_days_in_leap_years_only),
        cmocka_unit_test(every_instant_lies_in_its_bar),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
