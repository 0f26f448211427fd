#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/app/tee.h"

/* A tool whose only work is a tee on a pipe. */
struct toy {
    struct app app;
    struct app_options opts;
    struct tee *tee;
    int reader, writer;
    unsigned rooms, closed;
    size_t lost;
    struct err err;
};

static const struct cli cli = {
    .tool = "toy", .synopsis = "", .summary = "", .common = app_option_table};

static void on_room(void *arg)
{
    struct toy *t = arg;

    t->rooms++;
}

static void on_closed(void *arg, size_t lost)
{
    struct toy *t = arg;

    t->closed++;
    t->lost = lost;
}

static void on_stop(void *arg)
{
    struct toy *t = arg;

    tee_close(t->tee, on_closed, t);
    t->tee = NULL;
}

static struct toy *start_on(int reader, int writer)
{
    struct toy *t = mem_zero(sizeof *t);

    t->opts = (struct app_options)APP_OPTIONS_DEFAULT;
    t->reader = reader;
    t->writer = writer;
    assert_true(app_init(&t->app, &cli, &t->opts, on_stop, t, &t->err));
    t->tee = tee_new(&t->app, writer, on_room, t, &t->err);
    assert_non_null(t->tee);
    return t;
}

static struct toy *start(void)
{
    int fds[2];

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    return start_on(fds[0], fds[1]);
}

static void turn(struct toy *t)
{
    uv_run(&t->app.loop, UV_RUN_NOWAIT);
}

/* What the reader of the pipe gets now. */
static size_t take(struct toy *t, char *to, size_t room)
{
    ssize_t n = read(t->reader, to, room);

    return n > 0 ? (size_t)n : 0;
}

/* Runs to the end; the exit status. */
static int finish(struct toy *t)
{
    app_stop(&t->app);
    app_run(&t->app, &t->err);
    assert_int_equal(t->closed, 1);
    if (t->reader >= 0)
        close(t->reader);
    close(t->writer);
    return app_exit(&t->app, &t->err);
}

static void lines_leave_together_when_it_is_flushed(void **state)
{
    struct toy *t = start();
    char got[64];

    (void)state;
    assert_false(tee_line(t->tee, span_str("one")));
    assert_false(tee_line(t->tee, span_str("two")));
    turn(t);
    assert_int_equal(take(t, got, sizeof got), 0);
    tee_flush(t->tee);
    turn(t);
    assert_int_equal(take(t, got, sizeof got), 8);
    assert_memory_equal(got, "one\ntwo\n", 8);
    assert_int_equal(finish(t), 0);
    free(t);
}

static void lines_made_in_place_come_in_their_order(void **state)
{
    struct toy *t = start();
    char got[64];
    size_t before;

    (void)state;
    tee_line(t->tee, span_str("one"));
    before = tee_bytes(t->tee)->len;
    bytes_add_str(tee_bytes(t->tee), "two\n");
    assert_false(tee_added(t->tee, before));
    tee_line(t->tee, span_str("three"));
    tee_flush(t->tee);
    turn(t);
    assert_int_equal(take(t, got, sizeof got), 14);
    assert_memory_equal(got, "one\ntwo\nthree\n", 14);
    assert_int_equal(finish(t), 0);
    free(t);
}

static void a_full_chunk_says_so_and_leaves_by_itself(void **state)
{
    struct toy *t = start();
    static char line[16 * 1024 - 1], got[64 * 1024];

    (void)state;
    memset(line, 'x', sizeof line);
    for (int i = 0; i < 3; i++)
        assert_false(tee_line(t->tee, span_make(line, sizeof line)));
    assert_true(tee_line(t->tee, span_make(line, sizeof line)));
    assert_int_equal(take(t, got, sizeof got), sizeof got);
    assert_false(tee_full(t->tee));
    assert_int_equal(finish(t), 0);
    free(t);
}

static void it_is_full_at_its_bound_and_says_when_there_is_room(void **state)
{
    struct toy *t = start();
    static char line[1023], got[64 * 1024];
    size_t lines = 0, bytes = 0;

    (void)state;
    memset(line, 'x', sizeof line);
    while (!tee_full(t->tee)) {
        tee_line(t->tee, span_make(line, sizeof line));
        lines++;
    }
    tee_flush(t->tee);
    assert_true(lines * 1024 > TEE_MAX_BYTES);
    assert_true(lines * 1024 <= TEE_MAX_BYTES + 128 * 1024); /* and the pipe */
    turn(t);
    assert_int_equal(t->rooms, 0);
    while (t->rooms == 0) {
        bytes += take(t, got, sizeof got);
        turn(t);
        assert_true(bytes < lines * 1024);
    }
    assert_false(tee_full(t->tee));
    while (bytes < lines * 1024) {
        bytes += take(t, got, sizeof got);
        turn(t);
    }
    assert_int_equal(t->rooms, 1);
    assert_int_equal(finish(t), 0);
    free(t);
}

static void a_reader_that_leaves_stops_the_tool_quietly(void **state)
{
    struct toy *t = start();

    (void)state;
    close(t->reader);
    t->reader = -1;
    tee_line(t->tee, span_str("nobody reads this"));
    tee_flush(t->tee);
    turn(t);
    assert_true(t->app.stopping);
    tee_line(t->tee, span_str("nor this"));
    tee_flush(t->tee);
    assert_int_equal(tee_bytes(t->tee)->len, 0);
    assert_int_equal(finish(t), 0);
    assert_int_equal(t->lost, 18 + 9);
    free(t);
}

