/*
 * sender.h -- messages and newest values on their way to Redis.
 *
 * The counterpart of streams.h for what is sent once.  A PUBLISH that a link
 * loses unanswered may or may not have been heard: it is counted as unconfirmed
 * and not sent again.  Newest values are written again when the link is back,
 * or a second after Redis refused one for now.  What was read too long before
 * the link came back is not published.
 *
 * Units       *_ms milliseconds on the loop's clock
 * Ownership   embedded in its owner; sender_close() before sender_free()
 */
#pragma once

#include <uv.h>

#include "common/redis/redis_cmd.h"
#include "tickpub/publish/encoder.h"

struct sender {
    struct redis_cmd *cmd;
    struct encoder encoder;
    const struct destinations *destinations;
    bool joined;                 /* several objects of a channel a PUBLISH */
    unsigned link;               /* connections so far */
    uint64_t stale, unconfirmed; /* events that the log does not know of yet */
    uint64_t stale_before_ms;    /* when the link came back, less a bit */
    uint64_t answered;           /* number of the last answered command */
    uint64_t again_from;         /* refused for now from this on; 0: none */
    uv_timer_t again;
    bool closing;
    void (*on_again)(void *arg); /* newest values wait to be written again */
    void (*on_closed)(void *arg);
    void *arg;
};

void sender_init(struct sender *s, uv_loop_t *loop,
                 const struct destinations *destinations, bool joined,
                 void (*on_again)(void *arg), void *arg);
/* The newest values that wait, then all of b. */
void sender_batch(struct sender *s, struct batch *b);
/* The newest values that wait. */
void sender_latest(struct sender *s);
/* A new connection: newest values that the last one did not confirm wait again;
 * what was read before stale_before_ms is not published. */
void sender_link_up(struct sender *s, uint64_t stale_before_ms);
/* Replies are over: what was not confirmed is said. */
void sender_link_down(struct sender *s);
/* Say how many events were stale, unless next, the batch to be sent next, may
 * have more of them; NULL: there is none. */
void sender_say_stale(struct sender *s, const struct batch *next);
/* An error reply to a command that stands for no event. */
void sender_error(struct span text);

/* Newest values that Redis refused for now are to be written again. */
static inline bool sender_owes(const struct sender *s)
{
    return s->again_from > 0;
}

/* on_closed(arg) once the struct may be freed; replies must be over by then. */
void sender_close(struct sender *s, void (*on_closed)(void *arg));
/* After that. */
void sender_free(struct sender *s);
