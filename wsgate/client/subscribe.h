/*
 * subscribe.h -- a client wants channels: from the request to its snapshots.
 *
 * A request waits in a struct request until Redis has confirmed what is new (or
 * --confirm passed, or Redis is away); then come, in this order: the ack, the
 * new subscriptions take effect, snapshots.  Nothing can come in between, so
 * updates that follow are newer than the snapshot.
 *
 * Ownership   answers are added to `out`, which the caller sends: whole frames,
 *             emptied where a close frame has been sent meanwhile
 */
#pragma once

#include "common/base/bytes.h"
#include "wsgate/client/clients.h"
#include "wsgate/client/command.h"

void subscribe_command(struct client *c, const struct command *cmd,
                       struct bytes *out);
/* ?subscribe=a,b at connecting. */
void subscribe_list(struct client *c, struct span names, struct bytes *out);
/* The fixed subscriptions of the older addresses. */
void subscribe_dialect(struct client *c, struct bytes *out);
/* Some subscriptions became settled, or time has passed. */
void subscribe_check(struct clients *registry);
