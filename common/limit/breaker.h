/*
 * breaker.h -- stop asking somebody who does not answer in time.
 *
 * Closed: ask.  After BREAKER_FAILURES questions in a row without an answer in
 * time: open, ask nobody for a while (100 ms, doubling to 1 s).  Then one is let
 * through; its answer in time closes the breaker.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    BREAKER_FAILURES = 3,
    BREAKER_FIRST_MS = 100,
    BREAKER_LONGEST_MS = 1000
};

struct breaker {
    unsigned failures; /* in a row */
    bool open;
    bool probing; /* one question is out */
    int64_t wait_ms;
    int64_t retry_at_ms;
    uint64_t opened; /* how often */
};

/* May this question be asked?  Says yes once per wait while open. */
bool breaker_allows(struct breaker *b, int64_t now_ms);
void breaker_answered(struct breaker *b);
void breaker_failed(struct breaker *b, int64_t now_ms);
/* A new connection: what the old one did says nothing. */
void breaker_reset(struct breaker *b);
