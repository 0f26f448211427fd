/*
 * channel.h -- one named channel, in all the forms that clients get it in.
 *
 * A message becomes one frame of the native protocol, and one more for each
 * other view that somebody wants: the older stock service's envelope, raw
 * ticks, or the native frames at most once in an interval.  To the fanout each
 * view is a stream of its own, so groups, positions and conflation know nothing
 * of channels.
 *
 * Pure: time comes in; Redis is upstream.c's.
 *
 * Units       now_ms Unix milliseconds, mono_ms of a clock that never goes back
 * Ownership   channels own everything; each channel and pattern lives until it
 *             is removed and is the beginning of a larger struct of whoever
 *             says how long that is (upstream_internal.h)
 * Limits      CHANNELS_MAX names
 */
#pragma once

#include "common/base/bytes.h"
#include "common/base/span.h"
#include "common/base/table.h"
#include "common/event/event.h"
#include "common/event/route.h"
#include "wsgate/channels/dialect.h"
#include "wsgate/channels/waiting.h"
#include "wsgate/fanout/fanout.h"
#include "wsgate/fanout/type.h"

/* Of all channels, clients may name CHANNELS_NAMED_MAX: the others are for what
 * wildcards bring.  Of all patterns, CLIENT_PATTERNS_MAX are clients', the
 * others the dialects' own.  A channel has a view for each dialect, and for each
 * interval that somebody uses: as many as there are intervals
 * (subscribe_interval() in client/subscribe.c), so that none is refused. */
enum {
    CHANNELS_MAX = 262144,
    CHANNELS_NAMED_MAX = CHANNELS_MAX / 4 * 3,
    PATTERNS_MAX = 1024,
    CLIENT_PATTERNS_MAX = PATTERNS_MAX - 16,
};

struct channel;
struct pattern;

struct view {
    struct stream stream; /* first: the fanout's stream is the view */
    struct channel *channel;
    struct view *next;
    enum dialect dialect;
    uint32_t interval_ms; /* 0: every message */
    uint64_t seq;         /* channel->seq when it last sent something */
    uint64_t due_mono_ms; /* not before this */
    uint64_t waiting;     /* first native frame that waits for it; 0: none */
    uint32_t held;        /* native frames that wait: the newest of each slot */
    uint32_t waiting_at;  /* place in channels.waiting, from 1; 0: it is not */
    uint32_t refs;        /* subscriptions to it by name */
    bool missed; /* something came while nobody had it: it begins anew */
};

/* For sets of channels and patterns, one set at a time: member of the set with
 * this stamp, and its place there. */
struct channel_mark {
    uint32_t stamp, at;
};

struct channel {
    struct node node; /* by name */
    struct span name; /* NUL-terminated too */
    struct span prefix;
    bool hidden;          /* private or internal: no pattern covers it */
    bool covered;         /* by some pattern, as of then: */
    uint64_t covered_gen; /* channels.patterns_gen */
    struct view native;
    uint64_t seq;
    int64_t last_ms; /* of the newest message; 0: none yet */
    bool last_local;
    char epoch[9];
    bool by_symbol; /* carries many symbols: each has its own newest message */
    struct channel_mark mark;
};

struct pattern_view {
    struct stream_pattern stream; /* first */
    struct pattern *pattern;
    struct pattern_view *next;
    enum dialect dialect;
    uint32_t interval_ms;
    uint32_t refs;
};

struct pattern {
    struct node node; /* by name */
    struct span name; /* bars:*:5 */
    struct family *family;
    struct pattern *next_of_family;
    struct pattern_view *views;
    uint8_t rank; /* of its subscription ids: see group.h */
    struct channel_mark mark;
};

/* All patterns with the same first part; there is at least one. */
struct family {
    struct node node;  /* by name */
    struct span name;  /* bars: */
    struct span whole; /* bars:*, which stands for all of it */
    struct pattern *patterns;
    uint32_t n_patterns;
    uint64_t newest; /* when the newest view of its patterns was made */
};

/* Of the structs that begin with a struct channel, a struct pattern, a struct
 * family; what follows in them is zero at first. */
struct channel_sizes {
    size_t channel, pattern, family;
};

