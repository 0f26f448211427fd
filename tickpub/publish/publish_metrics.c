#include "tickpub/publish/publish_metrics.h"

static const uint64_t flush_bounds[] = {1,  2,   4,   8,   16,   32,
                                        64, 128, 256, 512, 1024, 2048};
enum { FLUSH_BOUNDS = sizeof flush_bounds / sizeof flush_bounds[0] };
static uint64_t flush_counts[FLUSH_BOUNDS + 1];

#define COUNTER(AT, NAME, LABELS, HELP)                                        \
    [PUBLISH_##AT] = {METRIC(COUNTER, "tickwire_tickpub_" NAME, LABELS, HELP)}

struct metric publish_metrics[PUBLISH_METRICS] = {
    COUNTER(MESSAGES, "published_total", NULL,
            "PUBLISH commands sent to Redis"),
    COUNTER(OBJECTS, "published_objects_total", NULL,
            "Objects in PUBLISH commands"),
    COUNTER(STALE, "stale_total", NULL,
            "Events not published as they waited too long for a lost link"),
    COUNTER(EVENTS, "published_events_total", NULL,
            "Events whose PUBLISH Redis has answered"),
    COUNTER(UNCONFIRMED, "unconfirmed_events_total", NULL,
            "Events sent, but the link was lost before Redis answered"),
    COUNTER(NOT_TAKEN, "publish_refused_events_total", NULL,
            "Events whose PUBLISH Redis refused"),
    COUNTER(UNSENT, "unsent_events_total", NULL,
            "Events dropped before they were published"),
    COUNTER(ENTRIES, "journal_entries_total", NULL,
            "Stream entries sent, retries included"),
    COUNTER(ACKED, "journal_acked_events_total", NULL,
            "Events in acknowledged stream entries"),
    COUNTER(RETRIED, "journal_retries_total", NULL,
            "Stream entries that Redis refused for now"),
    COUNTER(REFUSED, "dropped_total", "reason=\"refused\"",
            "Events that were lost"),
    COUNTER(DROPPED, "dropped_total", "reason=\"queue_full\"",
            "Events that were lost"),
    COUNTER(ERRORS, "redis_error_replies_total", NULL,
            "Error replies to PUBLISH and to writes of newest values"),
    [PUBLISH_QUEUE] = {METRIC(GAUGE, "tickwire_tickpub_queue_bytes", NULL,
                              "Bytes that Redis has not acknowledged")},
    [PUBLISH_CONNECTED] = {METRIC(GAUGE, "tickwire_tickpub_redis_connected",
                                  NULL, "1 while the link to Redis is ready")},
    [PUBLISH_FLUSH] = {METRIC(HISTOGRAM, "tickwire_tickpub_flush_events", NULL,
                              "Events that left in one batch"),
                       .bounds = flush_bounds, .n_bounds = FLUSH_BOUNDS,
                       .counts = flush_counts},
};

void publish_metrics_add(void)
{
    metrics_add_all(publish_metrics, PUBLISH_METRICS);
}
