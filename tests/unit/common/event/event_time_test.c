#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/event/event_time.h"

static void the_column_is_where_the_value_begins(void **state)
{
    (void)state;
    assert_int_equal(event_time_column(span_str("{\"time\":17}")), 9);
    assert_int_equal(event_time_column(span_str("{\"a\":1, \"time\" :\t17}")),
                     18);
}

static void where_there_is_none_there_is_no_column(void **state)
{
    (void)state;
    assert_int_equal(event_time_column(span_str("{\"timestamp\":17}")), 0);
    assert_int_equal(event_time_column(span_str("")), 0);
}

static enum event_fault read_as(const char *text, enum event_unit unit,
                                int64_t *ns)
{
    char room[64] = {0};

    snprintf(room, sizeof room, "%s", text);
    return event_time_of_event(span_make(room, strlen(text)), unit, ns);
}

static void assert_reads(const char *text, enum event_unit unit, int64_t want)
{
    int64_t ns = 0;

    if (read_as(text, unit, &ns) != EVENT_OK || ns != want)
        fail_msg("%s: %lld", text, (long long)ns);
}

static void assert_refused(const char *text, enum event_unit unit,
                           enum event_fault want)
{
    int64_t ns = 42;
    enum event_fault f = read_as(text, unit, &ns);

    if (f != want || ns != 42)
        fail_msg("%s: %s", text, event_fault_text(f));
}

static void each_unit_is_read_exactly(void **state)
{
    static const int64_t noon = INT64_C(1697112000123456789);

    (void)state;
    assert_reads("1697112000123.456789", EVENT_UNIT_MS, noon);
    assert_reads("1697112000.123456789", EVENT_UNIT_S, noon);
    assert_reads("1697112000123456.789", EVENT_UNIT_US, noon);
    assert_reads("1697112000123456789", EVENT_UNIT_NS, noon);
    assert_reads("1697112000123456789.9", EVENT_UNIT_NS, noon);
    assert_reads("1.697112000123456789e9", EVENT_UNIT_S, noon);
    assert_reads("1697112000", EVENT_UNIT_S, INT64_C(1697112000000000000));
    /* The first and the last. */
    assert_reads("631152000000", EVENT_UNIT_MS, INT64_C(631152000000000000));
    assert_reads("631152000", EVENT_UNIT_S, INT64_C(631152000000000000));
    assert_reads("8999999999999.999999", EVENT_UNIT_MS,
                 INT64_C(8999999999999999999));
    assert_reads("8999999999.999999999", EVENT_UNIT_S,
                 INT64_C(8999999999999999999));
}

static void another_unit_is_named(void **state)
{
    static const struct {
        const char *text;
        enum event_unit unit;
        enum event_fault look;
    } now[] = {{"1697112000", EVENT_UNIT_S, EVENT_TIME_IN_S},
               {"1697112000.25", EVENT_UNIT_S, EVENT_TIME_IN_S},
               {"1697112000123", EVENT_UNIT_MS, EVENT_TIME_IN_MS},
               {"1697112000123456", EVENT_UNIT_US, EVENT_TIME_IN_US},
               {"1697112000123456789", EVENT_UNIT_NS, EVENT_TIME_IN_NS},
               {"631152000", EVENT_UNIT_S, EVENT_TIME_IN_S},
               {"8999999999999999999", EVENT_UNIT_NS, EVENT_TIME_IN_NS}};

    (void)state;
    for (size_t i = 0; i < sizeof now / sizeof *now; i++)
        for (int unit = EVENT_UNIT_MS; unit <= EVENT_UNIT_NS; unit++)
            if (unit != (int)now[i].unit)
                assert_refused(now[i].text, (enum event_unit)unit, now[i].look);
    assert_refused("631151999999.999999", EVENT_UNIT_MS, EVENT_TIME_IN_S);
    assert_refused("9000000000000", EVENT_UNIT_MS, EVENT_TIME_IN_US);
    assert_refused("1", EVENT_UNIT_MS, EVENT_TIME_IN_S);
}

static void what_is_no_time_in_any_unit_is_refused(void **state)
{
    static const char *const bad[] = {
        "",    "-1", "0",    "0.000", "null", "\"1697112000123\"",
        "0.5", "x",  "1e99", "1e-9",  "9e18", "99999999999999999999"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        for (int unit = EVENT_UNIT_MS; unit <= EVENT_UNIT_NS; unit++)
            assert_refused(bad[i], (enum event_unit)unit, EVENT_BAD_TIME);
    /* Before 1990 in their own unit. */
    assert_refused("631151999", EVENT_UNIT_S, EVENT_BAD_TIME);
    assert_refused("631151999999999", EVENT_UNIT_US, EVENT_BAD_TIME);
    assert_refused("631151999999999999", EVENT_UNIT_NS, EVENT_BAD_TIME);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_column_is_where_the_value_begins),
        cmocka_unit_test(where_there_is_none_there_is_no_column),
        cmocka_unit_test(each_unit_is_read_exactly),
        cmocka_unit_test(another_unit_is_named),
        cmocka_unit_test(what_is_no_time_in_any_unit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
