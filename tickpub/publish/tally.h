/*
 * tally.h -- what became of the accepted events, so that the numbers add up.
 *
 *   accepted = published + stale + unconfirmed + refused + unsent
 *   accepted = journalled + dropped + lost, of types that have a stream
 *
 * The first is about Pub/Sub, the second about the journal and streams: an
 * event may be heard and not kept, or kept and not heard.
 */
#pragma once

#include <stdint.h>

struct tally {
    uint64_t published;   /* Redis answered */
    uint64_t stale;       /* waited too long for a lost link */
    uint64_t unconfirmed; /* sent, not answered: lost with the link */
    uint64_t refused;     /* Redis answered with an error */
    uint64_t unsent;      /* dropped or lost before they were published */
    uint64_t journalled;
    uint64_t dropped; /* the queue was full, or Redis refused for good */
    uint64_t lost;    /* not acknowledged, or never sent */
};

/* As if it ended now, with so many events in the queue, in unanswered commands
 * and in unacknowledged stream entries.  The rest is from publish_metrics. */
struct tally tally_of(uint64_t queued, uint64_t unanswered,
                      uint64_t unacknowledged);
