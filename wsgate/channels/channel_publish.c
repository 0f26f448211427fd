/* Messages of a feed: frames of it and its variants, and the newest of them. */
#include <stdlib.h>

#include "common/event/event.h"
#include "wsgate/channels/channel.h"
#include "wsgate/channels/message.h"

static uint32_t members_of(const struct channel *c)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < c->n_links; i++)
        n += c->links[i].group->fast.count + c->links[i].group->slow.count;
    return n;
}

/* The native frame again, as a frame of the variant. */
static void repeat(struct feeds *fs, struct variant *v, const struct slot *s)
{
    const struct framelog *log = &fs->fan->log;
    struct span frame = channel_frame(s, log);
    size_t data_at = (size_t)(channel_payload(s, log).ptr - frame.ptr);
    size_t data_len = channel_payload(s, log).len;

    if (frame.len == 0)
        return;
    /* Through scratch: making room may overwrite the oldest frame. */
    bytes_clear(&fs->scratch);
    bytes_add_span(&fs->scratch, frame);
    memcpy(fan_room(fs->fan, frame.len), fs->scratch.ptr, frame.len);
    fan_add(fs->fan, &v->channel, s->type, s->key, frame.len, data_at,
            data_len);
    v->seq = v->feed->seq;
}

static void throttle(struct feeds *fs, struct variant *v,
                     const struct slot *newest, uint64_t superseded,
                     uint64_t mono_ms)
{
    if (v->waiting == 0 && mono_ms >= v->due_mono_ms) {
        v->due_mono_ms = mono_ms + v->interval_ms;
        repeat(fs, v, newest);
        return;
    }
    if (v->waiting == 0) {
        v->waiting = newest->frame;
        v->next_waiting = fs->waiting;
        fs->waiting = v;
    } else if (superseded >= v->waiting) {
        uint32_t n = members_of(&v->channel);
        fs->throttled += n;
        fs->fan->counters.expected += n;
        fs->fan->counters.conflated += n;
    }
}

static bool is_stock(struct span type)
{
    return span_is(type, "price_update") || span_is(type, "market_status") ||
           span_is(type, "trading_alert");
}

static void publish_variant(struct feeds *fs, struct variant *v,
                            const struct feed_message *m, uint16_t type,
                            struct span name)
{
    size_t len = 0, data_at = 0, max;
    char *at;

    if (v->view == VIEW_STOCK) {
        max = message_stock_max(name, m->payload);
        if (!is_stock(name) || max > framelog_max(&fs->fan->log) ||
            (span_is(name, "trading_alert") && fs->is_public &&
             !fs->is_public(m->payload)))
            return;
        at = fan_room(fs->fan, max);
        len = message_stock(at, name, m->payload, m->local, &data_at);
    } else if (v->view == VIEW_TICKS &&
               (span_is(name, "tick") || span_is(name, "trade"))) {
        at = fan_room(fs->fan, m->payload.len + sizeof(uint64_t) * 2);
        len = message_raw(at, m->payload, &data_at);
    }
    if (len > 0)
        fan_add(fs->fan, &v->channel, type, 0, len, data_at, m->payload.len);
}

static void publish_variants(struct feeds *fs, struct feed *feed,
                             const struct feed_message *m,
                             const struct slot *newest, uint64_t superseded,
                             struct span type)
{
    for (struct variant *v = feed->native.next; v; v = v->next) {
        if (v->channel.n_links == 0)
            continue;
        if (v->view == VIEW_NATIVE)
            throttle(fs, v, newest, superseded, m->mono_ms);
        else
            publish_variant(fs, v, m, newest->type, type);
    }
}

