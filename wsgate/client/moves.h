/*
 * moves.h -- what a client would lose when its subscriptions change.
 *
 * A channel may be heard otherwise afterwards: by its name instead of a
 * wildcard, at another interval, in full.  Where the stream of frames is not
 * the same, or becomes `all`, it begins anew, and what the client was still
 * owed, or what waited for its interval, would be forgotten: it is shown
 * instead, each slot of it.
 *
 *   moves = moves_begin(c);    before: what it has, and where it is
 *   moves_end(c, moves, NULL); after: shows what it would not hear
 *
 * Names that come or go are looked at, and nothing else; where a wildcard takes
 * over from another one, what the client is owed is.  Where wildcards change, and
 * where a client with intervals of wildcards goes, so are all views in which
 * something waits.
 *
 * Ownership   moves_end() frees what moves_begin() made; nothing may be published
 *             between the two
 * Source      docs/decisions/0013-what-a-client-hears.md
 */
#pragma once

#include "wsgate/client/client.h"
#include "wsgate/client/request.h"

struct moves;

/* NULL: it is owed nothing, and nothing waits for it. */
struct moves *moves_begin(const struct client *c);
/* What is newest is left to the snapshots of r; NULL: there are none. */
/* What waited for it, and was not shown instead, is counted as conflated. */
void moves_end(struct client *c, struct moves *moves, const struct request *r);
/* It goes: what waited for its intervals is counted as dropped. */
void moves_gone(const struct client *c);
