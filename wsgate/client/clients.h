/*
 * clients.h -- all WebSocket connections: who may come, who is here, who goes.
 *
 * A wheel deals them out over WHEEL_BUCKETS buckets, so that what is done for
 * each of them from time to time is spread over that time (heartbeat.h,
 * drain.h).
 *
 * Units       *_ms milliseconds, *_bytes bytes; counters count since the start
 * Ownership   clients_new() makes timers; clients_stop() closes them when the
 *             clients are gone, clients_free() frees the rest after the loop has
 *             ended.  What it is given outlives it.
 */
#pragma once

#include <uv.h>

#include "common/base/bytes.h"
#include "common/base/table.h"
#include "wsgate/channels/activity.h"
#include "wsgate/channels/upstream.h"
#include "wsgate/client/client.h"
#include "wsgate/fanout/fanout.h"

enum { WHEEL_BUCKETS = 60 };

struct clients_options {
    int64_t max_connections;
    int64_t max_per_address;
    int64_t max_subscriptions;         /* of one client */
    int64_t max_address_subscriptions; /* of all from one address */
    struct allowance_rule allowance;   /* inbound messages */
    int64_t notsent_bytes; /* TCP_NOTSENT_LOWAT; 0: leave the kernel's */
    int64_t sndbuf_bytes;  /* SO_SNDBUF; 0: leave the kernel's */
    int64_t confirm_ms;    /* longest wait of an ack for Redis */
    const struct route_table *routes; /* what is private, or told in full */
};

/* An address that clients come from. */
struct peer {
    struct node node;
    uint32_t count;
    uint32_t subscriptions, patterns; /* that it holds: share.h */
    uint64_t turn, used_ns;           /* until that turn, of slices: slice.h */
    uint64_t worked;                  /* for it, in that turn */
    char address[48];
};

struct wheel_bucket {
    struct client **at;
    uint32_t count, cap;
};

/* Clients that were told to go. */
struct leaving {
    struct client *client;
    uint64_t until_mono_ms;
};

struct clients {
    uv_loop_t *loop;
    struct clients_options options;
    struct upstream *upstream;
    struct fanout *fanout;
    activity_fn *on_activity; /* NULL: nobody listens */
    void *on_activity_arg;
    struct ws_pool *pool, *echo_pool;
    struct table peers;
    struct wheel_bucket wheel[WHEEL_BUCKETS];
    uint32_t next_bucket;
    uint64_t count, total, next_id;
    uint64_t subscriptions;
    uint64_t ends; /* clients that began to go */
    uint64_t late; /* snapshots that wait for Redis, of all clients */
    uint64_t bytes_received, commands;
    struct inboxes *inboxes;
    struct leaving *leaving;
    uint32_t n_leaving, cap_leaving;
    uv_timer_t leave_timer;
    struct request *pending; /* all clients' */
    uv_timer_t pending_timer;
    uint32_t stamp; /* for marks on channels */
    bool stopping;
    void (*on_empty)(void *arg);
    void *on_empty_arg;
};

/* From now on the fanout sends to clients.  on_activity may be NULL. */
struct clients *clients_new(uv_loop_t *loop,
                            const struct clients_options *options,
                            struct upstream *upstream, struct fanout *fanout,
                            activity_fn *on_activity, void *arg);
void clients_stop(struct clients *registry);
void clients_free(struct clients *registry);
void clients_each(struct clients *registry,
                  void (*fn)(void *arg, struct client *c), void *arg);

/* May one more come from there?  If not, *why is a static text. */
bool clients_admit(struct clients *registry, const char *address,
                   const char **why);
/* For client.c: one more, one that has ended, one that was told to go. */
void clients_add(struct clients *registry, struct client *c,
                 const char *address);
void clients_remove(struct clients *registry, struct client *c);
void clients_leaving(struct clients *registry, struct client *c);
