/*
 * drain.h -- let all clients go, not all at once.
 *
 * Everybody is told `bye` at once; close frames (1001) follow, spread over
 * --drain, so that clients do not come back all in one second.  With few
 * clients it takes DRAIN_EACH_MS for each.
 *
 * Units       *_ms milliseconds
 * Ownership   struct drain is the caller's and outlives the loop
 */
#pragma once

#include <uv.h>

#include "wsgate/client/clients.h"

enum {
    DRAIN_EACH_MS = 5,
    DRAIN_MAX_MS = 3500, /* what remains of APP_DRAIN_MS is for goodbyes */
};

struct drain {
    struct clients *clients;
    uv_timer_t timer;
    uint64_t began_mono_ms, spread_ms;
    uint64_t n; /* clients there were */
    uint64_t told;
    uint32_t bucket;
    void (*on_done)(void *arg);
    void *arg;
};

/* Over spread_ms; done(arg) when the last client has gone. */
void drain_begin(struct drain *d, struct clients *clients, int64_t spread_ms,
                 void (*done)(void *arg), void *arg);
