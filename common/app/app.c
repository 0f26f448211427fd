#include "common/app/app.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/app/notify.h"
#include "common/base/clock.h"
#include "common/base/fdflags.h"
#include "common/base/hash.h"
#include "common/base/log.h"
#include "common/http/http.h"

enum { TICK_MS = 1000, HANDLES_NAMED_MAX = 8 };

/* --- stopping --- */

struct open_handles {
    unsigned count;
    char kinds[128]; /* "tcp,timer,..." */
};

static void count_handle(uv_handle_t *handle, void *arg)
{
    struct open_handles *open = arg;
    size_t len = strlen(open->kinds);

    if (!uv_has_ref(handle) || !uv_is_active(handle))
        return; /* ours, or asleep: not what the loop waits for */
    if (++open->count <= HANDLES_NAMED_MAX)
        snprintf(open->kinds + len, sizeof open->kinds - len, "%s%s",
                 len > 0 ? "," : "", uv_handle_type_name(handle->type));
}

static void leave(int status)
{
    log_flush();
    fdflags_restore_all();
    _exit(status);
}

/* Whatever is still open after drain_ms waits for somebody else, who has
 * had the time: foreman and systemd would use SIGKILL next. */
static void on_drain_over(uv_timer_t *timer)
{
    struct app *app = timer->data;
    struct open_handles open = {0};

    uv_walk(&app->loop, count_handle, &open);
    log_warn("drain_timeout", "after_ms=%" PRIu64 " handles=%u kinds=%s",
             app->drain_ms, open.count, open.count > 0 ? open.kinds : "none");
    if (app->failure.code != ERR_NONE)
        fprintf(stderr, "%s: %s\n", app->tool, app->failure.text);
    leave((int)app->failure.code);
}

static void on_stop_due(uv_timer_t *timer)
{
    struct app *app = timer->data;

    notify_send("STOPPING=1");
    uv_unref((uv_handle_t *)timer);
    uv_timer_start(timer, on_drain_over, app->drain_ms, 0);
    app->stop_called = true;
    app->on_stop(app->arg);
}

void app_stop(struct app *app)
{
    if (app->stopping)
        return;
    app->stopping = true;
    uv_ref((uv_handle_t *)&app->stop);
    uv_timer_start(&app->stop, on_stop_due, 0, 0);
}

void app_fail(struct app *app, const struct err *err)
{
    if (app->failure.code == ERR_NONE)
        app->failure = *err;
    app_stop(app);
}

static void on_signal(uv_signal_t *handle, int signum)
{
    struct app *app = handle->data;

    /* The first signal may find it stopping already, at the end of its input:
     * it is given its time then, too.  Two in one turn are one. */
    if (app->signalled && app->stop_called) {
        log_warn("stop_now", "signal=%d", signum);
        leave(128 + signum);
    }
    app->signalled = true;
    log_info("stop", "signal=%d", signum);
    app_stop(app);
}

static bool has_terminal(void)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* From an operator it means "reload"; from the kernel, that the terminal which
 * this was started on has gone, and nobody would ever stop it. */
static void on_hangup(uv_signal_t *handle, int signum)
{
    struct app *app = handle->data;

    if (app->had_terminal && !has_terminal()) {
        on_signal(handle, signum);
    } else if (app->on_reload && !app->stopping) {
        app->on_reload(app->arg);
    } else {
        log_info("reload_ignored", "signal=%d", signum);
    }
}

/* --- starting --- */

static void on_tick(uv_timer_t *timer)
{
    (void)timer;
    log_tick();
}

static void watch(struct app *app, uv_signal_t *sig, int signum,
                  uv_signal_cb cb)
{
    sig->data = app;
    uv_signal_init(&app->loop, sig);
    uv_signal_start(sig, cb, signum);
    uv_unref((uv_handle_t *)sig);
}

/* Blocks until the pool is ready, early at boot; fails where a sandbox forbids
 * the call. */
static bool draw(void *random, size_t size, struct err *err)
{
    ssize_t n;

    do
        n = getrandom(random, size, 0);
    while (n < 0 && errno == EINTR);
    /* Never short: up to 256 bytes come at once. */
    return n == (ssize_t)size ||
           err_errno(err, ERR_SYSTEM, errno, "random numbers (getrandom)");
}

static bool draw_secrets(struct app *app, struct err *err)
{
    unsigned char id[8];

    if (!draw(id, sizeof id, err) ||
        !draw(&hash_secret, sizeof hash_secret, err))
        return false;
    for (size_t i = 0; i < sizeof id; i++)
        snprintf(app->instance + 2 * i, 3, "%02x", id[i]);
    return true;
}

