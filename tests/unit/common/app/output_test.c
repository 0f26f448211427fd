#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/app/output.h"
#include "common/base/clock.h"

struct fixture {
    uv_loop_t loop;
    struct output *out;
    unsigned rooms, closes, dones;
    int errnum;
    size_t lost;
};

static void on_room(void *arg)
{
    struct fixture *f = arg;

    f->rooms++;
}

static void on_closed(void *arg, int errnum)
{
    struct fixture *f = arg;

    f->closes++;
    f->errnum = errnum;
}

static void on_done(void *arg, size_t lost)
{
    struct fixture *f = arg;

    f->dones++;
    f->lost = lost;
}

static void start(struct fixture *f, int fd, size_t max_bytes)
{
    static const struct output_events events = {on_room, on_closed};
    struct err err = {0};

    memset(f, 0, sizeof *f);
    uv_loop_init(&f->loop);
    f->out = output_new(&f->loop, fd, max_bytes, &events, f, &err);
    assert_non_null(f->out);
}

static void stop(struct fixture *f)
{
    output_close(f->out, on_done, f);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(f->dones, 1);
    assert_int_equal(uv_loop_close(&f->loop), 0);
}

static void add(struct fixture *f, const char *text, size_t len)
{
    bytes_add(output_bytes(f->out), text, len);
    output_added(f->out);
}

/* Reads until want bytes came or nothing comes any more; turns the loop. */
static size_t drain(struct fixture *f, int fd, size_t want)
{
    static char waste[65536];
    uint64_t end_ms = clock_mono_ms() + 5000;
    size_t len = 0;

    while (len < want && clock_mono_ms() < end_ms) {
        ssize_t n = read(fd, waste, sizeof waste);
        if (n > 0)
            len += (size_t)n;
        if (n == 0)
            break;
        uv_run(&f->loop, UV_RUN_NOWAIT);
    }
    return len;
}

static void small_pieces_leave_once_a_turn(void **state)
{
    struct fixture f;
    char text[16] = "";
    int fds[2];

    (void)state;
    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    start(&f, fds[1], 1000);
    add(&f, "one\n", 4);
    add(&f, "two\n", 4);
    assert_int_equal(read(fds[0], text, sizeof text), -1); /* not yet */
    uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_int_equal(read(fds[0], text, sizeof text), 8);
    assert_memory_equal(text, "one\ntwo\n", 8);
    assert_int_equal(output_bytes(f.out)->len, 0);
    stop(&f);
    assert_int_equal(f.lost, 0);
    close(fds[0]);
    close(fds[1]);
}

static void an_idle_output_does_not_hold_the_loop(void **state)
{
    struct fixture f;
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    start(&f, fds[1], 1000);
    add(&f, "x", 1);
    assert_true(uv_loop_alive(&f.loop));
    uv_run(&f.loop, UV_RUN_DEFAULT);
    assert_false(uv_loop_alive(&f.loop));
    stop(&f);
    close(fds[0]);
    close(fds[1]);
}

static void a_slow_reader_makes_it_full_and_then_there_is_room(void **state)
{
    enum { SIZE = 1000000 };
    static char text[SIZE];
    struct fixture f;
    int fds[2];

    (void)state;
    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    start(&f, fds[1], SIZE / 2);
    add(&f, text, SIZE);
    assert_true(output_full(f.out));
    uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_int_equal(f.rooms, 0);
    assert_int_equal(drain(&f, fds[0], SIZE), SIZE);
    assert_int_equal(f.rooms, 1); /* told once */
    assert_false(output_full(f.out));
    stop(&f);
    close(fds[0]);
    close(fds[1]);
}

