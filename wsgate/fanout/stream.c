#include "wsgate/fanout/stream.h"

#include <stdlib.h>

#include "common/base/bytes.h"
#include "wsgate/fanout/slot_index.h"

void stream_init(struct stream *s, uint32_t id, uint64_t born,
                 struct stream *root)
{
    *s = (struct stream){.id = id, .born = born, .root = !root ? s : root};
}

void stream_clear(struct stream *s)
{
    for (uint32_t i = 0; i < s->n_keys; i++)
        buf_unref(s->keys[i].copy);
    s->n_keys = 0;
    s->newest_part = 0;
    slot_index_free(s->index);
    s->index = NULL;
}

void stream_close(struct stream *s)
{
    stream_clear(s);
    free(s->keys);
    free(s->links.at);
    free(s->covers);
    free(s->ways);
    *s = (struct stream){0};
}

static uint16_t find(const struct stream *s, uint16_t type, int64_t part)
{
    if (s->index)
        return slot_index_find(s->index, s->keys, type, part);
    /* From the back: of bars, the newest were added last. */
    for (uint32_t i = s->n_keys; i-- > 0;) {
        if (s->keys[i].type == type && s->keys[i].part == part)
            return (uint16_t)i;
    }
    return SLOT_NONE;
}

const struct conflation_key *stream_find(const struct stream *s, uint16_t type,
                                         int64_t part)
{
    uint16_t at = find(s, type, part);

    return at == SLOT_NONE ? NULL : &s->keys[at];
}

/* Room for one more key, and an index once they are many. */
static void grow(struct stream *s, uint32_t max)
{
    uint32_t cap = s->cap_keys == 0 ? 1 : s->cap_keys * 2;

    if (s->n_keys == s->cap_keys) {
        s->cap_keys = cap > max ? max : cap;
        s->keys = mem_grow(s->keys, s->cap_keys * sizeof *s->keys);
    } else if (s->index || s->n_keys < STREAM_KEYS_INDEXED) {
        return;
    }
    if (s->n_keys < STREAM_KEYS_INDEXED)
        return;
    slot_index_free(s->index);
    s->index = slot_index_new(s->keys, s->n_keys, s->cap_keys);
}

uint16_t stream_key(struct stream *s, uint16_t type, int64_t part,
                    uint64_t *forgotten)
{
    uint32_t max = s->by_symbol ? STREAM_PARTS_MAX : STREAM_KEYS_MAX;
    uint16_t at = find(s, type, part);

    if (at != SLOT_NONE)
        return at;
    if (s->n_keys < max) {
        grow(s, max);
        at = (uint16_t)s->n_keys++;
    } else {
        at = slot_index_oldest(s->index);
        slot_index_remove(s->index, s->keys, at);
        buf_unref(s->keys[at].copy);
        if (s->by_symbol && forgotten)
            ++*forgotten;
    }
    s->keys[at] = (struct conflation_key){.type = type, .part = part};
    if (s->index)
        slot_index_add(s->index, s->keys, at);
    return at;
}

/* --- in order --- */

static const struct conflation_key *key_at(const struct stream *s, uint16_t at)
{
    return at == SLOT_NONE ? NULL : &s->keys[at];
}

/* Few keys have no order: the one that follows is looked for. */
static bool comes_before(const struct conflation_key *a,
                         const struct conflation_key *b)
{
    return a->frame != b->frame ? a->frame < b->frame : a < b;
}

const struct conflation_key *stream_first(const struct stream *s, uint64_t from)
{
    const struct conflation_key *first = NULL;
    uint16_t at, older;

    if (s->index) {
        at = from == 0 ? slot_index_oldest(s->index) : SLOT_NONE;
        older = from == 0 ? SLOT_NONE : slot_index_newest(s->index);
        for (; older != SLOT_NONE && s->keys[older].frame >= from;
             older = slot_index_older(s->index, older))
            at = older;
        return key_at(s, at);
    }
    for (uint32_t i = 0; i < s->n_keys; i++) {
        const struct conflation_key *k = &s->keys[i];
        if (k->frame >= from && (!first || comes_before(k, first)))
            first = k;
    }
    return first;
}

const struct conflation_key *stream_next(const struct stream *s,
                                         const struct conflation_key *k)
{
    const struct conflation_key *next = NULL;

    if (s->index)
        return key_at(s, slot_index_newer(s->index, (uint16_t)(k - s->keys)));
    for (uint32_t i = 0; i < s->n_keys; i++) {
        const struct conflation_key *other = &s->keys[i];
        if (comes_before(k, other) && (!next || comes_before(other, next)))
            next = other;
    }
    return next;
}

/* --- frames --- */

void stream_set(struct stream *s, uint16_t key, uint64_t frame)
{
    struct conflation_key *k = &s->keys[key];

    k->frame = frame;
    k->copy = buf_unref(k->copy);
    if (s->index)
        slot_index_set(s->index, key);
}

void stream_cache(struct stream *s, uint16_t type, int64_t part,
                  struct span payload)
{
    /* First: it may move the keys. */
    uint16_t at = stream_key(s, type, part, NULL);
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

void stream_list_drop(struct stream **first, struct stream *s)
{
    if (s->newer)
        s->newer->older = s->older;
    else if (*first == s)
        *first = s->older;
    if (s->older)
        s->older->newer = s->newer;
    s->newer = s->older = NULL;
}

void stream_list_put(struct stream **first, struct stream *s)
{
    if (*first == s)
        return;
    stream_list_drop(first, s);
    s->older = *first;
    if (s->older)
        s->older->newer = s;
    *first = s;
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
