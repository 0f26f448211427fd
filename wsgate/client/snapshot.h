/*
 * snapshot.h -- what a new subscriber gets first.
 *
 * The newest message of each type of a channel, always before the channel's
 * updates.  There may be more of them than a client can take at once, so they
 * are made when there is room; one that an update has overtaken by then is
 * dropped.
 */
#pragma once

#include "wsgate/client/client.h"
#include "wsgate/client/request.h"

struct snapshots {
    struct snapshots *next;
    uint64_t from; /* only what is older than this frame */
    uint32_t n, at;
    uint32_t within; /* place in a pattern's list of channels */
    uint32_t subscriptions[];
};

/* The seq that an ack and a snapshot name: updates that follow are above. */
uint64_t snapshot_seq(const struct view *v);
/* NULL where the request has nothing to show. */
struct snapshots *snapshots_of(const struct request *r);
/* From now on: what is in the log already is older than the subscription. */
void snapshots_queue(struct client *c, struct snapshots *s);
void snapshots_pump(struct client *c);
void snapshots_free(struct client *c);
