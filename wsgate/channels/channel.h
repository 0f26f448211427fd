/*
 * feed.h -- one named channel, in all the forms that clients get it in.
 *
 * A message becomes one frame of the native protocol, and one more for each
 * variant that somebody wants: the older stock service's envelope, raw
 * ticks, or the native frames at most once in an interval.  A variant is a
 * channel of its own for the fan-out, so groups, positions and conflation
 * know nothing of it.
 *
 * Pure: time comes in; Redis is hub.c's.
 *
 * Units       now_ms Unix milliseconds, mono_ms of a clock that never goes back
 * Ownership   feeds own everything; a feed lives while refs > 0 and until
 *             feeds_remove()
 * Limits      FEEDS_MAX names
 */
#ifndef WSGATE_CHANNELS_CHANNEL_H
#define WSGATE_CHANNELS_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/bytes.h"
#include "common/base/span.h"
#include "common/event/event.h"
#include "wsgate/fanout/fanout.h"
#include "wsgate/fanout/table.h"
#include "wsgate/fanout/type.h"

/* VARIANTS_MAX bounds those with an interval; without one there is one a view,
 * which is never refused. */
enum { FEEDS_MAX = 262144, WILDS_MAX = 1024, VARIANTS_MAX = 32 };

enum view {
    VIEW_NATIVE,
    VIEW_STOCK, /* {"type","data","source"}, types of the stock service only */
    VIEW_TICKS, /* quotes and trades, as they are */
};

struct feed;
struct wild;

struct variant {
    struct channel channel; /* first: the fan's channel is the variant */
    struct feed *feed;
    struct variant *next;
    enum view view;
    uint32_t interval_ms; /* 0: every message */
    uint64_t seq;         /* feed->seq when it last sent something */
    uint64_t due_mono_ms; /* not before this */
    uint64_t waiting;     /* first native frame that waits for it; 0: none */
    struct variant *next_waiting;
    uint32_t refs; /* subscriptions to it by name */
};

enum feed_state {
    FEED_NEW,      /* not asked for in Redis, or not yet confirmed */
    FEED_FETCHING, /* last: was asked for */
    FEED_LIVE,
};

struct feed {
    struct node node; /* by name */
    struct span name; /* NUL-terminated too */
    struct span prefix;
    struct wild *wild; /* the pattern that covers it, if somebody wants that */
    struct variant native;
    uint64_t seq;
    int64_t last_ms; /* of the newest message; 0: none yet */
    bool last_local;
    bool keep; /* fed from standard input: there is nowhere to ask again */
    char epoch[9];
    uint32_t refs;          /* subscriptions, and questions under way */
    uint32_t mark, mark_at; /* scratch of session.c */
    /* Of hub.c. */
    enum feed_state state;
    bool wanted;            /* subscribed to, in Redis */
    uint64_t confirmed;     /* in which connection; 0: not */
    uint64_t seq_confirmed; /* seq at that time */
    uint64_t idle_mono_ms;  /* refs is 0 since */
    bool idle;              /* is on the list of those */
};

struct wild_variant {
    struct pattern pattern; /* first */
    struct wild *wild;
    struct wild_variant *next;
    enum view view;
    uint32_t interval_ms;
    uint32_t refs;
};

struct wild {
    struct node node; /* by name */
    struct span name; /* market_data:* */
    struct wild_variant *variants;
    uint32_t refs;
    uint32_t n_feeds;       /* that it covers */
    uint32_t mark, mark_at; /* scratch of session.c */
    /* Of hub.c. */
    bool wanted; /* subscribed to, in Redis */
    uint64_t confirmed;
    uint64_t idle_mono_ms;
    bool idle;
};

struct feeds {
    struct fan *fan;
    struct table by_name;
    struct table wilds;
    struct types types;
    struct variant *waiting; /* for their interval */
    uint64_t epoch_seed;
    struct bytes scratch;
    uint64_t too_big;   /* messages that no frame can hold */
    uint64_t throttled; /* superseded within an interval, x clients */
    /* Stock alerts that name a user are for nobody here. */
    bool (*is_public)(struct span payload);
};

struct feed_message {
    struct span payload;
    int64_t now_ms;
    uint64_t mono_ms;
    bool local;
};

void feeds_init(struct feeds *fs, struct fan *fan, uint64_t seed);
void feeds_close(struct feeds *fs);

struct feed *feeds_find(const struct feeds *fs, struct span name);
/* Made if need be; NULL: there are too many. */
struct feed *feeds_get(struct feeds *fs, struct span name);
/* refs must be 0. */
void feeds_remove(struct feeds *fs, struct feed *feed);
struct wild *feeds_find_wild(const struct feeds *fs, struct span name);
struct wild *feeds_get_wild(struct feeds *fs, struct span name);
void feeds_remove_wild(struct feeds *fs, struct wild *w);
/* NULL: the feed has too many intervals.  Those that nobody uses make room. */
struct variant *feed_variant(struct feeds *fs, struct feed *feed,
                             enum view view, uint32_t interval_ms);
struct wild_variant *wild_variant(struct feeds *fs, struct wild *w,
                                  enum view view, uint32_t interval_ms);
/* Forgets the intervals of the pattern that nobody uses. */
void wild_trim(struct feeds *fs, struct wild *w);
/* What a topic id of the fan stands for. */
struct variant *feeds_variant_of(const struct feeds *fs, uint32_t topic);
struct wild_variant *feeds_wild_of(const struct feeds *fs, uint32_t topic);

enum feed_result { FEED_OK, FEED_NOT_JSON, FEED_TOO_BIG };

/* One JSON value; nothing happens unless it is one. */
enum feed_result feed_publish(struct feeds *fs, struct feed *feed,
                              const struct feed_message *m);
/* Sends what waited for its interval; true: something waits still. */
bool feeds_send_due(struct feeds *fs, uint64_t mono_ms);

/* The newest payload of each type (of bars: the newest bar), oldest first. */
void feed_each_newest(const struct feeds *fs, const struct variant *v,
                      void (*fn)(void *arg, const struct slot *s,
                                 struct span payload),
                      void *arg);

#endif
