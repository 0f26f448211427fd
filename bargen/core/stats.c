#include "bargen/core/stats.h"

#include <inttypes.h>

#include "common/base/log.h"
#include "common/base/metrics.h"

enum { DROPS_SAID_MS = 60 * 1000 };

static const uint64_t took_bounds[] = {500,    1000,   2500,   5000,
                                       10000,  25000,  50000,  100000,
                                       250000, 500000, 1000000};
enum { TOOK_BOUNDS = sizeof took_bounds / sizeof *took_bounds };
static uint64_t took_counts[TOOK_BOUNDS + 1];

static struct metric bad_lines = {
    .name = "tickwire_bargen_bad_lines_total",
    .help = "Lines of standard input that are no valid event"};
static struct metric bad_entries = {
    .name = "tickwire_bargen_bad_payloads_total",
    .help = "Lines of payloads from Redis that are no valid event"};
static struct metric entries = {.name = "tickwire_bargen_journal_entries_total",
                                .help = "Entries of the journal taken in"};
static struct metric lag = {
    .name = "tickwire_bargen_journal_lag_seconds",
    .help = "Age of the newest journal entry when it was taken in",
    .kind = METRIC_GAUGE,
    .scale = 0.001};
static struct metric checkpoint = {
    .name = "tickwire_bargen_checkpoint_seconds",
    .help = "From sending a checkpoint to its answer",
    .kind = METRIC_HISTOGRAM,
    .bounds = took_bounds,
    .n_bounds = TOOK_BOUNDS,
    .counts = took_counts,
    .scale = 0.000001};
static struct metric checkpoint_bytes = {
    .name = "tickwire_bargen_checkpoint_bytes_total",
    .help = "Sent in checkpoints: bars, state and cursor"};
static struct metric retried = {.name =
                                    "tickwire_bargen_checkpoint_retries_total",
                                .help = "Checkpoints that were sent again"};

/* Counters of the engine, shown as they are. */
#define COUNTS 15
static struct metric counts[COUNTS];
static struct metric symbols, series;

static uint64_t read_count(void *arg)
{
    return *(const uint64_t *)arg;
}

static uint64_t read_symbols(void *arg)
{
    return ((const struct engine *)arg)->symbols.n;
}

static uint64_t read_series(void *arg)
{
    const struct engine *e = arg;

    return (uint64_t)e->symbols.n * e->rules.n_resolutions;
}

static void show(unsigned *n, const char *name, const char *labels,
                 const char *help, uint64_t *value)
{
    struct metric *m = &counts[(*n)++];

    *m = (struct metric){.name = name,
                         .labels = labels,
                         .help = help,
                         .read = read_count,
                         .arg = value};
    metrics_add(m);
}

static void show_dropped(unsigned *n, const char *labels, uint64_t *value)
{
    show(n, "tickwire_bargen_dropped_total", labels,
         "Events, or their part in one bar, that were dropped", value);
}

static void show_bars(unsigned *n, const char *labels, uint64_t *value)
{
    show(n, "tickwire_bargen_bars_total", labels, "Bars issued", value);
}

void stats_init(struct engine *e)
{
    struct bar_counts *c = &e->counts;
    unsigned n = 0;

    show(&n, "tickwire_bargen_events_total", NULL,
         "Ticks and trades that went into bars", &c->events);
    show(&n, "tickwire_bargen_ignored_events_total", NULL,
         "Events that no bar is made of", &c->ignored);
    show(&n, "tickwire_bargen_out_of_order_total", NULL,
         "Events older than one before them", &c->out_of_order);
    show(&n, "tickwire_bargen_gaps_total", "by=\"seq\"",
         "Stretches of lost events", &c->gaps);
    show(&n, "tickwire_bargen_gaps_total", "by=\"id\"",
         "Stretches of lost events", &c->holes);
    show_dropped(&n, "reason=\"duplicate\"", &c->duplicates);
    show_dropped(&n, "reason=\"repeated\"", &c->repeated);
    show_dropped(&n, "reason=\"future\"", &c->future);
    show_dropped(&n, "reason=\"late\"", &c->late_dropped);
    show_dropped(&n, "reason=\"overflow\"", &c->overflow);
    show_dropped(&n, "reason=\"too_many_symbols\"", &c->symbols_refused);
    show_bars(&n, "kind=\"update\"", &c->updates);
    show_bars(&n, "kind=\"final\"", &c->finals);
    show_bars(&n, "kind=\"revision\"", &c->revisions);
    show_bars(&n, "kind=\"unfinished\"", &c->unfinished);
    symbols = (struct metric){.name = "tickwire_bargen_symbols",
                              .help = "Symbols seen",
                              .kind = METRIC_GAUGE,
                              .read = read_symbols,
                              .arg = e};
    series = (struct metric){.name = "tickwire_bargen_series",
                             .help = "Series of bars: symbols times "
                                     "resolutions",
                             .kind = METRIC_GAUGE,
                             .read = read_series,
                             .arg = e};
    metrics_add(&symbols);
    metrics_add(&series);
    metrics_add(&bad_lines);
    metrics_add(&bad_entries);
    metrics_add(&entries);
    metrics_add(&lag);
    metrics_add(&checkpoint);
    metrics_add(&checkpoint_bytes);
    metrics_add(&retried);
}

void stats_bad_line(void)
{
    bad_lines.value++;
}

void stats_bad_entry(void)
{
    bad_entries.value++;
}

void stats_journal(uint64_t n, int64_t lag_ms)
{
    entries.value += n;
    lag.value = lag_ms > 0 ? (uint64_t)lag_ms : 0;
}

void stats_checkpoint(uint64_t took_us, uint64_t bytes)
{
    metrics_observe(&checkpoint, took_us);
    checkpoint_bytes.value += bytes;
}

void stats_checkpoint_retried(void)
{
    retried.value++;
}

void stats_log_drops(const struct engine *e, uint64_t now_ms)
{
    static uint64_t late, future, said_ms;
    const struct bar_counts *c = &e->counts;

    if ((c->late_dropped == late && c->future == future) ||
        (said_ms != 0 && now_ms < said_ms + DROPS_SAID_MS))
        return;
    log_warn("dropped", "late=%" PRIu64 " future=%" PRIu64,
             c->late_dropped - late, c->future - future);
    late = c->late_dropped;
    future = c->future;
    said_ms = now_ms;
}

void stats_instance(const struct engine *e, struct json_writer *json)
{
    const struct bar_counts *c = &e->counts;

    json_write_uint(json, "events", c->events);
    json_write_uint(json, "updates", c->updates);
    json_write_uint(json, "finals", c->finals);
    json_write_uint(json, "revisions", c->revisions);
    json_write_uint(json, "late_dropped", c->late_dropped);
    json_write_uint(json, "symbols", e->symbols.n);
}
