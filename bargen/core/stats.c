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

/* Counters of the engine, shown as they are. */
#define SHOW(NAME, LABELS, HELP, MEMBER)                                       \
    {                                                                          \
        "tickwire_bargen_" NAME "_total", LABELS, HELP,                        \
            offsetof(struct bar_counts, MEMBER)                                \
    }
#define DROPPED(REASON, MEMBER)                                                \
    SHOW("dropped", "reason=\"" REASON "\"",                                   \
         "Events, or their part in one bar, that were dropped", MEMBER)
#define BARS(KIND, MEMBER)                                                     \
    SHOW("bars", "kind=\"" KIND "\"", "Bars issued", MEMBER)
static const struct {
    const char *name, *labels, *help;
    size_t at;
} shown[] = {
    SHOW("events", NULL, "Ticks and trades that went into bars", events),
    SHOW("ignored_events", NULL, "Events that no bar is made of", ignored),
    SHOW("out_of_order", NULL, "Events older than one before them",
         out_of_order),
    SHOW("gaps", "by=\"seq\"", "Stretches of lost events", gaps),
    SHOW("gaps", "by=\"id\"", "Stretches of lost events", holes),
    SHOW("id_blocks_forgotten", NULL,
         "Blocks of trade ids forgotten too early, for want of room",
         ids_forgotten),
    DROPPED("duplicate", duplicates),
    DROPPED("repeated", repeated),
    DROPPED("future", future),
    DROPPED("late", late_dropped),
    DROPPED("too_many_symbols", symbols_refused),
    BARS("update", updates),
    BARS("final", finals),
    BARS("revision", revisions),
    BARS("unfinished", unfinished),
};
enum { SHOWN = sizeof shown / sizeof *shown };
static struct metric counts[SHOWN];

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

static struct metric own[] = {
    {METRIC(GAUGE, "tickwire_bargen_symbols", NULL, "Symbols seen"),
     .read = read_symbols},
    {METRIC(GAUGE, "tickwire_bargen_series", NULL,
            "Series of bars: symbols times resolutions"),
     .read = read_series},
    {METRIC(COUNTER, "tickwire_bargen_bad_lines_total", NULL,
            "Lines of standard input that are no valid event")},
    {METRIC(COUNTER, "tickwire_bargen_bad_payloads_total", NULL,
            "Lines of payloads from Redis that are no valid event")},
    {METRIC(COUNTER, "tickwire_bargen_journal_entries_total", NULL,
            "Entries of the journal taken in")},
    {METRIC(GAUGE, "tickwire_bargen_journal_lag_seconds", NULL,
            "Age of the newest journal entry when it was taken in"),
     .scale = 0.001},
    {METRIC(HISTOGRAM, "tickwire_bargen_checkpoint_seconds", NULL,
            "From sending a checkpoint to its answer"),
     .bounds = took_bounds, .n_bounds = TOOK_BOUNDS, .counts = took_counts,
     .scale = 0.000001},
    {METRIC(COUNTER, "tickwire_bargen_checkpoint_bytes_total", NULL,
            "Sent in checkpoints: bars, state and cursor")},
    {METRIC(COUNTER, "tickwire_bargen_checkpoint_retries_total", NULL,
            "Checkpoints that were sent again")},
    {METRIC(COUNTER, "tickwire_bargen_transactions_fenced_total", NULL,
            "Transactions that did not run because a lease had changed")},
};
enum {
    SYMBOLS,
    SERIES,
    BAD_LINES,
    BAD_ENTRIES,
    ENTRIES,
    LAG,
    CHECKPOINT,
    CHECKPOINT_BYTES,
    RETRIED,
    FENCED
};

void stats_init(struct engine *e)
{
    for (unsigned i = 0; i < SHOWN; i++)
        counts[i] = (struct metric){
            METRIC(COUNTER, shown[i].name, shown[i].labels, shown[i].help),
            .read = read_count, .arg = (char *)&e->counts + shown[i].at};
    own[SYMBOLS].arg = own[SERIES].arg = e;
    metrics_add_all(counts, SHOWN);
    metrics_add_all(own, sizeof own / sizeof *own);
}

void stats_bad_line(void)
{
    own[BAD_LINES].value++;
}

void stats_bad_entry(void)
{
    own[BAD_ENTRIES].value++;
}

void stats_journal(uint64_t n, int64_t lag_ms)
{
    own[ENTRIES].value += n;
    own[LAG].value = lag_ms > 0 ? (uint64_t)lag_ms : 0;
}

void stats_checkpoint(uint64_t took_us, uint64_t bytes)
{
    metrics_observe(&own[CHECKPOINT], took_us);
    own[CHECKPOINT_BYTES].value += bytes;
}

void stats_checkpoint_retried(void)
{
    own[RETRIED].value++;
}

void stats_checkpoint_fenced(void)
{
    own[FENCED].value++;
}

void stats_log_drops(const struct engine *e, uint64_t now_ms)
{
    static uint64_t late, future, forgotten, said_ms;
    const struct bar_counts *c = &e->counts;

    if ((c->late_dropped == late && c->future == future &&
         c->ids_forgotten == forgotten) ||
        (said_ms != 0 && now_ms < said_ms + DROPS_SAID_MS))
        return;
    if (c->late_dropped != late || c->future != future)
        log_warn("dropped", "late=%" PRIu64 " future=%" PRIu64,
                 c->late_dropped - late, c->future - future);
    if (c->ids_forgotten != forgotten)
        log_warn("ids_forgotten", "blocks=%" PRIu64,
                 c->ids_forgotten - forgotten);
    late = c->late_dropped;
    future = c->future;
    forgotten = c->ids_forgotten;
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
