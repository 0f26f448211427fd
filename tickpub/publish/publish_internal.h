/*
 * publish_parts.h -- what publish.c (events out) and publish_link.c (the link,
 * beginning and end) share.
 */
#ifndef TICKPUB_PUBLISH_PUBLISH_INTERNAL_H
#define TICKPUB_PUBLISH_PUBLISH_INTERNAL_H

#include "tickpub/publish/destination.h"
#include "tickpub/publish/encoder.h"
#include "tickpub/publish/publish.h"
#include "tickpub/publish/queue.h"
#include "tickpub/publish/streams.h"

struct publisher {
    uv_loop_t *loop;
    struct publish_options options;
    struct publish_events events;
    void *arg;
    struct redis_cmd *cmd;
    struct span src;
    struct destinations destinations;
    struct encoder encoder;
    struct streams streams;
    struct queue queue;
    unsigned link;               /* connections so far */
    uint64_t stale, unconfirmed; /* events that the log does not know of yet */
    uint64_t stale_before_ms;    /* when the link came back, less a bit */
    uint64_t answered;           /* of the last command that was answered */
    uint64_t again_from;         /* refused for now from this on; 0: none */
    uv_timer_t again;
    bool was_full;  /* on_room is owed */
    bool marked;    /* a PING behind everything is out */
    unsigned marks; /* such PINGs without an answer */
    void (*on_finished)(void *arg);
    void *finished_arg;
    void (*on_closed)(void *arg);
    void *closed_arg;
    unsigned closing; /* things to close */
};

/* Send what waits, as far as the link takes it. */
void publish_waiting(struct publisher *p);
/* Say so if the queue is no longer full. */
void publish_note_room(struct publisher *p);
/* Something was acknowledged or sent. */
void publish_settle(struct publisher *p);
/* Timer callback: newest values that Redis refused for now go again. */
void publish_again(uv_timer_t *timer);
/* Redis answered with an error. */
void publish_error(void *arg, struct span text);

#endif
