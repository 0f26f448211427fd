/*
 * framelog.h -- the shared log of ready frames.
 *
 * A ring of bytes and a ring of descriptors.  A frame is written once and sent
 * to everybody from here; it never wraps round the end of the ring, so one
 * pointer and a length are enough to send it.  The oldest frames leave when
 * their bytes or their descriptors are needed; the owner is told and may copy
 * the bytes out before they are gone.
 *
 * Units       frame numbers count from 1 and never repeat; positions are bytes
 *             since the start, the place in the ring is position mod size
 * Invariants  frames [tail, head) are readable, and LINE_PAD bytes behind any
 *             of them, so that a payload can be scanned where it is
 * Ownership   framelog_init/framelog_close; the struct is the caller's
 */
#pragma once

#include "common/base/span.h"

struct frame {
    uint64_t at; /* position of its first byte */
    uint32_t len;
    uint32_t stream; /* id */
    uint32_t data_len;
    uint16_t data_at; /* the payload within the frame */
    uint16_t key;     /* of the stream, see stream.h */
};

struct framelog {
    char *bytes;
    size_t size; /* a power of two */
    struct frame *frames;
    size_t n_frames; /* a power of two */
    uint64_t head;   /* number of the next frame */
    uint64_t tail;   /* number of the oldest frame that is still here */
    uint64_t end;    /* position behind the newest byte */
    void (*on_evict)(void *arg, uint64_t number, const struct frame *f);
    void *arg;
};

/* size is rounded up to a power of two of at least 4 KiB. */
void framelog_init(struct framelog *l, size_t size,
                   void (*on_evict)(void *arg, uint64_t number,
                                    const struct frame *f),
                   void *arg);
void framelog_close(struct framelog *l);

/* Longest frame that fits. */
size_t framelog_max(const struct framelog *l);
/* Room for a frame of at most max bytes; what is in the way is evicted.  max
 * must not exceed framelog_max(). */
char *framelog_reserve(struct framelog *l, size_t max);
/* The len bytes that were written there become a frame; f->at and f->len are
 * set here.  Returns its number. */
uint64_t framelog_commit(struct framelog *l, size_t len, struct frame f);

static inline bool framelog_has(const struct framelog *l, uint64_t number)
{
    return number >= l->tail && number < l->head;
}

static inline const struct frame *framelog_at(const struct framelog *l,
                                              uint64_t number)
{
    return &l->frames[number & (l->n_frames - 1)];
}

static inline const char *framelog_bytes(const struct framelog *l,
                                         const struct frame *f)
{
    return l->bytes + (f->at & (l->size - 1));
}
