/*
 * shard.h -- one part of the work and its state in Redis.
 *
 * The hash {prefix}bargen:state:{n} has a field "s:SYMBOL" for every symbol, a
 * field "b:SYMBOL:RESOLUTION:START" for every closed bar that a late trade may
 * yet correct (written when it changes, so that it costs nothing later),
 * "cursor" (id of the last journal entry in it), "flush" (number of the last
 * checkpoint) and "fence" (of the owner; leases are to come, 0 for now).
 */
#pragma once

#include "bargen/store/store.h"

#define SHARD_NUMBER "flush"

enum shard_status {
    SHARD_NEW,    /* its state was not read yet */
    SHARD_IDLE,   /* nothing under way */
    SHARD_FLYING, /* a checkpoint is under way */
    SHARD_UNSURE  /* it was, and there was no answer, or no */
};

struct shard {
    struct store *store;
    unsigned n;
    enum shard_status status;
    char key[128]; /* of the state; empty: none is kept */
    struct outbox out;
    struct bytes flying; /* MULTI and what follows, without EXEC */
    unsigned flying_commands;
    struct bytes name, text; /* being composed */
    uint64_t number;         /* of the last checkpoint composed */
    uint64_t fence;
    struct entry_id cursor;
    bool has_cursor;
    bool moved; /* the cursor, since the last checkpoint */
    enum store_past past;
    uint64_t flushed_ms; /* monotonic */
    uint64_t sent_ns;
};

void shard_init(struct shard *sh, struct store *store, unsigned n,
                const struct outbox_options *options, const char *state);
void shard_close(struct shard *sh);
/* Everything that has changed becomes the next checkpoint. */
void shard_compose(struct shard *sh, struct engine *e);
/* The checkpoint under way was answered. */
void shard_landed(struct shard *sh);
/* The reply to HGETALL. */
void shard_load(struct shard *sh, struct engine *e,
                const struct redis_reply *r);
/* The stored number after a reconnect: did the one under way run?  Is the rest
 * still there? */
void shard_compare(struct shard *sh, struct engine *e,
                   const struct redis_reply *r);
