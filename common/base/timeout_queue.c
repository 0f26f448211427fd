#include "common/base/timeout_queue.h"

#include <stddef.h>

static void run_due(struct timeout_queue *q, uint64_t now_ms)
{
    while (q->all.next != &q->all && q->all.next->due_ms <= now_ms) {
        struct timeout *t = q->all.next;

        timeout_queue_remove(t);
        t->on_due(t);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct timeout_queue *q = timer->data;
    uint64_t now_ms = uv_now(timer->loop);

    run_due(q, now_ms);
    if (q->all.next != &q->all)
        uv_timer_start(timer, on_timer, q->all.next->due_ms - now_ms, 0);
}

void timeout_queue_init(struct timeout_queue *q, uv_loop_t *loop,
                        uint64_t timeout_ms)
{
    uv_timer_init(loop, &q->timer);
    q->timer.data = q;
    q->all.next = q->all.prev = &q->all;
    q->timeout_ms = timeout_ms;
}

void timeout_queue_add(struct timeout_queue *q, struct timeout *t,
                       void (*on_due)(struct timeout *t))
{
    t->due_ms = uv_now(q->timer.loop) + q->timeout_ms;
    t->on_due = on_due;
    t->next = &q->all;
    t->prev = q->all.prev;
    t->prev->next = t;
    q->all.prev = t;
    if (!uv_is_active((uv_handle_t *)&q->timer))
        uv_timer_start(&q->timer, on_timer, q->timeout_ms, 0);
}

void timeout_queue_remove(struct timeout *t)
{
    if (!t->next)
        return;
    t->next->prev = t->prev;
    t->prev->next = t->next;
    t->next = t->prev = NULL;
}

void timeout_queue_close(struct timeout_queue *q)
{
    run_due(q, UINT64_MAX);
    uv_close((uv_handle_t *)&q->timer, NULL);
}
