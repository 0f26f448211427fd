/*
 * captured.h -- standard error as text, for tests of what is logged.
 *
 * Included after cmocka.h, in one file of a program.
 */
#pragma once

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int old_stderr, reading;

/* Standard error becomes a pipe that the test reads. */
static inline int capture(void **state)
{
    int fds[2];

    (void)state;
    old_stderr = dup(STDERR_FILENO);
    if (pipe2(fds, O_NONBLOCK) != 0 || dup2(fds[1], STDERR_FILENO) < 0)
        return -1;
    close(fds[1]);
    reading = fds[0];
    return 0;
}

static inline int release(void **state)
{
    (void)state;
    dup2(old_stderr, STDERR_FILENO);
    close(old_stderr);
    close(reading);
    return 0;
}

/* What was written since the last call. */
static inline const char *captured(void)
{
    static char text[65536];
    ssize_t n = read(reading, text, sizeof text - 1);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

static inline unsigned count_of(const char *text, const char *what)
{
    unsigned n = 0;

    for (; (text = strstr(text, what)) != NULL; text += strlen(what))
        n++;
    return n;
}

#define CAPTURED(f) cmocka_unit_test_setup_teardown(f, capture, release)
