/*
 * leases_internal.h -- what leases.c and leases_ask.c share.
 *
 * leases.c: when to look, and what follows from it.  leases_ask.c: leases are
 * taken, watched and lost.
 */
#pragma once

#include "bargen/store/leases.h"

struct leases {
    struct redis_cmd *cmd;
    struct leases_events events;
    void *arg;
    struct members members;
    char fence_key[LEASE_KEY_MAX];
    uv_timer_t timer;
    bool up, stopping, closing;
    bool looked;         /* on this connection */
    bool looking;        /* an answer is awaited */
    unsigned confirming; /* answers to what decides whether we may send */
    unsigned taking;     /* answers to what takes leases */
    uint64_t renewed_ms; /* monotonic */
    /* Likewise: nothing new is taken before. */
    uint64_t patient_until_ms;
    struct leases_status said;
    void (*on_closed)(void *arg);
    void *closed_arg;
    unsigned n;
    struct lease at[];
};

/* A question about several leases, with its answer to come. */
struct question {
    struct leases *leases;
    unsigned n;
    struct lease *lease[];
};

/* Empty, with room for all. */
struct question *leases_question(struct leases *l);
/* Takes those in it, which are LEASE_ASKED.  Frees it. */
void leases_take(struct question *q);
void leases_refuse(struct leases *l, const struct redis_reply *r);
void leases_check_settled(struct leases *l);
