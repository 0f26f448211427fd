#include "tickpub/publish/queue.h"

void queue_init(struct queue *q, size_t batch_max_bytes)
{
    *q = (struct queue){.batch_max_bytes = batch_max_bytes};
    q->open = batch_new();
}

void queue_close(struct queue *q)
{
    while (q->head)
        batch_free(queue_shift(q));
    batch_free(q->open);
    batch_free(q->spare);
    *q = (struct queue){0};
}

static struct batch *take(struct queue *q)
{
    struct batch *b = q->spare;

    q->spare = NULL;
    return b ? b : batch_new();
}

void queue_roll(struct queue *q)
{
    struct batch *b = q->open;

    if (b->count == 0)
        return;
    q->bytes += batch_bytes(b);
    q->events += b->events;
    if (q->tail)
        q->tail->next = b;
    else
        q->head = b;
    q->tail = b;
    q->open = take(q);
}

struct batch *queue_shift(struct queue *q)
{
    struct batch *b = q->head;

    if (!b)
        return NULL;
    q->head = b->next;
    if (!q->head)
        q->tail = NULL;
    q->bytes -= batch_bytes(b);
    q->events -= b->events;
    return b;
}

void queue_give(struct queue *q, struct batch *b)
{
    /* One long line must not keep its megabyte for ever. */
    if (q->spare || b->data.cap > 4 * q->batch_max_bytes) {
        batch_free(b);
        return;
    }
    batch_clear(b);
    q->spare = b;
}
