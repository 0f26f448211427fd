/* from, to, countback and limit: understood, or refused with a reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* after those */
#include <cmocka.h>

#include "wsgate/http/api_range.h"

#define T_MS INT64_C(1705311000000) /* 2024-01-15T09:30:00Z */

static char why[API_RANGE_WHY_BYTES];

static bool read_query(const char *query, struct api_range *out)
{
    struct http_request req = {.query = span_str(query)};

    why[0] = '\0';
    *out = (struct api_range){-7, -7, -7};
    return api_range_read(&req, out, why);
}

static struct api_range good(const char *query)
{
    struct api_range r;

    if (!read_query(query, &r))
        fail_msg("%s: %s", query, why);
    return r;
}

static void bad(const char *query, const char *what)
{
    struct api_range r;

    if (read_query(query, &r))
        fail_msg("%s was taken", query);
    if (!strstr(why, what))
        fail_msg("%s: '%s' does not say '%s'", query, why, what);
    assert_int_equal(r.from_ms, -7);
    assert_int_equal(r.limit, -7);
}

static void nothing_said_is_the_newest_five_hundred(void **state)
{
    struct api_range r = good("");

    (void)state;
    assert_int_equal(r.from_ms, INT64_MIN);
    assert_int_equal(r.to_ms, INT64_MAX);
    assert_int_equal(r.limit, 500);
}

static void a_time_is_milliseconds_seconds_or_a_text(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"1705311000000", T_MS},
        {"1705311000", T_MS},
        {"2024-01-15T09:30:00Z", T_MS},
        {"2024-01-15T09:30:00.250Z", T_MS + 250},
        {"2024-01-15t09:30:00z", T_MS},
        {"2024-01-15T15:00:00%2B05:30", T_MS},
        {"2024-01-15T15:00:00+05:30", T_MS}, /* a blank, once it is decoded */
        {"2024-01-15T04:30:00-05:00", T_MS},
        {"2024-01-15%2009:30:00Z", T_MS},
        {"2024-01-15", T_MS - 34200000},
        {"1970-06-01", 13046400000},
        {"1969-12-31T23:59:59.9999Z", -1},
        {"0", 0},
        {"-1", -1},
        {"99999999", 99999999},      /* 1970-01-02 as milliseconds */
        {"100000000", 100000000000}, /* 1973-03-03 as seconds */
        {"99999999999", 99999999999000},
        {"100000000000", 100000000000}, /* 1973-03-03 as milliseconds */
        {"99999999999999", 99999999999999},
        {"-2208988800", -2208988800000}, /* 1900 */
        {"-2208988800000", -2208988800000},
        {"-100000000000", -100000000000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char query[64];

        snprintf(query, sizeof query, "from=%s", cases[i].text);
        assert_int_equal(good(query).from_ms, cases[i].ms);
        snprintf(query, sizeof query, "a=b&to=%s", cases[i].text);
        assert_int_equal(good(query).to_ms, cases[i].ms);
    }
}

static void what_is_no_time_is_named(void **state)
{
    static const char *const texts[] = {
        "",
        "-",
        "now",
        "1.5",
        "1e9",
        "+1",
        "0x10",
        "1705311000s",
        "%zz",
        "%4",
        "%00",
        "2024-13-01",
        "2024-02-30",
        "2024-01-15T09:30",
        "2024-01-15T09",
        "2024-01-15T09:30:00",
        "2024-0115",
        "2024-01-15T09:30:00Z0",
        "2024-01-15T09:30:00.000000000000000000000000000000000000000000000Z",
        "9999-01-01",
        "15/01/2024"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char query[128];

        snprintf(query, sizeof query, "to=%s&limit=3", texts[i]);
        bad(query, "to is not a time: try 1700000000000 (Unix milliseconds)");
    }
    bad("from", "from is not a time");
    bad("limit=3&from", "from is not a time");
}

/* They were answered with nothing. */
static void microseconds_and_nanoseconds_are_refused(void **state)
{
    static const char *const texts[] = {
        "100000000000000",     "1705311000000000",
        "-1705311000000000",   "170531100000000000",
        "1705311000000000000", "99999999999999999999999999999999"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char query[64];

        snprintf(query, sizeof query, "from=%s", texts[i]);
        bad(query, "from is neither in milliseconds nor in seconds");
    }
}

static void the_range_does_not_run_backwards(void **state)
{
    (void)state;
    bad("from=1705311000001&to=1705311000",
        "from (1705311000001) is after to (1705311000000)");
    bad("to=-2&from=-1", "from (-1) is after to (-2)");
    assert_int_equal(good("from=1705311000000&to=1705311000").from_ms, T_MS);
}

static void counts_are_bounded_and_named(void **state)
{
    static const char *const texts[] = {"",    "0",   "-1",   "5001", "x",
                                        "1.5", "1e3", "%31%", "%2"};

    (void)state;
    assert_int_equal(good("limit=1").limit, 1);
    assert_int_equal(good("limit=5000").limit, 5000);
    assert_int_equal(good("limit=%35").limit, 5);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char query[64];

        snprintf(query, sizeof query, "limit=%s", texts[i]);
        bad(query, "limit is not a number from 1 to 5000");
        snprintf(query, sizeof query, "limit=7&countback=%s", texts[i]);
        bad(query, "countback is not a number from 1 to 5000");
    }
}

static void countback_counts_from_the_end_and_is_above_from(void **state)
{
    struct api_range r = good("from=1705310000&to=1705311000&countback=300");

    (void)state;
    assert_int_equal(r.from_ms, INT64_MIN);
    assert_int_equal(r.to_ms, T_MS);
    assert_int_equal(r.limit, 300);
    assert_int_equal(good("countback=2000").limit, 2000);
    assert_int_equal(good("countback=300&limit=10").limit, 10);
    assert_int_equal(good("countback=10&limit=300").limit, 10);
    /* `from` plays no part, wherever it is: but it must be one. */
    assert_int_equal(good("from=1705311000&to=1&countback=5").limit, 5);
    bad("from=x&countback=5", "from is not a time");
}

static void other_parameters_are_let_be(void **state)
{
    struct api_range r = good("xfrom=1&fromx=2&_=%zz&limits=x&from=1705311000");

    (void)state;
    assert_int_equal(r.from_ms, T_MS);
    assert_int_equal(r.limit, 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_said_is_the_newest_five_hundred),
        cmocka_unit_test(a_time_is_milliseconds_seconds_or_a_text),
        cmocka_unit_test(what_is_no_time_is_named),
        cmocka_unit_test(microseconds_and_nanoseconds_are_refused),
        cmocka_unit_test(the_range_does_not_run_backwards),
        cmocka_unit_test(counts_are_bounded_and_named),
        cmocka_unit_test(countback_counts_from_the_end_and_is_above_from),
        cmocka_unit_test(other_parameters_are_let_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
