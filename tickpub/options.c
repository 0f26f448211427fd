#include "tickpub/options.h"

#include <stddef.h>
#include <stdlib.h>

#include "common/base/bytes.h"
#include "common/event/event_time.h"
#include "common/event/route.h"

/* Wide, as the members of the table are. */
#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)

#define AT(field) offsetof(struct options, field)
static const struct option_spec table[] = {
    {.name = "feed",
     .metavar = "NAME",
     .kind = OPT_STR,
     .offset = AT(reader.feed),
     .env = "TICKPUB_FEED",
     .help = "form of the input: native (default) or binance"},
    {.name = "simulate",
     .metavar = "SYMBOL,...",
     .kind = OPT_STR,
     .offset = AT(simulate),
     .env = "SIMULATOR_SYMBOLS",
     .help = "read nothing, invent a market"},
    {.name = "rate",
     .metavar = "N",
     .kind = OPT_RATE,
     .offset = AT(simulation.rate),
     .env = "SIMULATOR_RATE",
     .help = "simulated events a second in all (10)"},
    {.name = "seed",
     .metavar = "N",
     .kind = OPT_INT,
     .offset = AT(simulation.seed),
     .env = "SIMULATOR_SEED",
     .help = "of the simulation (1)",
     .min = 0,
     .max = INT64_MAX},
    {.name = "start",
     .metavar = "MS",
     .kind = OPT_STR,
     .offset = AT(start),
     .help = "simulated times begin here, not now"},
    {.name = "count",
     .metavar = "N",
     .kind = OPT_INT,
     .offset = AT(simulation.count),
     .help = "end after N simulated events",
     .min = 0,
     .max = INT64_MAX},
    {.name = "replay",
     .metavar = "FILE",
     .kind = OPT_STR,
     .offset = AT(reader.replay),
     .help = "read FILE (- for stdin), keep the spacing of its times"},
    {.name = "speed",
     .metavar = "N|max",
     .kind = OPT_STR,
     .offset = AT(speed),
     .help = "of --replay, and of --simulate with --start (1)"},
    {.name = "tee",
     .kind = OPT_FLAG,
     .offset = AT(tee),
     .help = "write every accepted event to standard output"},
    {.name = "strict",
     .kind = OPT_FLAG,
     .offset = AT(strict),
     .env = "TICKPUB_STRICT",
     .help = "stop at the first bad line, exit 65"},
    {.name = "linger",
     .kind = OPT_FLAG,
     .offset = AT(linger),
     .env = "TICKPUB_LINGER",
     .help = "keep running after the end of the input"},
    {.name = "batch",
     .kind = OPT_FLAG,
     .offset = AT(publish.batch),
     .env = "TICKPUB_BATCH",
     .help = "several objects of a channel in one PUBLISH"},
    {.name = "on-full",
     .metavar = "WHAT",
     .kind = OPT_CHOICE,
     .offset = AT(on_full),
     .env = "TICKPUB_ON_FULL",
     .help = "when Redis is behind: block (default), drop-oldest",
     .choices = "block|drop-oldest"},
    {.name = "queue-max",
     .metavar = "SIZE",
     .kind = OPT_SIZE,
     .offset = AT(publish.queue_max_bytes),
     .env = "TICKPUB_QUEUE_MAX",
     .help = "what may wait for Redis (8MiB)",
     .min = 64 * KIB,
     .max = 1024 * MIB},
    {.name = "routes-file",
     .metavar = "FILE",
     .kind = OPT_STR,
     .offset = AT(routes_file),
     .env = "TICKPUB_ROUTES_FILE",
     .help = "other channels and keys; SIGHUP reads it again"},
    {.name = "routes",
     .kind = OPT_FLAG,
     .offset = AT(routes),
     .help = "print the table of channels and keys and exit"},
    {.name = "stale-after",
     .metavar = "TIME",
     .kind = OPT_DURATION_MS,
     .offset = AT(publish.stale_after_ms),
     .env = "TICKPUB_STALE_AFTER",
     .min = 0,
     .max = HOUR_MS},
    {.name = "price-ttl",
     .metavar = "TIME",
     .kind = OPT_DURATION_MS,
     .offset = AT(publish.price_ttl_ms),
     .env = "TICKPUB_PRICE_TTL",
     .min = 1,
     .max = 30 * DAY_MS},
    {.name = "max-future",
     .metavar = "TIME",
     .kind = OPT_DURATION_MS,
     .offset = AT(reader.max_future_ms),
     .env = "TICKPUB_MAX_FUTURE",
     .min = 0,
     .max = 3650 * DAY_MS},
    {.name = "max-symbols",
     .metavar = "N",
     .kind = OPT_INT,
     .offset = AT(publish.max_destinations),
     .env = "TICKPUB_MAX_SYMBOLS",
     .min = 1,
     .max = 10000000},
    {.name = "max-line",
     .metavar = "SIZE",
     .kind = OPT_SIZE,
     .offset = AT(reader.max_line_bytes),
     .env = "TICKPUB_MAX_LINE",
     .min = 256,
     .max = 64 * MIB},
    {.name = "shards",
     .metavar = "N",
     .kind = OPT_INT,
     .offset = AT(publish.shards),
     .env = "TICKPUB_SHARDS",
     .min = 1,
     .max = 1024},
    {.name = "journal-max",
     .metavar = "SIZE",
     .kind = OPT_SIZE,
     .offset = AT(publish.journal_max_bytes),
     .env = "TICKPUB_JOURNAL_MAX",
     .min = 64 * KIB,
     .max = INT64_C(1) << 50},
    {.name = "stream-max",
     .metavar = "N",
     .kind = OPT_INT,
     .offset = AT(publish.stream_max),
     .env = "TICKPUB_STREAM_MAX",
     .min = 1,
     .max = INT64_C(1) << 40},
    {.name = NULL},
};
#undef AT

