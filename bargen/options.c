#include "bargen/options.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/bytes.h"
#include "common/base/quantity.h"
#include "common/event/event_name.h"

enum { HOUR_MS = 3600 * 1000 };

#define AT(field) offsetof(struct options, field)
static const struct option_spec table[] = {
    {0, "stdin", NULL, OPT_FLAG, AT(stdin_events), NULL,
     "read events from standard input, not from Redis", NULL, 0, 0},
    {0, "stdout", NULL, OPT_FLAG, AT(stdout_bars), NULL,
     "write bars to standard output, not to Redis", NULL, 0, 0},
    {0, "tee", NULL, OPT_FLAG, AT(tee), NULL,
     "with both: pass the events on as well", NULL, 0, 0},
    {0, "strict", NULL, OPT_FLAG, AT(strict), NULL,
     "stop at the first bad line, exit 65", NULL, 0, 0},
    {0, "source", "NAME", OPT_CHOICE, AT(source), "BAR_GENERATOR_SOURCE",
     "of events in Redis: journal (default) or pubsub", "journal|pubsub", 0, 0},
    {0, "from", "WHERE", OPT_CHOICE, AT(from), NULL,
     "first start: all of the journal (start) or new (now)", "start|now", 0, 0},
    {0, "resolutions", "LIST", OPT_STR, AT(resolutions),
     "BAR_GENERATOR_RESOLUTIONS", "1S, 5, 15, 60, D, W, M, ... (1)", NULL, 0,
     0},
    {0, "symbols", "LIST", OPT_STR, AT(symbols), "BAR_GENERATOR_SYMBOLS",
     "only these", NULL, 0, 0},
    {0, "price", "OF", OPT_CHOICE, AT(price), "BAR_GENERATOR_PRICE",
     "auto (default), trade, bid, ask or mid", "auto|trade|bid|ask|mid", 0, 0},
    {0, "throttle", "TIME", OPT_STR, AT(throttle), "BAR_GENERATOR_INTERVAL",
     "least time between updates of an open bar (250ms), or auto", NULL, 0, 0},
    {0, "final-only", NULL, OPT_FLAG, AT(final_only),
     "BAR_GENERATOR_FINAL_ONLY", "no updates of open bars", NULL, 0, 0},
    {0, "grace", "TIME", OPT_DURATION_MS, AT(grace_ms), "BAR_GENERATOR_GRACE",
     "wait for late trades before closing a bar (250ms)", NULL, 0, HOUR_MS},
    {0, "correction-window", "TIME", OPT_DURATION_MS, AT(correction_ms),
     "BAR_GENERATOR_CORRECTION_WINDOW", "late trades correct closed bars (60s)",
     NULL, 0, INT64_C(24) * HOUR_MS},
    {0, "fill", NULL, OPT_FLAG, AT(fill), "BAR_GENERATOR_FILL",
     "flat bars where nothing was traded, for a day", NULL, 0, 0},
    {0, "skip-first-partial", NULL, OPT_FLAG, AT(skip_first_partial),
     "BAR_GENERATOR_SKIP_FIRST_PARTIAL", NULL, NULL, 0, 0},
    {0, "mock", "LIST", OPT_STR, AT(mock), "BAR_GENERATOR_MOCK",
     "read nothing, invent bars of these symbols", NULL, 0, 0},
    {0, "seed", "N", OPT_INT, AT(seed), NULL, NULL, NULL, 0, INT64_MAX},
    {0, "time-unit", "UNIT", OPT_CHOICE, AT(time_unit), NULL, NULL,
     EVENT_UNIT_CHOICES, 0, 0},
    {0, "allow-negative", NULL, OPT_FLAG, AT(allow_negative),
     "BAR_GENERATOR_ALLOW_NEGATIVE", NULL, NULL, 0, 0},
    {0, "max-future", "TIME", OPT_DURATION_MS, AT(max_future_ms),
     "BAR_GENERATOR_MAX_FUTURE", NULL, NULL, 0, INT64_C(3650) * 24 * HOUR_MS},
    {0, "max-line", "SIZE", OPT_SIZE, AT(max_line_bytes), NULL, NULL, NULL, 256,
     INT64_C(64) * 1024 * 1024},
    {0, "shards", "N", OPT_INT, AT(shards), "TICKPUB_SHARDS", NULL, NULL, 1,
     ENGINE_SHARDS_MAX},
    {0, "history-max", "N", OPT_INT, AT(history_max),
     "BAR_GENERATOR_HISTORY_MAX", NULL, NULL, 1, 1000000},
    {.name = NULL},
};
#undef AT

