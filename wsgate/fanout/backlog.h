/*
 * lag.h -- a member whose socket did not take everything.
 *
 * It keeps its place in the shared log, the rest of the one frame that was
 * cut, and its own answers: no copy of the backlog.  When its socket is
 * writable it goes on from the log if it is owed little, else it gets the
 * newest of each key (conflation.h).
 *
 * Ownership   lag_new() moves the member to its group's slow list; lag_end()
 *             back to the fast one
 * Limits      the rest of a cut frame is copied up to LAG_COPY_MAX; a longer one
 *             is copied once for all members that it was cut for
 */
#ifndef WSGATE_FANOUT_BACKLOG_H
#define WSGATE_FANOUT_BACKLOG_H

#include "common/base/bytes.h"
#include "wsgate/fanout/fanout.h"

enum { LAG_COPY_MAX = 4096, LAG_FLOORS_MAX = 2048 };

/* Frames of a topic that it subscribed to while it was behind start here. */
struct floor {
    uint32_t topic;
    uint64_t from;
};

struct lag {
    uint64_t next; /* the first frame that was not sent to it */
    /* The group's totals minus what this member is still owed. */
    uint64_t frames, bytes, all_bytes;
    bool conflating;
    struct buf *cut; /* a long frame that is partly sent, shared; or NULL */
    uint32_t cut_at;
    struct bytes out;
    struct floor *floors; /* by topic, ascending */
    uint32_t n_floors;
};

struct lag *lag_new(struct fan *f, struct member *m);
void lag_end(struct member *m);
void lag_free(struct lag *lag);
/* The group's turn was sent to m only up to `sent` bytes. */
void lag_begin_turn(struct fan *f, struct member *m, uint64_t sent);
/* What it is owed: frames, bytes, bytes of `all` channels. */
uint64_t lag_owed(const struct member *m);
uint64_t lag_owed_bytes(const struct member *m);
uint64_t lag_owed_all_bytes(const struct member *m);
const struct floor *lag_floor(const struct lag *lag, uint32_t topic);
/* m is about to belong to `to` (NULL: no group): topics which that has and the
 * old group has not start at the head of the log. */
void lag_move(struct fan *f, struct member *m, struct group *to);

#endif
