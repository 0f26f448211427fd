/*
 * lease.h -- one shard's lease: a key that holds our id and a fencing number.
 *
 * {prefix}bargen:lease:{n} is "ID:FENCE" while somebody has the shard, and ends
 * LEASE_TTL_MS after it was renewed last.
 *
 * Ownership   plain values
 */
#pragma once

#include "bargen/store/members.h"

enum {
    LEASE_TTL_MS = 3000,
    LEASE_BASE_MAX = 232, /* of the key, without its end */
    LEASE_KEY_MAX = LEASE_BASE_MAX + 24,
    LEASE_VALUE_MAX = MEMBERS_ID_MAX + 24,
};

enum lease_status {
    LEASE_NONE,    /* another's, or nobody's */
    LEASE_ASKED,   /* being taken */
    LEASE_CLAIMED, /* ours as far as we know; not confirmed on this link */
    LEASE_GOOD     /* ours, and watched */
};

struct leases;

struct lease {
    struct leases *leases; /* that it is one of */
    unsigned shard;
    enum lease_status status;
    bool before; /* it was ours before it was asked for */
    bool fresh;  /* taken, and to be confirmed */
    uint64_t fence;
    char key[LEASE_KEY_MAX];
    char value[LEASE_VALUE_MAX];
};

void lease_init(struct lease *lease, struct leases *leases, const char *base,
                unsigned shard);
/* SET NX; fn is given the lease.  The link must be up. */
void lease_ask(struct lease *lease, struct redis_cmd *cmd, const char *id,
               uint64_t fence, redis_reply_fn *fn);
/* One command each. */
void lease_renew(const struct lease *lease, struct bytes *out);
void lease_give(const struct lease *lease, struct bytes *out);
