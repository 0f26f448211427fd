#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "tests/unit/common/base/captured.h"

static void a_line_is_logfmt_with_time_level_tool_and_event(void **state)
{
    const char *text;

    (void)state;
    log_init("t", LOG_LEVEL_INFO);
    log_info("opened", "port=%d", 80);
    text = captured();
    assert_int_equal(strncmp(text, "ts=20", 5), 0);
    assert_int_equal(text[13], 'T');
    assert_int_equal(text[26], 'Z');
    assert_string_equal(text + 27, " level=info tool=t ev=opened port=80\n");
}

static void lines_below_the_level_are_not_written(void **state)
{
    (void)state;
    log_init("t", LOG_LEVEL_WARN);
    log_info("quiet", "%s", "x");
    log_debug("quiet", "%s", "x");
    assert_string_equal(captured(), "");
    log_error("loud", "%s", "");
    assert_non_null(strstr(captured(), "level=error"));
}

static void the_eleventh_in_a_second_is_only_counted(void **state)
{
    const char *text;

    (void)state;
    log_init("t", LOG_LEVEL_INFO);
    for (int i = 0; i < LOG_BURST + 90; i++)
        log_warn("flood", "i=%d", i);
    log_info("other", "%s", "still=said");
    text = captured();
    assert_int_equal(count_of(text, "ev=flood"), LOG_BURST);
    assert_int_equal(count_of(text, "ev=other"), 1);
    log_tick(); /* the second is not over */
    assert_string_equal(captured(), "");
    log_flush();
    text = captured();
    assert_int_equal(count_of(text, "\n"), 1);
    assert_non_null(strstr(text, "level=warn tool=t ev=flood repeated=90\n"));
    log_flush();
    assert_string_equal(captured(), "");
}

static void nobody_forges_a_line_or_breaks_out_of_quotes(void **state)
{
    char longest[5000];
    const char *text;

    (void)state;
    log_init("t", LOG_LEVEL_INFO);
    log_info("forged", "why=%s", "a\nts=1 level=error\x1b[2J");
    text = captured();
    assert_int_equal(count_of(text, "\n"), 1);
    assert_non_null(strstr(text, "why=a?ts=1 level=error?[2J\n"));
    log_info("quoted", "why=%s", LOG_Q(span_make("a\"b\\\n\xff", 6)));
    assert_non_null(strstr(captured(), "why=\"a\\\"b\\\\\\x0a\\xff\"\n"));
    memset(longest, '"', sizeof longest);
    log_info("long_quote", "why=%s", LOG_Q(span_make(longest, sizeof longest)));
    text = captured();
    assert_true(strlen(text) < 400);
    assert_int_equal(text[strlen(text) - 2], '"');
}

static void a_long_line_is_cut_but_stays_a_line(void **state)
{
    char longest[5000];
    const char *text;

    (void)state;
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    log_init("t", LOG_LEVEL_INFO);
    log_info("long", "%s", longest);
    text = captured();
    assert_int_equal(strlen(text), LOG_LINE_MAX);
    assert_int_equal(text[LOG_LINE_MAX - 1], '\n');
}

/* A supervisor that does not read must not stop the tool. */
static void a_full_standard_error_does_not_block(void **state)
{
    uint64_t start_ms = clock_mono_ms();
    char junk[4096] = {0};

    (void)state;
    log_init("t", LOG_LEVEL_INFO);
    while (write(STDERR_FILENO, junk, sizeof junk) > 0) {
    }
    for (int i = 0; i < 5; i++)
        log_error("redis_down", "i=%d", i);
    assert_true(clock_mono_ms() - start_ms < 1000);
    while (read(reading, junk, sizeof junk) > 0) {
    }
    log_error("heard", "%s", "again=1");
    assert_non_null(strstr(captured(), "ev=heard again=1\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CAPTURED(a_line_is_logfmt_with_time_level_tool_and_event),
        CAPTURED(lines_below_the_level_are_not_written),
        CAPTURED(the_eleventh_in_a_second_is_only_counted),
        CAPTURED(nobody_forges_a_line_or_breaks_out_of_quotes),
        CAPTURED(a_long_line_is_cut_but_stays_a_line),
        CAPTURED(a_full_standard_error_does_not_block),
    };
#undef CAPTURED

    return cmocka_run_group_tests(tests, NULL, NULL);
}
