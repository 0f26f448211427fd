/*
 * wsgate.h -- the gateway: what its parts share and what the shells call.
 *
 * The core (upstream, fanout-out, clients) is behind this header.  Two shells stand
 * on it: the HTTP endpoints (api.c) and the pipes (stdio.c).
 *
 * Units       *_ms milliseconds; counters count since the start
 * Ownership   struct wsgate is main's; everything that it points to is
 *             allocated by gate_open() and freed when the loop has closed
 */
#ifndef WSGATE_WSGATE_H
#define WSGATE_WSGATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/app/app.h"
#include "common/base/err.h"
#include "common/base/span.h"
#include "common/event/route.h"
#include "common/http/http.h"
#include "common/redis/redis_cmd.h"
#include "common/redis/redis_config.h"
#include "common/redis/redis_probe.h"
#include "wsgate/options.h"

struct upstream;   /* upstream.h: channels, Redis subscriptions, snapshots */
struct fanout;     /* fanout.h: log, groups, sends */
struct clients;    /* client.h: every WebSocket connection */
struct api;        /* api.c's own */
struct stdio;      /* stdio.c's own */
struct gate_parts; /* wsgate.c's own */

/* One thing that a client asked for, for --stdout. */
struct gate_request {
    const char *action;  /* connect subscribe unsubscribe disconnect publish */
    uint64_t client;     /* number of the connection, never used twice */
    const char *peer;    /* its address */
    struct span channel; /* empty for connect and disconnect */
    struct span mode;    /* "latest", "all" or empty */
    int64_t interval_ms; /* 0: none */
    uint16_t close_code; /* disconnect */
    const char *close_why;
};

struct gate_stats {
    uint64_t clients;          /* connected now */
    uint64_t clients_total;    /* since the start */
    uint64_t clients_behind;   /* waiting for their socket now */
    uint64_t subscriptions;    /* of all clients, patterns count as one */
    uint64_t channels;         /* known now */
    uint64_t groups;           /* of clients with equal subscriptions */
    uint64_t messages_redis;   /* received from Redis */
    uint64_t messages_local;   /* received from standard input */
    uint64_t messages_invalid; /* not JSON, not UTF-8: never forwarded */
    uint64_t expected;         /* messages x clients subscribed */
    uint64_t delivered, conflated, dropped, queued; /* add up to expected */
    uint64_t bytes_sent;
    uint64_t bytes_received;
    uint64_t commands; /* WebSocket messages from clients */
    uint64_t redis_subscriptions;
};

struct wsgate {
    struct app *app;
    const struct options *opts;
    struct redis_config redis_config;
    struct redis_cmd *redis; /* NULL with --no-redis */
    struct route_table *routes;
    struct http_server *server;
    struct upstream *upstream;
    struct fanout *fanout;
    struct clients *clients;
    struct api *api;
    struct stdio *stdio;
    struct gate_parts *parts;
    /* Told of everything that clients ask for; NULL: nobody listens. */
    void (*on_request)(void *arg, const struct gate_request *req);
    void *on_request_arg;
};

/* Opens Redis links, the listener and all parts.  False: err; nothing runs. */
bool gate_open(struct wsgate *w, struct app *app, const struct options *opts,
               struct err *err);
/* app's on_stop: says goodbye to clients, then closes every handle. */
void gate_stop(void *wsgate);
/* For app.is_ready: false while upstream is stale or down. */
bool gate_is_ready(void *wsgate, const char **why);
/* Frees what is left after the loop ended. */
void gate_free(struct wsgate *w);

/* The http_handler: WebSocket upgrades to the clients, the rest to
 * api_handle(). */
void gate_http(void *wsgate, struct http_conn *conn,
               const struct http_request *req);

/* UPSTREAM_LIVE with --no-redis: the pipe is all there is. */
enum upstream_state gate_upstream(const struct wsgate *w);
void gate_stats(const struct wsgate *w, struct gate_stats *out);

struct gate_channel {
    struct span name;
    const char *epoch;
    uint64_t seq; /* messages since epoch */
    uint64_t clients;
    int64_t last_ms; /* when the newest message came, Unix ms; 0: never */
};
/* Every native channel that the gateway knows, in no order.  Spans are valid
 * until fn returns; fn must not publish or subscribe. */
void gate_each_channel(const struct wsgate *w,
                       void (*fn)(void *arg, const struct gate_channel *c),
                       void *arg);
/* The newest payloads that the gateway holds of one channel, in no order: one
 * per type, and up to the last 64 bars of a bar channel.  Serves the HTTP
 * endpoints where there is no Redis. */
void gate_each_latest(const struct wsgate *w, struct span channel,
                      void (*fn)(void *arg, struct span type,
                                 struct span payload),
                      void *arg);

#endif
