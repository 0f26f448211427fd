#include "wsgate/http/timeout_queue.h"

#include <stddef.h>

static void run_due(struct waits *q, uint64_t now_ms)
{
    while (q->all.next != &q->all && q->all.next->due_ms <= now_ms) {
        struct wait *w = q->all.next;

        waits_remove(w);
        w->on_due(w);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct waits *q = timer->data;
    uint64_t now_ms = uv_now(timer->loop);

    run_due(q, now_ms);
    if (q->all.next != &q->all)
        uv_timer_start(timer, on_timer, q->all.next->due_ms - now_ms, 0);
}

void waits_init(struct waits *q, uv_loop_t *loop, uint64_t timeout_ms)
{
    uv_timer_init(loop, &q->timer);
    q->timer.data = q;
    q->all.next = q->all.prev = &q->all;
    q->timeout_ms = timeout_ms;
}

void waits_add(struct waits *q, struct wait *w, void (*on_due)(struct wait *w))
{
    w->due_ms = uv_now(q->timer.loop) + q->timeout_ms;
    w->on_due = on_due;
    w->next = &q->all;
    w->prev = q->all.prev;
    w->prev->next = w;
    q->all.prev = w;
    if (!uv_is_active((uv_handle_t *)&q->timer))
        uv_timer_start(&q->timer, on_timer, q->timeout_ms, 0);
}

void waits_remove(struct wait *w)
{
    if (!w->next)
        return;
    w->next->prev = w->prev;
    w->prev->next = w->next;
    w->next = w->prev = NULL;
}

void waits_close(struct waits *q)
{
    run_due(q, UINT64_MAX);
    uv_close((uv_handle_t *)&q->timer, NULL);
}
