#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/app/input.h"
#include "common/base/bytes.h"
#include "common/base/clock.h"

struct fixture {
    uv_loop_t loop;
    struct input *in;
    struct bytes got; /* "line|" for each, "!" too long, "~" drained, "." end */
    bool pause_each, close_at_first, pause_at_last;
    int errnum;
    unsigned lines, drains;
};

static void on_line(void *arg, struct span line, uint64_t number)
{
    struct fixture *f = arg;

    f->lines++;
    assert_int_equal(number, f->lines);
    bytes_add_span(&f->got, line);
    bytes_add_str(&f->got, "|");
    if (f->pause_each)
        input_pause(f->in);
    if (f->close_at_first)
        input_close(f->in);
}

static void on_too_long(void *arg, uint64_t number)
{
    struct fixture *f = arg;

    f->lines++;
    assert_int_equal(number, f->lines);
    bytes_add_str(&f->got, "!");
}

static void on_drained(void *arg)
{
    struct fixture *f = arg;

    f->drains++;
}

static void on_end(void *arg, int errnum)
{
    struct fixture *f = arg;

    f->errnum = errnum;
    bytes_add_str(&f->got, ".");
}

static void start(struct fixture *f, int fd, size_t max_line)
{
    static const struct input_events events = {.on_line = on_line,
                                               .on_too_long = on_too_long,
                                               .on_drained = on_drained,
                                               .on_end = on_end};
    struct err err = {0};

    memset(f, 0, sizeof *f);
    uv_loop_init(&f->loop);
    f->in = input_new(&f->loop, fd, max_line, &events, f, &err);
    assert_non_null(f->in);
}

static void got(struct fixture *f, const char *want)
{
    bytes_reserve(&f->got, 1)[0] = '\0';
    assert_string_equal(f->got.ptr, want);
}

/* Turns the loop until so much was noted down, within 5 s. */
static void until(struct fixture *f, const char *want)
{
    uint64_t end_ms = clock_mono_ms() + 5000;

    while (f->got.len < strlen(want) && clock_mono_ms() < end_ms)
        uv_run(&f->loop, UV_RUN_NOWAIT);
    got(f, want);
}

static void stop(struct fixture *f)
{
    input_close(f->in);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    bytes_close(&f->got);
}

