/*
 * limit_log.h -- the times of accepted requests: never more than N in a window.
 *
 * Exact: an entry counts until it is a whole window old.  Only accepted requests
 * are kept, so memory is bounded by the limit whatever the attack.  A clock that
 * steps back never makes an entry older than the one before it.
 *
 * Ownership   the caller's struct; limit_log_close() gives the ring back
 * Source      docs/decisions/0007-rate-limit-list-log.md
 */
#pragma once

#include "common/limit/limit.h"

struct limit_log {
    int64_t *at_us; /* ring of cap entries, oldest at head */
    uint32_t head, count, cap;
};

void limit_log_close(struct limit_log *log);
struct verdict limit_log_ask(struct limit_log *log, const struct limit *limit,
                             int64_t clock_us, int64_t cost,
                             enum limit_mode mode);
