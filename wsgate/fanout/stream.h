/*
 * stream.h -- one stream of messages and the newest of each kind in it.
 *
 * Of each conflation key the newest frame is kept.  The key is the message
 * type, for bars with the bar's time, so that a quote never hides a trade and
 * a final bar is never hidden by the first update of the next one; in a stream
 * that carries many symbols, the type and the symbol.  The bytes
 * stay in the frame log for as long as they can and are copied out only when
 * they would be overwritten while still the newest: an active stream costs no
 * copy.
 *
 * Pure: no clock, no sockets, no Redis.
 *
 * Ownership   keys own their copies; links are group.c's, covers
 *             stream_pattern.c's, the places in lists fanout.c's
 * Limits      STREAM_KEYS_MAX keys, STREAM_PARTS_MAX where they are of symbols;
 *             the one with the oldest frame gives way (slot_index.h: at no cost
 *             that grows with their number)
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/span.h"
#include "wsgate/fanout/framelog.h"

enum {
    STREAM_KEYS_MAX = 64,
    STREAM_PARTS_MAX = 16384,
    STREAM_KEYS_INDEXED = 16 /* more than these are not searched one by one */
};

struct group;
struct slot_index;

/* (type, part), and its newest frame. */
struct conflation_key {
    int64_t part;     /* a bar's time, a hash of the symbol, or 0 */
    uint64_t frame;   /* number of the newest frame; 0: only a cached payload */
    struct buf *copy; /* of that frame, once it left the log; or the payload */
    uint32_t data_len;
    uint16_t data_at; /* the payload within the copy */
    uint16_t type;    /* see type.h */
};

/* A group that has the stream, or the pattern, among its keys. */
struct link {
    struct group *group;
    uint32_t at; /* index in group->keys */
    bool all;    /* every message, in order */
};

struct links {
    struct link *at;
    uint32_t n, cap;
};

/* A pattern that covers the stream, or one that is gone (stream_pattern.h). */
struct covering {
    uint32_t pattern; /* its id */
    uint64_t made;
};

/* What brings one of a root's streams, other than the name of the root itself:
 * a pattern, or the name of another one.  Noted with the root. */
struct way {
    uint32_t subscription, stream; /* their ids */
    uint64_t made;                 /* the pattern */
};

struct stream {
    /* Which stream of a root is heard is asked of many: what that takes is
     * together. */
    uint32_t id;
    uint32_t n_covers;
    struct covering *covers; /* by id of their patterns: narrow before wide */
    struct stream *sibling;  /* the next with the same root */
    struct stream *root;     /* the native stream of the same name */
    struct links links;      /* groups that name it */
    uint64_t looked; /* of a root: at all patterns that were made by then */
    bool by_symbol;  /* its parts are symbols */
    uint32_t cap_covers;
    struct way *ways; /* of a root: by their subscriptions */
    uint32_t n_ways, cap_ways;
    struct conflation_key *keys;
    struct slot_index *index; /* of keys, where they are many */
    uint32_t n_keys, cap_keys;
    uint64_t section; /* see logged.h */
    uint64_t born;    /* frames before this number are not its own */
    uint64_t evicted; /* newest frame of it that left the log; 0: none did */
    struct stream *newer, *older; /* of those of which something was evicted */
    int64_t newest_part;          /* of bars: the latest time */
    uint64_t unordered; /* newest frame of an earlier bar, see bar_order.h */
};

void stream_init(struct stream *s, uint32_t id, uint64_t born,
                 struct stream *root);
void stream_close(struct stream *s);
/* Forgets the keys, as if nothing had come yet; the links stay. */
void stream_clear(struct stream *s);

/* NULL: nothing of it came yet, or it gave way. */
const struct conflation_key *stream_find(const struct stream *s, uint16_t type,
                                         int64_t part);
/* Index of a conflation key in s->keys, made if need be.  May move the keys.
 * forgotten, which may be NULL, grows where another symbol gave way. */
uint16_t stream_key(struct stream *s, uint16_t type, int64_t part,
                    uint64_t *forgotten);
/* frame is now the newest of the key at that index. */
void stream_set(struct stream *s, uint16_t key, uint64_t frame);
/* A payload known from elsewhere (Redis's last:), older than every frame.
 * Ignored where the key has a frame. */
void stream_cache(struct stream *s, uint16_t type, int64_t part,
                  struct span payload);
/* The keys in order of their frames, first those with none: the first one whose
 * frame is not before `from`, and the one behind that.  NULL: no more.  The
 * stream must not get frames meanwhile. */
const struct conflation_key *stream_first(const struct stream *s,
                                          uint64_t from);
const struct conflation_key *stream_next(const struct stream *s,
                                         const struct conflation_key *k);
/* The frame leaves the log: copy it out if it is still the newest. */
void stream_evict(struct stream *s, uint64_t number, const struct frame *f,
                  const char *bytes);
/* In lists by `newer` and `older`: it is the first; it is in there no longer, if
 * it was. */
void stream_list_put(struct stream **first, struct stream *s);
void stream_list_drop(struct stream **first, struct stream *s);
/* Whole frame of a key, wherever it is; empty where there is only a cached
 * payload. */
struct span stream_frame(const struct conflation_key *k,
                         const struct framelog *log);
struct span stream_payload(const struct conflation_key *k,
                           const struct framelog *log);
