#include "tickpub/options.h"

#include <stdlib.h>

#include "common/base/bytes.h"
#include "common/event/channel_name.h"
#include "common/event/event_time.h"

/* Wide, as the members of the table are. */
#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)

#define AT(field) offsetof(struct options, field)
static const struct option_spec table[] = {
    {0, "feed", "NAME", OPT_STR, AT(reader.feed), "TICKPUB_FEED",
     "form of the input: native (default) or binance", NULL, 0, 0},
    {0, "simulate", "SYMBOL,...", OPT_STR, AT(simulate), "SIMULATOR_SYMBOLS",
     "read nothing, invent a market", NULL, 0, 0},
    {0, "rate", "N", OPT_RATE, AT(simulation.rate), "SIMULATOR_RATE",
     "simulated events a second in all (10)", NULL, 0, 0},
    {0, "seed", "N", OPT_INT, AT(simulation.seed), "SIMULATOR_SEED",
     "of the simulation (1)", NULL, 0, INT64_MAX},
    {0, "start", "MS", OPT_STR, AT(start), NULL,
     "simulated times begin here, not now", NULL, 0, 0},
    {0, "count", "N", OPT_INT, AT(simulation.count), NULL,
     "end after N simulated events", NULL, 0, INT64_MAX},
    {0, "replay", "FILE", OPT_STR, AT(reader.replay), NULL,
     "read FILE (- for stdin), keep the spacing of its times", NULL, 0, 0},
    {0, "speed", "N|max", OPT_STR, AT(speed), NULL,
     "of --replay, and of --simulate with --start (1)", NULL, 0, 0},
    {0, "tee", NULL, OPT_FLAG, AT(tee), NULL,
     "write every accepted event to standard output", NULL, 0, 0},
    {0, "strict", NULL, OPT_FLAG, AT(strict), "TICKPUB_STRICT",
     "stop at the first bad line, exit 65", NULL, 0, 0},
    {0, "linger", NULL, OPT_FLAG, AT(linger), "TICKPUB_LINGER",
     "keep running after the end of the input", NULL, 0, 0},
    {0, "batch", NULL, OPT_FLAG, AT(publish.batch), "TICKPUB_BATCH",
     "several objects of a channel in one PUBLISH", NULL, 0, 0},
    {0, "on-full", "WHAT", OPT_CHOICE, AT(on_full), "TICKPUB_ON_FULL",
     "when Redis is behind: block (default), drop-oldest", "block|drop-oldest",
     0, 0},
    {0, "queue-max", "SIZE", OPT_SIZE, AT(publish.queue_max_bytes),
     "TICKPUB_QUEUE_MAX", "what may wait for Redis (8MiB)", NULL, 64 * KIB,
     1024 * MIB},
    {0, "routes-file", "FILE", OPT_STR, AT(routes_file), "TICKPUB_ROUTES_FILE",
     "other channels and keys; SIGHUP reads it again", NULL, 0, 0},
    {0, "routes", NULL, OPT_FLAG, AT(routes), NULL,
     "print the table of channels and keys and exit", NULL, 0, 0},
    {0, "stale-after", "TIME", OPT_DURATION_MS, AT(publish.stale_after_ms),
     "TICKPUB_STALE_AFTER", NULL, NULL, 0, HOUR_MS},
    {0, "price-ttl", "TIME", OPT_DURATION_MS, AT(publish.price_ttl_ms),
     "TICKPUB_PRICE_TTL", NULL, NULL, 1, 30 * DAY_MS},
    {0, "time-unit", "UNIT", OPT_CHOICE, AT(time_unit), "TICKPUB_TIME_UNIT",
     NULL, EVENT_UNIT_CHOICES, 0, 0},
    {0, "allow-negative", NULL, OPT_FLAG, AT(reader.rules.allow_negative),
     "TICKPUB_ALLOW_NEGATIVE", NULL, NULL, 0, 0},
    {0, "max-future", "TIME", OPT_DURATION_MS, AT(reader.max_future_ms),
     "TICKPUB_MAX_FUTURE", NULL, NULL, 0, 3650 * DAY_MS},
    {0, "max-symbols", "N", OPT_INT, AT(publish.max_destinations),
     "TICKPUB_MAX_SYMBOLS", NULL, NULL, 1, 10000000},
    {0, "max-line", "SIZE", OPT_SIZE, AT(reader.max_line_bytes),
     "TICKPUB_MAX_LINE", NULL, NULL, 256, 64 * MIB},
    {0, "shards", "N", OPT_INT, AT(publish.shards), "TICKPUB_SHARDS", NULL,
     NULL, 1, 1024},
    {0, "journal-max", "SIZE", OPT_SIZE, AT(publish.journal_max_bytes),
     "TICKPUB_JOURNAL_MAX", NULL, NULL, 64 * KIB, INT64_C(1) << 50},
    {0, "stream-max", "N", OPT_INT, AT(publish.stream_max),
     "TICKPUB_STREAM_MAX", NULL, NULL, 1, INT64_C(1) << 40},
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
    if (!channel_name_part_ok(name))
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

static bool check_start(struct options *o, struct err *err)
{
    enum event_fault f;

    if (!o->start)
        return true;
    f = event_time_of_event(span_str(o->start), EVENT_UNIT_MS,
                            &o->simulation.start_ns);
    if (f == EVENT_OK)
        return true;
    return err_set(
        err, ERR_USAGE, "--start: '%s' is not a time in Unix milliseconds%s",
        o->start, f == EVENT_TIME_IN_S ? " (it looks like seconds)" : "");
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
    r->rules.unit = (enum event_unit)o->time_unit;
    if (r->rules.unit != EVENT_UNIT_MS && (r->feed || o->simulate))
        return err_set(err, ERR_USAGE,
                       "--time-unit: is for native events, cannot be together "
                       "with --feed or --simulate");
    if (!pace_parse(&r->pace, o->speed, err))
        return false;
    o->simulation.speed = r->pace.speed;
    return check_start(o, err) && (!o->simulate || split_symbols(o, err));
}

void options_close(struct options *o)
{
    free(o->symbols);
    o->symbols = NULL;
}
