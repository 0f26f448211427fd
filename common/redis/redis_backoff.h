/*
 * redis_backoff.h -- how long to wait before the next attempt.
 *
 * Full jitter: uniform in [0, min(max_ms, base_ms * 2^n)], so that a thousand
 * clients of one Redis do not come back in the same millisecond.  Pure: the
 * random number is an argument.
 */
#pragma once

#include <stdint.h>

struct redis_backoff {
    int64_t base_ms;
    int64_t max_ms;
    int64_t steps; /* doublings at most; 0: until max_ms */
    unsigned n;    /* attempts so far; 0: begins anew */
};

/* The wait before the next attempt; counts it. */
int64_t redis_backoff_next(struct redis_backoff *b, uint64_t random);
/* From the kernel, never from a seed that restarted processes could share. */
uint64_t redis_backoff_random(void);
