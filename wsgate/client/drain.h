/*
 * drain.h -- let all clients go, not all at once.
 *
 * Everybody is told `bye` at once; close frames (1001) follow, spread evenly
 * over --drain (drain_pace.h), so that clients do not come back all in one
 * second.  It is over when the last has gone, CLIENT_CLOSE_MS / 2 after its
 * close frame at the latest.
 *
 * Units       *_ms milliseconds, *_us microseconds
 * Ownership   struct drain is the caller's and outlives the loop
 */
#pragma once

#include <uv.h>

#include "wsgate/client/clients.h"
#include "wsgate/client/drain_pace.h"

struct drain {
    struct clients *clients;
    uv_timer_t timer;
    uint64_t began_mono_us;
    struct drain_pace pace;
    uint32_t bucket;
    void (*on_done)(void *arg);
    void *arg;
};

/* Over spread_ms; done(arg) when the last client has gone. */
void drain_begin(struct drain *d, struct clients *clients, int64_t spread_ms,
                 void (*done)(void *arg), void *arg);
