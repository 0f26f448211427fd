/*
 * heartbeat.h -- pings, heartbeats, and news of the upstream.
 *
 * One wheel for all clients, so that pings and heartbeats leave evenly spread
 * over their periods and cost no timer per client.
 */
#ifndef WSGATE_CLIENT_HEARTBEAT_H
#define WSGATE_CLIENT_HEARTBEAT_H

#include "wsgate/client/client.h"

struct heartbeat {
    struct wsgate *gate;
    uv_timer_t ping, beat;
    uint32_t ping_bucket, beat_bucket;
    struct bytes frame;
};

void heartbeat_open(struct heartbeat *h, struct wsgate *w);
/* To everybody, at once. */
void heartbeat_upstream_changed(struct heartbeat *h);
void heartbeat_stop(struct heartbeat *h);
void heartbeat_free(struct heartbeat *h);
/* What clients are told: where there is no Redis, standard input is upstream. */
const char *heartbeat_upstream(const struct wsgate *w);

#endif
