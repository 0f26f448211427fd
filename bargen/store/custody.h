/*
 * custody.h -- shards come into our hands, and leave them.
 *
 * One that is ours from now on is read from Redis.  One that we had, and have
 * again on a new connection or after its lease had ended, is compared with what
 * is stored: nobody else has written it, or it is forgotten and read anew.
 *
 * Where a group that has ended made some of our bars (join.h), and has read the
 * journal further than we, or we have no state, its state is taken over: as far
 * as its symbols and resolutions are ours.
 *
 * Ownership   plain struct; it must outlive the answers of cmd
 */
#pragma once

#include "bargen/store/join.h"
#include "bargen/store/shard.h"

struct custody {
    struct redis_cmd *cmd;
    struct engine *engine;
    const struct join *join; /* NULL: nobody's state is taken over */
    const char *kind;        /* of state: the end of keys' names but :{n} */
    /* The shard's events belong into the engine from now on, or not. */
    void (*on_shard)(void *arg, unsigned shard, bool ours);
    /* One was read or compared. */
    void (*on_known)(void *arg);
    /* Its state cannot be read. */
    void (*on_refused)(void *arg, struct span why);
    void *arg;
    bool closed; /* no event follows */
};

/* Its lease is ours. */
void custody_take(struct custody *c, struct shard *sh);
/* It is to be given back with its last checkpoint: no more events. */
void custody_leave(struct custody *c, struct shard *sh);
/* It was given back, or is another's. */
void custody_end(struct custody *c, struct shard *sh);
