#include "wsgate/client/drain.h"

#include "common/base/clock.h"
#include "wsgate/channels/message.h"

enum { TICK_MS = 20, RETRY_FROM_MS = 500, RETRY_TO_MS = 8000 };

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

static void on_tick(uv_timer_t *t)
{
    struct drain *d = t->data;
    uint64_t passed = clock_mono_ms() - d->began_mono_ms;
    uint64_t due =
        passed >= d->spread_ms ? d->n : d->n * passed / d->spread_ms + 1;
    struct client *c;

    while (d->told < due && (c = next_client(d)) != NULL) {
        d->told++;
        client_close(c, WS_CLOSE_GOING_AWAY, "going away");
    }
    if (d->told >= d->n || !next_client(d))
        uv_timer_stop(t);
}

void drain_begin(struct drain *d, struct clients *clients, int64_t spread_ms,
                 void (*done)(void *arg), void *arg)
{
    struct bytes bye;
    uint64_t most = (uint64_t)spread_ms;

    *d = (struct drain){.clients = clients,
                        .began_mono_ms = clock_mono_ms(),
                        .n = clients->count,
                        .on_done = done,
                        .arg = arg};
    if (most > DRAIN_MAX_MS)
        most = DRAIN_MAX_MS;
    d->spread_ms = d->n * DRAIN_EACH_MS;
    if (d->spread_ms > most)
        d->spread_ms = most;
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
        uv_timer_start(&d->timer, on_tick, 0, TICK_MS);
}
