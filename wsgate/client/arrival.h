/*
 * arrival.h -- what goes out before a client comes to a view from another one.
 *
 * In a view with an interval wait messages that the client may have heard where
 * it comes from.  It must not hear them again, or older ones than it has: they
 * are sent to those who are there, ahead of their time.  Somebody who did not
 * hear the channel before, or hears it on where it is, brings nobody anything.
 *
 * Source      docs/decisions/0013-what-a-client-hears.md
 */
#pragma once

#include "wsgate/client/client.h"

/* These subscriptions are about to begin, or to end.  Which of several wildcards
 * brings a channel then is not looked up: the views of each of them that may
 * send first.  Flushes; false: the client went in that. */
bool arrival_prepare(struct client *c, const uint32_t *subscriptions,
                     uint32_t n, bool begins);
