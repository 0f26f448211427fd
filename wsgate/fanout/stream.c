#include "wsgate/fanout/stream.h"

#include <stdlib.h>

#include "common/base/bytes.h"

void stream_init(struct stream *s, uint32_t id, uint64_t born,
                 const struct stream *root)
{
    *s = (struct stream){.id = id, .born = born, .root = !root ? s : root};
}

void stream_clear(struct stream *s)
{
    for (uint32_t i = 0; i < s->n_keys; i++)
        buf_unref(s->keys[i].copy);
    s->n_keys = 0;
}

void stream_close(struct stream *s)
{
    stream_clear(s);
    free(s->keys);
    free(s->links);
    *s = (struct stream){0};
}

static uint16_t oldest(const struct stream *s)
{
    uint32_t at = 0;

    for (uint32_t i = 1; i < s->n_keys; i++) {
        if (s->keys[i].frame < s->keys[at].frame)
            at = i;
    }
    return (uint16_t)at;
}

uint16_t stream_key(struct stream *s, uint16_t type, int64_t bar_time)
{
    uint16_t at;

    /* From the back: of bars, the newest were added last. */
    for (uint32_t i = s->n_keys; i-- > 0;) {
        if (s->keys[i].type == type && s->keys[i].bar_time == bar_time)
            return (uint16_t)i;
    }
    if (s->n_keys < STREAM_KEYS_MAX) {
        if (s->n_keys == s->cap_keys) {
            s->cap_keys = s->cap_keys == 0 ? 1 : s->cap_keys * 2;
            s->keys = mem_grow(s->keys, s->cap_keys * sizeof *s->keys);
        }
        at = (uint16_t)s->n_keys++;
    } else {
        at = oldest(s);
        buf_unref(s->keys[at].copy);
    }
    s->keys[at] = (struct conflation_key){.type = type, .bar_time = bar_time};
    return at;
}

void stream_set(struct stream *s, uint16_t key, uint64_t frame)
{
    struct conflation_key *k = &s->keys[key];

    k->frame = frame;
    k->copy = buf_unref(k->copy);
}

void stream_cache(struct stream *s, uint16_t type, int64_t bar_time,
                  struct span payload)
{
    /* First: it may move the keys. */
    uint16_t at = stream_key(s, type, bar_time);
    struct conflation_key *k = &s->keys[at];

    if (k->frame != 0)
        return;
    buf_unref(k->copy);
    k->copy = buf_new(payload.ptr, payload.len);
    k->data_at = 0;
    k->data_len = (uint32_t)payload.len;
}

void stream_evict(struct stream *s, uint64_t number, const struct frame *f,
                  const char *bytes)
{
    struct conflation_key *k;

    s->evicted = number;
    if (f->key >= s->n_keys || s->keys[f->key].frame != number)
        return;
    k = &s->keys[f->key];
    k->copy = buf_new(bytes, f->len);
    k->data_at = f->data_at;
    k->data_len = f->data_len;
}

struct span stream_frame(const struct conflation_key *k,
                         const struct framelog *log)
{
    if (k->frame == 0)
        return span_make(NULL, 0);
    if (framelog_has(log, k->frame)) {
        const struct frame *f = framelog_at(log, k->frame);
        return span_make(framelog_bytes(log, f), f->len);
    }
    if (!k->copy)
        return span_make(NULL, 0); /* no memory when it was evicted */
    return span_make(k->copy->data, k->copy->len);
}

struct span stream_payload(const struct conflation_key *k,
                           const struct framelog *log)
{
    if (k->frame != 0 && framelog_has(log, k->frame)) {
        const struct frame *f = framelog_at(log, k->frame);
        return span_make(framelog_bytes(log, f) + f->data_at, f->data_len);
    }
    if (!k->copy)
        return span_make(NULL, 0);
    return span_make(k->copy->data + k->data_at, k->data_len);
}
