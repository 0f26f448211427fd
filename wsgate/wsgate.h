/*
 * wsgate.h -- the gateway: its parts, put together.
 *
 * Upstream, fanout and clients are the core; two shells stand on it: the HTTP
 * endpoints (http/api.h) and the pipes (channels/stdio.h).  No part knows this
 * file: each is given what it needs.
 *
 * Ownership   struct wsgate is main's; everything that it points to is
 *             allocated by wsgate_init() and freed when the loop has closed
 */
#pragma once

#include "common/app/app.h"
#include "common/app/app_redis.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include "common/event/route.h"
#include "common/http/http.h"
#include "common/redis/redis_config.h"
#include "wsgate/channels/stdio.h"
#include "wsgate/channels/upstream.h"
#include "wsgate/client/clients.h"
#include "wsgate/client/drain.h"
#include "wsgate/client/heartbeat.h"
#include "wsgate/client/upgrade.h"
#include "wsgate/fanout/fanout.h"
#include "wsgate/options.h"
#include "wsgate/ws/ws_door.h"
#include "wsgate/ws/ws_refusal.h"

struct api; /* api.c's own */

struct wsgate {
    struct app *app;
    const struct options *opts;
    struct redis_config redis_config;
    struct app_redis link; /* never opened with --no-redis */
    struct route_table *routes;
    struct http_server *server;
    struct http_server *admin; /* NULL: without --admin */
    struct ws_door door;
    struct ws_refusals refusals;
    struct upstream *upstream;
    struct fanout fanout;
    struct clients *clients;
    struct upgrade_options upgrade;
    struct heartbeat heartbeat;
    struct drain drain;
    struct api *api;
    struct stdio stdio;
};

/* Opens the listener, all parts and the Redis links.  False: err; nothing
 * runs. */
bool wsgate_init(struct wsgate *w, struct app *app, const struct options *opts,
                 struct err *err);
/* app's on_stop: says goodbye to clients, then closes every handle. */
void wsgate_stop(void *wsgate);
/* Frees what is left after the loop ended. */
void wsgate_close(struct wsgate *w);