/* A plain number is in seconds where the environment has it, else in
 * milliseconds: from here on it has its unit, so that --print-env shows a value
 * that means the same anywhere. */
static void settle(void *options)
{
    struct options *o = options;
    const char *env = getenv("BAR_GENERATOR_INTERVAL");
    /* OPT_STR keeps the text where it stands. */
    bool from_env = env && o->throttle == env, plain;
    int64_t ms;

    o->throttle_from = from_env ? "BAR_GENERATOR_INTERVAL" : "--throttle";
    if (from_env)
        plain = options_seconds(o->throttle, &ms);
    else
        plain = strspn(o->throttle, "0123456789") == strlen(o->throttle) &&
                options_interval(o->throttle, &ms);
    if (!plain)
        return;
    snprintf(o->throttle_text, sizeof o->throttle_text, "%" PRId64 "ms", ms);
    o->throttle = o->throttle_text;
}

const struct cli bargen_cli = {
    .tool = "bargen",
    .synopsis = "[options] [< events] [> bars]",
    .summary = "Turn trades and quotes into OHLCV bars.",
    .table = table,
    .common = app_option_table,
    .settle = settle,
};

struct options options_default(void)
{
    return (struct options){
        .app = APP_OPTIONS_DEFAULT,
        .resolutions = "1",
        .throttle = "250ms",
        .grace_ms = 250,
        .correction_ms = INT64_C(60) * 1000,
        .max_future_ms = 5000,
        .seed = 1,
        .shards = 16,
        .history_max = 5000,
        .max_line_bytes = INT64_C(1024) * 1024,
    };
}

/* Cuts the next name off a list that is separated by commas and blanks. */
static bool next_name(const char **list, struct span *name)
{
    static const char between[] = ", \t";
    const char *p = *list + strspn(*list, between);

    *name = span_make(p, strcspn(p, between));
    *list = p + name->len;
    return name->len > 0;
}

static bool add_width(struct options *o, struct span name, struct err *err)
{
    struct resolution r;

    switch (resolution_parse(name, &r)) {
    case RESOLUTION_UNKNOWN:
        return err_set(err, ERR_USAGE,
                       "--resolutions: '%.*s' is not a resolution (try 1, 5, "
                       "15, 60, D, W, M)",
                       SPAN_ARG(name));
    case RESOLUTION_UNEVEN:
        return err_set(err, ERR_USAGE,
                       "--resolutions: '%.*s' does not divide a day evenly "
                       "(try 1, 5, 15, 60, D, W, M)",
                       SPAN_ARG(name));
    case RESOLUTION_OK:
        break;
    }
    for (unsigned i = 0; i < o->n_widths; i++)
        if (strcmp(o->widths[i].name, r.name) == 0)
            return true;
    if (o->n_widths == ENGINE_RESOLUTIONS_MAX)
        return err_set(err, ERR_USAGE, "--resolutions: more than %d",
                       ENGINE_RESOLUTIONS_MAX);
    o->widths[o->n_widths++] = r;
    return true;
}

static bool split_widths(struct options *o, struct err *err)
{
    const char *list = o->resolutions;
    struct span name;

    while (next_name(&list, &name))
        if (!add_width(o, name, err))
            return false;
    return o->n_widths > 0 ||
           err_set(err, ERR_USAGE, "--resolutions: none in '%s'",
                   o->resolutions);
}

static bool split_names(struct options *o, const char *option, const char *list,
                        struct err *err)
{
    struct span name;

