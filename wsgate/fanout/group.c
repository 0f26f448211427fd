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

/* --- links --- */

static struct links *links_of(struct fanout *f, uint64_t key)
{
    uint32_t subscription = key_subscription(key);

    return subscription & SUBSCRIPTION_PATTERN
               ? &fanout_pattern(f, subscription)->groups
               : &f->streams[subscription]->links;
}

static void link_key(struct group *g, uint32_t i, struct links *links)
{
    if (links->n == links->cap) {
        links->cap = links->cap == 0 ? 1 : links->cap * 2;
        links->at = mem_grow(links->at, links->cap * sizeof *links->at);
    }
    g->places[i] = links->n;
    links->at[links->n++] =
        (struct link){.group = g, .at = i, .all = key_all(g->keys[i])};
}

/* The last link takes the place of this one. */
static void unlink_key(struct group *g, uint32_t i, struct links *links)
{
    const struct link last = links->at[--links->n];

    links->at[g->places[i]] = last;
    last.group->places[last.at] = g->places[i];
}

struct group *group_new(struct fanout *f, const uint64_t *keys, uint32_t n_keys)
{
    struct group *g = mem_zero(sizeof *g);

    g->keys = mem_alloc(n_keys * sizeof *keys);
    memcpy(g->keys, keys, n_keys * sizeof *keys);
    g->n_keys = n_keys;
    g->places = mem_alloc(n_keys * sizeof *g->places);
    for (uint32_t i = 0; i < n_keys; i++)
        link_key(g, i, links_of(f, keys[i]));
    g->newest = fanout_keys(f, keys, n_keys).newest;
    return g;
}

void group_free(struct fanout *f, struct group *g)
{
    for (uint32_t i = 0; i < g->n_keys; i++)
        unlink_key(g, i, links_of(f, g->keys[i]));
    free(g->keys);
    free(g->places);
    free(g->fast.at);
    free(g->slow.at);
    free(g->iov);
    free(g);
}

/* --- changes --- */

void group_each_change(struct keys a, struct keys b,
                       void (*fn)(void *arg, uint64_t key), void *arg)
{
    uint32_t i = 0, k = 0;

    while (i < a.n || k < b.n) {
        if (k == b.n || (i < a.n && a.at[i] < b.at[k])) {
            fn(arg, a.at[i++]);
        } else if (i == a.n || b.at[k] < a.at[i]) {
            fn(arg, b.at[k++]);
        } else {
            i++;
            k++;
        }
    }
}

static void note_pattern(void *arg, uint64_t key)
{
    *(bool *)arg |= (key_subscription(key) & SUBSCRIPTION_PATTERN) != 0;
}

bool group_patterns_change(struct keys a, struct keys b)
{
    bool change = false;

    group_each_change(a, b, note_pattern, &change);
    return change;
}

static const void *family_of(const struct fanout *f, uint64_t key)
{
    return fanout_pattern(f, key_subscription(key))->family;
}

static bool has_family(const struct fanout *f, struct keys keys,
                       const void *family)
{
    for (uint32_t i = keys.n; i-- > 0;) {
        if (!(key_subscription(keys.at[i]) & SUBSCRIPTION_PATTERN))
            break; /* they come last */
        if (family_of(f, keys.at[i]) == family)
            return true;
    }
    return false;
}

struct meeting {
    const struct fanout *fanout;
    struct keys a, b;
    bool meet;
};

static void note_meeting(void *arg, uint64_t key)
{
    struct meeting *m = arg;
    const void *family;

    if (m->meet || !(key_subscription(key) & SUBSCRIPTION_PATTERN))
        return;
    family = family_of(m->fanout, key);
    m->meet = has_family(m->fanout, m->a, family) &&
              has_family(m->fanout, m->b, family);
}

bool group_patterns_meet(const struct fanout *f, struct keys a, struct keys b)
{
    struct meeting m = {.fanout = f, .a = a, .b = b};

    group_each_change(a, b, note_meeting, &m);
    return m.meet;
}

/* --- a turn --- */

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
