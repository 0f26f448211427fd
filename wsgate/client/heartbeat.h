/*
 * heartbeat.h -- pings, heartbeats, and news of the upstream.
 *
 * One wheel for all clients, so that pings and heartbeats leave evenly spread
 * over their periods and cost no timer per client.
 *
 * Units       *_ms milliseconds
 * Ownership   struct heartbeat is the caller's; heartbeat_stop() closes its
 *             timers, heartbeat_free() frees the rest after the loop has ended
 */
#pragma once

#include <uv.h>

#include "common/base/bytes.h"
#include "wsgate/client/clients.h"

struct heartbeat {
    struct clients *clients;
    uv_timer_t ping, beat;
    uint32_t ping_bucket, beat_bucket;
    struct bytes frame;
};

/* 0: none. */
void heartbeat_open(struct heartbeat *h, struct clients *clients,
                    int64_t ping_ms, int64_t beat_ms);
/* To everybody, at once. */
void heartbeat_upstream_changed(struct heartbeat *h);
void heartbeat_stop(struct heartbeat *h);
void heartbeat_free(struct heartbeat *h);
