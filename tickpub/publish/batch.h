/*
 * batch.h -- accepted events on their way out, in order of arrival.
 *
 * The payloads stand one behind the other in one run of bytes, each ended by a
 * line feed that is not part of it; a record says what each of them is for.
 * Nothing is encoded before the batch is sent, because what has become of the
 * link until then decides what is sent.
 *
 * Pure: bytes and times come in as arguments.
 *
 * Units       *_ms milliseconds; read_ms is on the caller's monotonic clock
 * Ownership   batch_new/batch_free; records point to destinations and channels,
 *             which live as long as their table
 */
#pragma once

#include "common/base/bytes.h"
#include "common/base/span.h"

struct channel;
struct destination;

/* What a record is for, besides the PUBLISH on its channel. */
enum {
    RECORD_FIRST = 1,  /* the event's only or first one: keys and journal */
    RECORD_STREAM = 2, /* goes to the destination's stream */
};

struct record {
    uint32_t off, len; /* the payload in data */
    struct destination *dest;
    struct channel *channel; /* NULL: published nowhere */
    uint64_t read_ms;        /* when it was read */
    int64_t time_ms;         /* the event's own time */
    uint32_t what;
    uint32_t next; /* of the same channel, while being sent; see encoder.c */
};

struct batch {
    struct batch *next;
    struct bytes data;
    struct record *records;
    uint32_t count, cap;
    uint32_t events; /* records with RECORD_FIRST */
};

struct batch *batch_new(void);
void batch_free(struct batch *b); /* accepts NULL */
void batch_clear(struct batch *b);
/* Memory that its contents take. */
size_t batch_bytes(const struct batch *b);

/* Append a payload.  With seq > 0, `,"src":"<src>","seq":<seq>` is put before
 * the closing brace of text, which must be one JSON object. */
struct record *batch_add(struct batch *b, struct span text, struct span src,
                         uint64_t seq);

static inline struct span batch_payload(const struct batch *b,
                                        const struct record *r)
{
    return span_make(b->data.ptr + r->off, r->len);
}