    o->names = mem_alloc(OPTIONS_SYMBOLS_MAX * sizeof(*o->names));
    while (next_name(&list, &name)) {
        if (!event_name_ok(name))
            return err_set(err, ERR_USAGE, "%s: '%.*s' is not a symbol", option,
                           SPAN_ARG(name));
        if (o->n_names == OPTIONS_SYMBOLS_MAX)
            return err_set(err, ERR_USAGE, "%s: more than %d symbols", option,
                           OPTIONS_SYMBOLS_MAX);
        o->names[o->n_names++] = mem_str(name);
    }
    return o->n_names > 0 || err_set(err, ERR_USAGE, "%s: no symbol", option);
}

bool options_seconds(const char *text, int64_t *ms)
{
    int64_t n = 0, unit = 1000;
    const char *p = text;

    for (; *p >= '0' && *p <= '9' && n <= HOUR_MS; p++)
        n = n * 10 + (*p - '0');
    if (p == text || n > HOUR_MS)
        return false;
    n *= unit;
    if (*p == '.' && p[1] != '\0')
        for (p++; *p >= '0' && *p <= '9'; p++)
            n += (*p - '0') * (unit /= 10);
    if (*p != '\0' || n > HOUR_MS)
        return false;
    *ms = n;
    return true;
}

bool options_interval(const char *text, int64_t *ms)
{
    int64_t n = 0;
    const char *p = text;

    for (; *p >= '0' && *p <= '9' && n < HOUR_MS; p++)
        n = n * 10 + (*p - '0');
    if (p == text || *p != '\0') {
        if (!quantity_duration(text, &n))
            return false;
    }
    if (n < 0 || n > HOUR_MS)
        return false;
    *ms = n;
    return true;
}

static bool check_pipes(struct options *o, struct err *err)
{
    if (o->mock && o->stdin_events)
        return err_set(err, ERR_USAGE,
                       "--mock: reads nothing, cannot be together with "
                       "--stdin");
    if (o->mock && o->symbols)
        return err_set(err, ERR_USAGE,
                       "--symbols: --mock names its symbols itself");
    if (o->app.no_redis) {
        o->stdin_events = !o->mock;
        o->stdout_bars = true;
    }
    if (o->time_unit != EVENT_UNIT_MS && !o->stdin_events)
        return err_set(err, ERR_USAGE,
                       "--time-unit: only together with --stdin (events in "
                       "Redis are in milliseconds)");
    if (o->tee && !(o->stdin_events && o->stdout_bars))
        return err_set(err, ERR_USAGE,
                       "--tee: only together with --stdin and --stdout");
    return true;
}

bool options_check(struct options *o, struct err *err)
{
    o->throttle_auto = strcmp(o->throttle, "auto") == 0;
    if (!options_interval(o->throttle_auto ? "250ms" : o->throttle,
                          &o->throttle_ms))
        return err_set(err, ERR_USAGE,
                       "%s: '%s' is not a time of at most an hour (try 250ms "
                       "or 1s), nor auto",
                       o->throttle_from, o->throttle);
    if (!check_pipes(o, err) || !split_widths(o, err))
        return false;
    if (o->mock)
        return split_names(o, "--mock", o->mock, err);
    return !o->symbols || split_names(o, "--symbols", o->symbols, err);
}

void options_close(struct options *o)
{
    for (unsigned i = 0; i < o->n_names; i++)
        free(o->names[i]);
    free(o->names);
    o->names = NULL;
    o->n_names = 0;
}

void options_group(const struct options *o, struct group *g)
{
    static const char *const sources[] = {"journal", "pubsub"};
    static const char *const prices[] = {"auto", "trade", "bid", "ask", "mid"};
    const struct {
        const char *option;
        int64_t value;
    } numbers[] = {
        {"--shards", o->shards},
        {"--grace", o->grace_ms},
        {"--correction-window", o->correction_ms},
        {"--max-future", o->max_future_ms},
        {"--fill", o->fill},
        {"--allow-negative", o->allow_negative},
        {"--skip-first-partial", o->skip_first_partial},
    };

    group_init(g, o->widths, o->n_widths, (const char *const *)o->names,
               o->n_names);
    group_rule(g, "--source", sources[o->source]);
    group_rule(g, "--price", prices[o->price]);
    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char text[24];

        snprintf(text, sizeof text, "%" PRId64, numbers[i].value);
        group_rule(g, numbers[i].option, text);
    }
}
