#include "wsgate/fanout/stream.h"

#include <stdlib.h>

#include "common/base/bytes.h"

void stream_init(struct stream *c, uint32_t id, uint64_t born,
                 const struct stream *root)
{
    *c = (struct stream){.id = id, .born = born, .root = !root ? c : root};
}

void stream_clear(struct stream *c)
{
    for (uint32_t i = 0; i < c->n_keys; i++)
        buf_unref(c->keys[i].copy);
    c->n_keys = 0;
}

void stream_close(struct stream *c)
{
    stream_clear(c);
    free(c->keys);
    free(c->links);
    *c = (struct stream){0};
}

static uint16_t oldest(const struct stream *c)
{
    uint32_t at = 0;

    for (uint32_t i = 1; i < c->n_keys; i++) {
        if (c->keys[i].frame < c->keys[at].frame)
            at = i;
    }
    return (uint16_t)at;
}

uint16_t stream_key(struct stream *c, uint16_t type, int64_t bar_time)
{
    uint16_t at;

    /* From the back: of bars, the newest were added last. */
    for (uint32_t i = c->n_keys; i-- > 0;) {
        if (c->keys[i].type == type && c->keys[i].bar_time == bar_time)
            return (uint16_t)i;
    }
    if (c->n_keys < STREAM_KEYS_MAX) {
        if (c->n_keys == c->cap_keys) {
            c->cap_keys = c->cap_keys == 0 ? 1 : c->cap_keys * 2;
            c->keys = mem_grow(c->keys, c->cap_keys * sizeof *c->keys);
        }
        at = (uint16_t)c->n_keys++;
    } else {
        at = oldest(c);
        buf_unref(c->keys[at].copy);
    }
    c->keys[at] = (struct conflation_key){.type = type, .bar_time = bar_time};
    return at;
}

void stream_set(struct stream *c, uint16_t key, uint64_t frame)
{
    struct conflation_key *s = &c->keys[key];

    s->frame = frame;
    s->copy = buf_unref(s->copy);
}

void stream_cache(struct stream *c, uint16_t type, int64_t bar_time,
                  struct span payload)
{
    /* First: it may move the keys. */
    uint16_t at = stream_key(c, type, bar_time);
    struct conflation_key *s = &c->keys[at];

    if (s->frame != 0)
        return;
    buf_unref(s->copy);
    s->copy = buf_new(payload.ptr, payload.len);
    s->data_at = 0;
    s->data_len = (uint32_t)payload.len;
}

void stream_evict(struct stream *c, uint64_t number, const struct frame *f,
                  const char *bytes)
{
    struct conflation_key *s;

    c->evicted = number;
    if (f->key >= c->n_keys || c->keys[f->key].frame != number)
        return;
    s = &c->keys[f->key];
    s->copy = buf_new(bytes, f->len);
    s->data_at = f->data_at;
    s->data_len = f->data_len;
}

struct span stream_frame(const struct conflation_key *s,
                         const struct framelog *log)
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

struct span stream_payload(const struct conflation_key *s,
                           const struct framelog *log)
{
    if (s->frame != 0 && framelog_has(log, s->frame)) {
        const struct frame *f = framelog_at(log, s->frame);
        return span_make(framelog_bytes(log, f) + f->data_at, f->data_len);
    }
    if (!s->copy)
        return span_make(NULL, 0);
    return span_make(s->copy->data + s->data_at, s->data_len);
}