enum feed_result feed_publish(struct feeds *fs, struct feed *feed,
                              const struct feed_message *m)
{
    struct channel *native = &feed->native.channel;
    size_t max = message_update_max(feed->prefix, m->payload), data_at;
    struct event_peek peek;
    char *at;
    size_t len;
    uint16_t type;
    int64_t key;
    uint16_t slot;
    uint64_t superseded;

    if (max > framelog_max(&fs->fan->log))
        return FEED_TOO_BIG;
    at = fan_room(fs->fan, max);
    len = message_update(at, feed->prefix, feed->seq + 1, m->payload, m->now_ms,
                         m->local, &data_at);
    /* Judged in the log: there it is in cache and has room behind it. */
    if (!event_peek(span_make(at + data_at, m->payload.len), &peek))
        return FEED_NOT_JSON; /* not committed: overwritten by the next */
    type = type_of(&fs->types, peek.type);
    key = peek.is_bar ? peek.bar_time_ms : 0;
    slot = channel_slot(native, type, key);
    superseded = native->slots[slot].frame;
    feed->seq++;
    feed->last_ms = m->now_ms;
    feed->last_local = m->local;
    fan_add(fs->fan, native, type, key, len, data_at, m->payload.len);
    if (feed->native.next)
        publish_variants(fs, feed, m, &native->slots[slot], superseded,
                         peek.type);
    return FEED_OK;
}

static int by_frame(const void *a, const void *b)
{
    uint64_t x = ((const struct slot *)a)->frame,
             y = ((const struct slot *)b)->frame;

    return (x > y) - (x < y);
}

/* Slots are copied first: what follows may evict, and so move, the originals'
 * bytes, but not the order. */
static uint32_t slots_in_order(const struct channel *c,
                               struct slot out[CHANNEL_SLOTS_MAX])
{
    if (c->n_slots > 0)
        memcpy(out, c->slots, c->n_slots * sizeof *out);
    if (c->n_slots > 1)
        qsort(out, c->n_slots, sizeof *out, by_frame);
    return c->n_slots;
}

static void send_waiting(struct feeds *fs, struct variant *v, uint64_t mono_ms)
{
    struct slot slots[CHANNEL_SLOTS_MAX];
    struct channel *native = &v->feed->native.channel;
    uint32_t n = slots_in_order(native, slots);

    for (uint32_t i = 0; i < n; i++) {
        if (slots[i].frame >= v->waiting && v->channel.n_links > 0)
            repeat(fs, v,
                   &native->slots[channel_slot(native, slots[i].type,
                                               slots[i].key)]);
    }
    v->waiting = 0;
    v->due_mono_ms = mono_ms + v->interval_ms;
}

bool feeds_send_due(struct feeds *fs, uint64_t mono_ms)
{
    struct variant **at = &fs->waiting;

    while (*at) {
        struct variant *v = *at;
        if (mono_ms < v->due_mono_ms) {
            at = &v->next_waiting;
            continue;
        }
        *at = v->next_waiting;
        send_waiting(fs, v, mono_ms);
    }
    return fs->waiting != NULL;
}

/* Is there a newer one of the same type? */
static bool is_outdone(const struct slot *slots, uint32_t n, uint32_t i)
{
    for (uint32_t k = 0; k < n; k++) {
        if (k == i || slots[k].type != slots[i].type)
            continue;
        if (slots[k].frame > slots[i].frame ||
            (slots[k].frame == slots[i].frame && slots[k].key > slots[i].key))
            return true;
    }
    return false;
}

void feed_each_newest(const struct feeds *fs, const struct variant *v,
                      void (*fn)(void *arg, const struct slot *s,
                                 struct span payload),
                      void *arg)
{
    struct slot slots[CHANNEL_SLOTS_MAX];
    const struct channel *c =
        v->channel.n_slots > 0 ? &v->channel : &v->feed->native.channel;
    uint32_t n = slots_in_order(c, slots);

    for (uint32_t i = 0; i < n; i++) {
        struct span payload = channel_payload(&slots[i], &fs->fan->log);
        if (payload.len > 0 && !is_outdone(slots, n, i))
            fn(arg, &slots[i], payload);
    }
}
