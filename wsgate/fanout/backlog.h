/*
 * backlog.h -- a member whose socket did not take everything.
 *
 * It keeps its place in the shared log, the rest of the one frame that was
 * cut, and its own answers: no copy of the backlog.  When its socket is
 * writable it goes on from the log if it is owed little, else it gets the
 * newest of each key (conflation.h).  The bounds of a slow client are enforced
 * here (struct fanout_limits); fanout.c lets a member go that passes one.
 *
 * Ownership   backlog_new() moves the member to its group's slow list,
 *             backlog_end() back to the fast one
 * Limits      the rest of a cut frame is copied up to BACKLOG_COPY_MAX; a
 *             longer one is copied once for all members that it was cut for.  A
 *             member whose streams begin in more places than start_seq.h holds
 *             is let go as too slow when its socket is writable: nothing else
 *             would be right, for any guess tells old frames as new or loses
 *             some
 */
#pragma once

#include "common/base/bytes.h"
#include "wsgate/fanout/fanout.h"
#include "wsgate/fanout/start_seq.h"

enum { BACKLOG_COPY_MAX = 4096 };

struct backlog {
    uint64_t next; /* the first frame that was not sent to it */
    /* The group's totals minus what this member is still owed. */
    uint64_t frames, bytes, all_bytes;
    bool conflating;
    bool held;       /* answers come first, more of them are to come */
    bool is_lost;    /* what it is owed of which stream is known no more */
    struct buf *cut; /* a long frame that is partly sent, shared; or NULL */
    uint32_t cut_at;
    struct bytes out; /* answers, and the rest of a short cut frame */
    size_t out_sent;  /* bytes of it */
    struct start_seq *start_seqs; /* by subscription, ascending */
    uint32_t n_start_seqs;
};

enum backlog_outcome {
    BACKLOG_DONE,  /* nothing is left to send; what is still owed is outdone */
    BACKLOG_WAITS, /* until its socket is writable */
    BACKLOG_LOST,  /* its socket failed: *errnum */
    BACKLOG_TOO_OLD, /* a frame of an `all` stream is gone, or is_lost */
};

struct backlog *backlog_new(struct fanout *f, struct member *m);
void backlog_end(struct member *m);
void backlog_free(struct backlog *backlog);
/* The group's turn was sent to m only up to `sent` bytes. */
void backlog_begin_turn(struct fanout *f, struct member *m, uint64_t sent);
/* Sends what the socket takes: the cut frame, the answers, then frames. */
enum backlog_outcome backlog_send(struct fanout *f, struct member *m,
                                  int *errnum);
/* Bytes of `out` that wait. */
static inline size_t backlog_unsent(const struct backlog *backlog)
{
    return backlog->out.len - backlog->out_sent;
}
/* One more answer, after those that wait. */
void backlog_add(struct member *m, struct span answer);
/* Is it owed more of `all` streams than limits.backlog_all_bytes? */
bool backlog_is_too_long(const struct fanout *f, const struct member *m);
/* If it were sent something now, would it be the newest of each key only? */
bool backlog_is_conflating(const struct fanout *f, const struct member *m);
/* What it is owed: frames, bytes, bytes of `all` streams. */
uint64_t backlog_owed(const struct member *m);
uint64_t backlog_owed_bytes(const struct member *m);
uint64_t backlog_owed_all_bytes(const struct member *m);
/* m is about to belong to `to` (NULL: no group).  Streams that both groups have
 * go on as start_seq.h says.  What m is owed of others will not be sent: it
 * stays owed until m has caught up and is then counted as conflated, or as
 * dropped_closed where m has no group or goes. */
void backlog_move(struct fanout *f, struct member *m, struct group *to);
