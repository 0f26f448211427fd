/*
 * waits.h -- questions that must be answered within one fixed time.
 *
 * All of a queue wait equally long, so the oldest is due first: one timer and
 * a list do, whatever the number of questions.
 *
 * Ownership   a wait is part of its caller's struct; it must be taken out with
 *             waits_remove() before that is freed
 */
#ifndef WSGATE_HTTP_TIMEOUT_QUEUE_H
#define WSGATE_HTTP_TIMEOUT_QUEUE_H

#include <stdint.h>
#include <uv.h>

struct wait {
    struct wait *next, *prev; /* NULL, NULL: not waiting */
    uint64_t due_ms;          /* the loop's clock */
    /* Called once when the time is over; already taken out. */
    void (*on_due)(struct wait *w);
};

struct waits {
    uv_timer_t timer;
    struct wait all; /* head of a ring, oldest first */
    uint64_t timeout_ms;
};

void waits_init(struct waits *q, uv_loop_t *loop, uint64_t timeout_ms);
void waits_add(struct waits *q, struct wait *w, void (*on_due)(struct wait *w));
void waits_remove(struct wait *w);
/* Everything that waits is due now; then the timer is closed. */
void waits_close(struct waits *q);

#endif
