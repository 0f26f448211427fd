/*
 * leases.h -- which shards are ours, as Redis has it.
 *
 * A shard is ours while its lease (lease.h) says so.  It is renewed each second,
 * by the transactions themselves: see transaction.h.
 * How many members share them is in members.h, what to take and to give back in
 * lease_plan.h; both are looked at every LEASES_LOOK_MS.
 *
 * Guarded     leases_guard() follows each EXEC: WATCH on all that is ours, and
 *             the values.  Once those are as they should be (leases_settled),
 *             the next transaction may be sent: if a lease changes before it
 *             runs, it does not run.  Nothing else writes a lease of ours
 *             meanwhile, for that would be such a change
 * Lost        a lease that is another's is lost, on_lost.  One that has ended,
 *             and is nobody's, is taken again first: what we know of the shard
 *             is good if nobody has written it meanwhile
 * Patient     where Redis has lost writes (it does not know our last sign of
 *             life), only what was ours is taken for LEASES_PATIENT_MS: the
 *             others come back as well, and have in memory what is lost
 * Numbers     fencing numbers are never below the time of day (ms), so that they
 *             go on increasing when Redis comes back empty, or with what it had
 *             some time ago
 *
 * Errors      an answer that is an error is passed on (on_refused); whoever
 *             holds the link drops it, and all begins anew
 * Bounds      shards, times some 40 bytes, are sent and read with each look
 * Source      docs/decisions/0015-bars-shared-by-instances.md
 */
#pragma once

#include <uv.h>

#include "bargen/store/lease.h"

enum {
    LEASES_RENEW_MS = 1000,
    LEASES_LOOK_MS = 250,
    LEASES_PATIENT_MS = 3000,
};

struct leases;

struct leases_events {
    /* It is ours, from now on or (on a new connection) still. */
    void (*on_ours)(void *arg, unsigned shard);
    /* It is not any more. */
    void (*on_lost)(void *arg, unsigned shard);
    /* It is one too many: to be given back. */
    void (*on_excess)(void *arg, unsigned shard);
    /* All is answered: a transaction may be sent. */
    void (*on_settled)(void *arg);
    /* It is time to renew them. */
    void (*on_due)(void *arg);
    /* We are no member any more: others may have become ones meanwhile. */
    void (*on_out)(void *arg);
    void (*on_refused)(void *arg, struct span why);
};

struct leases_config {
    struct redis_cmd *cmd;
    const char *base; /* of the keys, with prefix: "bargen:" */
    const char *id;   /* of this instance */
    unsigned shards;
};

/* What status pages say. */
struct leases_status {
    unsigned members, held;
    uint64_t fence; /* the newest; 0: none yet */
    uint64_t taken, lost;
};

/* base and id are copied. */
struct leases *leases_new(uv_loop_t *loop, const struct leases_config *config,
                          const struct leases_events *events, void *arg);
/* The link is up.  patient: Redis has lost what it had. */
void leases_begin(struct leases *l, bool patient);
/* Our last sign of life that Redis has noted; 0: none. */
int64_t leases_beat_ms(const struct leases *l);
/* The link is down: nothing is known to be ours before the next begin. */
void leases_end(struct leases *l);
/* Take no more, and no longer be a member. */
void leases_stop(struct leases *l);
void leases_close(struct leases *l, void (*done)(void *arg), void *arg);

/* Everything that could be taken at first was. */
bool leases_begun(const struct leases *l);
/* Nothing is being taken or confirmed. */
bool leases_idle(const struct leases *l);
/* On this connection, as far as we know. */
bool leases_is_member(const struct leases *l);
bool leases_settled(const struct leases *l);
bool leases_ours(const struct leases *l, unsigned shard);
uint64_t leases_fence(const struct leases *l, unsigned shard);
bool leases_due(const struct leases *l, uint64_t now_ms);
struct leases_status leases_status(const struct leases *l);

const struct lease *leases_of(const struct leases *l, unsigned shard);
/* A command for the inside of a transaction: no longer a member. */
void leases_leave(const struct leases *l, struct bytes *out);
/* Behind EXEC, in the same write. */
void leases_guard(struct leases *l);
/* It did not run: the answer to leases_guard(), which is yet to come, says anew
 * whether this one is ours. */
void leases_doubt(struct leases *l, unsigned shard);
/* It ran: these were given back; all others were renewed, or only some. */
void leases_given(struct leases *l, unsigned shard);
void leases_renewed(struct leases *l, uint64_t now_ms);
