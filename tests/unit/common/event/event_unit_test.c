/* Events in seconds, micro- and nanoseconds become what all others are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/bytes.h"
#include "common/base/line.h"
#include "common/event/event_reader.h"

static const struct event_rules seconds = {.unit = EVENT_UNIT_S};

static enum event_fault read_line(struct event_reader *reader, const char *text,
                                  struct event *ev, unsigned *column)
{
    size_t len = strlen(text);
    char *line = mem_alloc(len + LINE_PAD);
    enum event_fault f;

    memcpy(line, text, len);
    memset(line + len, '0', LINE_PAD);
    f = event_read(reader, span_make(line, len), ev, column);
    free(line); /* the event does not point there */
    return f;
}

static void assert_becomes(const struct event_rules *rules, const char *text,
                           const char *want)
{
    struct event_reader *reader = event_reader_new();
    struct event ev;
    unsigned column = 0;

    event_reader_by(reader, rules);
    for (int i = 0; i < 3; i++) { /* nothing is learnt from a line */
        assert_int_equal(read_line(reader, text, &ev, &column), EVENT_OK);
        if (!span_is(ev.text, want))
            fail_msg("%.*s", SPAN_ARG(ev.text));
    }
    event_reader_free(reader);
}

static void only_the_time_is_written_anew(void **state)
{
    static const struct event_rules micros = {.unit = EVENT_UNIT_US};
    static const struct event_rules nanos = {.unit = EVENT_UNIT_NS};

    (void)state;
    assert_becomes(&seconds,
                   " { \"time\" : 1697112000.5 ,\"x\":[1.50,{\"time\":5}],"
                   "\"type\":\"trade\",\"symbol\":\"A\",\"price\":1.50} ",
                   "{ \"time\" : 1697112000500 ,\"x\":[1.50,{\"time\":5}],"
                   "\"type\":\"trade\",\"symbol\":\"A\",\"price\":1.50}");
    assert_becomes(&seconds,
                   "{\"type\":\"trade\",\"symbol\":\"A\",\"price\":1,"
                   "\"t\\u0069me\":1697112000.000000001}",
                   "{\"type\":\"trade\",\"symbol\":\"A\",\"price\":1,"
                   "\"t\\u0069me\":1697112000000.000001}");
    assert_becomes(&micros,
                   "{\"type\":\"tick\",\"symbol\":\"A\",\"time\":"
                   "1697112000123456,\"bid\":1,\"ask\":2}",
                   "{\"type\":\"tick\",\"symbol\":\"A\",\"time\":"
                   "1697112000123.456,\"bid\":1,\"ask\":2}");
    assert_becomes(&nanos,
                   "{\"type\":\"tick\",\"symbol\":\"A\",\"time\":"
                   "1697112000123000000,\"bid\":1,\"ask\":2}",
                   "{\"type\":\"tick\",\"symbol\":\"A\",\"time\":"
                   "1697112000123,\"bid\":1,\"ask\":2}");
}

static void a_bar_has_two_times(void **state)
{
    (void)state;
    assert_becomes(&seconds,
                   "{\"type\":\"bar\",\"symbol\":\"A\",\"resolution\":\"1\","
                   "\"bar\":{\"time\":1697112000,\"open\":1697112000,"
                   "\"end\":1697112060}}",
                   "{\"type\":\"bar\",\"symbol\":\"A\",\"resolution\":\"1\","
                   "\"bar\":{\"time\":1697112000000,\"open\":1697112000,"
                   "\"end\":1697112060000}}");
}

static void a_time_that_nobody_needs_may_be_anything(void **state)
{
    (void)state;
    assert_becomes(&seconds, "{\"type\":\"market_status\",\"time\":\"noon\"}",
                   "{\"type\":\"market_status\",\"time\":\"noon\"}");
    assert_becomes(&seconds, "{\"type\":\"market_status\",\"time\":1697112000}",
                   "{\"type\":\"market_status\",\"time\":1697112000000}");
    /* timestamp is in milliseconds always. */
    assert_becomes(&seconds,
                   "{\"type\":\"market_status\",\"timestamp\":1697112000}",
                   "{\"type\":\"market_status\",\"timestamp\":1697112000}");
}

static void faults_point_into_the_line_as_it_came(void **state)
{
    struct event_reader *reader = event_reader_new();
    struct event ev;
    unsigned column = 0;

    (void)state;
    event_reader_by(reader, &seconds);
    assert_int_equal(read_line(reader,
                               "{\"type\":\"trade\",\"time\":1697112000123,"
                               "\"symbol\":\"A\",\"price\":1}",
                               &ev, &column),
                     EVENT_TIME_IN_MS);
    assert_int_equal(column, 24);
    assert_int_equal(read_line(reader,
                               "{\"type\":\"trade\",\"time\":1697112000,"
                               "\"symbol\":\"A\",\"price\":\"1\"}",
                               &ev, &column),
                     EVENT_BAD_PRICE);
    assert_int_equal(column, 56);
    event_reader_free(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_time_is_written_anew),
        cmocka_unit_test(a_bar_has_two_times),
        cmocka_unit_test(a_time_that_nobody_needs_may_be_anything),
        cmocka_unit_test(faults_point_into_the_line_as_it_came),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