bool app_init(struct app *app, const struct cli *cli,
              const struct app_options *opts, void (*on_stop)(void *arg),
              void *arg, struct err *err)
{
    struct sigaction hup;
    int status;

    memset(app, 0, sizeof *app);
    app->tool = cli->tool;
    app->opts = opts;
    app->on_stop = on_stop;
    app->arg = arg;
    app->started_ms = clock_wall_ms();
    app->started_mono_ms = clock_mono_ms();
    app->drain_ms = APP_DRAIN_MS;
    if (!draw_secrets(app, err))
        return false;
    if (opts->ready_fd >= 0 && fcntl((int)opts->ready_fd, F_GETFD) < 0)
        return err_set(err, ERR_USAGE, "--ready-fd: %d is not open",
                       (int)opts->ready_fd);
    sigaction(SIGHUP, NULL, &hup); /* nohup has it ignored: stay, then */
    app->had_terminal = hup.sa_handler != SIG_IGN && has_terminal();
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    status = uv_loop_init(&app->loop);
    if (status != 0)
        return err_set(err, ERR_SYSTEM, "event loop: %s", uv_strerror(status));
    app->loop_open = true;
    watch(app, &app->sig_term, SIGTERM, on_signal);
    watch(app, &app->sig_int, SIGINT, on_signal);
    watch(app, &app->sig_hup, SIGHUP, on_hangup);
    uv_timer_init(&app->loop, &app->stop);
    uv_timer_init(&app->loop, &app->tick);
    app->stop.data = app->tick.data = app;
    uv_unref((uv_handle_t *)&app->stop);
    uv_unref((uv_handle_t *)&app->tick);
    uv_timer_start(&app->tick, on_tick, TICK_MS, TICK_MS);
    return !opts->http || app_http_open(app, err);
}

static void say_ready_fd(int fd)
{
    static const char line[] = "ready\n";

    while (write(fd, line, sizeof line - 1) < 0 && errno == EINTR) {
    }
    if (fd > 2)
        close(fd);
}

void app_ready(struct app *app)
{
    if (app->ready_said)
        return;
    app->ready_said = true;
    if (app->http)
        log_info("ready", "version=%s instance=%s pid=%d http_port=%u",
                 TW_VERSION, app->instance, (int)getpid(),
                 http_server_port(app->http));
    else
        log_info("ready", "version=%s instance=%s pid=%d", TW_VERSION,
                 app->instance, (int)getpid());
    notify_send("READY=1");
    if (app->opts->ready_fd >= 0)
        say_ready_fd((int)app->opts->ready_fd);
}

/* --- running and ending --- */

static void close_own(struct app *app)
{
    uv_handle_t *own[] = {
        (uv_handle_t *)&app->sig_term, (uv_handle_t *)&app->sig_int,
        (uv_handle_t *)&app->sig_hup,  (uv_handle_t *)&app->stop,
        (uv_handle_t *)&app->tick,
    };

    sigset_t hup;

    /* Unwatched it would kill, and whoever asks for a reload just now is late,
     * not an enemy.  SIGTERM and SIGINT may: that is what a second one does. */
    sigemptyset(&hup);
    sigaddset(&hup, SIGHUP);
    sigprocmask(SIG_BLOCK, &hup, NULL);
    for (unsigned i = 0; i < sizeof own / sizeof own[0]; i++)
        uv_close(own[i], NULL);
    http_server_close(app->http);
    app->http = NULL;
}

void app_run(struct app *app, struct err *err)
{
    uv_run(&app->loop, UV_RUN_DEFAULT);
    app->stopping = true;
    close_own(app);
    uv_run(&app->loop, UV_RUN_DEFAULT);
    app->ran = true;
    if (app->failure.code != ERR_NONE)
        err_set(err, app->failure.code, "%s", app->failure.text);
}

/* An error that names an option is for the user to fix. */
static void say_error(const struct app *app, const struct err *err)
{
    fprintf(stderr, "%s: %s\n", app->tool, err->text);
    if (err->code == ERR_USAGE || err->text[0] == '-')
        fprintf(stderr, "Try '%s --help'.\n", app->tool);
}

static void close_loop(struct app *app)
{
    int status;

    if (!app->loop_open)
        return;
    if (!app->ran) {
        close_own(app);
        uv_run(&app->loop, UV_RUN_NOWAIT);
    }
    status = uv_loop_close(&app->loop);
    if (status != 0 && app->ran)
        uv_print_all_handles(&app->loop, stderr);
    assert(status == 0 || !app->ran);
}

int app_exit(struct app *app, struct err *err)
{
    close_loop(app);
    metrics_page_close(&app->metrics);
    log_flush();
    if (fflush(stdout) != 0 || ferror(stdout))
        err_errno(err, ERR_OUTPUT, errno, "standard output");
    if (err->code != ERR_NONE)
        say_error(app, err);
    fdflags_restore_all();
    return (int)err->code;
}
