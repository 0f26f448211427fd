#include "wsgate/fanout/stream.h"

#include <stdlib.h>

#include "common/base/bytes.h"

void channel_init(struct channel *c, uint32_t id, uint64_t born,
                  const struct channel *root)
{
    *c = (struct channel){.id = id, .born = born, .root = !root ? c : root};
}

void channel_clear(struct channel *c)
{
    for (uint32_t i = 0; i < c->n_slots; i++)
        buf_unref(c->slots[i].copy);
    c->n_slots = 0;
}

void channel_close(struct channel *c)
{
    channel_clear(c);
    free(c->slots);
    free(c->links);
    *c = (struct channel){0};
}

static uint16_t oldest(const struct channel *c)
{
    uint32_t at = 0;

    for (uint32_t i = 1; i < c->n_slots; i++) {
        if (c->slots[i].frame < c->slots[at].frame)
            at = i;
    }
    return (uint16_t)at;
}

uint16_t channel_slot(struct channel *c, uint16_t type, int64_t key)
{
    uint16_t at;

    /* From the back: of bars, the newest were added last. */
    for (uint32_t i = c->n_slots; i-- > 0;) {
        if (c->slots[i].type == type && c->slots[i].key == key)
            return (uint16_t)i;
    }
    if (c->n_slots < CHANNEL_SLOTS_MAX) {
        if (c->n_slots == c->cap_slots) {
            c->cap_slots = c->cap_slots == 0 ? 1 : c->cap_slots * 2;
            c->slots = mem_grow(c->slots, c->cap_slots * sizeof *c->slots);
        }
        at = (uint16_t)c->n_slots++;
    } else {
        at = oldest(c);
        buf_unref(c->slots[at].copy);
    }
    c->slots[at] = (struct slot){.type = type, .key = key};
    return at;
}

void channel_set(struct channel *c, uint16_t slot, uint64_t frame)
{
    struct slot *s = &c->slots[slot];

    s->frame = frame;
    s->copy = buf_unref(s->copy);
}

void channel_cache(struct channel *c, uint16_t type, int64_t key,
                   struct span payload)
{
    /* First: it may move the slots. */
    uint16_t at = channel_slot(c, type, key);
    struct slot *s = &c->slots[at];

    if (s->frame != 0)
        return;
    buf_unref(s->copy);
    s->copy = buf_new(payload.ptr, payload.len);
    s->data_at = 0;
    s->data_len = (uint32_t)payload.len;
}

void channel_evict(struct channel *c, uint64_t number, const struct frame *f,
                   const char *bytes)
{
    struct slot *s;

    c->evicted = number;
    if (f->slot >= c->n_slots || c->slots[f->slot].frame != number)
        return;
    s = &c->slots[f->slot];
    s->copy = buf_new(bytes, f->len);
    s->data_at = f->data_at;
    s->data_len = f->data_len;
}

struct span channel_frame(const struct slot *s, const struct framelog *log)
{
    if (s->frame == 0)
        return span_make(NULL, 0);
    if (framelog_has(log, s->frame)) {
        const struct frame *f = framelog_at(log, s->frame);
        return span_make(framelog_bytes(log, f), f->len);
    }
    if (!s->copy)
        return span_make(NULL, 0); /* no memory when it was evicted */
    return span_make(s->copy->data, s->copy->len);
}

struct span channel_payload(const struct slot *s, const struct framelog *log)
{
    if (s->frame != 0 && framelog_has(log, s->frame)) {
        const struct frame *f = framelog_at(log, s->frame);
        return span_make(framelog_bytes(log, f) + f->data_at, f->data_len);
    }
    if (!s->copy)
        return span_make(NULL, 0);
    return span_make(s->copy->data + s->data_at, s->data_len);
}
