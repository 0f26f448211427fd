/*
 * redis_liveness.h -- is the other end still there?
 *
 * Any byte is life.  Idle for idle_ms: PING; patience_ms more without a byte:
 * gone.  So whoever awaits an answer learns of a dead peer within the sum of
 * both.  No PING each second: a busy link needs none, and an idle one no more.
 * Pure: times are arguments.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct redis_liveness {
    uint64_t idle_ms;
    uint64_t patience_ms;
    uint64_t heard_ms;
    uint64_t pinged_ms; /* while pinged */
    bool pinged;
};

enum redis_liveness_action {
    REDIS_LIVENESS_WAIT,
    REDIS_LIVENESS_PING,
    REDIS_LIVENESS_GONE
};

/* A new connection is ready. */
void redis_liveness_begin(struct redis_liveness *l, uint64_t now_ms);
/* True: a PING was outstanding, so that the deadline moved. */
bool redis_liveness_heard(struct redis_liveness *l, uint64_t now_ms);
enum redis_liveness_action redis_liveness_step(struct redis_liveness *l,
                                               uint64_t now_ms);
/* When to ask for the next step, in ms from now. */
uint64_t redis_liveness_due(const struct redis_liveness *l, uint64_t now_ms);
