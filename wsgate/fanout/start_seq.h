/*
 * start_seq.h -- where a member's subscriptions begin while it is behind.
 *
 * A member that is behind is owed frames of streams that it had before, and
 * only later ones of streams that are new to it.  What it had, by name or
 * through any pattern, goes on where it was, whatever subscription it comes by
 * now; what is new, or becomes `all`, begins at the head of the log.
 *
 * An entry is for a stream, or for a pattern and then for all streams that come
 * by it and have no entry of their own.  A stream without any begins where the
 * backlog does.  To one that has had no frames since then it does not matter.
 *
 * Pure: no clock, no sockets, no Redis.
 *
 * Units       frame numbers, as in framelog.h
 * Ownership   the entries are the backlog's
 * Limits      one entry for each subscription, and START_SEQS_MAX for streams
 *             that begin elsewhere than the pattern they come by
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { START_SEQS_MAX = 2048 };

struct backlog;
struct fanout;
struct group;
struct hearing;

struct start_seq {
    uint32_t subscription;
    uint64_t from; /* frames of it before this one are not wanted */
};

/* The first frame of the stream that the member wants; backlog NULL: all of
 * the stream. */
uint64_t start_seq_of(const struct backlog *backlog, const struct hearing *h);
/* What is in the log of this stream is sent: it begins at the head.  False: the
 * group's member has no room for one more entry. */
bool start_seq_put(const struct fanout *f, struct backlog *backlog,
                   const struct group *g, uint32_t stream);
/* The member goes from one group to the other.  False: that would take more
 * entries than there may be; none are left then. */
bool start_seq_move(struct fanout *f, struct backlog *backlog,
                    const struct group *old, const struct group *to);
