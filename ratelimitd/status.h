/*
 * status.h -- what /ready, /health and instance:ratelimitd:* say.
 */
#ifndef RATELIMITD_STATUS_H
#define RATELIMITD_STATUS_H

#include "common/json/json_writer.h"

/* arg: struct ratelimitd; see app.h and instance.h. */
bool status_ready(void *arg, const char **why);
bool status_health(void *arg, struct json_writer *json);
void status_instance(void *arg, struct json_writer *json);
struct ratelimitd;
void status_metrics(struct ratelimitd *r); /* gauges, once */

#endif
