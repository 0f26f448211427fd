/*
 * redis_wanted.h -- which names we want, asked for, and have confirmed.
 *
 * Commands go out as the difference between wanted and asked, at most
 * REDIS_BATCH names each; answers come back in the order of the requests, name
 * by name, so that one of an old request never confirms a newer one.  A command
 * that is refused (ACL) takes all its names with it: they are asked for again
 * one by one, to find the forbidden ones.  Those stay refused, also while they
 * are asked for again, until Redis grants them or nobody wants them.  Pure:
 * bytes out, answers in.
 */
#pragma once

#include "common/base/bytes.h"
#include "common/base/span.h"
#include "common/base/table.h"

enum { REDIS_BATCH = 512 };

struct redis_name;
struct redis_request;

struct redis_wanted {
    struct table names[2];       /* channels, patterns: also those given up */
    size_t wanted;               /* names, however many want one */
    struct redis_name **refusal; /* the refused ones, in no order */
    size_t refused, refusal_cap, next_retry;
    struct redis_name **changed; /* to be looked at by the next diff */
    size_t changes, changes_cap;
    struct redis_request *request; /* a ring, cap a power of two */
    size_t requests_cap, head, requests;
};

enum redis_answer {
    REDIS_ANSWER_BAD, /* not what was asked: protocol error */
    REDIS_ANSWER_OLD, /* right, but a newer request for it is on its way */
    REDIS_ANSWER_SUBSCRIBED,
    REDIS_ANSWER_GRANTED, /* subscribed, after it was refused */
    REDIS_ANSWER_UNSUBSCRIBED,
};

void redis_wanted_init(struct redis_wanted *w);
void redis_wanted_close(struct redis_wanted *w);

/* Counted: a name is wanted until it was removed as often as it was added;
 * removing what nobody wants does nothing.  True: it became wanted, or nobody
 * wants it any more. */
bool redis_wanted_add(struct redis_wanted *w, struct span name, bool pattern);
bool redis_wanted_remove(struct redis_wanted *w, struct span name,
                         bool pattern);
bool redis_wanted_confirmed(const struct redis_wanted *w, struct span name,
                            bool pattern);
/* Redis has refused it on this connection; why (may be NULL) is its text, valid
 * until anything changes. */
bool redis_wanted_refused(const struct redis_wanted *w, struct span name,
                          bool pattern, struct span *why);
/* Nothing to send, nothing unanswered, but for PINGs and what is refused. */
bool redis_wanted_settled(const struct redis_wanted *w);

/* Append the commands that make asked equal wanted; false: there are none. */
bool redis_wanted_diff(struct redis_wanted *w, struct bytes *out);
/* A PING was sent, so that its answer is expected in its place. */
void redis_wanted_ping(struct redis_wanted *w);

enum redis_answer redis_wanted_answer(struct redis_wanted *w, bool subscribe,
                                      struct span name, bool pattern);
/* False: no PING was the oldest request. */
bool redis_wanted_pong(struct redis_wanted *w);
/* What Redis said of a name, if that is something new. */
struct redis_refusal {
    struct span name;
    bool pattern;
    bool changed; /* false: it was refused on the last connection as well */
};
/* An error reply, why, to the oldest command.  on_refused gets each name that
 * is forbidden by itself and was not refused already.  False: nothing was
 * asked. */
bool redis_wanted_rejected(struct redis_wanted *w, struct span why,
                           void (*on_refused)(void *arg,
                                              const struct redis_refusal *r),
                           void *arg);
/* Ask for refused ones again, one by one: at most REDIS_BATCH, the next ones
 * the next time. */
void redis_wanted_retry(struct redis_wanted *w);
/* A new connection: nothing is asked, everything wanted has changed. */
void redis_wanted_reset(struct redis_wanted *w);
