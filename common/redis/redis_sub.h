/*
 * redis_sub.h -- subscriptions: one wanted set, one confirmed set.
 *
 * want() and unwant() may be called at any time, also while Redis is away; the
 * difference is sent once per loop turn in batches of at most 512 names and
 * again after every reconnect.  A message is delivered as it comes; what
 * another name's confirmation is doing does not matter.
 *
 * A name that the ACL forbids is reported and asked for again every 2 s (of more
 * than 512 names some, in turn); the others are not kept waiting for it.
 */
#pragma once

#include "common/redis/redis_link.h"

struct redis_sub;

struct redis_sub_events {
    /* pattern is empty for plain subscriptions. */
    void (*on_message)(void *arg, struct span channel, struct span payload,
                       struct span pattern);
    /* Redis has confirmed this name (again, after a reconnect).  A name that
     * was confirmed before it was wanted again gets none: ask
     * redis_sub_confirmed() after redis_sub_want(). */
    void (*on_confirmed)(void *arg, struct span name, bool pattern);
    /* All wanted names are confirmed (or refused); after every (re)connect and
     * change. */
    void (*on_live)(void *arg);
    void (*on_down)(void *arg, const char *why, bool refused);
    /* All messages of one read were delivered: the time to flush. */
    void (*on_drained)(void *arg);
    /* The ACL forbids this name: told once (again, after a reconnect), until it
     * is confirmed.  A name that was refused before it was wanted again gets
     * none: ask redis_sub_refused().  May be NULL, as all of them. */
    void (*on_refused)(void *arg, struct span name, bool pattern,
                       struct span why);
};

struct redis_sub *redis_sub_new(uv_loop_t *loop,
                                const struct redis_config *config,
                                const struct redis_sub_events *events,
                                void *arg);
/* Counted: each want() needs its unwant(), so that nobody takes away a name
 * that somebody else wants too.  Names are copied and used as they are (prefix
 * included). */
void redis_sub_want(struct redis_sub *s, struct span name, bool pattern);
void redis_sub_unwant(struct redis_sub *s, struct span name, bool pattern);
bool redis_sub_confirmed(const struct redis_sub *s, struct span name,
                         bool pattern);
/* Refused on this connection; *why (may be NULL) is what Redis said, valid until
 * the loop goes on. */
bool redis_sub_refused(const struct redis_sub *s, struct span name,
                       bool pattern, struct span *why);
size_t redis_sub_wanted_count(const struct redis_sub *s);
size_t redis_sub_refused_count(const struct redis_sub *s); /* of those */
/* It was live at least once since this connection was made. */
bool redis_sub_settled(const struct redis_sub *s);
enum redis_state redis_sub_state(const struct redis_sub *s);
void redis_sub_drop(struct redis_sub *s, const char *why);
/* No event follows; done(arg), which may be NULL, when everything is closed. */
void redis_sub_close(struct redis_sub *s, void (*done)(void *arg), void *arg);
