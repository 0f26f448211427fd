/*
 * conflation.h -- which frames a member that is behind should get.
 *
 * Reads groups, streams and the log and writes a list; fanout->marks and
 * fanout->recent are its scratch.  No clock, no sockets, no Redis.
 *
 * Which streams are a member's is found out from the frames: each stream is
 * looked at once, so that it costs what lies in the log, and what left it, since
 * the member fell behind, however many streams its patterns bring.
 *
 * Source      docs/protocol.md: newest per (stream, type), bars per (stream,
 *             bar time), everything of streams in mode `all`
 */
#pragma once

#include "wsgate/fanout/backlog.h"
#include "wsgate/fanout/fanout.h"

/* From now on marks are of these keys, which must stay, at the places of this
 * backlog (NULL: at the beginning of each stream). */
void conflation_mark(struct fanout *f, struct keys keys,
                     const struct backlog *backlog);
/* Of the stream with this id; NULL: there is none.  Until the next call. */
struct mark *conflation_mark_of(struct fanout *f, uint32_t id);
/* Marks these keys and lists in f->recent what they hear of streams that may
 * have frames from `next` on, each once; some may have none. */
void conflation_recent(struct fanout *f, struct keys keys,
                       const struct backlog *backlog, uint64_t next);
/* All frames of g from `from` on that are in the log, in order. */
void conflation_everything(struct fanout *f, const struct group *g,
                           const struct backlog *backlog, uint64_t from,
                           struct pending_frames *out);
/* The newest of each key and everything of `all` streams, in order of the
 * log.  False: a frame of an `all` stream is gone. */
bool conflation_newest(struct fanout *f, const struct group *g,
                       const struct backlog *backlog,
                       struct pending_frames *out);
