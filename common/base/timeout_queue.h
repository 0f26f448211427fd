/*
 * timeout_queue.h -- questions that must be answered within one fixed time.
 *
 * All of a queue wait equally long, so the oldest is due first: one timer and
 * a list do, whatever the number of questions.
 *
 * Ownership   a timeout is part of its caller's struct; it must be taken out
 *             with timeout_queue_remove() before that is freed
 */
#pragma once

#include <stdint.h>
#include <uv.h>

struct timeout {
    struct timeout *next, *prev; /* NULL, NULL: not in a queue */
    uint64_t due_ms;             /* the loop's clock */
    /* Called once when the time is over; already taken out. */
    void (*on_due)(struct timeout *t);
};

struct timeout_queue {
    uv_timer_t timer;
    struct timeout all; /* head of a ring, oldest first */
    uint64_t timeout_ms;
};

void timeout_queue_init(struct timeout_queue *q, uv_loop_t *loop,
                        uint64_t timeout_ms);
void timeout_queue_add(struct timeout_queue *q, struct timeout *t,
                       void (*on_due)(struct timeout *t));
void timeout_queue_remove(struct timeout *t);
/* Everything that waits is due now; then the timer is closed. */
void timeout_queue_close(struct timeout_queue *q);
