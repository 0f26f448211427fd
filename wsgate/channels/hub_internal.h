/*
 * hub_parts.h -- what hub.c, hub_redis.c and hub_local.c share.
 */
#ifndef WSGATE_CHANNELS_HUB_INTERNAL_H
#define WSGATE_CHANNELS_HUB_INTERNAL_H

#include <uv.h>

#include "common/base/bytes.h"
#include "common/redis/redis_probe.h"
#include "common/redis/redis_sub.h"
#include "wsgate/channels/hub.h"

struct hub {
    struct wsgate *gate;
    struct hub_events events;
    void *arg;
    struct feeds feeds;
    struct redis_sub *sub; /* NULL with --no-redis */
    struct redis_probe *probe;
    struct instance *instance;
    uint64_t opened_ms;  /* of the loop, when Redis was first asked for */
    uint64_t connection; /* number of the present subscription connection */
    bool was_up;         /* Redis has answered once */
    bool settled;        /* tell events.on_settled in this turn */
    uv_timer_t throttle, sweep;
    uv_prepare_t prepare;
    /* Feeds without references, and some that have them again. */
    struct feed **idle;
    uint32_t n_idle, cap_idle;
    struct bytes name; /* scratch: a name with its prefix */
    /* This turn; turn_ns 0: not begun. */
    uint64_t turn_ns, mono_ms;
    int64_t now_ms;
    uint64_t from_redis, from_local, invalid, too_big;
};

void hub_begin_turn(struct hub *hub);
void hub_deliver(struct hub *hub, struct feed *feed, struct span payload,
                 bool local);
/* Found or made; NULL: there are too many. */
struct feed *hub_feed(struct hub *hub, struct span name);
void hub_release_feed(struct hub *hub, struct feed *feed);

/* hub_redis.c */
bool hub_redis_open(struct hub *hub, struct err *err);
void hub_redis_close(struct hub *hub);
bool hub_redis_is_up(const struct hub *hub);
void hub_redis_want(struct hub *hub, struct span name, bool pattern);
void hub_redis_unwant(struct hub *hub, struct span name, bool pattern);

/* hub_local.c */
bool hub_alert_is_public(struct span payload);

#endif
