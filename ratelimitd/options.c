#include "ratelimitd/options.h"

#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#define AT(field) offsetof(struct options, field)
static const struct option_spec table[] = {
    {.name = "rules",
     .metavar = "FILE",
     .kind = OPT_STR,
     .offset = AT(rules),
     .env = "RATELIMIT_RULES",
     .help = "JSON; SIGHUP reads it again"},
    {.name = "check-config",
     .kind = OPT_FLAG,
     .offset = AT(check_config),
     .help = "print the rules as understood: 0, or 78"},
    {.name = "check",
     .metavar = "RULE",
     .kind = OPT_STR,
     .offset = AT(check),
     .help = "--check RULE KEY: ask once; 0 allowed, 1 denied"},
    {.name = "key",
     .metavar = "KEY",
     .kind = OPT_STR,
     .offset = AT(key),
     .help = "of --check"},
    {.name = "cost",
     .metavar = "N",
     .kind = OPT_INT,
     .offset = AT(cost),
     .help = "of --check (1)",
     .min = 0,
     .max = 999999999},
    {.name = "stdin",
     .kind = OPT_FLAG,
     .offset = AT(stdin_on),
     .help = "questions from stdin, answers to stdout"},
    {.name = "linger",
     .kind = OPT_FLAG,
     .offset = AT(linger),
     .env = "RATELIMIT_LINGER",
     .help = "keep running after the end of the input"},
    {.name = "strict",
     .kind = OPT_FLAG,
     .offset = AT(strict),
     .env = "RATELIMIT_STRICT",
     .help = "stop at the first bad question, exit 65"},
    {.name = "http-status",
     .metavar = "CODE",
     .kind = OPT_CHOICE,
     .offset = AT(http_status),
     .env = "RATELIMIT_HTTP_STATUS",
     .help = "of a denied GET /check: 403 (default) or 429",
     .choices = "403|429"},
    {.name = "timeout",
     .metavar = "TIME",
     .kind = OPT_DURATION_MS,
     .offset = AT(timeout_ms),
     .env = "RATELIMIT_TIMEOUT",
     .help = "for Redis to answer (40ms)",
     .min = 1,
     .max = 5000},
    {.name = "deny-cache",
     .kind = OPT_FLAG,
     .offset = AT(deny_cache),
     .env = "RATELIMIT_DENY_CACHE",
     .help = "remember denials up to 1s (--no-deny-cache)"},
    {.name = "queue",
     .kind = OPT_FLAG,
     .offset = AT(queue),
     .env = "RATELIMIT_QUEUE",
     .help = "serve ratelimit:requests (--no-queue)"},
    {.name = "max-keys",
     .metavar = "N",
     .kind = OPT_INT,
     .offset = AT(max_keys),
     .env = "RATELIMIT_MAX_KEYS",
     .help = "keys kept in memory (200000)",
     .min = 1,
     .max = INT64_C(100) * 1000 * 1000},
    {.name = "max-line",
     .metavar = "SIZE",
     .kind = OPT_SIZE,
     .offset = AT(max_line_bytes),
     .env = "RATELIMIT_MAX_LINE",
     .min = 256,
     .max = INT64_C(64) * 1024 * 1024},
    {.name = NULL},
};
#undef AT

const struct cli ratelimitd_cli = {
    .tool = "ratelimitd",
    .synopsis = "[options] < questions",
    .summary = "Say yes or no to \"may this one do that now?\"",
    .table = table,
    .common = app_option_table,
};

struct options options_default(void)
{
    return (struct options){
        .app = APP_OPTIONS_DEFAULT,
        .cost = 1,
        .deny_cache = true,
        .queue = true,
        .timeout_ms = 40,
        .max_keys = 200000,
        .max_line_bytes = INT64_C(1024) * 1024,
    };
}

/* A service has /dev/null or a terminal there, a pipeline a pipe or a file. */
bool options_reads_stdin(const struct options *o)
{
    struct stat st;
    bool serves = o->app.http || !o->app.no_redis;

    if (o->stdin_on || !serves)
        return true;
    if (fstat(STDIN_FILENO, &st) != 0)
        return false;
    return !S_ISCHR(st.st_mode) || (isatty(STDIN_FILENO) && !o->app.http);
}
