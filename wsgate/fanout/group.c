#include "wsgate/fanout/group.h"

#include <stdlib.h>

#include "common/base/bytes.h"
#include "wsgate/fanout/fanout.h"

struct span group_key(const uint64_t *keys, uint32_t n_keys)
{
    return span_make((const char *)keys, n_keys * sizeof *keys);
}

bool group_equal(const struct node *n, struct span keys)
{
    const struct group *g = (const struct group *)n;

    return span_eq(group_key(g->keys, g->n_keys), keys);
}

struct group *group_new(const uint64_t *keys, uint32_t n_keys)
{
    struct group *g = mem_zero(sizeof *g);

    g->keys = mem_alloc(n_keys * sizeof *keys);
    memcpy(g->keys, keys, n_keys * sizeof *keys);
    g->n_keys = n_keys;
    return g;
}

/* The last link of the stream takes the place of this one. */
static void drop_link(struct stream *s, uint32_t at)
{
    struct link *last = &s->links[--s->n_links];

    if (at != s->n_links) {
        s->links[at] = *last;
        last->group->streams[last->at].at = at;
    }
}

void group_free(struct group *g)
{
    for (uint32_t i = 0; i < g->n_streams; i++)
        drop_link(g->streams[i].stream, g->streams[i].at);
    free(g->keys);
    free(g->streams);
    free(g->fast.at);
    free(g->slow.at);
    free(g->iov);
    free(g);
}

void group_link(struct group *g, struct stream *s, uint64_t key)
{
    if (g->n_streams == g->cap_streams) {
        g->cap_streams = g->cap_streams == 0 ? 1 : g->cap_streams * 2;
        g->streams = mem_grow(g->streams, g->cap_streams * sizeof *g->streams);
    }
    if (s->n_links == s->cap_links) {
        s->cap_links = s->cap_links == 0 ? 1 : s->cap_links * 2;
        s->links = mem_grow(s->links, s->cap_links * sizeof *s->links);
    }
    s->links[s->n_links] =
        (struct link){.group = g, .at = g->n_streams, .all = key_all(key)};
    g->streams[g->n_streams++] =
        (struct group_stream){.stream = s,
                              .at = s->n_links++,
                              .subscription = key_subscription(key),
                              .all = key_all(key)};
}

void group_unlink_stream(struct stream *s)
{
    while (s->n_links > 0) {
        struct link *l = &s->links[--s->n_links];
        struct group *g = l->group;
        uint32_t at = l->at;
        if (at != --g->n_streams) {
            g->streams[at] = g->streams[g->n_streams];
            g->streams[at].stream->links[g->streams[at].at].at = at;
        }
    }
}

bool group_push(struct group *g, uint64_t number, const char *ptr, size_t len,
                bool all)
{
    struct iovec *last = g->n_iov > 0 ? &g->iov[g->n_iov - 1] : NULL;

    if (last && (char *)last->iov_base + last->iov_len == ptr) {
        last->iov_len += len;
    } else {
        if (g->n_iov == GROUP_IOV_MAX)
            return false;
        if (!g->iov || g->n_iov == g->cap_iov) {
            g->cap_iov = g->cap_iov == 0 ? 2 : g->cap_iov * 2;
            g->iov = mem_grow(g->iov, g->cap_iov * sizeof *g->iov);
        }
        /* sendmsg() does not write, but struct iovec has no const. */
        g->iov[g->n_iov++] =
            (struct iovec){.iov_base = (void *)(uintptr_t)ptr, .iov_len = len};
    }
    if (g->turn_frames++ == 0)
        g->turn_first = number;
    g->turn_bytes += len;
    if (all)
        g->turn_all_bytes += len;
    return true;
}

void group_turn_done(struct group *g)
{
    g->n_iov = 0;
    g->turn_frames = 0;
    g->turn_bytes = 0;
    g->turn_all_bytes = 0;
}

void members_add(struct members *list, struct member *m)
{
    if (list->count == list->cap) {
        list->cap = list->cap == 0 ? 1 : list->cap * 2;
        list->at = mem_grow(list->at, list->cap * sizeof *list->at);
    }
    m->index = list->count;
    list->at[list->count++] = m;
}

void members_remove(struct members *list, struct member *m)
{
    struct member *last = list->at[--list->count];

    list->at[m->index] = last;
    last->index = m->index;
}
