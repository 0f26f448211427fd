/*
 * publish_metrics.h -- what publishing counts.
 */
#pragma once

#include "common/base/metrics.h"

enum publish_metric {
    PUBLISH_MESSAGES,    /* PUBLISH commands sent */
    PUBLISH_OBJECTS,     /* objects in them */
    PUBLISH_EVENTS,      /* events that Redis answered for */
    PUBLISH_STALE,       /* events not published: they waited too long */
    PUBLISH_UNCONFIRMED, /* events sent, but the link was lost unanswered */
    PUBLISH_NOT_TAKEN,   /* events whose PUBLISH Redis refused */
    PUBLISH_UNSENT,      /* events dropped before they were published */
    PUBLISH_ENTRIES,     /* XADD commands sent, again or not */
    PUBLISH_ACKED,       /* events in acknowledged entries */
    PUBLISH_RETRIED,     /* entries refused for now */
    PUBLISH_REFUSED,     /* events in entries refused for good */
    PUBLISH_DROPPED,     /* events dropped because the queue was full */
    PUBLISH_ERRORS,      /* error replies to anything else */
    PUBLISH_QUEUE,       /* bytes not acknowledged */
    PUBLISH_CONNECTED,   /* 1: the link is ready */
    PUBLISH_FLUSH,       /* events a batch */
    PUBLISH_METRICS
};

extern struct metric publish_metrics[PUBLISH_METRICS];

void publish_metrics_add(void);
