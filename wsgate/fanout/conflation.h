/*
 * conflation.h -- which frames a member that is behind should get.
 *
 * Reads groups, streams and the log and writes a list; fanout->marks is its
 * scratch.  No clock, no sockets, no Redis.
 *
 * Source      docs/protocol.md: newest per (stream, type), bars per (stream,
 *             bar time), everything of streams in mode `all`
 */
#pragma once

#include "wsgate/fanout/backlog.h"
#include "wsgate/fanout/fanout.h"

/* Notes in f->marks which streams are the group's, or which of them are `all`:
 * those with f->stamp. */
void conflation_mark(struct fanout *f, const struct group *g,
                     const struct backlog *backlog, bool all_only);
/* All frames of g from backlog->next on that are in the log, in order. */
void conflation_everything(struct fanout *f, const struct group *g,
                           const struct backlog *backlog, uint64_t from,
                           struct pending_frames *out);
/* The newest of each key and everything of `all` streams, in order of the
 * log.  False: a frame of an `all` stream is gone. */
bool conflation_newest(struct fanout *f, const struct group *g,
                       const struct backlog *backlog,
                       struct pending_frames *out);