const struct cli tickpub_cli = {
    .tool = "tickpub",
    .synopsis = "[options] < events",
    .summary = "Publish market events, one JSON object a line, through Redis.",
    .table = table,
    .common = app_option_table,
};

struct options options_default(void)
{
    return (struct options){
        .app = APP_OPTIONS_DEFAULT,
        .reader = {.feed = "native",
                   .max_future_ms = 5000,
                   .max_line_bytes = MIB},
        .simulation = {.rate = 10, .seed = 1},
        .publish = {.shards = 16,
                    .journal_max_bytes = 256 * MIB,
                    .stream_max = 10000,
                    .stale_after_ms = 1000,
                    .queue_max_bytes = 8 * MIB,
                    .max_destinations = 100000},
        .speed = "1",
    };
}

static bool add_symbol(struct options *o, struct span name, struct err *err)
{
    if (name.len == 0)
        return true;
    if (name.len > EVENT_NAME_MAX || !route_channel_ok(name, false) ||
        memchr(name.ptr, ':', name.len))
        return err_set(err, ERR_USAGE, "--simulate: '%.*s' is not a symbol",
                       SPAN_ARG(name));
    if (o->simulation.n_symbols == SIMULATED_MAX)
        return err_set(err, ERR_USAGE, "--simulate: more than %d symbols",
                       SIMULATED_MAX);
    o->symbols[o->simulation.n_symbols++] = name;
    return true;
}

static bool split_symbols(struct options *o, struct err *err)
{
    const char *p = o->simulate;

    o->symbols = mem_alloc(SIMULATED_MAX * sizeof *o->symbols);
    o->simulation.symbols = o->symbols;
    o->reader.simulation = &o->simulation;
    for (;;) {
        size_t n = strcspn(p, ",");

        if (!add_symbol(o, span_make(p, n), err))
            return false;
        if (p[n] == '\0')
            break;
        p += n + 1;
    }
    return o->simulation.n_symbols > 0 ||
           err_set(err, ERR_USAGE, "--simulate: no symbol in '%s'",
                   o->simulate);
}

bool options_check(struct options *o, struct err *err)
{
    struct reader_options *r = &o->reader;

    o->publish.drop_oldest = o->on_full == ON_FULL_DROP_OLDEST;
    if (r->feed && strcmp(r->feed, "native") == 0)
        r->feed = NULL;
    if (o->simulate && r->replay)
        return err_set(err, ERR_USAGE,
                       "--replay: cannot be together with --simulate "
                       "(SIMULATOR_SYMBOLS)");
    if (o->simulate && r->feed)
        return err_set(err, ERR_USAGE,
                       "--feed: cannot be together with --simulate "
                       "(SIMULATOR_SYMBOLS)");
    if (!pace_parse(&r->pace, o->speed, err))
        return false;
    o->simulation.speed = r->pace.speed;
    if (o->start &&
        !event_time_read(span_str(o->start), &o->simulation.start_ns))
        return err_set(err, ERR_USAGE,
                       "--start: '%s' is not a time in Unix milliseconds",
                       o->start);
    return !o->simulate || split_symbols(o, err);
}

void options_close(struct options *o)
{
    free(o->symbols);
    o->symbols = NULL;
}