static void other_losses_are_status_74(void **state)
{
    struct toy *t = start_on(-1, open("/dev/full", O_WRONLY | O_CLOEXEC));

    (void)state;
    tee_line(t->tee, span_str("no room for this"));
    tee_flush(t->tee);
    turn(t);
    assert_true(t->app.stopping);
    assert_int_equal(finish(t), 74);
    assert_string_equal(t->err.text,
                        "standard output: No space left on device");
    free(t);
}

static void a_loss_met_only_while_closing_is_status_74_too(void **state)
{
    struct toy *t = start_on(-1, open("/dev/full", O_WRONLY | O_CLOEXEC));

    (void)state;
    tee_line(t->tee, span_str("xyz"));
    assert_int_equal(finish(t), 74);
    assert_int_equal(t->lost, 4);
    free(t);
}

static void with_nothing_to_write_it_does_not_hold_the_loop(void **state)
{
    struct toy *t = start();

    (void)state;
    tee_line(t->tee, span_str("x"));
    tee_flush(t->tee);
    assert_true(uv_loop_alive(&t->app.loop));
    uv_run(&t->app.loop, UV_RUN_DEFAULT);
    assert_false(uv_loop_alive(&t->app.loop));
    assert_int_equal(finish(t), 0);
    free(t);
}

static void closing_waits_for_a_slow_reader(void **state)
{
    enum { SIZE = 300000 };
    static char text[SIZE], got[64 * 1024];
    struct toy *t = start();
    size_t bytes = 0;

    (void)state;
    tee_line(t->tee, span_make(text, SIZE));
    tee_close(t->tee, on_closed, t);
    tee_close(t->tee, on_closed, t); /* twice does nothing */
    t->tee = NULL;
    turn(t);
    assert_int_equal(t->closed, 0);
    while (bytes <= SIZE) {
        bytes += take(t, got, sizeof got);
        turn(t);
    }
    assert_int_equal(finish(t), 0);
    assert_int_equal(t->lost, 0);
    free(t);
}

static void files_take_everything_at_once(void **state)
{
    char name[] = "/tmp/tee_test.XXXXXX", text[16] = "";
    int fd = mkstemp(name);
    struct toy *t = start_on(-1, fd);

    (void)state;
    tee_line(t->tee, span_str("abc"));
    tee_line(t->tee, span_str("def"));
    tee_flush(t->tee);
    turn(t);
    assert_int_equal(pread(fd, text, sizeof text, 0), 8);
    assert_string_equal(text, "abc\ndef\n");
    assert_int_equal(finish(t), 0);
    unlink(name);
    free(t);
}

static void the_flags_come_back_when_the_last_is_done(void **state)
{
    struct toy *t = start();
    int other = dup(t->writer); /* the same description, as on a terminal */
    struct tee *second = tee_new(&t->app, other, NULL, NULL, &t->err);

    (void)state;
    tee_close(second, NULL, NULL);
    turn(t);
    assert_true(fcntl(other, F_GETFL) & O_NONBLOCK); /* the first needs it */
    assert_int_equal(finish(t), 0);
    assert_false(fcntl(other, F_GETFL) & O_NONBLOCK);
    close(other);
    free(t);
}

static void what_was_never_flushed_leaves_with_the_end(void **state)
{
    struct toy *t = start();
    int reader = dup(t->reader);
    char got[64];

    (void)state;
    tee_line(t->tee, span_str("last"));
    assert_int_equal(finish(t), 0);
    assert_int_equal(t->lost, 0);
    assert_int_equal(read(reader, got, sizeof got), 5);
    assert_memory_equal(got, "last\n", 5);
    close(reader);
    free(t);
}

static void what_cannot_be_written_to_is_an_error_at_the_start(void **state)
{
    struct toy *t = start();
    struct err err = {0};

    (void)state;
    assert_null(tee_new(&t->app, t->reader, NULL, NULL, &err));
    assert_int_equal(err.code, 74);
    tee_flush(NULL);
    tee_close(NULL, NULL, NULL);
    assert_int_equal(finish(t), 0);
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_leave_together_when_it_is_flushed),
        cmocka_unit_test(lines_made_in_place_come_in_their_order),
        cmocka_unit_test(a_full_chunk_says_so_and_leaves_by_itself),
        cmocka_unit_test(it_is_full_at_its_bound_and_says_when_there_is_room),
        cmocka_unit_test(a_reader_that_leaves_stops_the_tool_quietly),
        cmocka_unit_test(other_losses_are_status_74),
        cmocka_unit_test(a_loss_met_only_while_closing_is_status_74_too),
        cmocka_unit_test(with_nothing_to_write_it_does_not_hold_the_loop),
        cmocka_unit_test(closing_waits_for_a_slow_reader),
        cmocka_unit_test(files_take_everything_at_once),
        cmocka_unit_test(the_flags_come_back_when_the_last_is_done),
        cmocka_unit_test(what_was_never_flushed_leaves_with_the_end),
        cmocka_unit_test(what_cannot_be_written_to_is_an_error_at_the_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
