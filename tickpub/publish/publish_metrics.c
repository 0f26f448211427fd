#include "tickpub/publish/publish_metrics.h"

static const uint64_t flush_bounds[] = {1,  2,   4,   8,   16,   32,
                                        64, 128, 256, 512, 1024, 2048};
enum { FLUSH_BOUNDS = sizeof flush_bounds / sizeof flush_bounds[0] };
static uint64_t flush_counts[FLUSH_BOUNDS + 1];

struct metric publish_metrics[PUBLISH_METRICS] = {
    [PUBLISH_MESSAGES] = {METRIC(COUNTER, "tickwire_tickpub_published_total",
                                 NULL, "PUBLISH commands sent to Redis")},
    [PUBLISH_OBJECTS] = {METRIC(COUNTER,
                                "tickwire_tickpub_published_objects_total",
                                NULL, "Objects in PUBLISH commands")},
    [PUBLISH_STALE] = {METRIC(COUNTER, "tickwire_tickpub_stale_total", NULL,
                              "Events not published as they waited too long "
                              "for a lost link")},
    [PUBLISH_EVENTS] = {METRIC(COUNTER,
                               "tickwire_tickpub_published_events_total", NULL,
                               "Events whose PUBLISH Redis has answered")},
    [PUBLISH_UNCONFIRMED] = {METRIC(
        COUNTER, "tickwire_tickpub_unconfirmed_events_total", NULL,
        "Events sent, but the link was lost before "
        "Redis answered")},
    [PUBLISH_NOT_TAKEN] = {METRIC(
        COUNTER, "tickwire_tickpub_publish_refused_events_total", NULL,
        "Events whose PUBLISH Redis refused")},
    [PUBLISH_UNSENT] = {METRIC(COUNTER, "tickwire_tickpub_unsent_events_total",
                               NULL,
                               "Events dropped before they were published")},
    [PUBLISH_ENTRIES] = {METRIC(COUNTER,
                                "tickwire_tickpub_journal_entries_total", NULL,
                                "Stream entries sent, retries included")},
    [PUBLISH_ACKED] = {METRIC(COUNTER,
                              "tickwire_tickpub_journal_acked_events_total",
                              NULL, "Events in acknowledged stream entries")},
    [PUBLISH_RETRIED] = {METRIC(COUNTER,
                                "tickwire_tickpub_journal_retries_total", NULL,
                                "Stream entries that Redis refused for now")},
    [PUBLISH_REFUSED] = {METRIC(COUNTER, "tickwire_tickpub_dropped_total",
                                "reason=\"refused\"", "Events that were lost")},
    [PUBLISH_DROPPED] = {METRIC(COUNTER, "tickwire_tickpub_dropped_total",
                                "reason=\"queue_full\"",
                                "Events that were lost")},
    [PUBLISH_ERRORS] = {METRIC(
        COUNTER, "tickwire_tickpub_redis_error_replies_total", NULL,
        "Error replies to PUBLISH and to writes of "
        "newest values")},
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
