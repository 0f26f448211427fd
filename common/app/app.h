/*
 * app.h -- the life of a tool: options, signals, readiness, drain, exit.
 *
 * SIGTERM or SIGINT calls on_stop once: the tool stops its intake, flushes and
 * closes every handle; the loop then ends by itself and app_run() returns.  A
 * tool that has not closed within drain_ms is ended with a log line (and the
 * status it had coming).  A second signal ends at once, with 128 + its
 * number.  SIGHUP calls on_reload (may be NULL), or stops where it means that
 * the terminal is gone.  SIGPIPE is ignored.
 *
 * The tool's own options struct begins with `struct app_options app;`.
 */
#pragma once

#include <uv.h>

#include "common/app/metrics_page.h"
#include "common/app/option.h"
#include "common/base/err.h"
#include "common/json/json_writer.h"

enum { APP_DRAIN_MS = 4500 }; /* foreman kills after 5 s */

struct app_options {
    const char *http;   /* --http HOST:PORT, NULL: none */
    int log_level;      /* --log-level error|warn|info|debug */
    int64_t ready_fd;   /* --ready-fd N: "ready\n" is written there; -1 */
    bool healthcheck;   /* --healthcheck: ask a running one, exit 0 or 1 */
    bool print_env;     /* --print-env: what the environment says, then exit */
    const char *redis;  /* --redis URL */
    const char *prefix; /* --prefix */
    bool no_redis;      /* --no-redis */
    bool require_redis; /* --require-redis */
};

#define APP_OPTIONS_DEFAULT                                                    \
    {                                                                          \
        .log_level = 2 /* info */, .ready_fd = -1                              \
    }

extern const struct option_spec app_option_table[];

struct http_server;
struct http_conn;
struct http_request;

struct app {
    uv_loop_t loop;
    const char *tool;
    const struct app_options *opts;
    char instance[17];  /* random hex, this run's id */
    int64_t started_ms; /* Unix ms */
    uint64_t started_mono_ms;
    uint64_t drain_ms; /* APP_DRAIN_MS, unless the tool needs longer */
    bool stopping;
    struct err failure; /* what app_fail() was told */
    /* readiness for /ready and --healthcheck: false with why */
    bool (*is_ready)(void *arg, const char **why);
    /* For /ready: more members; may be NULL. */
    void (*ready_detail)(void *arg, struct json_writer *json);
    void *ready_arg; /* of both */
    /* For /health: members of the tool's own; false: degraded. */
    bool (*health)(void *arg, struct json_writer *json);
    void *health_arg;
    /* Pages of the tool's own at --http; false: 404. */
    bool (*page)(void *arg, struct http_conn *conn,
                 const struct http_request *req);
    void *page_arg;
    /* Asked before anything is served at --http; false: it has answered.  NULL:
     * everybody may. */
    bool (*admit)(void *arg, struct http_conn *conn,
                  const struct http_request *req);
    void *admit_arg;
    struct http_server *http;
    struct metrics_page metrics;
    void (*on_stop)(void *arg);
    void (*on_reload)(void *arg);
    void *arg;
    uv_signal_t sig_term, sig_int, sig_hup;
    uv_timer_t stop;   /* first runs on_stop, then watches over the drain */
    uv_timer_t tick;   /* once a second: held log lines */
    bool had_terminal; /* at start, and SIGHUP was not ignored then */
    bool stop_called;
    bool signalled; /* to stop */
    bool ready_said;
    bool loop_open; /* and the handles above */
    bool ran;       /* app_run() came back: nothing may be left open */
};

/* True: main returns *status (--help, --version, --print-env, usage error,
 * --healthcheck). */
bool app_args(const struct cli *cli, int argc, char **argv, void *opts,
              int *status);
/* Also seeds the hash of names (hash.h), so tables are made afterwards. */
bool app_init(struct app *app, const struct cli *cli,
              const struct app_options *opts, void (*on_stop)(void *arg),
              void *arg, struct err *err);
/* Said once, when the tool does its work: a log line ev=ready, READY=1 to
 * $NOTIFY_SOCKET, a line on --ready-fd. */
void app_ready(struct app *app);
/* Begin the same orderly stop as a signal (end of input, for example).  on_stop
 * runs from the loop, in its next turn, so this is safe anywhere. */
void app_stop(struct app *app);
/* The tool cannot go on: remember the error (first one wins), then stop. */
void app_fail(struct app *app, const struct err *err);
/* Runs until every handle is closed. */
void app_run(struct app *app, struct err *err);
/* Prints the error once, flushes logs, closes the loop (asserts that nothing is
 * left open after a normal run) and returns the exit status. */
int app_exit(struct app *app, struct err *err);

/* Answers GET /health, /ready and /metrics; false: another path.  --http serves
 * these; the gateway offers them at its own address too. */
bool app_http_page(struct app *app, struct http_conn *conn,
                   const struct http_request *req);
/* The http_handler of --http, for one more address: these, app->page, or 404. */
void app_http_handle(void *app, struct http_conn *conn,
                     const struct http_request *req);
bool app_http_open(struct app *app, struct err *err); /* used by app.c */
