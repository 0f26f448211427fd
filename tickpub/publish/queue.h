/*
 * queue.h -- batches in order: one being filled, others that wait to be sent.
 *
 * Pure.
 *
 * Ownership   queue_init/queue_close; what queue_shift() returns goes back with
 *             queue_give(), which keeps one for reuse
 */
#pragma once

#include "tickpub/publish/batch.h"

struct queue {
    struct batch *open;        /* being filled; never NULL */
    struct batch *head, *tail; /* full, not sent */
    struct batch *spare;
    size_t bytes;    /* of the full ones */
    uint64_t events; /* in the full ones */
    size_t batch_max_bytes;
};

void queue_init(struct queue *q, size_t batch_max_bytes);
void queue_close(struct queue *q);
/* The open batch, unless it is empty, joins those that wait. */
void queue_roll(struct queue *q);
/* The oldest that waits; NULL: none. */
struct batch *queue_shift(struct queue *q);
void queue_give(struct queue *q, struct batch *b);

static inline bool queue_open_full(const struct queue *q)
{
    return batch_bytes(q->open) >= q->batch_max_bytes;
}

static inline size_t queue_bytes(const struct queue *q)
{
    return q->bytes + batch_bytes(q->open);
}

static inline uint64_t queue_events(const struct queue *q)
{
    return q->events + q->open->events;
}
