#include "tickpub/input/report.h"

#include <stdio.h>

#include "common/base/metrics.h"

enum { LABEL_MAX = 48 };

static struct metric accepted[EVENT_TYPES];
static struct metric bad[REPORT_FAULTS];
static char accepted_labels[EVENT_TYPES][LABEL_MAX];
static char bad_labels[REPORT_FAULTS][LABEL_MAX];
static struct metric ignored = {
    METRIC(COUNTER, "tickwire_tickpub_ignored_lines_total", NULL,
           "Lines that are no event: empty ones and what a feed says "
           "besides its events")};
static struct metric excluded = {
    METRIC(COUNTER, "tickwire_tickpub_excluded_trades_total", NULL,
           "Ignored lines that used up a trade id: journalled, not published")};

/* Label values, in the order of the enums. */
static const char *const fault_names[REPORT_FAULTS] = {
    [EVENT_OK] = "none",
    [EVENT_NOT_JSON] = "not_json",
    [EVENT_NUL_BYTE] = "nul_byte",
    [EVENT_BAD_UTF8] = "bad_utf8",
    [EVENT_NOT_OBJECT] = "not_object",
    [EVENT_DUPLICATE_KEY] = "duplicate_key",
    [EVENT_NO_TYPE] = "no_type",
    [EVENT_UNKNOWN_TYPE] = "unknown_type",
    [EVENT_NO_SYMBOL] = "no_symbol",
    [EVENT_BAD_SYMBOL] = "bad_symbol",
    [EVENT_NO_TIME] = "no_time",
    [EVENT_BAD_TIME] = "bad_time",
    [EVENT_TIME_IN_S] = "time_in_s",
    [EVENT_TIME_IN_MS] = "time_in_ms",
    [EVENT_TIME_IN_US] = "time_in_us",
    [EVENT_TIME_IN_NS] = "time_in_ns",
    [EVENT_FUTURE_TIME] = "future_time",
    [EVENT_NO_PRICE] = "no_price",
    [EVENT_BAD_PRICE] = "bad_price",
    [EVENT_LOW_PRICE] = "low_price",
    [EVENT_BAD_SIZE] = "bad_size",
    [EVENT_NO_ID] = "no_id",
    [EVENT_BAD_NAME] = "bad_name",
    [REPORT_TOO_LONG] = "too_long",
    [REPORT_TOO_MANY_NAMES] = "too_many_names",
};

void report_init(void)
{
    for (unsigned i = 0; i < EVENT_TYPES; i++) {
        snprintf(accepted_labels[i], LABEL_MAX, "type=\"%s\"",
                 event_type_name((enum event_type)i));
        accepted[i] =
            (struct metric){METRIC(COUNTER, "tickwire_tickpub_events_total",
                                   accepted_labels[i], "Events accepted")};
    }
    for (unsigned i = 0; i < REPORT_FAULTS; i++) {
        snprintf(bad_labels[i], LABEL_MAX, "reason=\"%s\"", fault_names[i]);
        bad[i] = (struct metric){
            METRIC(COUNTER, "tickwire_tickpub_bad_lines_total", bad_labels[i],
                   "Lines skipped because they are no valid event")};
    }
    metrics_add_all(accepted, EVENT_TRADE_EXCLUDED);
    metrics_add_all(accepted + EVENT_TRADE_EXCLUDED + 1,
                    EVENT_TYPES - EVENT_TRADE_EXCLUDED - 1);
    metrics_add_all(bad + 1, REPORT_FAULTS - 1); /* without EVENT_OK */
    metrics_add(&ignored);
    metrics_add(&excluded);
}

void report_accepted(enum event_type type)
{
    if (type == EVENT_TRADE_EXCLUDED) {
        excluded.value++;
        ignored.value++;
        return;
    }
    accepted[type].value++;
}

void report_ignored(void)
{
    ignored.value++;
}

const char *report_fault_text(unsigned fault)
{
    switch (fault) {
    case REPORT_TOO_LONG:
        return "line is too long";
    case REPORT_TOO_MANY_NAMES:
        return "too many different names (--max-symbols)";
    default:
        return event_fault_text((enum event_fault)fault);
    }
}

void report_bad(unsigned fault)
{
    bad[fault].value++;
}

static uint64_t sum(const struct metric *m, unsigned n)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < n; i++)
        total += m[i].value;
    return total;
}

uint64_t report_accepted_count(void)
{
    return sum(accepted, EVENT_TYPES);
}

uint64_t report_bad_count(void)
{
    return sum(bad, REPORT_FAULTS);
}

uint64_t report_excluded_count(void)
{
    return excluded.value;
}

uint64_t report_lines(void)
{
    return report_accepted_count() + report_bad_count() + ignored.value;
}

void report_counts(struct json_writer *json)
{
    json_write_uint(json, "lines", report_lines());
    json_write_uint(json, "accepted", report_accepted_count());
    json_write_uint(json, "bad", report_bad_count());
}
