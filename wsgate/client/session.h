/*
 * session.h -- what a client's messages ask for, done.
 */
#pragma once

#include "common/base/bytes.h"
#include "wsgate/client/client.h"

/* A text message.  Answers are added to `out`, which the caller sends. */
void session_text(struct client *c, struct span text, struct bytes *out);
/* The client goes: gives its subscriptions back. */
void session_end(struct client *c);
