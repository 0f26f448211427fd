/*
 * subset.h -- a client's subscriptions while they are being changed.
 *
 * One entry a channel or pattern, whatever its mode and interval: a new
 * subscription for a channel takes the place of the old one.
 *
 * Ownership   subset_open/subset_close; one at a time (it marks feeds)
 */
#ifndef WSGATE_CLIENT_SUBSCRIPTION_SET_H
#define WSGATE_CLIENT_SUBSCRIPTION_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "wsgate/channels/hub.h"
#include "wsgate/client/client.h"

#define SUBSET_NONE UINT64_MAX

/* Patterns of one client: each costs as much as all channels there are. */
enum { SUBSET_PATTERNS_MAX = 32 };

struct subset {
    struct clients *all;
    uint64_t *keys; /* SUBSET_NONE: removed */
    uint32_t n, cap, count;
    uint32_t patterns; /* of count */
    uint32_t stamp;
};

/* Starts with what the group has; room for `more`. */
void subset_open(struct subset *s, struct clients *all, const struct group *g,
                 uint32_t more);
void subset_close(struct subset *s);
/* Is there room for this name, as far as it is a pattern? */
bool subset_may_have(const struct subset *s, struct span name);
bool subset_has(const struct subset *s, uint32_t topic);
/* The key that it takes the place of, or SUBSET_NONE. */
uint64_t subset_put(struct subset *s, uint64_t key);
/* The key that was removed, or SUBSET_NONE. */
uint64_t subset_remove(struct subset *s, struct span name);
/* These are the member's subscriptions now. */
void subset_apply(struct subset *s, struct member *m);

#endif
