#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/app/app.h"
#include "common/base/clock.h"

/*
 * Each case is a tool of its own in a child process: a timer that must be
 * closed is all its work.  `mode` says how it misbehaves.
 */
enum mode {
    ORDERLY,
    STUCK,
    FAILS,
    FAILS_AT_INIT,
    STOPS_TWICE,
    RELOADS,
    ENDS_ITSELF, /* and has work left, until SIGUSR1 */
    HUNG_UP_LAST /* SIGHUP when its loop has ended */
};

struct tool {
    struct app app;
    uv_timer_t work;
    uv_signal_t done; /* ENDS_ITSELF only */
    enum mode mode;
    unsigned stops, reloads;
};

static const struct cli cli = {
    .tool = "toy", .synopsis = "", .summary = "", .common = app_option_table};

static void on_work(uv_timer_t *timer)
{
    (void)timer;
}

static void on_work_done(uv_signal_t *handle, int signum)
{
    struct tool *t = handle->data;

    (void)signum;
    uv_close((uv_handle_t *)handle, NULL);
    uv_close((uv_handle_t *)&t->work, NULL);
}

static void on_stop(void *arg)
{
    struct tool *t = arg;

    t->stops++;
    if (t->mode == ENDS_ITSELF)
        fprintf(stderr, "finishing\n");
    else if (t->mode != STUCK)
        uv_close((uv_handle_t *)&t->work, NULL);
}

static void on_reload(void *arg)
{
    struct tool *t = arg;

    if (++t->reloads == 2)
        app_stop(&t->app);
}

static void misbehave(struct tool *t)
{
    struct err first = {ERR_PEER, "Redis is not there"};
    struct err second = {ERR_SYSTEM, "and more"};

    if (t->mode == FAILS) {
        app_fail(&t->app, &first);
        app_fail(&t->app, &second);
    } else if (t->mode == STOPS_TWICE) {
        app_stop(&t->app);
        app_stop(&t->app);
        if (t->stops != 0)
            abort(); /* it must come from the loop */
    } else if (t->mode == ENDS_ITSELF) {
        t->done.data = t;
        uv_signal_init(&t->app.loop, &t->done);
        uv_signal_start(&t->done, on_work_done, SIGUSR1);
        app_stop(&t->app);
    }
}

static int run(enum mode mode, int argc, char **argv)
{
    struct app_options opts = APP_OPTIONS_DEFAULT;
    struct tool t = {.mode = mode};
    struct err err = {0};
    int status;

    if (app_args(&cli, argc, argv, &opts, &status))
        return status;
    if (app_init(&t.app, &cli, &opts, on_stop, &t, &err)) {
        uv_timer_init(&t.app.loop, &t.work);
        uv_timer_start(&t.work, on_work, 1000000, 0);
        t.app.on_reload = on_reload;
        if (mode == FAILS_AT_INIT) {
            uv_close((uv_handle_t *)&t.work, NULL);
            err_set(&err, ERR_CONFIG, "--rules: line 3 is not a rule");
        } else {
            app_ready(&t.app);
            misbehave(&t);
            app_run(&t.app, &err);
            if (mode == HUNG_UP_LAST)
                raise(SIGHUP);
        }
    }
    status = app_exit(&t.app, &err);
    if (mode != FAILS_AT_INIT && err.code != ERR_USAGE && t.stops != 1)
        return 99;
    return status;
}

/* --- the test's side --- */

static char said[16384];
static pid_t child;
static int from_child;

static void start(enum mode mode, char **argv)
{
    int fds[2], argc = 0;

    while (argv[argc])
        argc++;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    fflush(NULL);
    child = fork();
    if (child == 0) {
        dup2(fds[1], STDERR_FILENO);
        close(fds[0]);
        close(fds[1]);
        exit(run(mode, argc, argv)); /* so that leaks are looked for */
    }
    close(fds[1]);
    from_child = fds[0];
    said[0] = '\0';
}

static void start_plain(enum mode mode)
{
    char *argv[] = {(char *)(uintptr_t) "toy", NULL};

    start(mode, argv);
}

/* Until it has said `text` on standard error. */
static void hear(const char *text)
{
    size_t len = strlen(said);

    while (!strstr(said, text)) {
        ssize_t n = read(from_child, said + len, sizeof said - 1 - len);
        if (n <= 0)
            fail_msg("never said '%s', but: %s", text, said);
        len += (size_t)n;
        said[len] = '\0';
    }
}

/* Its exit status, after all it had to say. */
static int end(void)
{
    size_t len = strlen(said);
    int status = 0;
    ssize_t n;

    while ((n = read(from_child, said + len, sizeof said - 1 - len)) > 0)
        len += (size_t)n;
    said[len] = '\0';
    close(from_child);
    waitpid(child, &status, 0);
    if (!WIFEXITED(status))
        fail_msg("died of signal %d: %s", WTERMSIG(status), said);
    return WEXITSTATUS(status);
}

/* Sends it again and again (two in one turn would be one) until it is gone. */
static void signal_until_gone(int signum)
{
    uint64_t end_ms = clock_mono_ms() + 3000;
    siginfo_t info = {0};

    while (info.si_pid != child && clock_mono_ms() < end_ms) {
        kill(child, signum);
        poll(NULL, 0, 10);
        waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT);
    }
    assert_int_equal(info.si_pid, child);
}

