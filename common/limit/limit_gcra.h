/*
 * limit_gcra.h -- a limit of constant size for very large numbers.
 *
 * A bucket that drains evenly: it averages to the limit, but an unlucky window
 * can see up to twice as many.  Whole numbers only, so the Redis function, which
 * counts in doubles below 2^53, comes to the same results.
 */
#pragma once

#include "common/limit/limit.h"

struct limit_gcra {
    int64_t at_us; /* when debt was worked out */
    int64_t debt;  /* in units of 1/share us; 0: nothing used */
};

struct verdict limit_gcra_ask(struct limit_gcra *gcra,
                              const struct limit *limit, int64_t clock_us,
                              int64_t cost, enum limit_mode mode);
