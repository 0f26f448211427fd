#include "tickpub/publish/publish_metrics.h"

static const uint64_t flush_bounds[] = {1,  2,   4,   8,   16,   32,
                                        64, 128, 256, 512, 1024, 2048};
enum { FLUSH_BOUNDS = sizeof flush_bounds / sizeof flush_bounds[0] };
static uint64_t flush_counts[FLUSH_BOUNDS + 1];

struct metric publish_metrics[PUBLISH_METRICS] = {
    [PUBLISH_MESSAGES] = {.name = "tickwire_tickpub_published_total",
                          .help = "PUBLISH commands sent to Redis"},
    [PUBLISH_OBJECTS] = {.name = "tickwire_tickpub_published_objects_total",
                         .help = "Objects in PUBLISH commands"},
    [PUBLISH_STALE] = {.name = "tickwire_tickpub_stale_total",
                       .help = "Events not published as they waited too long "
                               "for a lost link"},
    [PUBLISH_EVENTS] = {.name = "tickwire_tickpub_published_events_total",
                        .help = "Events whose PUBLISH Redis has answered"},
    [PUBLISH_UNCONFIRMED] = {.name =
                                 "tickwire_tickpub_unconfirmed_events_total",
                             .help =
                                 "Events sent, but the link was lost before "
                                 "Redis answered"},
    [PUBLISH_NOT_TAKEN] = {.name =
                               "tickwire_tickpub_publish_refused_events_total",
                           .help = "Events whose PUBLISH Redis refused"},
    [PUBLISH_UNSENT] = {.name = "tickwire_tickpub_unsent_events_total",
                        .help = "Events dropped before they were published"},
    [PUBLISH_ENTRIES] = {.name = "tickwire_tickpub_journal_entries_total",
                         .help = "Stream entries sent, retries included"},
    [PUBLISH_ACKED] = {.name = "tickwire_tickpub_journal_acked_events_total",
                       .help = "Events in acknowledged stream entries"},
    [PUBLISH_RETRIED] = {.name = "tickwire_tickpub_journal_retries_total",
                         .help = "Stream entries that Redis refused for now"},
    [PUBLISH_REFUSED] = {.name = "tickwire_tickpub_dropped_total",
                         .labels = "reason=\"refused\"",
                         .help = "Events that were lost"},
    [PUBLISH_DROPPED] = {.name = "tickwire_tickpub_dropped_total",
                         .labels = "reason=\"queue_full\"",
                         .help = "Events that were lost"},
    [PUBLISH_ERRORS] = {.name = "tickwire_tickpub_redis_error_replies_total",
                        .help = "Error replies to PUBLISH and to writes of "
                                "newest values"},
    [PUBLISH_QUEUE] = {.name = "tickwire_tickpub_queue_bytes",
                       .help = "Bytes that Redis has not acknowledged",
                       .kind = METRIC_GAUGE},
    [PUBLISH_CONNECTED] = {.name = "tickwire_tickpub_redis_connected",
                           .help = "1 while the link to Redis is ready",
                           .kind = METRIC_GAUGE},
    [PUBLISH_FLUSH] = {.name = "tickwire_tickpub_flush_events",
                       .help = "Events that left in one batch",
                       .kind = METRIC_HISTOGRAM,
                       .bounds = flush_bounds,
                       .n_bounds = FLUSH_BOUNDS,
                       .counts = flush_counts},
};

void publish_metrics_add(void)
{
    metrics_add_all(publish_metrics, PUBLISH_METRICS);
}
