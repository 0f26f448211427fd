/*
 * upstream_internal.h -- what the files upstream*.c share.
 */
#pragma once

#include <uv.h>

#include "common/base/bytes.h"
#include "common/base/log.h"
#include "common/event/event_reader.h"
#include "common/redis/redis_probe.h"
#include "common/redis/redis_sub.h"
#include "wsgate/channels/upstream.h"
#include "wsgate/channels/upstream_outcome.h"

/* Of the cached messages, in this connection. */
enum upstream_fetch {
    FETCH_NONE,
    FETCH_QUEUED, /* until the command link is ready */
    FETCH_ASKED,
    FETCH_DONE,
};

/* So long after it was read from the cache a message that is the same byte for
 * byte, or older by its own time, is taken for one that was under way. */
enum { UPSTREAM_AGAIN_MS = 2000 };

/* A slot whose message came from the cache. */
struct taken {
    int64_t part;
    uint64_t mono_ms; /* when */
    uint64_t fill;    /* numbers all of them, from 1; 0: nothing was taken */
    uint64_t frame;   /* of the slot since */
    uint16_t type;
    bool shared; /* with clients that were not shown it */
};

enum upstream_again {
    UPSTREAM_NEW,
    UPSTREAM_DUPLICATE, /* of what the slot took from the cache */
    UPSTREAM_OUTDATED,  /* by it */
};

/* What Redis says to our subscribing. */
struct access {
    uint64_t answered; /* in which connection it refused; 0: never */
    bool refused;      /* as far as clients were told */
};

/* A channel, and what Redis and clients have to do with it. */
struct upstream_channel {
    struct channel channel; /* first */
    uint32_t refs;          /* subscriptions, and questions under way */
    bool unshown;           /* somebody wants it without a snapshot */
    bool mixed;             /* may bring messages that are somebody's own */
    bool keep;   /* fed from standard input: there is nowhere to ask again */
    bool wanted; /* subscribed to, in Redis */
    bool idle;   /* is on the list of those with no refs */
    struct access access;
    bool fetched; /* in any connection */
    bool recover; /* was covered in an earlier connection, not yet fetched */
    enum upstream_fetch fetch;
    struct upstream_channel *next_fetch;
    uint64_t idle_mono_ms;    /* refs is 0 since */
    uint64_t confirmed;       /* in which connection; 0: not */
    uint64_t confirmed_frame; /* log's head at that time */
    /* The newest when the link was lost; 0: none. */
    int64_t lost_ns, lost_bar_ms;
    struct taken *taken; /* by slot of the native stream */
    uint32_t n_taken, cap_taken;
};

struct upstream_pattern {
    struct pattern pattern; /* first */
    uint32_t refs;
    bool wanted;
    struct access access;
    uint64_t idle_mono_ms, confirmed, confirmed_frame;
    bool no_room;             /* is to be told that messages are missing */
    uint64_t no_room_mono_ms; /* when that was told last; 0: never */
};

/* Patterns with the same first part: Redis is asked for all of it. */
struct upstream_family {
    struct family family;        /* first */
    bool wanted;                 /* subscribed to, in Redis */
    uint64_t confirmed, refused; /* in which connection; 0: not */
};

/* A PUBLISH to ourselves, behind a batch of questions. */
struct fence {
    struct upstream *upstream;
    uint64_t batch;
};

static inline struct upstream_channel *upstream_channel_of(struct channel *c)
{
    return (struct upstream_channel *)c;
}
static inline struct upstream_pattern *upstream_pattern_of(struct pattern *p)
{
    return (struct upstream_pattern *)p;
}

static inline struct upstream_family *upstream_family_of(struct family *f)
{
    return (struct upstream_family *)f;
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
    /* What on_access() is still to say: two flags (pattern, refused), the
     * length in a byte, the name. */
    struct bytes access;
    int64_t refused;     /* names and patterns */
    uint64_t connection; /* number of the present subscription connection */
    bool settled;        /* tell events.on_settled in this turn */
    uv_timer_t throttle, sweep;
    uv_prepare_t prepare;
    /* Channels without references, and some that have them again. */
    struct upstream_channel **idle;
    uint32_t n_idle, cap_idle;
    uint32_t idle_at;  /* where room was looked for last */
    uint32_t n_named;  /* channels subscribed to by name */
    bool no_room;      /* something is to be told to those with wildcards */
    struct bytes name; /* scratch: a name with its prefix */
    /* upstream_cache.c: channels to ask for, and questions under way. */
    struct upstream_channel *queue, *queue_tail;
    struct fetch *fetches, *fetches_tail;
    uint32_t n_fetches;
    uint64_t batch, fence; /* the last that was sent, that was heard */
    uint64_t fills, recovered;
    bool recovers;            /* there may be channels that have `recover` */
    uv_timer_t refetch, more; /* more of what was answered is to be used */
    struct bytes scratch;     /* a payload with room behind it */
    /* This turn; turn_ns 0: not begun. */
    uint64_t turn_ns, mono_ms;
    int64_t now_ms;
    struct event_reader *local; /* lines of standard input */
    uint64_t outcome[OUTCOMES]; /* of messages from Redis */
    uint64_t from_local, invalid, too_big;
};

