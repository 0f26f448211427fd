/*
 * stream_pattern.h -- a wildcard: which streams it covers, which groups have it.
 *
 * Each of the groups gets each of the streams, but once: one that also names a
 * stream of the same root gets that alone.
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

/* From now on members of p get s as well. */
void stream_pattern_cover(struct stream_pattern *p, struct stream *s);
/* s is about to go: nobody gets it any more. */
void stream_pattern_forget(struct stream_pattern *p, struct stream *s);
void stream_pattern_link(struct stream_pattern *p, struct group *g, bool all);
/* g is about to go, with its links to streams. */
void stream_pattern_unlink(struct stream_pattern *p, const struct group *g);
/* No group has it. */
void stream_pattern_close(struct stream_pattern *p);
