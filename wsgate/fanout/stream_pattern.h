/*
 * stream_pattern.h -- a wildcard: which streams it covers, which groups have it.
 *
 * Each of the groups gets each of the streams, but streams of one root are the
 * same messages: a group gets one of them, by the first of its keys that brings
 * one.  Whoever links or covers goes through keys or patterns in that order,
 * with one stamp of fanout_stamp(), and what is stamped is passed over.
 *
 * Pure: no clock, no sockets, no Redis.
 *
 * Ownership   the struct is the caller's; groups and streams are borrowed and
 *             must be taken out before they go
 */
#pragma once

#include "wsgate/fanout/group.h"
#include "wsgate/fanout/stream.h"

struct stream_pattern {
    uint32_t id; /* with SUBSCRIPTION_PATTERN */
    struct link *groups;
    uint32_t n_groups, cap_groups;
    struct stream **streams;
    uint32_t n_streams, cap_streams;
};

/* From now on members of p get s as well, but those that got a stream at this
 * stamp.  No group of p names a stream of its root: it is new, or p is. */
void stream_pattern_cover(struct stream_pattern *p, struct stream *s,
                          uint64_t stamp);
/* s is about to go: nobody gets it any more. */
void stream_pattern_forget(struct stream_pattern *p, struct stream *s);
/* g, which is new, gets what p covers, but streams of roots with this stamp. */
void stream_pattern_link(struct stream_pattern *p, struct group *g, bool all,
                         uint64_t stamp);
/* g is about to go, with its links to streams. */
void stream_pattern_unlink(struct stream_pattern *p, const struct group *g);
/* No group has it. */
void stream_pattern_close(struct stream_pattern *p);
