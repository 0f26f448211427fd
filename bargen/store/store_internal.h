/*
 * store_internal.h -- what store.c and store_link.c share.
 *
 * store.c: what is sent, and when.  store_link.c: what Redis answers, which
 * shards are ours because of it, and when the store is ready.
 */
#pragma once

#include "bargen/store/checkpoint.h"
#include "bargen/store/custody.h"
#include "bargen/store/store.h"

enum { RETRY_MS = 1000, WHY_MAX = JOIN_WHY_MAX };

struct store {
    struct store_options options;
    struct store_events events;
    void *arg;
    struct redis_cmd *cmd;
    struct leases *leases; /* NULL: no state is kept */
    struct join *join;     /* NULL: likewise, or no group */
    struct checkpoint_rules rules;
    struct transaction transaction;
    struct custody custody;
    struct shard *shards;
    unsigned n_shards;
    char id[MEMBERS_ID_MAX];
    bool ready;        /* on this connection */
    bool refused;      /* something, until the link is made anew */
    bool waiting;      /* before what was refused is sent again */
    bool acked;        /* on_acked is owed */
    char why[WHY_MAX]; /* it is not ready */
    bool left;         /* no longer a member */
    bool closing;
    uv_timer_t retry;
    void (*on_finished)(void *arg);
    void *finished_arg;
    void (*on_closed)(void *arg);
    void *closed_arg;
    unsigned open; /* handles and links */
};

/* --- store.c --- */

void store_flush_due(struct store *s);
bool store_may_send(const struct store *s);

/* --- store_link.c --- */

/* Leases, and the group that they are shared with; base: of the keys. */
void store_link_share(struct store *s, uv_loop_t *loop, const char *base);
void store_link_open(struct store *s, uv_loop_t *loop);
/* What was refused is sent again, some time later. */
void store_link_retry(struct store *s);
/* Something was answered, or has ended: what follows from it? */
void store_link_proceed(void *store);
void store_link_check_finished(struct store *s);
