/*
 * redis_probe_state.h -- what the probe knows, and what follows from it.
 *
 * Pure: times are arguments, actions are answers.
 *
 * Clients must know within 3 s that nothing comes any more.  So silence is
 * doubted after 1.5 s and called stale 1 s later, which leaves half a second
 * to tell everybody.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum upstream_state { UPSTREAM_LIVE, UPSTREAM_STALE, UPSTREAM_DOWN };

enum {
    REDIS_PROBE_QUIET_MS = 1500,  /* nothing came: publish */
    REDIS_PROBE_ANSWER_MS = 1000, /* and nothing came: stale */
    REDIS_PROBE_RETRY_MS = 1000,  /* between two publishes at least */
    /* A subscriber that stays stalled is dropped less and less often. */
    REDIS_PROBE_DROP_MIN_MS = 1000,
    REDIS_PROBE_DROP_MAX_MS = 60000,
};

enum redis_probe_action {
    REDIS_PROBE_WAIT,
    REDIS_PROBE_PUBLISH, /* tell the answer by redis_probe_state_answer() */
    REDIS_PROBE_DROP,    /* the subscription link, and connect again */
};

/* Zeroed is the state before the first connection. */
struct redis_probe_state {
    bool cmd_ready, sub_ready, settled;
    bool heard; /* anything since this subscription link is settled */
    uint64_t heard_ms;
    bool publishing; /* sent, not answered */
    bool published;  /* since the last answer; when: published_ms */
    uint64_t published_ms;
    bool arriving; /* Redis took it: it must come in */
    uint64_t arriving_ms;
    uint64_t drop_wait_ms; /* 0: none was dropped lately */
    uint64_t drop_from_ms; /* not before */
    uint64_t live_ms;      /* since when it is live */
    bool live;
};

void redis_probe_state_links(struct redis_probe_state *s, bool cmd_ready,
                             bool sub_ready, bool settled);
void redis_probe_state_heard(struct redis_probe_state *s, uint64_t now_ms);
/* The reply to the PUBLISH; false: an error, or the link was lost. */
void redis_probe_state_answer(struct redis_probe_state *s, uint64_t now_ms,
                              bool ok);
/* We did not run for so long: time that proves nothing. */
void redis_probe_state_stalled(struct redis_probe_state *s, uint64_t ms);
enum redis_probe_action redis_probe_state_step(struct redis_probe_state *s,
                                               uint64_t now_ms);
enum upstream_state
redis_probe_state_upstream(const struct redis_probe_state *s, uint64_t now_ms);
/* When to ask for the next step, in ms from now, at least 1. */
uint64_t redis_probe_state_due(const struct redis_probe_state *s,
                               uint64_t now_ms);
