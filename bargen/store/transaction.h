/*
 * transaction.h -- the checkpoints of all shards that are due, in one EXEC.
 *
 * Each part is a shard's checkpoint, followed by the renewal of its lease, or
 * the end of it.  So each transaction changes the lease of every shard in it:
 * one that was left over on an abandoned connection, which watches them, cannot
 * run after the same one was sent again on the next.
 *
 * Ownership   transaction_init/transaction_close; shards are lent, and must
 *             stay until it has ended
 */
#pragma once

#include "bargen/store/leases.h"
#include "bargen/store/shard.h"

enum transaction_end {
    TRANSACTION_RAN,
    TRANSACTION_NOT,     /* a lease has changed: none of it has run */
    TRANSACTION_REFUSED, /* Redis would not have it: likewise */
    TRANSACTION_LOST,    /* no answer: it may have run */
};

struct transaction {
    struct bytes run; /* MULTI and what follows, without EXEC */
    unsigned commands;
    struct shard **part;
    unsigned n_parts, cap_parts;
    bool flying;
    uint64_t sent_ns;
};

void transaction_init(struct transaction *t);
void transaction_close(struct transaction *t);
/* Begin anew; not while it flies. */
void transaction_begin(struct transaction *t);
/* The shard's checkpoint, as composed, and its lease (leases NULL: there are
 * none), which is renewed, or given back where it is the last. */
void transaction_add(struct transaction *t, struct shard *sh,
                     const struct leases *leases, bool last);
void transaction_renew(struct transaction *t, const struct leases *leases,
                       unsigned shard);
void transaction_give(struct transaction *t, const struct leases *leases,
                      unsigned shard);
void transaction_leave(struct transaction *t, const struct leases *leases);
/* False: the link is down, and it has ended. */
bool transaction_send(struct transaction *t, struct redis_cmd *cmd,
                      redis_reply_fn *fn, void *arg);
/* What EXEC has answered: its shards have landed, or are unsure. */
enum transaction_end transaction_end(struct transaction *t,
                                     const struct redis_reply *r);