static void closing_waits_for_a_slow_reader(void **state)
{
    enum { SIZE = 300000 };
    static char text[SIZE];
    struct fixture f;
    int fds[2];

    (void)state;
    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    start(&f, fds[1], SIZE);
    add(&f, text, SIZE);
    output_close(f.out, on_done, &f);
    output_close(f.out, on_done, &f); /* twice does nothing */
    uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_int_equal(f.dones, 0);
    assert_int_equal(drain(&f, fds[0], SIZE), SIZE);
    uv_run(&f.loop, UV_RUN_DEFAULT);
    assert_int_equal(f.dones, 1);
    assert_int_equal(f.lost, 0);
    assert_int_equal(uv_loop_close(&f.loop), 0);
    close(fds[0]);
    close(fds[1]);
}

static void a_reader_that_went_away_is_told_once_as_zero(void **state)
{
    struct fixture f;
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    start(&f, fds[1], 1000);
    close(fds[0]);
    add(&f, "x", 1);
    assert_int_equal(f.closes, 0); /* from the loop only */
    uv_run(&f.loop, UV_RUN_DEFAULT);
    add(&f, "y", 1);
    uv_run(&f.loop, UV_RUN_DEFAULT);
    assert_int_equal(f.closes, 1);
    assert_int_equal(f.errnum, 0);
    assert_int_equal(output_bytes(f.out)->len, 0);
    stop(&f);
    assert_int_equal(f.lost, 2);
    close(fds[1]);
}

static void a_full_disk_is_told_with_its_number(void **state)
{
    int fd = open("/dev/full", O_WRONLY);
    struct fixture f;
    struct err err;

    (void)state;
    start(&f, fd, 1000);
    add(&f, "x", 1);
    uv_run(&f.loop, UV_RUN_DEFAULT);
    assert_int_equal(f.errnum, ENOSPC);
    err = output_error(f.errnum);
    assert_int_equal(err.code, ERR_OUTPUT);
    assert_string_equal(err.text, "standard output: No space left on device");
    stop(&f);
    close(fd);
}

static void a_loss_met_only_while_closing_is_told_before_the_end(void **state)
{
    int fd = open("/dev/full", O_WRONLY);
    struct fixture f;

    (void)state;
    start(&f, fd, 1000);
    add(&f, "xyz", 3);
    stop(&f);
    assert_int_equal(f.closes, 1);
    assert_int_equal(f.errnum, ENOSPC);
    assert_int_equal(f.lost, 3);
    close(fd);
}

static void files_take_everything_at_once(void **state)
{
    char name[] = "/tmp/output_test.XXXXXX", text[8] = "";
    int fd = mkstemp(name);
    struct fixture f;

    (void)state;
    start(&f, fd, 10);
    add(&f, "abc", 3);
    add(&f, "def", 3);
    uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_int_equal(pread(fd, text, sizeof text, 0), 6);
    assert_string_equal(text, "abcdef");
    stop(&f);
    close(fd);
    unlink(name);
}

static void the_flags_come_back_when_the_last_is_done(void **state)
{
    struct fixture f, g;
    int fds[2], other;

    (void)state;
    assert_int_equal(pipe(fds), 0);
    other = dup(fds[1]); /* the same description, as on a terminal */
    start(&f, fds[1], 1000);
    start(&g, other, 1000);
    stop(&f);
    assert_true(fcntl(other, F_GETFL) & O_NONBLOCK); /* g still needs it */
    stop(&g);
    assert_false(fcntl(other, F_GETFL) & O_NONBLOCK);
    close(fds[0]);
    close(fds[1]);
    close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_pieces_leave_once_a_turn),
        cmocka_unit_test(an_idle_output_does_not_hold_the_loop),
        cmocka_unit_test(a_slow_reader_makes_it_full_and_then_there_is_room),
        cmocka_unit_test(closing_waits_for_a_slow_reader),
        cmocka_unit_test(a_reader_that_went_away_is_told_once_as_zero),
        cmocka_unit_test(a_full_disk_is_told_with_its_number),
        cmocka_unit_test(a_loss_met_only_while_closing_is_told_before_the_end),
        cmocka_unit_test(files_take_everything_at_once),
        cmocka_unit_test(the_flags_come_back_when_the_last_is_done),
    };

    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
