/*
 * share.h -- what one client, and one address, may hold of what all share.
 *
 * Every subscription of a client is opened and closed here: until it is closed
 * it counts for the client's address, also while it is under way.  A client
 * that subscribes again to what it has holds it twice meanwhile.
 *
 * Limits      of an address, clients_options.max_address_subscriptions, of them
 *             SHARE_PATTERNS_MAX wildcards; of a client, see subscription_set.h.
 *             What the older addresses bring by themselves counts, and is not
 *             refused.
 */
#pragma once

#include "common/base/span.h"
#include "wsgate/channels/dialect.h"
#include "wsgate/client/client.h"

enum { SHARE_PATTERNS_MAX = 256 };

/* One more of this name: NULL, or a static text that says why not. */
const char *share_refusal(const struct client *c, struct span name);
/* As upstream_open(); NO_SUBSCRIPTION: *why, a static text, says what is full. */
uint32_t share_open(struct client *c, struct span name, enum dialect dialect,
                    uint32_t interval_ms, const char **why);
void share_close(struct client *c, uint32_t subscription);
