/*
 * redis_metrics.h -- what the links of one role count.
 */
#pragma once

#include "common/base/metrics.h"
#include "common/redis/redis_reply.h"

enum { REDIS_ERROR_CLASSES = REDIS_ERR_CLUSTER + 1 };

struct redis_metrics {
    struct metric connects, attempts_failed, drops, pings;
    struct metric bytes_in, bytes_out;
    struct metric commands, messages, in_flight;
    struct metric errors[REDIS_ERROR_CLASSES];
};

/* role is "cmd", "sub" or "read"; anything else counts as "cmd".  The first
 * call of a role links its metrics into the process's list. */
struct redis_metrics *redis_metrics_of(const char *role);
