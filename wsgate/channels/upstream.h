/*
 * upstream.h -- where messages come from: Redis, and standard input.
 *
 * Subscriptions (channels and patterns) are counted by reference: Redis is
 * asked for those that somebody wants, and for UPSTREAM_LINGER_MS after the
 * last one left.  A subscription is settled when an ack can be sent for it:
 * Redis has confirmed it and the cached newest messages
 * ({prefix}last:{channel}) have come; or there is nobody to wait for.
 *
 * Patterns are matched here: Redis is asked for one a family, bars:* for
 * bars:*:5 and bars:AAPL:* together.  A channel that is subscribed by name and
 * belongs to such a family comes twice from Redis; the copy of the family is
 * ignored while the name is confirmed.
 *
 * Limits      see channel.h; what lingers is given up early where there is no room
 *             for something that is wanted
 * Units       times are milliseconds; counters count since the start
 * Ownership   upstream_new() makes timers only, upstream_start() opens the links
 *             to Redis; upstream_stop() closes both, upstream_free() frees the
 *             rest after the loop has ended
 */
#pragma once

#include <uv.h>

#include "common/base/err.h"
#include "common/event/route.h"
#include "common/redis/instance.h"
#include "common/redis/redis_cmd.h"
#include "common/redis/redis_config.h"
#include "common/redis/redis_probe.h"
#include "wsgate/channels/pattern.h"

enum { UPSTREAM_LINGER_MS = 5000, UPSTREAM_TOLD_MS = 10000 };
#define NO_SUBSCRIPTION UINT32_MAX

struct upstream_events {
    /* Some subscription became settled. */
    void (*on_settled)(void *arg);
    void (*on_upstream)(void *arg, enum upstream_state now);
    /* Of each of the two links. */
    void (*on_up)(void *arg);
    void (*on_down)(void *arg, const char *why, bool refused);
    /* Redis refuses this subscription, which some client has, from now on, or
     * no longer. */
    void (*on_access)(void *arg, struct span name, bool pattern, bool refused);
    /* Messages that this pattern matches are missing: there is no room for their
     * channels.  Once a pattern and UPSTREAM_TOLD_MS. */
    void (*on_no_room)(void *arg, struct span pattern);
    /* Members of the instance's entry in Redis. */
    void (*fill)(void *arg, struct json_writer *json);
};

/* What it points to must outlive the upstream. */
struct upstream_config {
    const struct redis_config *redis; /* NULL: standard input is all there is */
    struct instance_id self;
    const struct route_table *routes; /* channels of events from a pipe */
};

struct upstream;

struct upstream_stats {
    uint64_t channels;         /* known now */
    uint64_t messages_redis;   /* received from Redis, copies not counted */
    uint64_t messages_local;   /* received from standard input */
    uint64_t messages_invalid; /* not JSON, not UTF-8, too big */
    uint64_t redis_subscriptions;
    uint64_t redis_refused; /* of them, by Redis */
    uint64_t recovered;     /* cached messages told after an outage */
};

struct upstream *upstream_new(uv_loop_t *loop,
                              const struct upstream_config *config,
                              struct fanout *fanout,
                              const struct upstream_events *events, void *arg);
void upstream_start(struct upstream *upstream);
void upstream_stop(struct upstream *upstream);
void upstream_free(struct upstream *upstream);

struct channels *upstream_channels(struct upstream *upstream);
/* For commands of others, while it runs; NULL: there is no Redis. */
struct redis_cmd *upstream_redis(const struct upstream *upstream);

/* One more reference; NO_SUBSCRIPTION: a limit is reached.  The name is
 * canonical (channel_name.h). */
uint32_t upstream_open(struct upstream *upstream, struct span name,
                       enum dialect dialect, uint32_t interval_ms);
void upstream_close(struct upstream *upstream, uint32_t subscription);
bool upstream_is_settled(const struct upstream *upstream,
                         uint32_t subscription);
/* Cached messages are numbered as they come in, from 1.  Of the message of this
 * slot of the channel; 0: it was heard live. */
uint64_t upstream_fill(const struct channel *channel,
                       const struct conflation_key *slot);
uint64_t upstream_fills(const struct upstream *upstream); /* the newest */
/* Whoever has this subscription is not shown what was cached, so that the same
 * message must reach it live. */
void upstream_note_unshown(struct upstream *upstream, uint32_t subscription);
/* Has Redis said what it remembers of the channel, in this connection?  True
 * also where there is no Redis. */
bool upstream_is_fetched(const struct upstream *upstream,
                         const struct channel *channel);
/* Does Redis refuse it (ACL)? */
bool upstream_is_refused(const struct upstream *upstream,
                         uint32_t subscription);
/* Some of the channels and patterns that Redis refuses; walks all of them. */
void upstream_each_refused(const struct upstream *upstream, unsigned max,
                           void (*fn)(void *arg, struct span name), void *arg);
struct span upstream_subscription_name(const struct upstream *upstream,
                                       uint32_t subscription);
uint32_t upstream_subscription_interval(const struct upstream *upstream,
                                        uint32_t subscription);

/* One JSON value from a pipe, with "source":"local".  The channel is that of
 * the event in the route table, or named by an envelope
 * {"channel":"x","data":...}.  At least LINE_PAD readable bytes follow line.
 * False: refused and counted; err says why and *column where. */
bool upstream_publish_local(struct upstream *upstream, struct span line,
                            unsigned *column, struct err *err);
/* Sends what was published: call it after each batch of lines, and before what
 * a client is subscribed to is changed. */
void upstream_flush(struct upstream *upstream);
/* UPSTREAM_LIVE without Redis. */
enum upstream_state upstream_state(const struct upstream *upstream);
struct upstream_stats upstream_stats(const struct upstream *upstream);
