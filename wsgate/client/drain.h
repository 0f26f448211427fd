/*
 * drain.h -- let all clients go, not all at once.
 *
 * Everybody is told `bye` at once; close frames (1001) follow, spread over
 * --drain, so that clients do not come back all in one second.  With few
 * clients it takes DRAIN_EACH_MS for each.
 */
#ifndef WSGATE_CLIENT_DRAIN_H
#define WSGATE_CLIENT_DRAIN_H

#include "wsgate/client/client.h"

enum {
    DRAIN_EACH_MS = 5,
    DRAIN_MAX_MS = 3500, /* what remains of APP_DRAIN_MS is for goodbyes */
};

struct drain {
    struct wsgate *gate;
    uv_timer_t timer;
    uint64_t began_mono_ms, spread_ms;
    uint64_t n; /* clients there were */
    uint64_t told;
    uint32_t bucket;
    void (*on_done)(void *arg);
    void *arg;
};

/* done(arg) when the last client has gone. */
void drain_begin(struct drain *d, struct wsgate *w, void (*done)(void *arg),
                 void *arg);

#endif
