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
 * Ownership   keys own their copies; links are fanout.c's
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

/* A group that wants the stream. */
struct link {
    struct group *group;
    uint32_t at; /* index in group->streams */
    bool all;    /* every message, in order */
};

struct stream {
    uint32_t id;
    uint32_t covered; /* by this many patterns */
    uint64_t born;    /* frames before this number are not its own */
    uint64_t evicted; /* newest frame of it that left the log */
    struct conflation_key *keys;
    struct link *links;
    struct slot_index *index; /* of keys, where they are many */
    uint32_t n_keys, cap_keys;
    uint32_t n_links, cap_links;
    struct stream *root; /* the native stream of the same name */
    uint64_t linked;     /* of a root: to the group with this stamp */
    int64_t newest_part; /* of bars: the latest time */
    uint64_t unordered;  /* newest frame of an earlier bar, see bar_order.h */
    bool by_symbol;      /* its parts are symbols */
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
/* Whole frame of a key, wherever it is; empty where there is only a cached
 * payload. */
struct span stream_frame(const struct conflation_key *k,
                         const struct framelog *log);
struct span stream_payload(const struct conflation_key *k,
                           const struct framelog *log);
