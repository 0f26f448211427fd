/*
 * inbox.h -- what clients send, served in turns.
 *
 * A client is served until its slice of the turn (slice.h) is over or it has
 * CLIENT_PAUSE_BYTES of answers to read; what it sent beyond that waits, in
 * order, and the client is not read meanwhile.  All clients of one address have
 * one slice, so that a turn is not made longer by opening connections.  Snapshots
 * count as well.
 *
 * Limits      of each client that waits, INBOX_READ_BYTES
 * Ownership   inboxes_new() makes handles; inboxes_stop() closes them,
 *             inboxes_free() after the loop has ended.  inbox_drop() when a
 *             client goes.
 */
#pragma once

#include "wsgate/client/clients.h"

enum {
    INBOX_READ_BYTES = 65536, /* at once, into a buffer that all share */
    INBOX_KEEP_BYTES = 65536, /* of a buffer that had to grow */
};

struct inboxes *inboxes_new(struct clients *registry);
void inboxes_stop(struct inboxes *all);
void inboxes_free(struct inboxes *all);

/* Its socket is readable. */
void inbox_read(struct client *c);
/* What came already, with the handshake. */
void inbox_got(struct client *c, struct span bytes);
/* It has read some of its answers. */
void inbox_go_on(struct client *c);
/* It has its turn when its address has something left, for snapshots if nothing
 * else waits. */
void inbox_wait(struct client *c);
/* Whether something of it waits for a turn, and not for answers to be read. */
bool inbox_has_turn(const struct client *c);
/* Whether its address has something left of this turn. */
bool inbox_may_work(struct client *c);
/* Since then its address was worked for.  Not where the client has ended. */
void inbox_worked(struct client *c, uint64_t began_ns);
/* Forget what waits. */
void inbox_drop(struct client *c);
/* Where c->ws belongs. */
struct ws_pool *inbox_pool(const struct client *c);
