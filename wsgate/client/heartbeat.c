#include "wsgate/client/heartbeat.h"

#include "common/base/clock.h"
#include "wsgate/channels/message.h"
#include "wsgate/channels/upstream.h"

enum {
    BEATS_PER_WHEEL = 20,
    MISSED_MAX = 2,
    /* Who has so much to read already gets no more of the regular ones. */
    UNREAD_MAX = 4096,
};

static void ping_one(struct client *c)
{
    static const char ping[] = {(char)(0x80 | WS_OP_PING), 0};

    if (c->closing)
        return;
    c->missed = c->heard ? 0 : (uint8_t)(c->missed + 1);
    c->heard = false;
    if (c->missed >= MISSED_MAX) {
        client_close(c, CLOSE_NO_PONG, "no pong");
        return;
    }
    client_notify(c, span_make(ping, sizeof ping));
}

static void on_ping(uv_timer_t *t)
{
    struct heartbeat *h = t->data;
    struct wheel_bucket *s = &h->clients->wheel[h->ping_bucket];

    h->ping_bucket = (h->ping_bucket + 1) % WHEEL_BUCKETS;
    for (uint32_t i = s->count; i-- > 0;)
        ping_one(s->at[i]);
}

static void make_frame(struct heartbeat *h)
{
    bytes_clear(&h->frame);
    message_heartbeat(&h->frame, clock_wall_ms(),
                      upstream_name(upstream_state(h->clients->upstream)));
}

static void beat_one(void *arg, struct client *c)
{
    struct heartbeat *h = arg;

    if (c->dialect == DIALECT_NATIVE && !c->closing &&
        client_unread(c) < UNREAD_MAX)
        client_notify(c, bytes_span(&h->frame));
}

static void on_beat(uv_timer_t *t)
{
    struct heartbeat *h = t->data;

    make_frame(h);
    for (int i = 0; i < WHEEL_BUCKETS / BEATS_PER_WHEEL; i++) {
        struct wheel_bucket *s = &h->clients->wheel[h->beat_bucket];
        h->beat_bucket = (h->beat_bucket + 1) % WHEEL_BUCKETS;
        for (uint32_t k = s->count; k-- > 0;)
            beat_one(h, s->at[k]);
    }
}

void heartbeat_upstream_changed(struct heartbeat *h)
{
    make_frame(h);
    clients_each(h->clients, beat_one, h);
}

static void start(struct heartbeat *h, uv_timer_t *t, uv_timer_cb cb,
                  int64_t period_ms, int64_t parts)
{
    uint64_t ms = (uint64_t)(period_ms / parts);

    uv_timer_init(h->clients->loop, t);
    t->data = h;
    if (period_ms > 0)
        uv_timer_start(t, cb, ms > 0 ? ms : 1, ms > 0 ? ms : 1);
}

void heartbeat_open(struct heartbeat *h, struct clients *clients,
                    int64_t ping_ms, int64_t beat_ms)
{
    h->clients = clients;
    bytes_init(&h->frame);
    start(h, &h->ping, on_ping, ping_ms, WHEEL_BUCKETS);
    start(h, &h->beat, on_beat, beat_ms, BEATS_PER_WHEEL);
}

void heartbeat_stop(struct heartbeat *h)
{
    uv_close((uv_handle_t *)&h->ping, NULL);
    uv_close((uv_handle_t *)&h->beat, NULL);
}

void heartbeat_free(struct heartbeat *h)
{
    bytes_close(&h->frame);
}
