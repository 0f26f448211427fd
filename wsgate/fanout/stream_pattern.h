/*
 * stream_pattern.h -- a wildcard: which groups have it, which streams it covers.
 *
 * It knows its groups, and a stream knows the patterns that cover it: what a
 * pattern brings costs nothing until there are messages, and to come and to go
 * costs the same however many streams there are.  A pattern that goes stays
 * noted in its streams; no other has both its id and its stamp.
 *
 * Pure: no clock, no sockets, no Redis.
 *
 * Ownership   the struct is the caller's (fanout_add_pattern()); groups are
 *             borrowed and must be taken out before it goes
 */
#pragma once

#include "wsgate/fanout/group.h"
#include "wsgate/fanout/stream.h"

struct fanout;

struct stream_pattern {
    uint32_t id;   /* with SUBSCRIPTION_PATTERN */
    uint64_t made; /* a stamp of the fanout: no other pattern's */
    /* Patterns of two families cover no stream both; NULL is one, too. */
    const void *family;
    struct links groups;
};

/* From now on members of p may hear s as well; once a stream. */
void stream_pattern_cover(const struct fanout *f,
                          const struct stream_pattern *p, struct stream *s);
/* Members may name s, which is not its root; it goes. */
void stream_pattern_note_name(const struct fanout *f, struct stream *s);
void stream_pattern_uncover(struct stream *s);
/* NULL: it is gone. */
struct stream_pattern *stream_pattern_of(const struct fanout *f,
                                         const struct covering *c);
/* Is it a name, or a pattern that is still there? */
bool stream_pattern_has(const struct fanout *f, const struct way *w);
/* No group has it. */
void stream_pattern_close(struct stream_pattern *p);
