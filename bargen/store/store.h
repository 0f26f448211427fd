/*
 * store.h -- the Redis sink: bars, state and journal cursor, all or nothing.
 *
 * The work is cut into shards, the journal's.  What a shard has to say goes out
 * in one MULTI/EXEC: the bars that were issued, the state of every symbol that
 * has changed, the id of the last journal entry in it, and a number that counts
 * these checkpoints.  So whatever kills this process, and whenever: either all
 * of it is there or nothing, and whoever has the shard next continues from the
 * cursor with the state that belongs to it.
 *
 * Several instances share the shards by leases (leases.h).  One that has lost a
 * shard cannot write it, and forgets it.
 *
 * One EXEC is under way at a time, with the checkpoints of all shards that are
 * due; what comes meanwhile leaves with the next.  When the link is lost with
 * one under way, the stored numbers say whether it ran; if not, the same
 * checkpoints are sent again.
 *
 * Bounds      store_full() above STORE_MAX_BYTES of bars that wait
 * Source      docs/decisions/0006-bargen-checkpoint.md,
 *             docs/decisions/0015-bars-shared-by-instances.md
 */
#pragma once

#include <uv.h>

#include "bargen/core/engine.h"
#include "bargen/store/entry_id.h"
#include "bargen/store/group.h"
#include "bargen/store/leases.h"
#include "bargen/store/outbox.h"

enum { STORE_MAX_BYTES = 8 * 1024 * 1024 };

struct store;

/* What the link found when it was made. */
enum store_past {
    STORE_EMPTY,   /* no state */
    STORE_CURRENT, /* ours, with the last checkpoint or without it */
    STORE_REWOUND, /* an older one of ours: Redis has lost writes */
};

struct store_events {
    /* All shards that are ours are loaded, or known to be settled (after a
     * reconnect): the source may go on. */
    void (*on_ready)(void *arg);
    void (*on_down)(void *arg, const char *why, bool refused);
    /* Another instance stands against it that we make these bars. */
    void (*on_conflict)(void *arg, const char *text);
    /* The state could not be, and will be asked for again. */
    void (*on_unreadable)(void *arg, struct span why);
    /* Checkpoints were answered. */
    void (*on_acked)(void *arg);
    /* The shard is loaded, and ours from now on; or not any more.  Only where
     * state is kept: else all are. */
    void (*on_shard)(void *arg, unsigned shard, bool ours);
};

struct store_options {
    struct engine *engine;
    const struct redis_config *redis;
    struct outbox_options outbox;
    const char *state; /* name of the state's hashes, "state"; NULL: none is
                          kept, and nothing shared */
    const char *id;    /* of this instance */
    const struct group *group; /* with whom it is shared; must outlive it.
                                  NULL: whoever uses the same prefix */
    int64_t throttle_ms;
};

struct store *store_new(uv_loop_t *loop, const struct store_options *options,
                        const struct store_events *events, void *arg);
struct redis_cmd *store_cmd(struct store *s);
bool store_ready(const struct store *s);
/* Why it is not; NULL: it is. */
const char *store_fault(const struct store *s);
/* False: nothing is shared. */
bool store_leases(const struct store *s, struct leases_status *status);
bool store_full(const struct store *s);

/* From the engine's sink. */
void store_bar(struct store *s, struct symbol *sym, const struct resolution *r,
               const struct bar *bar, enum bar_issue how);
/* The last entry of the journal that is in the state; false: none yet. */
bool store_cursor(const struct store *s, unsigned shard, struct entry_id *id);
/* What was found, and is taken note of: the next time it is current. */
enum store_past store_take_past(struct store *s, unsigned shard);
void store_advance(struct store *s, unsigned shard, struct entry_id id);

/* Send what is due. */
void store_flush(struct store *s);
/* Monotonic ms at which something is due; UINT64_MAX: nothing. */
uint64_t store_due_ms(const struct store *s);
/* Send everything now, and give back what is ours; done(arg) when it is
 * acknowledged. */
void store_finish(struct store *s, void (*done)(void *arg), void *arg);
/* What is not acknowledged is forgotten; done(arg) when all is closed. */
void store_close(struct store *s, void (*done)(void *arg), void *arg);
