/*
 * publisher.h -- events into Redis: batches out, acknowledgements in.
 *
 * Events collect in a batch until publisher_flush() (the input is drained) or
 * until the batch reaches its bound.  Sending one writes, in this order: the
 * newest value per key and per field of last:*, the PUBLISHes, the journal.
 * Keys come first so that a subscriber that reads last:* after its subscription
 * was confirmed never misses a message between the two.
 *
 * While Redis is slow, batches wait; while it is away, they wait too, and what
 * has waited longer than stale_after_ms when it returns is not published as if
 * it were fresh: it goes to the journal and the streams, and the newest values
 * are written where their lifetime is not over.  See
 * docs/decisions/0005-what-waits-for-redis.md.
 *
 * Bounds      queue_max_bytes for everything that is not acknowledged.  Beyond
 *             it publisher_full() is true and on_room says when it no longer
 *             is, or, with drop_oldest, the oldest events go.
 */
#pragma once

#include <uv.h>

#include "common/event/event.h"
#include "common/event/route.h"
#include "common/redis/redis_cmd.h"
#include "common/redis/redis_config.h"

struct publisher_options {
    const char *src; /* id of this run, put into every object */
    int64_t shards;
    int64_t journal_max_bytes; /* of all journal:{n} together, about */
    int64_t stream_max;        /* entries of each other stream, about */
    int64_t price_ttl_ms;
    int64_t stale_after_ms;
    int64_t queue_max_bytes;
    int64_t max_destinations;
    bool drop_oldest;
    bool batch; /* several objects of a channel in one PUBLISH */
};

struct publisher_events {
    /* The link is there (again). */
    void (*on_ready)(void *arg);
    void (*on_down)(void *arg, const char *why, bool refused);
    /* No longer full. */
    void (*on_room)(void *arg);
};

/* What became of the accepted events:
 *
 *   accepted = published + stale + unconfirmed + refused + unsent
 *   accepted = journalled + dropped + lost, of types that have a stream
 *
 * The first is about Pub/Sub, the second about the journal and streams: an
 * event may be heard and not kept, or kept and not heard. */
struct tally {
    uint64_t published;   /* Redis answered */
    uint64_t stale;       /* waited too long for a lost link */
    uint64_t unconfirmed; /* sent, not answered: lost with the link */
    uint64_t refused;     /* Redis answered with an error */
    uint64_t unsent;      /* dropped or lost before they were published */
    uint64_t journalled;
    uint64_t dropped; /* the queue was full, or Redis refused for good */
    uint64_t lost;    /* not acknowledged, or never sent */
};

struct publisher;

struct publisher *publisher_new(uv_loop_t *loop,
                                const struct redis_config *config,
                                const struct publisher_options *options,
                                const struct route_table *routes,
                                const struct publisher_events *events,
                                void *arg);
/* False: the bound of distinct names is reached; nothing was added. */
bool publisher_add(struct publisher *p, const struct event *ev);
/* Send what there is, if the link takes it. */
void publisher_flush(struct publisher *p);
bool publisher_full(const struct publisher *p);
bool publisher_ready(const struct publisher *p);
/* on_done(arg) once everything that was added is acknowledged, across lost
 * links too.  May be called again after publisher_add(). */
void publisher_finish(struct publisher *p, void (*on_done)(void *arg),
                      void *arg);
/* Events that would be lost if it ended now: not acknowledged, or never sent.
 */
uint64_t publisher_unsettled(const struct publisher *p);
/* As if it ended now. */
struct tally publisher_tally(const struct publisher *p);
void publisher_reroute(struct publisher *p, const struct route_table *routes);
struct redis_cmd *publisher_cmd(struct publisher *p);
/* done(arg), unless it is NULL, when everything is closed and freed. */
void publisher_close(struct publisher *p, void (*done)(void *arg), void *arg);
