/*
 * status.h -- what /ready, /health, /metrics and instance:ratelimitd:* say.
 */
#pragma once

#include "common/json/json_writer.h"
#include "ratelimitd/door/limiter.h"

struct queue;

/* Where to look; borrowed. */
struct status {
    const struct limiter *limiter;
    const struct queue *queue; /* NULL: not served */
    bool no_redis;
};

/* arg: struct status; see app.h and instance.h. */
bool status_ready(void *arg, const char **why);
bool status_health(void *arg, struct json_writer *json);
void status_instance(void *arg, struct json_writer *json);
void status_metrics(struct status *s); /* gauges, once */
