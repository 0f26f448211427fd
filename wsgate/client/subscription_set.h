/*
 * subscription_set.h -- a client's subscriptions while they are being changed.
 *
 * One entry a channel or pattern, whatever its mode and interval: a new
 * subscription for a channel takes the place of the old one.
 *
 * Ownership   subscription_set_open/subscription_set_close; one at a time, as
 *             it marks channels
 */
#pragma once

#include "wsgate/channels/upstream.h"
#include "wsgate/client/client.h"

#define SUBSCRIPTION_SET_NONE UINT64_MAX

/* Patterns of one client: each may be looked for with each message. */
enum { SUBSCRIPTION_SET_PATTERNS_MAX = 32 };

/* The mark of a subscription's channel or pattern, and of that with a name
 * (NULL: nothing has it). */
struct channel_mark *subscription_mark(const struct clients *registry,
                                       uint32_t subscription);
struct channel_mark *subscription_mark_named(const struct clients *registry,
                                             struct span name);

/* Of names, by their hashes: most of those that are not in the set are known not
 * to be without a look at the channels, which are many. */
enum { SUBSCRIPTION_SET_FILTER = 8192 /* bits */ };

struct subscription_set {
    struct clients *registry;
    uint64_t *keys; /* SUBSCRIPTION_SET_NONE: removed */
    uint32_t n, cap, count;
    uint32_t patterns; /* of count */
    uint32_t stamp;
    uint64_t filter[SUBSCRIPTION_SET_FILTER / 64];
};

/* Starts with what the group has; room for `more`. */
void subscription_set_open(struct subscription_set *s, struct clients *registry,
                           const struct group *g, uint32_t more);
void subscription_set_close(struct subscription_set *s);
bool subscription_set_has_named(const struct subscription_set *s,
                                struct span name);
/* NULL: there is room for one more of this name; else a static text. */
const char *subscription_set_refusal(const struct subscription_set *s,
                                     struct span name);
bool subscription_set_has(const struct subscription_set *s,
                          uint32_t subscription);
/* The key that it takes the place of, or SUBSCRIPTION_SET_NONE. */
uint64_t subscription_set_put(struct subscription_set *s, uint64_t key);
/* The key that was removed, or SUBSCRIPTION_SET_NONE. */
uint64_t subscription_set_remove(struct subscription_set *s, struct span name);
/* These are the member's subscriptions now. */
void subscription_set_apply(struct subscription_set *s, struct member *m);
