/*
 * hub.h -- where messages come from: Redis, and standard input.
 *
 * Topics (channels and patterns) are counted by reference: Redis is asked for
 * those that somebody wants, and for HUB_LINGER_MS after the last one left.
 * A topic is settled when an ack can be sent for it: Redis has confirmed it
 * and the cached newest messages ({prefix}last:{channel}) have come; or there
 * is nobody to wait for.
 *
 * A channel that is subscribed by name and covered by a pattern comes twice
 * from Redis; the copy of the pattern is ignored while the name is confirmed.
 *
 * Ownership   hub_new() gives the hub to w->hub; hub_stop() closes handles and
 *             links, hub_free() the rest after the loop has ended
 */
#ifndef WSGATE_CHANNELS_HUB_H
#define WSGATE_CHANNELS_HUB_H

#include <stdbool.h>
#include <stdint.h>

#include "wsgate/channels/channel.h"
#include "wsgate/gate.h"

enum { HUB_LINGER_MS = 5000 };
#define HUB_NO_TOPIC UINT32_MAX

struct hub_events {
    /* Some topic became settled. */
    void (*on_settled)(void *arg);
    void (*on_upstream)(void *arg, enum upstream now);
};

struct feeds *hub_feeds(struct hub *hub);
bool hub_new(struct wsgate *w, const struct hub_events *events, void *arg,
             struct err *err);
void hub_stop(struct hub *hub);
void hub_free(struct hub *hub);

/* One more reference; HUB_NO_TOPIC: a limit is reached.  The name must pass
 * route_channel_ok(). */
uint32_t hub_open(struct hub *hub, struct span name, enum view view,
                  uint32_t interval_ms);
void hub_close(struct hub *hub, uint32_t topic);
bool hub_is_settled(const struct hub *hub, uint32_t topic);
struct span hub_topic_name(const struct hub *hub, uint32_t topic);
uint32_t hub_topic_interval(const struct hub *hub, uint32_t topic);

/* See gate.h. */
bool hub_publish_local(struct hub *hub, struct span line, unsigned *column,
                       struct err *err);
void hub_flush(struct hub *hub);
enum upstream hub_upstream(const struct hub *hub);
void hub_stats(const struct hub *hub, struct gate_stats *out);

#endif
