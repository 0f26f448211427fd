/*
 * redis_pending.h -- who waits for which reply, in order.
 *
 * Equal neighbours share one entry with a count, so that a burst of a million
 * commands nobody asks about costs one entry.  Pure.
 */
#pragma once

#include "common/redis/redis_reply.h"

typedef void redis_reply_fn(void *arg, const struct redis_reply *reply);

struct redis_waiter {
    redis_reply_fn *fn; /* NULL: nobody */
    void *arg;
};

struct redis_pending_run;

/* Zeroed is empty. */
struct redis_pending {
    struct redis_pending_run *run; /* a ring, cap a power of two */
    size_t cap, head, runs;
    size_t count; /* replies awaited */
};

void redis_pending_close(struct redis_pending *p);
void redis_pending_add(struct redis_pending *p, redis_reply_fn *fn, void *arg,
                       size_t count);
/* The waiter of the next reply; false: there is none. */
bool redis_pending_take(struct redis_pending *p, struct redis_waiter *out);
