/*
 * upstream_outcome.h -- what became of each message from Redis.
 *
 * Every message that arrives on the subscription link, but for the gateway's
 * own probes, has one outcome, and adds one to its counter.  Of a payload that
 * holds several JSON values each value counts; one that is not looked into
 * (nobody wants it, or its channel cannot be had) counts once.
 *
 * Units       counters count since the start
 */
#pragma once

#include <stdint.h>

enum upstream_outcome {
    OUTCOME_DELIVERED, /* a frame for each subscriber, be it none */
    OUTCOME_COPY,      /* by a pattern, of what comes by its name as well */
    OUTCOME_DUPLICATE, /* what was told from the cache */
    OUTCOME_OUTDATED,  /* older than that */
    OUTCOME_INVALID,   /* not JSON, not UTF-8 */
    OUTCOME_TOO_BIG,   /* for a frame */
    OUTCOME_UNWANTED,  /* given up meanwhile, or no wildcard asks for it */
    OUTCOME_PRIVATE,   /* somebody's own, and on no channel of that one's */
    OUTCOME_INTERNAL,  /* what tools say to themselves, by a pattern */
    OUTCOME_INVALID_NAME,
    OUTCOME_CHANNELS_FULL, /* the first of its channel; CHANNELS_MAX */
};
enum { OUTCOMES = OUTCOME_CHANNELS_FULL + 1 };

/* Messages received, each once: all outcomes but copies. */
uint64_t upstream_outcome_received(const uint64_t counts[OUTCOMES]);
/* As metrics of Prometheus, from now on; counts must outlive them. */
void upstream_outcome_export(uint64_t counts[OUTCOMES]);
