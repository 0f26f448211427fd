#include "ratelimitd/options.h"

#include <sys/stat.h>
#include <unistd.h>

#define AT(field) offsetof(struct options, field)
static const struct option_spec table[] = {
    {0, "rules", "FILE", OPT_STR, AT(rules), "RATELIMIT_RULES",
     "JSON; SIGHUP reads it again", NULL, 0, 0},
    {0, "check-config", NULL, OPT_FLAG, AT(check_config), NULL,
     "print the rules as understood: 0, or 78", NULL, 0, 0},
    {0, "check", "RULE", OPT_STR, AT(check), NULL,
     "--check RULE KEY: ask once; 0 allowed, 1 denied", NULL, 0, 0},
    {0, "key", "KEY", OPT_STR, AT(key), NULL, "of --check", NULL, 0, 0},
    {0, "cost", "N", OPT_INT, AT(cost), NULL, "of --check (1)", NULL, 0,
     999999999},
    {0, "stdin", NULL, OPT_FLAG, AT(stdin_on), NULL,
     "questions from stdin, answers to stdout", NULL, 0, 0},
    {0, "linger", NULL, OPT_FLAG, AT(linger), "RATELIMIT_LINGER",
     "keep running after the end of the input", NULL, 0, 0},
    {0, "strict", NULL, OPT_FLAG, AT(strict), "RATELIMIT_STRICT",
     "stop at the first bad question, exit 65", NULL, 0, 0},
    {0, "http-status", "CODE", OPT_CHOICE, AT(http_status),
     "RATELIMIT_HTTP_STATUS", "of a denied GET /check: 403 (default) or 429",
     "403|429", 0, 0},
    {0, "timeout", "TIME", OPT_DURATION_MS, AT(timeout_ms), "RATELIMIT_TIMEOUT",
     "for Redis to answer (40ms)", NULL, 1, 5000},
    {0, "deny-cache", NULL, OPT_FLAG, AT(deny_cache), "RATELIMIT_DENY_CACHE",
     "remember denials up to 1s (--no-deny-cache)", NULL, 0, 0},
    {0, "queue", NULL, OPT_FLAG, AT(queue), "RATELIMIT_QUEUE",
     "serve ratelimit:requests (--no-queue)", NULL, 0, 0},
    {0, "max-keys", "N", OPT_INT, AT(max_keys), "RATELIMIT_MAX_KEYS",
     "keys kept in memory (200000)", NULL, 1, INT64_C(100) * 1000 * 1000},
    {0, "max-line", "SIZE", OPT_SIZE, AT(max_line_bytes), "RATELIMIT_MAX_LINE",
     NULL, NULL, 256, INT64_C(64) * 1024 * 1024},
    {.name = NULL},
};
#undef AT

const struct cli ratelimitd_cli = {
    .tool = "ratelimitd",
    .synopsis = "[options] < questions",
    .summary = "Keep rate limits in Redis and check requests against them",
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
