/*
 * notice.h -- what becomes of a subscription later is told to all who have it.
 *
 * Costs what it takes to tell them: others are not looked at.
 */
#pragma once

#include "common/base/span.h"
#include "wsgate/client/clients.h"

#define NOTICE_REFUSED "Redis refuses this gateway the channel (see its ACL)"

/* Redis refuses a name or pattern from now on, or no longer. */
void notice_access(struct clients *registry, struct span name, bool pattern,
                   bool refused);
/* Messages that the pattern matches are missing: there is no room for their
 * channels.  Clients of the older addresses, which have no word for it, are
 * closed with WS_CLOSE_TRY_LATER. */
void notice_no_room(struct clients *registry, struct span pattern);
