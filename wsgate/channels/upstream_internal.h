/*
 * upstream_internal.h -- what the three files upstream*.c share.
 */
#pragma once

#include <uv.h>

#include "common/base/bytes.h"
#include "common/event/event_reader.h"
#include "common/redis/redis_probe.h"
#include "common/redis/redis_sub.h"
#include "wsgate/channels/upstream.h"

enum upstream_fetch {
    FETCH_NONE,    /* not confirmed yet */
    FETCH_PENDING, /* the cached messages were asked for */
    FETCH_DONE,
};

/* A channel, and what Redis and clients have to do with it. */
struct upstream_channel {
    struct channel channel; /* first */
    uint32_t refs;          /* subscriptions, and questions under way */
    bool keep;   /* fed from standard input: there is nowhere to ask again */
    bool wanted; /* subscribed to, in Redis */
    bool idle;   /* is on the list of those with no refs */
    enum upstream_fetch fetch;
    uint64_t idle_mono_ms;  /* refs is 0 since */
    uint64_t confirmed;     /* in which connection; 0: not */
    uint64_t seq_confirmed; /* the channel's seq at that time */
};

struct upstream_pattern {
    struct pattern pattern; /* first */
    uint32_t refs;
    bool wanted;
    uint64_t idle_mono_ms, confirmed;
};

static inline struct upstream_channel *upstream_channel_of(struct channel *c)
{
    return (struct upstream_channel *)c;
}
static inline struct upstream_pattern *upstream_pattern_of(struct pattern *p)
{
    return (struct upstream_pattern *)p;
}

struct upstream {
    uv_loop_t *loop;
    struct upstream_config config;
    struct fanout *fanout;
    struct upstream_events events;
    void *arg;
    struct channels channels;
    struct redis_cmd *redis; /* NULL without Redis, as the next three */
    struct redis_sub *sub;
    struct redis_probe *probe;
    struct instance *instance;
    uint64_t connection; /* number of the present subscription connection */
    bool settled;        /* tell events.on_settled in this turn */
    uv_timer_t throttle, sweep;
    uv_prepare_t prepare;
    /* Channels without references, and some that have them again. */
    struct upstream_channel **idle;
    uint32_t n_idle, cap_idle;
    struct bytes name; /* scratch: a name with its prefix */
    /* This turn; turn_ns 0: not begun. */
    uint64_t turn_ns, mono_ms;
    int64_t now_ms;
    struct event_reader *local; /* lines of standard input */
    uint64_t from_redis, from_local, invalid, too_big;
};

void upstream_begin_turn(struct upstream *upstream);
void upstream_deliver(struct upstream *upstream, struct channel *channel,
                      struct span payload, bool local);
/* Found or made; NULL: there are too many. */
struct upstream_channel *upstream_channel(struct upstream *upstream,
                                          struct span name);
void upstream_release(struct upstream *upstream, struct upstream_channel *u);

/* upstream_redis.c */
void upstream_redis_open(struct upstream *upstream);
void upstream_redis_close(struct upstream *upstream);
bool upstream_redis_is_up(const struct upstream *upstream);
void upstream_redis_want(struct upstream *upstream, struct span name,
                         bool pattern);
void upstream_redis_unwant(struct upstream *upstream, struct span name,
                           bool pattern);
