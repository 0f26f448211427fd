/*
 * shard.h -- one part of the work and its state in Redis.
 *
 * The hash {prefix}bargen:state:{n} has a field "s:SYMBOL" for every symbol, a
 * field "b:SYMBOL:RESOLUTION:START" for every closed bar that a late trade may
 * yet correct (written when it changes, so that it costs nothing later), a field
 * "i:SYMBOL:CHUNK" for every chunk of trade ids that are remembered one by one,
 * "cursor" (id of the last journal entry in it), "flush" (number of the last
 * checkpoint), "shards" (how many there are, which decides what symbols are in
 * which), "anew" (when it began anew, because none of the state was of use),
 * "owner" (who wrote it) and "fence" (the number under which that instance held
 * the shard).
 */
#pragma once

#include "bargen/store/store.h"

#define SHARD_NUMBER "flush"

enum shard_status {
    SHARD_AWAY,    /* not ours */
    SHARD_LOADING, /* ours; its state is being read */
    SHARD_IDLE,    /* nothing under way */
    SHARD_FLYING,  /* a checkpoint is under way */
    SHARD_UNSURE   /* it was, and there was no answer, or no */
};

/* What the stored number says about the state that we have. */
enum shard_verdict {
    SHARD_GOOD,
    SHARD_FOREIGN, /* another instance has written since: read it anew */
};

struct shard {
    struct store *store;
    unsigned n;
    enum shard_status status;
    char key[LEASE_KEY_MAX]; /* of the state; empty: none is kept */
    struct outbox out;
    struct bytes flying; /* the checkpoint under way, without MULTI */
    unsigned flying_commands;
    unsigned flying_at;      /* the first, among those of the transaction */
    struct bytes name, text; /* being composed */
    struct bytes stale;      /* commands that delete what could not be read */
    unsigned stale_commands;
    uint64_t number;   /* of the last checkpoint composed */
    const char *owner; /* our id; NULL: not written */
    uint64_t fence;    /* under which it was taken */
    bool known;        /* what is stored is, on this connection */
    bool leaving;      /* it is to be given back */
    bool last;         /* with the checkpoint under way */
    bool fresh;        /* what is stored goes first: all is written anew */
    unsigned turn;     /* of questions about it; only the last counts */
    struct entry_id cursor;
    bool has_cursor;
    bool moved;      /* the cursor, since the last checkpoint */
    int64_t anew_ms; /* when it began anew, by the time of day; 0: it did not */
    enum store_past past;
    uint64_t flushed_ms; /* monotonic */
};

static inline bool shard_is_here(const struct shard *sh)
{
    return sh->status >= SHARD_IDLE;
}

void shard_init(struct shard *sh, struct store *store, unsigned n,
                const struct outbox_options *options, const char *state);
void shard_close(struct shard *sh);
/* Everything that has changed becomes the next checkpoint. */
void shard_compose(struct shard *sh, struct engine *e);
/* The checkpoint under way was answered. */
void shard_landed(struct shard *sh);
/* The reply to HGETALL.  A symbol whose state is of another version, cut, or of
 * another number of shards begins anew with a gap. */
void shard_load(struct shard *sh, struct engine *e,
                const struct redis_reply *r);
/* The reply to HMGET of SHARD_NUMBER, "fence" and "owner", after a reconnect:
 * did the one under way run?  Is the rest still there? */
enum shard_verdict shard_compare(struct shard *sh, struct engine *e,
                                 const struct redis_reply *r);
/* What was loaded is another group's: write it all, as what comes after
 * checkpoint `number` of our own. */
void shard_adopt(struct shard *sh, struct engine *e, uint64_t number);
/* It is another's: nothing of it is written any more. */
void shard_forget(struct shard *sh, struct engine *e);
