#include "tickpub/publish/tally.h"

#include "tickpub/publish/publish_metrics.h"

static uint64_t count(enum publish_metric which)
{
    return publish_metrics[which].value;
}

struct tally tally_of(uint64_t queued, uint64_t unanswered,
                      uint64_t unacknowledged)
{
    return (struct tally){
        .published = count(PUBLISH_EVENTS),
        .stale = count(PUBLISH_STALE),
        .unconfirmed = count(PUBLISH_UNCONFIRMED) + unanswered,
        .refused = count(PUBLISH_NOT_TAKEN),
        .unsent = count(PUBLISH_UNSENT) + queued,
        .journalled = count(PUBLISH_ACKED),
        .dropped = count(PUBLISH_DROPPED) + count(PUBLISH_REFUSED),
        .lost = queued + unacknowledged,
    };
}