struct channels {
    struct fanout *fanout;
    const struct route_table *routes; /* NULL: nothing is private */
    struct table by_name;
    struct table patterns, families;
    struct types types;
    /* Does a channel of this name carry many symbols?  NULL: none does. */
    bool (*is_by_symbol)(void *arg, struct span name);
    void *is_by_symbol_arg;
    struct waiting waiting; /* have, or had, something that waits */
    uint64_t epoch_seed;
    struct channel_sizes sizes;
    struct bytes scratch;
    uint64_t patterns_gen; /* changes with the set of patterns */
    /* Scratch of pattern.c. */
    struct pattern_view **over;
    uint32_t cap_over;
    struct pattern **matching;
    uint32_t cap_matching;
    uint64_t too_big;   /* messages that no frame can hold */
    uint64_t throttled; /* superseded within an interval, x clients */
};

struct channel_message {
    struct span payload;
    int64_t now_ms;
    uint64_t mono_ms;
    bool local;
};

void channels_init(struct channels *cs, struct fanout *fanout, uint64_t seed,
                   const struct channel_sizes *sizes);
void channels_close(struct channels *cs);

struct channel *channels_find(const struct channels *cs, struct span name);
/* Made if need be; NULL: there are too many. */
struct channel *channels_get(struct channels *cs, struct span name);
/* No client may be subscribed to it. */
void channels_remove(struct channels *cs, struct channel *channel);
/* Made if need be; in place of one that nobody uses, if there is one. */
struct view *channel_view(struct channels *cs, struct channel *channel,
                          enum dialect dialect, uint32_t interval_ms);
/* Frees its views that nobody has, and no pattern that is there brings. */
void channel_trim(struct channels *cs, struct channel *channel);
/* In no order; fn must not publish or subscribe, as in the next. */
void channels_each(const struct channels *cs,
                   void (*fn)(void *arg, const struct channel *channel),
                   void *arg);
/* The payloads that are held of one channel, in no order: the newest of each
 * type, where a channel carries many symbols of each type and symbol, and up to
 * the last 64 bars of a bar channel. */
void channels_each_payload(const struct channels *cs, struct span name,
                           void (*fn)(void *arg, struct span type,
                                      struct span payload),
                           void *arg);
/* What a subscription id of the fanout stands for. */
struct view *channels_view_of(const struct channels *cs, uint32_t subscription);

enum channel_result { CHANNEL_OK, CHANNEL_NOT_JSON, CHANNEL_TOO_BIG };

/* One JSON value; nothing happens unless it is one. */
enum channel_result channel_publish(struct channels *cs,
                                    struct channel *channel,
                                    const struct channel_message *m);
/* How many are subscribed to it, in whatever way. */
uint32_t channel_clients(const struct channels *cs, struct channel *channel);
/* Which of the messages of its type is it (struct conflation_key)? */
int64_t channel_part(const struct channel *channel,
                     const struct event_peek *peek);
/* Sends what waited for its interval; true: something waits still. */
bool channels_send_due(struct channels *cs, uint64_t mono_ms);

/* Nobody had the view for a while: it says what the channel says. */
void view_begin_anew(struct view *v);
/* What an ack and a snapshot of the view name: every update that follows through
 * it has a larger seq. */
uint64_t view_told_seq(const struct view *v);
/* Sends what waits in the view at once, to all its members: before a client that
 * has heard newer comes to it. */
void view_send_waiting(struct channels *cs, struct view *v, uint64_t mono_ms);
/* How many frames wait in it, each for every member. */
uint32_t view_held(const struct view *v);
/* One of its members leaves without them: to another view, or because it is
 * gone. */
void view_leave(struct channels *cs, const struct view *v, bool gone);
/* What members of a native view have been told of one slot or, as far as it was
 * only cached, may be told. */
struct told {
    const struct conflation_key *slot; /* of the channel */
    uint64_t frame; /* that told it to these members; 0: it was cached */
    struct span payload;
    bool outdone; /* they were told of a newer bar */
};

/* Slots have indices below channel_slots(), in no order, and keep them until
 * they give way.  False: nothing of the slot was told.  What is told by frames
 * from `before` on outdoes nothing: it is still to come. */
uint32_t channel_slots(const struct channel *channel);
bool channel_told(const struct channels *cs, const struct view *v,
                  uint32_t index, uint64_t before, struct told *out);
