/*
 * channel.h -- one stream of messages and the newest of each kind in it.
 *
 * A slot holds the newest frame of one conflation key: the message type, and
 * for bars the bar's time, so that a quote never hides a trade and a final bar
 * is never hidden by the first update of the next one.  The bytes stay in the
 * frame log for as long as they can and are copied out only when they would be
 * overwritten while still the newest: an active channel costs no copy.
 *
 * Pure: no clock, no sockets, no Redis.
 *
 * Ownership   slots own their copies; links are fan.c's
 * Limits      CHANNEL_SLOTS_MAX keys; the one with the oldest frame gives way
 */
#ifndef WSGATE_FANOUT_STREAM_H
#define WSGATE_FANOUT_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/span.h"
#include "wsgate/fanout/framelog.h"

enum { CHANNEL_SLOTS_MAX = 64 };

struct group;

struct slot {
    int64_t key;      /* bar time; 0 for everything but bars */
    uint64_t frame;   /* number of the newest frame; 0: only a cached payload */
    struct buf *copy; /* of that frame, once it left the log; or the payload */
    uint32_t data_len;
    uint16_t data_at; /* the payload within the copy */
    uint16_t type;    /* see type.h */
};

/* A group that wants this channel. */
struct link {
    struct group *group;
    uint32_t at; /* index in group->channels */
    bool all;    /* every message, in order */
};

struct channel {
    uint32_t id;
    uint64_t born;    /* frames before this number are not its own */
    uint64_t evicted; /* newest frame of it that left the log */
    struct slot *slots;
    struct link *links;
    uint32_t n_slots, cap_slots;
    uint32_t n_links, cap_links;
    const struct channel *root; /* the native channel of the same name */
    uint32_t covered;           /* by so many patterns */
};

void channel_init(struct channel *c, uint32_t id, uint64_t born,
                  const struct channel *root);
void channel_close(struct channel *c);
/* As if nothing had come yet; the links stay. */
void channel_clear(struct channel *c);

/* The slot of a key, made if need be; its old frame is about to be replaced. */
uint16_t channel_slot(struct channel *c, uint16_t type, int64_t key);
/* frame is now the newest of that slot. */
void channel_set(struct channel *c, uint16_t slot, uint64_t frame);
/* A payload known from elsewhere (Redis's last:), older than every frame.
 * Ignored where the slot has a frame. */
void channel_cache(struct channel *c, uint16_t type, int64_t key,
                   struct span payload);
/* The frame leaves the log: copy it out if it is still the newest. */
void channel_evict(struct channel *c, uint64_t number, const struct frame *f,
                   const char *bytes);
/* Whole frame of a slot, wherever it is; empty where there is only a cached
 * payload. */
struct span channel_frame(const struct slot *s, const struct framelog *log);
struct span channel_payload(const struct slot *s, const struct framelog *log);

#endif
