#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/app/line_fault.h"
#include "common/base/log.h"

static int old_stderr, reading;

/* Standard error becomes a pipe that the test reads. */
static int capture(void **state)
{
    int fds[2];

    (void)state;
    old_stderr = dup(STDERR_FILENO);
    if (pipe2(fds, O_NONBLOCK) != 0 || dup2(fds[1], STDERR_FILENO) < 0)
        return -1;
    close(fds[1]);
    reading = fds[0];
    log_init("t", LOG_LEVEL_INFO);
    return 0;
}

static int release(void **state)
{
    (void)state;
    dup2(old_stderr, STDERR_FILENO);
    close(old_stderr);
    close(reading);
    return 0;
}

static const char *captured(void)
{
    static char text[4096];
    ssize_t n = read(reading, text, sizeof text - 1);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void it_is_logged_with_its_place_and_skipped(void **state)
{
    const struct line_fault fault = {7, 12, "no \"price\""};
    struct err err = {0};

    (void)state;
    assert_true(line_fault_skip(&fault, false, &err));
    assert_int_equal(err.code, 0);
    assert_non_null(
        strstr(captured(),
               " ev=bad_line line=7 column=12 why=\"no \\\"price\\\"\"\n"));
}

static void without_a_column_none_is_named(void **state)
{
    const struct line_fault fault = {.line = 7, .why = "line is too long"};

    (void)state;
    assert_true(line_fault_skip(&fault, false, NULL));
    assert_non_null(
        strstr(captured(), " ev=bad_line line=7 why=\"line is too long\"\n"));
}

static void where_it_is_strict_it_is_an_error_and_not_logged(void **state)
{
    const struct line_fault with = {7, 12, "no price"};
    const struct line_fault without = {.line = 8, .why = "no price"};
    struct err err = {0}, other = {0};

    (void)state;
    assert_false(line_fault_skip(&with, true, &err));
    assert_int_equal(err.code, ERR_INPUT);
    assert_string_equal(err.text, "line 7, column 12: no price");
    assert_false(line_fault_skip(&without, true, &other));
    assert_int_equal(other.code, ERR_INPUT);
    assert_string_equal(other.text, "line 8: no price");
    assert_string_equal(captured(), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_logged_with_its_place_and_skipped,
                                        capture, release),
        cmocka_unit_test_setup_teardown(without_a_column_none_is_named, capture,
                                        release),
        cmocka_unit_test_setup_teardown(
            where_it_is_strict_it_is_an_error_and_not_logged, capture, release),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
