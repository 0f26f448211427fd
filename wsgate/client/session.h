/*
 * session.h -- what a client's messages ask for, done.
 *
 * subscribe waits in a struct request until Redis has confirmed what is new
 * (or --confirm passed, or Redis is away); then come, in this order: the ack,
 * the new subscriptions take effect, snapshots.  Nothing can come in between,
 * so updates that follow are newer than the snapshot.  Snapshots for which
 * there is no room wait in a struct snapshots; one whose message was
 * meanwhile outdone by an update is dropped.
 */
#ifndef WSGATE_CLIENT_SESSION_H
#define WSGATE_CLIENT_SESSION_H

#include "wsgate/client/client.h"

/* A text message. */
void session_text(struct client *c, struct span text);
/* ?subscribe=a,b at connecting. */
void session_subscribe_list(struct client *c, struct span names);
/* The fixed subscriptions of the older addresses. */
void session_subscribe_dialect(struct client *c);
/* Send snapshots that wait, as far as there is room. */
void session_pump(struct client *c);
/* The client goes: gives its subscriptions back. */
void session_end(struct client *c);
/* Some subscriptions became settled, or time has passed. */
void session_check_pending(struct clients *registry);
void session_on_pending_timer(uv_timer_t *t);

#endif