void upstream_begin_turn(struct upstream *upstream);
/* Found or made; NULL: there are too many. */
struct upstream_channel *upstream_channel(struct upstream *upstream,
                                          struct span name);
void upstream_release(struct upstream *upstream, struct upstream_channel *u);
/* Messages of the channel have been heard without interruption from this frame
 * on; UINT64_MAX: they are not heard now. */
uint64_t upstream_covered_from(struct upstream *upstream,
                               const struct upstream_channel *u);

/* upstream_room.c */
void upstream_room_start(struct upstream *upstream);
/* Gives up something that nobody wants, if there is any: a few channels, the
 * oldest pattern.  brought: also what wildcards bring. */
void upstream_room_channel(struct upstream *upstream, bool brought);
void upstream_room_pattern(struct upstream *upstream);
/* There was no room for the channel of a message. */
void upstream_room_none(struct upstream *upstream, const struct family *family,
                        struct span name);
void upstream_room_tell(struct upstream *upstream);

/* upstream_message.c */
bool upstream_is_private(struct upstream *upstream,
                         const struct upstream_channel *u, struct span payload);
void upstream_deliver(struct upstream *upstream, struct channel *channel,
                      struct span payload, bool local);
void upstream_log_told(const struct upstream *upstream,
                       struct channel *channel);
/* A message was handed to the clients of its channel. */
static inline void upstream_told(const struct upstream *upstream,
                                 struct channel *channel)
{
    if (log_is_on(LOG_LEVEL_DEBUG))
        upstream_log_told(upstream, channel);
}

/* upstream_redis.c */
void upstream_redis_open(struct upstream *upstream);
void upstream_redis_close(struct upstream *upstream);
bool upstream_redis_is_up(const struct upstream *upstream);
void upstream_redis_want(struct upstream *upstream, struct span name);
void upstream_redis_unwant(struct upstream *upstream, struct span name);
void upstream_redis_want_pattern(struct upstream *upstream,
                                 struct upstream_pattern *p);
/* Before it is removed. */
void upstream_redis_unwant_pattern(struct upstream *upstream,
                                   struct upstream_pattern *p);
/* In upstream->name. */
struct span upstream_prefixed(struct upstream *upstream, const char *more,
                              struct span name);

/* upstream_access.c */
/* Clients are told before the loop sleeps, if that changes anything. */
void upstream_access_set(struct upstream *upstream, struct access *access,
                         struct span name, bool pattern, bool refused);
void upstream_access_tell(struct upstream *upstream);

/* upstream_cache.c */
void upstream_cache_close(struct upstream *upstream);
/* The cached messages of the channel are wanted; asked for at the next pump. */
void upstream_cache_want(struct upstream *upstream, struct upstream_channel *u);
void upstream_cache_pump(struct upstream *upstream);
/* A message on our own probe channel; false: it is no fence. */
bool upstream_cache_heard(struct upstream *upstream, struct span payload);
/* Nothing is confirmed any more, and what was covered is no longer. */
void upstream_cache_lost(struct upstream *upstream);

/* upstream_cached.c */
void upstream_cached_use(struct upstream *upstream, struct upstream_channel *u,
                         struct span payload);
/* What clients had when the link was lost: what is cached for a slot that is
 * empty must be newer than this. */
void upstream_cached_note_newest(const struct upstream *upstream,
                                 struct upstream_channel *u);
/* The slot of a message; NULL: nothing of its kind is known. */
const struct conflation_key *upstream_slot(const struct channel *channel,
                                           uint16_t type, int64_t part);

/* upstream_taken.c */
void upstream_taken_add(struct upstream *upstream, struct upstream_channel *u,
                        uint16_t type, int64_t part, bool shared);
void upstream_taken_forget(struct upstream_channel *u);
/* Is a live message the one that its slot took from the cache, or older? */
enum upstream_again upstream_taken_again(struct upstream *upstream,
                                         struct upstream_channel *u,
                                         struct span payload);