static void a_signal_ends_it_with_zero(void **state)
{
    (void)state;
    start_plain(ORDERLY);
    hear("ev=ready");
    kill(child, SIGTERM);
    assert_int_equal(end(), 0);
    assert_non_null(strstr(said, "ev=stop signal=15"));
    start_plain(ORDERLY);
    hear("ev=ready");
    kill(child, SIGINT);
    assert_int_equal(end(), 0);
}

static void stopping_happens_once_and_from_the_loop(void **state)
{
    (void)state;
    start_plain(STOPS_TWICE);
    assert_int_equal(end(), 0);
}

static void what_does_not_close_is_ended_and_named(void **state)
{
    uint64_t start_ms;

    (void)state;
    start_plain(STUCK);
    hear("ev=ready");
    start_ms = clock_mono_ms();
    kill(child, SIGTERM);
    assert_int_equal(end(), 0);
    assert_in_range(clock_mono_ms() - start_ms, APP_DRAIN_MS - 100, 5500);
    assert_non_null(
        strstr(said, "ev=drain_timeout after_ms=4500 handles=1 kinds=timer\n"));
}

static void a_second_signal_ends_it_at_once(void **state)
{
    uint64_t start_ms;

    (void)state;
    start_plain(STUCK);
    hear("ev=ready");
    start_ms = clock_mono_ms();
    kill(child, SIGTERM);
    hear("ev=stop ");
    signal_until_gone(SIGINT);
    assert_int_equal(end(), 128 + SIGINT);
    assert_true(clock_mono_ms() - start_ms < 3000);
    assert_non_null(strstr(said, "ev=stop_now signal=2"));
}

/* At the end of its input it stops by itself: a signal then is the first. */
static void the_first_signal_lets_it_finish_what_it_has_begun(void **state)
{
    (void)state;
    start_plain(ENDS_ITSELF);
    hear("finishing");
    kill(child, SIGTERM);
    hear("signal=15");
    kill(child, SIGUSR1);
    assert_int_equal(end(), 0);
    start_plain(ENDS_ITSELF);
    hear("finishing");
    kill(child, SIGTERM);
    hear("ev=stop ");
    kill(child, SIGINT);
    assert_int_equal(end(), 128 + SIGINT);
}

static void the_first_failure_decides_status_and_text(void **state)
{
    (void)state;
    start_plain(FAILS);
    assert_int_equal(end(), 69);
    assert_non_null(strstr(said, "toy: Redis is not there\n"));
    assert_null(strstr(said, "and more"));
    assert_null(strstr(said, "Try"));
}

static void a_failed_start_says_where_help_is(void **state)
{
    (void)state;
    start_plain(FAILS_AT_INIT);
    assert_int_equal(end(), 78);
    assert_string_equal(said, "toy: --rules: line 3 is not a rule\n"
                              "Try 'toy --help'.\n");
}

static void hangup_reloads(void **state)
{
    (void)state;
    start_plain(RELOADS);
    hear("ev=ready");
    signal_until_gone(SIGHUP);
    assert_int_equal(end(), 0);
}

/* Nobody watches for it any more, and its default is to kill. */
static void hangup_in_the_last_moment_does_no_harm(void **state)
{
    (void)state;
    start_plain(HUNG_UP_LAST);
    hear("ev=ready");
    kill(child, SIGTERM);
    assert_int_equal(end(), 0);
}

static void the_ready_descriptor_gets_its_line(void **state)
{
    char number[16], line[16] = "";
    char *argv[] = {(char *)(uintptr_t) "toy", (char *)(uintptr_t) "--ready-fd",
                    number, NULL};
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    snprintf(number, sizeof number, "%d", fds[1]);
    start(ORDERLY, argv);
    close(fds[1]);
    assert_int_equal(read(fds[0], line, sizeof line), 6);
    assert_string_equal(line, "ready\n");
    assert_int_equal(read(fds[0], line, sizeof line), 0); /* and is closed */
    kill(child, SIGTERM);
    assert_int_equal(end(), 0);
    close(fds[0]);
    snprintf(number, sizeof number, "%d", 999);
    start(ORDERLY, argv);
    assert_int_equal(end(), 64);
    assert_string_equal(said, "toy: --ready-fd: 999 is not open\n"
                              "Try 'toy --help'.\n");
}

static void redis_switches_of_the_environment(void **state)
{
    char *argv[] = {(char *)(uintptr_t) "toy",
                    (char *)(uintptr_t) "--require-redis", NULL};

    (void)state;
    setenv("ENABLE_REDIS_SCALING", "false", 1);
    start(ORDERLY, argv);
    assert_int_equal(end(), 64);
    assert_non_null(strstr(said, "--require-redis: cannot be together with"));
    setenv("ENABLE_REDIS_SCALING", "perhaps", 1);
    start_plain(ORDERLY);
    assert_int_equal(end(), 64);
    assert_non_null(strstr(said, "ENABLE_REDIS_SCALING: 'perhaps'"));
    unsetenv("ENABLE_REDIS_SCALING");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signal_ends_it_with_zero),
        cmocka_unit_test(stopping_happens_once_and_from_the_loop),
        cmocka_unit_test(what_does_not_close_is_ended_and_named),
        cmocka_unit_test(a_second_signal_ends_it_at_once),
        cmocka_unit_test(the_first_signal_lets_it_finish_what_it_has_begun),
        cmocka_unit_test(the_first_failure_decides_status_and_text),
        cmocka_unit_test(a_failed_start_says_where_help_is),
        cmocka_unit_test(hangup_reloads),
        cmocka_unit_test(hangup_in_the_last_moment_does_no_harm),
        cmocka_unit_test(the_ready_descriptor_gets_its_line),
        cmocka_unit_test(redis_switches_of_the_environment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
