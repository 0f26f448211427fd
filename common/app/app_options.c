#include <stdio.h>
#include <stdlib.h>

#include "common/app/app_redis.h"
#include "common/app/healthcheck.h"
#include "common/base/fdflags.h"
#include "common/base/log.h"
#include "common/redis/redis_config.h"

/* Offsets hold for every tool's options: they begin with struct app_options. */
#define AT(field) offsetof(struct app_options, field)
const struct option_spec app_option_table[] = {
    {0, "redis", "URL", OPT_STR, AT(redis), NULL,
     "Redis, redis://127.0.0.1:6379/0 [REDIS_URL]", NULL, 0, 0},
    {0, "prefix", "TEXT", OPT_STR, AT(prefix), "REDIS_KEY_PREFIX",
     "put before every channel and key", NULL, 0, 0},
    {0, "no-redis", NULL, OPT_FLAG, AT(no_redis), NULL,
     "work without Redis [ENABLE_REDIS_SCALING=false]", NULL, 0, 0},
    {0, "require-redis", NULL, OPT_FLAG, AT(require_redis), NULL,
     "exit 69 when Redis is missing at start", NULL, 0, 0},
    {0, "http", "HOST:PORT", OPT_STR, AT(http), "HTTP_LISTEN",
     "serve /health, /ready, /metrics", NULL, 0, 0},
    {0, "log-level", "LEVEL", OPT_CHOICE, AT(log_level), "LOG_LEVEL",
     "error, warn, info (default) or debug", "error|warn|info|debug", 0, 0},
    {0, "ready-fd", "N", OPT_INT, AT(ready_fd), NULL,
     "write a line to descriptor N when ready", NULL, 1, 1 << 20},
    {0, "healthcheck", NULL, OPT_FLAG, AT(healthcheck), NULL,
     "ask a running one whether it is ready: 0 or 1", NULL, 0, 0},
    {0, "print-env", NULL, OPT_FLAG, AT(print_env), NULL, NULL, NULL, 0, 0},
    {.name = NULL},
};
#undef AT

static int complain(const struct cli *cli, const struct err *err)
{
    fprintf(stderr, "%s: %s\nTry '%s --help'.\n", cli->tool, err->text,
            cli->tool);
    return (int)err->code;
}

/* Before anything is judged: who asks for help gets it. */
static bool asked_for(int argc, char **argv, const char *option)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], option) == 0)
            return true;
    return false;
}

static int printed(const struct cli *cli)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    fprintf(stderr, "%s: standard output: cannot write\n", cli->tool);
    return ERR_OUTPUT;
}

static bool scaling_off(struct err *err, bool *off)
{
    const char *value = getenv("ENABLE_REDIS_SCALING");
    bool on = true;

    if (value && *value != '\0' && !option_flag(value, &on))
        return err_set(err, ERR_USAGE,
                       "ENABLE_REDIS_SCALING: '%s' is neither true nor false",
                       value);
    *off = !on;
    return true;
}

static bool read_options(const struct cli *cli, int argc, char **argv,
                         void *opts, struct err *err)
{
    struct app_options *app = opts;
    bool off = false;

    if (!option_env(cli, opts, err) ||
        !option_argv(cli, argc, argv, opts, err) || !scaling_off(err, &off))
        return false;
    /* --redis on the command line is above the environment. */
    if (off && !app->redis)
        app->no_redis = true;
    if (app->no_redis && app->require_redis)
        return err_set(err, ERR_USAGE,
                       "--require-redis: cannot be together with --no-redis");
    return true;
}

/* Every variable, with the value that it has for this run; no secrets. */
static int print_env(const struct cli *cli, const void *opts, struct err *err)
{
    const struct app_options *app = opts;
    const struct app self = {.tool = cli->tool, .opts = app};
    struct redis_config c;

    if (!app_redis_config(&self, &c, err))
        return complain(cli, err);
    printf("REDIS_URL=%s\nREDIS_HOST=%s\nREDIS_PORT=%u\nREDIS_PASSWORD=%s\n"
           "REDIS_DB=%d\nREDIS_RETRY_DELAY=%lldms\nREDIS_MAX_RETRIES=%lld\n"
           "ENABLE_REDIS_SCALING=%s\n",
           c.display, c.host, (unsigned)c.port,
           c.password[0] != '\0' ? "***" : "", c.db, (long long)c.retry_base_ms,
           (long long)c.max_retries, app->no_redis ? "false" : "true");
    option_print_env(cli->common, opts);
    option_print_env(cli->table, opts);
    return printed(cli);
}

bool app_args(const struct cli *cli, int argc, char **argv, void *opts,
              int *status)
{
    struct app_options *app = opts;
    struct err err = {0};
    const char *at;

    fdflags_guard_stdio();
    if (asked_for(argc, argv, "--help") || asked_for(argc, argv, "-h")) {
        option_help(cli);
        *status = printed(cli);
        return true;
    }
    if (asked_for(argc, argv, "--version")) {
        printf("%s %s\n", cli->tool, TW_VERSION);
        *status = printed(cli);
        return true;
    }
    if (!read_options(cli, argc, argv, opts, &err)) {
        *status = complain(cli, &err);
        return true;
    }
    if (cli->settle)
        cli->settle(opts);
    if (app->print_env) {
        *status = print_env(cli, opts, &err);
        return true;
    }
    log_init(cli->tool, (enum log_level)app->log_level);
    if (!app->healthcheck)
        return false;
    at = cli->health_at ? cli->health_at(opts) : NULL;
    *status = healthcheck(cli, at ? at : app->http, &err);
    if (err.code != ERR_NONE)
        complain(cli, &err);
    return true;
}
