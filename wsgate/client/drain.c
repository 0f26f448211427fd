#include "wsgate/client/drain.h"

#include "common/base/clock.h"
#include "wsgate/channels/message.h"

enum { RETRY_FROM_MS = 500, RETRY_TO_MS = 8000 };

static void say_bye(void *arg, struct client *c)
{
    struct bytes *bye = arg;

    if (c->dialect == DIALECT_NATIVE)
        client_notify(c, bytes_span(bye));
}

static void on_empty(void *arg)
{
    struct drain *d = arg;

    d->clients->on_empty = NULL;
    uv_close((uv_handle_t *)&d->timer, NULL);
    d->on_done(d->arg);
}

/* Clients sit in the wheel in the order they came, dealt out one a bucket: to
 * take from one bucket after the other spreads those who came together. */
static struct client *next_client(struct drain *d)
{
    for (int i = 0; i < WHEEL_BUCKETS; i++) {
        struct wheel_bucket *s = &d->clients->wheel[d->bucket];
        d->bucket = (d->bucket + 1) % WHEEL_BUCKETS;
        for (uint32_t k = s->count; k-- > 0;) {
            if (!s->at[k]->closing)
                return s->at[k];
        }
    }
    return NULL;
}

/* Those that were not told yet: who was told waits among the leaving. */
static uint64_t left(const struct drain *d)
{
    uint64_t n = 0;

    for (int i = 0; i < WHEEL_BUCKETS; i++)
        n += d->clients->wheel[i].count;
    return n - d->clients->n_leaving;
}

static uint64_t passed_us(const struct drain *d)
{
    return clock_mono_ns() / 1000 - d->began_mono_us;
}

static void on_due(uv_timer_t *t)
{
    struct drain *d = t->data;
    uint64_t due = drain_pace_due(&d->pace, passed_us(d), left(d)), now_us;
    struct client *c;

    for (; due > 0 && (c = next_client(d)) != NULL; due--)
        client_close(c, WS_CLOSE_GOING_AWAY, "going away");
    if (left(d) == 0)
        return;
    now_us = passed_us(d);
    uv_timer_start(
        t, on_due,
        d->pace.next_us > now_us ? (d->pace.next_us - now_us + 999) / 1000 : 1,
        0);
}

void drain_begin(struct drain *d, struct clients *clients, int64_t spread_ms,
                 void (*done)(void *arg), void *arg)
{
    struct bytes bye;

    *d = (struct drain){.clients = clients,
                        .began_mono_us = clock_mono_ns() / 1000,
                        .pace = drain_pace_start((uint64_t)spread_ms * 1000),
                        .on_done = done,
                        .arg = arg};
    clients->stopping = true;
    clients->on_empty = on_empty;
    clients->on_empty_arg = d;
    uv_timer_init(clients->loop, &d->timer);
    d->timer.data = d;
    bytes_init(&bye);
    message_bye(&bye, "drain", RETRY_FROM_MS, RETRY_TO_MS);
    clients_each(clients, say_bye, &bye);
    bytes_close(&bye);
    if (clients->count == 0)
        on_empty(d);
    else
        uv_timer_start(&d->timer, on_due, 0, 0);
}
