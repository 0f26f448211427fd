/*
 * lease_stats.h -- leases on status pages: metrics, members of JSON objects.
 */
#pragma once

#include "bargen/store/leases.h"
#include "common/json/json_writer.h"

/* From now on there are such metrics. */
void lease_stats_init(void);
/* What they say until the next time. */
void lease_stats_show(struct leases_status status);
/* For instance:bargen:{id} and /health. */
void lease_stats_write(const struct leases_status *s, struct json_writer *json);
