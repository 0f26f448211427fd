/*
 * activity.h -- one thing that a client did, for whoever keeps a list of them.
 *
 * Units       *_ms milliseconds
 * Ownership   everything is valid until the listener returns
 */
#pragma once

#include "common/base/span.h"

enum activity_action {
    ACTIVITY_CONNECT,
    ACTIVITY_SUBSCRIBE,
    ACTIVITY_UNSUBSCRIBE,
    ACTIVITY_DISCONNECT,
};

struct activity {
    enum activity_action action;
    uint64_t client;     /* number of the connection, never used twice */
    const char *peer;    /* its address */
    struct span channel; /* empty for connect and disconnect */
    struct span mode;    /* "latest", "all" or empty */
    int64_t interval_ms; /* 0: none */
    uint16_t close_code; /* disconnect */
    const char *close_why;
};

typedef void activity_fn(void *arg, const struct activity *a);
