/*
 * redis_probe_state.h -- what the probe knows, and what follows from it.
 *
 * Pure: times are arguments, actions are answers.
 *
 * Clients must know within 3 s that nothing comes any more.  So silence is
 * doubted after 1.5 s and called stale 1 s later, which leaves half a second
 * to tell everybody.
 *
 * LIVE        all names are settled, and something was heard within 2.5 s:
 *             messages of others, or an echo (what we published ourselves)
 * Echoes      prove only that we hear what is published at this node.  On a
 *             replica that has lost its master that is nothing, so they count
 *             if the node is attached: each probe asks its ROLE, too
 * No flapping where echoes do not count (detached, or the command link is lost,
 *             or the PUBLISH is refused), what is stale becomes live only after
 *             messages came for 3 s without a pause of 2.5 s
 * Bounds      a node counts as attached for as long as it says so: a replica
 *             notices a master that hangs after its repl-timeout
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum upstream_state { UPSTREAM_LIVE, UPSTREAM_STALE, UPSTREAM_DOWN };

enum {
    REDIS_PROBE_QUIET_MS = 1500,  /* nothing came: publish */
    REDIS_PROBE_ANSWER_MS = 1000, /* and nothing came: stale */
    REDIS_PROBE_RETRY_MS = 1000,  /* between two publishes at least */
    REDIS_PROBE_RUN_MS = 3000,    /* of messages, where echoes do not count */
    /* A subscriber that stays stalled is dropped less and less often. */
    REDIS_PROBE_DROP_MIN_MS = 1000,
    REDIS_PROBE_DROP_MAX_MS = 60000,
};

enum redis_probe_action {
    REDIS_PROBE_WAIT,
    REDIS_PROBE_PUBLISH, /* tell the answer by redis_probe_state_answer() */
    REDIS_PROBE_DROP,    /* the subscription link, and connect again */
};

enum redis_probe_answer {
    REDIS_PROBE_FAILED,   /* not published: an error, or the link was lost */
    REDIS_PROBE_DETACHED, /* published at a replica without its master */
    REDIS_PROBE_ATTACHED, /* published, and so is whatever others publish */
};

/* Zeroed is the state before the first connection. */
struct redis_probe_state {
    bool cmd_ready, sub_ready, settled;
    bool heard; /* messages, since this subscription link is settled */
    uint64_t heard_ms;
    uint64_t run_ms; /* since when without a pause of 2.5 s */
    bool echoed;     /* since the last PUBLISH, which is not answered yet */
    uint64_t echoed_ms;
    bool proved; /* by an echo that counts */
    uint64_t proved_ms;
    bool echo_counts; /* by the last answer */
    bool verified;    /* the last PUBLISH came back, and counts */
    bool publishing;  /* sent, not answered */
    bool outdated;    /* and for a subscription link that is gone */
    bool published;   /* on these links; when: published_ms */
    uint64_t published_ms;
    bool arriving; /* Redis took it: it must come in */
    uint64_t arriving_ms;
    uint64_t drop_wait_ms; /* 0: none was dropped lately */
    uint64_t drop_from_ms; /* not before */
    uint64_t live_ms;      /* since when it is live */
    bool live;
};

void redis_probe_state_links(struct redis_probe_state *s, uint64_t now_ms,
                             bool cmd_ready, bool sub_ready, bool settled);
/* A message of somebody else. */
void redis_probe_state_heard(struct redis_probe_state *s, uint64_t now_ms);
/* One of our own: a probe, or what else we publish to ourselves. */
void redis_probe_state_echo(struct redis_probe_state *s, uint64_t now_ms);
/* The replies to PUBLISH and ROLE. */
void redis_probe_state_answer(struct redis_probe_state *s, uint64_t now_ms,
                              enum redis_probe_answer answer);
/* We did not run for so long: time that proves nothing. */
void redis_probe_state_stalled(struct redis_probe_state *s, uint64_t ms);
enum redis_probe_action redis_probe_state_step(struct redis_probe_state *s,
                                               uint64_t now_ms);
enum upstream_state
redis_probe_state_upstream(const struct redis_probe_state *s, uint64_t now_ms);
/* When to ask for the next step, in ms from now, at least 1. */
uint64_t redis_probe_state_due(const struct redis_probe_state *s,
                               uint64_t now_ms);
