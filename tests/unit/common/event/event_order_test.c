/* Which of two messages is newer, by their own words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/event/event_order.h"

static enum event_age compare(const char *a, const char *b)
{
    struct event_order x = event_order_read(span_str(a));
    struct event_order y = event_order_read(span_str(b));

    return event_order_compare(&x, &y);
}

static void check(const char *newer, const char *older)
{
    assert_int_equal(compare(newer, older), EVENT_AGE_NEWER);
    assert_int_equal(compare(older, newer), EVENT_AGE_OLDER);
}

static void by_time_where_runs_differ(void **state)
{
    (void)state;
    check("{\"time\":1700000000001}", "{\"time\":1700000000000}");
    check("{\"time\":1700000000000.5}", "{\"time\":1700000000000}");
    check("{\"timestamp\":1700000000001}", "{\"time\":1700000000000}");
    check("{\"time\":1700000000001,\"src\":\"a\",\"seq\":1}",
          "{\"time\":1700000000000,\"src\":\"b\",\"seq\":9}");
    /* The time of the event counts, whatever its message's timestamp. */
    check("{\"timestamp\":1,\"time\":1700000000001}",
          "{\"time\":1700000000000,\"timestamp\":1800000000000}");
}

static void by_count_within_a_run(void **state)
{
    (void)state;
    check("{\"time\":1700000000000,\"src\":\"a\",\"seq\":10}",
          "{\"time\":1700000000001,\"src\":\"a\",\"seq\":9}");
    assert_int_equal(
        compare("{\"src\":\"a\",\"seq\":9}", "{\"src\":\"a\",\"seq\":9}"),
        EVENT_AGE_SAME);
}

static void what_says_nothing_is_not_newer(void **state)
{
    static const char *const mute[] = {
        "{}",
        "7",
        "{\"time\":\"x\"}",
        "{\"time\":-1}",
        "{\"seq\":5}",
        "{\"src\":\"a\"}",
        "{\"src\":\"a\",\"seq\":-5}",
        "{\"src\":7,\"seq\":5}",
        "{\"src\":\"a\",\"seq\":99999999999999999999}"};

    (void)state;
    for (size_t i = 0; i < sizeof mute / sizeof *mute; i++) {
        assert_int_equal(compare(mute[i], "{\"time\":1700000000000,"
                                          "\"src\":\"a\",\"seq\":1}"),
                         EVENT_AGE_UNKNOWN);
        assert_int_equal(compare("{\"time\":1700000000000,"
                                 "\"src\":\"a\",\"seq\":1}",
                                 mute[i]),
                         EVENT_AGE_UNKNOWN);
    }
    assert_int_equal(compare("{\"time\":1700000000000,\"n\":1}",
                             "{\"time\":1700000000000,\"n\":2}"),
                     EVENT_AGE_UNKNOWN);
}

static void bars_by_time_revision_final_and_count(void **state)
{
    (void)state;
    check("{\"bar\":{\"time\":1700000060000}}",
          "{\"bar\":{\"time\":1700000000000,\"rev\":7,\"final\":true}}");
    check("{\"bar\":{\"time\":1700000000000,\"rev\":1}}",
          "{\"bar\":{\"time\":1700000000000,\"rev\":0,\"final\":true}}");
    check("{\"bar\":{\"time\":1700000000000,\"rev\":0,\"final\":true}}",
          "{\"bar\":{\"time\":1700000000000,\"rev\":0,\"final\":false,"
          "\"count\":9}}");
    check("{\"bar\":{\"time\":1700000000000,\"rev\":0,\"count\":10}}",
          "{\"bar\":{\"time\":1700000000000,\"rev\":0,\"count\":9}}");
    assert_int_equal(compare("{\"bar\":{\"time\":1700000000000,\"count\":9}}",
                             "{\"bar\":{\"time\":1700000000000,\"count\":9}}"),
                     EVENT_AGE_SAME);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_time_where_runs_differ),
        cmocka_unit_test(by_count_within_a_run),
        cmocka_unit_test(what_says_nothing_is_not_newer),
        cmocka_unit_test(bars_by_time_revision_final_and_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
