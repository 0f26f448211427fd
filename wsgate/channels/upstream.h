/*
 * upstream.h -- where messages come from: Redis, and standard input.
 *
 * Subscriptions (channels and patterns) are counted by reference: Redis is asked for
 * those that somebody wants, and for UPSTREAM_LINGER_MS after the last one left.
 * A subscription is settled when an ack can be sent for it: Redis has confirmed it
 * and the cached newest messages ({prefix}last:{channel}) have come; or there
 * is nobody to wait for.
 *
 * A channel that is subscribed by name and covered by a pattern comes twice
 * from Redis; the copy of the pattern is ignored while the name is confirmed.
 *
 * Ownership   upstream_new() gives the upstream to w->upstream; upstream_stop() closes handles and
 *             links, upstream_free() the rest after the loop has ended
 */
#ifndef WSGATE_CHANNELS_UPSTREAM_H
#define WSGATE_CHANNELS_UPSTREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "wsgate/channels/channel.h"
#include "wsgate/wsgate.h"

enum { UPSTREAM_LINGER_MS = 5000 };
#define NO_SUBSCRIPTION UINT32_MAX

struct upstream_events {
    /* Some subscription became settled. */
    void (*on_settled)(void *arg);
    void (*on_upstream)(void *arg, enum upstream_state now);
    /* Of each of the two links. */
    void (*on_up)(void *arg);
    void (*on_down)(void *arg, const char *why, bool refused);
};

struct channels *upstream_channels(struct upstream *upstream);
bool upstream_new(struct wsgate *w, const struct upstream_events *events,
                  void *arg, struct err *err);
void upstream_stop(struct upstream *upstream);
void upstream_free(struct upstream *upstream);

/* One more reference; NO_SUBSCRIPTION: a limit is reached.  The name must pass
 * route_channel_ok(). */
uint32_t upstream_open(struct upstream *upstream, struct span name,
                       enum dialect dialect, uint32_t interval_ms);
void upstream_close(struct upstream *upstream, uint32_t subscription);
bool upstream_is_settled(const struct upstream *upstream,
                         uint32_t subscription);
struct span upstream_subscription_name(const struct upstream *upstream,
                                       uint32_t subscription);
uint32_t upstream_subscription_interval(const struct upstream *upstream,
                                        uint32_t subscription);

/* See wsgate.h. */
bool upstream_publish_local(struct upstream *upstream, struct span line,
                            unsigned *column, struct err *err);
void upstream_flush(struct upstream *upstream);
enum upstream_state upstream_state(const struct upstream *upstream);
void upstream_stats(const struct upstream *upstream, struct gate_stats *out);

#endif
