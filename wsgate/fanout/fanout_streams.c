/* Streams and patterns, and how they get their ids. */
#include <assert.h>
#include <stdlib.h>

#include "common/base/bytes.h"
#include "wsgate/fanout/fanout.h"

void fanout_add_stream(struct fanout *f, struct stream *s, struct stream *root)
{
    uint32_t id;

    if (f->n_free_ids > 0) {
        id = f->free_ids[--f->n_free_ids];
    } else {
        if ((f->n_streams & (f->n_streams - 1)) == 0) {
            size_t cap = f->n_streams == 0 ? 1 : f->n_streams * 2u;
            f->streams = mem_grow(f->streams, cap * sizeof *f->streams);
            f->spoken = mem_grow(f->spoken, cap * sizeof *f->spoken);
        }
        id = f->n_streams++;
    }
    f->streams[id] = s;
    f->spoken[id] = false;
    stream_init(s, id, f->log.head, root);
    if (root) {
        s->sibling = root->sibling;
        root->sibling = s;
        stream_pattern_note_name(f, s);
    }
}

/* Of the streams of its root. */
static void leave_root(struct stream *s)
{
    struct stream **at = &s->root->sibling;

    if (s == s->root) {
        assert(!s->sibling);
        return;
    }
    while (*at != s)
        at = &(*at)->sibling;
    *at = s->sibling;
    stream_pattern_uncover(s);
}

void fanout_remove_stream(struct fanout *f, struct stream *s)
{
    assert(s->links.n == 0);
    leave_root(s);
    stream_list_drop(&f->evicted, s);
    f->streams[s->id] = NULL;
    f->spoken[s->id] = false;
    if (f->n_free_ids == f->cap_free_ids) {
        f->cap_free_ids = f->cap_free_ids == 0 ? 16 : f->cap_free_ids * 2;
        f->free_ids =
            mem_grow(f->free_ids, f->cap_free_ids * sizeof *f->free_ids);
    }
    f->free_ids[f->n_free_ids++] = s->id;
    stream_close(s);
}

void fanout_cache(struct fanout *f, struct stream *s, uint16_t type,
                  int64_t part, struct span payload)
{
    stream_cache(s, type, part, payload);
    f->spoken[s->id] = s->root == s;
}

void fanout_add_pattern(struct fanout *f, struct stream_pattern *p,
                        unsigned rank)
{
    uint32_t id = 0;

    while (id < f->n_patterns && f->patterns[id])
        id++;
    if (id == f->n_patterns) {
        f->patterns = mem_grow(f->patterns, (id + 1u) * sizeof *f->patterns);
        f->n_patterns++;
    }
    f->patterns[id] = p;
    *p = (struct stream_pattern){.id = subscription_of_pattern(id, rank),
                                 .made = fanout_stamp(f)};
    f->newest = p->made;
}

void fanout_remove_pattern(struct fanout *f, struct stream_pattern *p)
{
    f->patterns[subscription_pattern_at(p->id)] = NULL;
    stream_pattern_close(p);
}

struct stream_pattern *fanout_pattern(const struct fanout *f,
                                      uint32_t subscription)
{
    return f->patterns[subscription_pattern_at(subscription)];
}

uint64_t fanout_stamp(struct fanout *f)
{
    return ++f->last_stamp;
}

struct keys fanout_keys(const struct fanout *f, const uint64_t *keys,
                        uint32_t n_keys)
{
    struct keys k = {.at = keys, .n = n_keys};

    for (uint32_t i = n_keys; i-- > 0;) {
        uint32_t subscription = key_subscription(keys[i]);

        if (!(subscription & SUBSCRIPTION_PATTERN))
            break; /* patterns come last */
        if (fanout_pattern(f, subscription)->made > k.newest)
            k.newest = fanout_pattern(f, subscription)->made;
    }
    return k;
}
