/*
 * conflation.h -- which frames a member that is behind should get.
 *
 * Pure: reads groups, channels and the log; writes a list.
 *
 * Source      docs/protocol.md: newest per (channel, type), bars per (channel,
 *             bar time), everything of channels in mode `all`
 */
#ifndef WSGATE_FANOUT_CONFLATION_H
#define WSGATE_FANOUT_CONFLATION_H

#include "wsgate/fanout/backlog.h"
#include "wsgate/fanout/fanout.h"

/* All frames of g from lag->next on that are in the log, in order. */
void conflation_everything(struct fan *f, const struct group *g,
                           const struct lag *lag, uint64_t from,
                           struct dues *out);
/* The newest of each key and everything of `all` channels, in order of the
 * log.  False: a frame of an `all` channel is gone. */
bool conflation_newest(struct fan *f, const struct group *g,
                       const struct lag *lag, struct dues *out);

#endif