static int file_with(const char *text)
{
    FILE *file = tmpfile();
    int fd = dup(fileno(file));

    fclose(file);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static void a_pipe_is_read_as_it_is_written(void **state)
{
    struct fixture f;
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    start(&f, fds[0], 100);
    assert_int_equal(write(fds[1], "one\ntw", 6), 6);
    until(&f, "one|");
    assert_int_equal(write(fds[1], "o\n\r\nlast", 8), 8);
    until(&f, "one|two||");
    close(fds[1]);
    until(&f, "one|two||last|.");
    assert_int_equal(f.errnum, 0);
    stop(&f);
    close(fds[0]);
}

static void regular_files_and_dev_null_are_read_too(void **state)
{
    struct fixture f;
    int fd = file_with("a\nb\nc"), null = open("/dev/null", O_RDONLY);

    (void)state;
    start(&f, fd, 100);
    uv_run(&f.loop, UV_RUN_DEFAULT);
    got(&f, "a|b|c|.");
    stop(&f);
    close(fd);
    start(&f, null, 100);
    uv_run(&f.loop, UV_RUN_DEFAULT);
    got(&f, ".");
    stop(&f);
    close(null);
}

static void the_flags_of_the_description_come_back(void **state)
{
    struct fixture f;
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    start(&f, fds[0], 100);
    assert_true(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    stop(&f);
    assert_false(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    close(fds[0]);
    close(fds[1]);
}

static void a_pause_inside_a_line_holds_the_rest_back(void **state)
{
    struct fixture f;
    int fd = file_with("a\nb\nc");

    (void)state;
    start(&f, fd, 100);
    f.pause_each = true;
    until(&f, "a|");
    for (int i = 0; i < 10; i++)
        uv_run(&f.loop, UV_RUN_NOWAIT);
    got(&f, "a|");
    input_resume(f.in);
    got(&f, "a|"); /* from the loop, not from inside the call */
    until(&f, "a|b|");
    input_resume(f.in);
    until(&f, "a|b|c|");
    /* The end waits for the pause that the last line asked for. */
    for (int i = 0; i < 10; i++)
        uv_run(&f.loop, UV_RUN_NOWAIT);
    got(&f, "a|b|c|");
    input_resume(f.in);
    until(&f, "a|b|c|.");
    assert_true(f.drains >= 3);
    stop(&f);
    close(fd);
}

static void a_paused_input_keeps_the_loop_alive(void **state)
{
    struct fixture f;
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    start(&f, fds[0], 100);
    input_pause(f.in);
    assert_int_equal(write(fds[1], "x\n", 2), 2);
    uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_true(uv_loop_alive(&f.loop));
    got(&f, "");
    input_resume(f.in);
    until(&f, "x|");
    stop(&f);
    close(fds[0]);
    close(fds[1]);
}

static void closing_inside_a_line_is_the_last_that_is_heard(void **state)
{
    struct fixture f;
    int fd = file_with("a\nb\n");

    (void)state;
    start(&f, fd, 100);
    f.close_at_first = true;
    uv_run(&f.loop, UV_RUN_DEFAULT);
    got(&f, "a|");
    assert_int_equal(f.drains, 0);
    f.in = NULL;
    stop(&f);
    close(fd);
}

static void long_lines_are_told_and_left_out(void **state)
{
    struct fixture f;
    int fd = file_with("short\nmuch too long\nok\n");

    (void)state;
    start(&f, fd, 5);
    uv_run(&f.loop, UV_RUN_DEFAULT);
    got(&f, "short|!ok|.");
    stop(&f);
    close(fd);
}

static void a_read_error_ends_with_its_number(void **state)
{
    struct fixture f;
    int fd = open("/", O_RDONLY | O_DIRECTORY);

    (void)state;
    start(&f, fd, 100);
    uv_run(&f.loop, UV_RUN_DEFAULT);
    got(&f, ".");
    assert_int_equal(f.errnum, EISDIR);
    stop(&f);
    close(fd);
}

static void what_is_not_open_for_reading_is_refused(void **state)
{
    static const struct input_events events = {
        .on_line = on_line, .on_too_long = on_too_long, .on_end = on_end};
    int fd = open("/dev/null", O_WRONLY);
    struct err err = {0};
    uv_loop_t loop;

    (void)state;
    uv_loop_init(&loop);
    assert_null(input_new(&loop, fd, 100, &events, NULL, &err));
    assert_int_equal(err.code, ERR_SYSTEM);
    assert_int_equal(uv_loop_close(&loop), 0);
    close(fd);
}

/* Pipes, sockets and any size of write; every line arrives once, in order. */
static void a_million_bytes_arrive_whole(void **state)
{
    enum { LINES = 20000 };
    struct fixture f;
    struct bytes sent;
    size_t at = 0;
    int fds[2];

    (void)state;
    bytes_init(&sent);
    for (int i = 0; i < LINES; i++)
        bytes_printf(&sent, "%0*d\n", 1 + i % 99, i);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    fcntl(fds[1], F_SETFL, O_NONBLOCK);
    start(&f, fds[0], 100);
    while (at < sent.len) {
        ssize_t n = write(fds[1], sent.ptr + at, sent.len - at);
        if (n > 0)
            at += (size_t)n;
        uv_run(&f.loop, UV_RUN_NOWAIT);
    }
    close(fds[1]);
    uv_run(&f.loop, UV_RUN_DEFAULT);
    assert_int_equal(f.lines, LINES);
    assert_int_equal(f.got.len, sent.len + 1);
    for (size_t i = 0; i < sent.len; i++)
        if (f.got.ptr[i] != (sent.ptr[i] == '\n' ? '|' : sent.ptr[i]))
            fail_msg("byte %zu differs", i);
    bytes_close(&sent);
    stop(&f);
    close(fds[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pipe_is_read_as_it_is_written),
        cmocka_unit_test(regular_files_and_dev_null_are_read_too),
        cmocka_unit_test(the_flags_of_the_description_come_back),
        cmocka_unit_test(a_pause_inside_a_line_holds_the_rest_back),
        cmocka_unit_test(a_paused_input_keeps_the_loop_alive),
        cmocka_unit_test(closing_inside_a_line_is_the_last_that_is_heard),
        cmocka_unit_test(long_lines_are_told_and_left_out),
        cmocka_unit_test(a_read_error_ends_with_its_number),
        cmocka_unit_test(what_is_not_open_for_reading_is_refused),
        cmocka_unit_test(a_million_bytes_arrive_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
