/*
 * snapshot.h -- what a new subscriber gets first.
 *
 * The newest message of each slot (type, bar) of a channel.  There may be more
 * of them than a client can take at once, so they are made when there is room,
 * and the client's updates wait until then.  Each is judged by itself: of a slot
 * that has a newer message since, that one comes as an update.  What Redis
 * remembers of a channel and has not said yet is shown later.
 *
 * Source      docs/decisions/0013-what-a-client-hears.md
 */
#pragma once

#include "wsgate/client/client.h"
#include "wsgate/client/request.h"

struct snapshot_item {
    /* A native stream, shown while its channel is heard, however it is; or a
     * pattern. */
    uint32_t subscription;
    uint64_t owed; /* not 0: only slots with frames from this one on */
    bool older;    /* and of those only bars that are not the newest */
    char *pattern; /* its name: it may be given up before it is shown */
};

struct snapshots {
    struct snapshots *next;
    uint64_t from;  /* only what is older than this frame */
    uint64_t fills; /* if late: only what was cached after this */
    uint32_t n, at;
    uint32_t stream; /* within a pattern: the next stream, by id */
    /* The stream being shown, by id, and its next slot. */
    uint32_t showing, slot;
    struct snapshot_item item;
    bool is_showing, named;
    bool late;
    struct snapshot_item items[];
};

/* A channel whose cached messages had not come when it was acknowledged. */
struct late_snapshot {
    uint32_t channel; /* its native stream; shown however it is heard then */
    uint64_t from, fills; /* as above */
};

/* The seq that an ack and a snapshot name: what this client was sent is not
 * above it, what follows is. */
uint64_t snapshot_seq(const struct client *c, const struct view *v);
/* How this group hears the channel; NULL: it does not. */
const struct view *snapshot_heard(const struct channels *cs,
                                  const struct group *g,
                                  const struct channel *channel);
/* Room for n subscriptions. */
struct snapshots *snapshots_new(uint32_t n);
void snapshots_add(const struct channels *cs, struct snapshots *s,
                   uint32_t subscription);
/* Of a stream, what was not sent from this native frame on: of bars not only the
 * newest, or (older) all but that. */
void snapshots_add_owed(const struct channels *cs, struct snapshots *s,
                        uint32_t stream, uint64_t owed, bool older);
/* From now on: what is in the log already is older than the subscription.  Takes
 * s; one without subscriptions is freed. */
void snapshots_queue(struct client *c, struct snapshots *s);
/* The same, from where s says. */
void snapshots_append(struct client *c, struct snapshots *s);
void snapshots_drop(struct snapshots *s);
void snapshots_pump(struct client *c);
/* Some channels were fetched: shows them to those who wait. */
void snapshots_check(struct clients *registry);
void snapshots_free(struct client *c);
