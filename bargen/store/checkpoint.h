/*
 * checkpoint.h -- when a shard has something to say, and its part of what is said.
 *
 * At once where a bar was begun or issued, else throttle_ms after the last time:
 * not with every tick.  Only for a shard that is ours for sure, and whose
 * stored state is known.
 */
#pragma once

#include "bargen/store/transaction.h"

struct checkpoint_rules {
    struct engine *engine;
    const struct leases *leases; /* NULL: nothing is shared */
    bool updates;                /* open bars are published too */
    int64_t throttle_ms;
    bool finishing; /* all is due */
};

bool checkpoint_has_work(const struct checkpoint_rules *c,
                         const struct shard *sh);
/* Monotonic; UINT64_MAX: not. */
uint64_t checkpoint_due_ms(const struct checkpoint_rules *c,
                           const struct shard *sh);
/* What of the shard belongs into the next transaction: what is due, or is to
 * be sent again; else its lease, where those are renewed. */
void checkpoint_add(const struct checkpoint_rules *c, struct shard *sh,
                    struct transaction *t, uint64_t now_ms, bool renew);
