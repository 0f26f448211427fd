#include "wsgate/fanout/hearing.h"

/* The index of the first key from there on that is not before this subscription's.
 */
static uint32_t find_from(struct keys keys, uint32_t from,
                          uint32_t subscription)
{
    uint64_t key = subscription_key(subscription, false);
    uint32_t to = keys.n;

    while (from < to) {
        uint32_t middle = from + (to - from) / 2;

        if (keys.at[middle] < key)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static bool is_key_of(struct keys keys, uint32_t at, uint32_t subscription)
{
    return at < keys.n && key_subscription(keys.at[at]) == subscription;
}

/* The first key that brings one of its streams, by the ways that it has; those
 * of the root and the keys are in the same order. */
static struct hearing find_way(const struct fanout *f, struct keys keys,
                               const struct stream *root)
{
    struct hearing h = {.key = keys.n};
    uint32_t at = 0;

    for (uint32_t i = 0; i < root->n_ways; i++) {
        const struct way *w = &root->ways[i];

        at = find_from(keys, at, w->subscription);
        if (at == keys.n)
            break;
        if (!is_key_of(keys, at, w->subscription) || !stream_pattern_has(f, w))
            continue;
        h.key = at;
        h.stream = f->streams[w->stream];
        break;
    }
    return h;
}

/* Patterns made by then that cover streams of the root are known. */
static void look(struct fanout *f, struct stream *root, uint64_t newest)
{
    if (root->looked < newest && f->cover)
        f->cover(f->cover_arg, root);
}

void hearing_look(struct fanout *f, struct stream *s)
{
    look(f, s->root, f->newest);
}

struct hearing hearing_of(struct fanout *f, struct keys keys,
                          const struct stream *s)
{
    struct stream *root = s->root;
    struct hearing h;
    uint32_t at;

    look(f, root, keys.newest);
    h = find_way(f, keys, root);
    at = find_from(keys, 0, root->id);
    if (at < h.key && is_key_of(keys, at, root->id)) {
        h.key = at;
        h.stream = root;
    }
    if (h.stream) {
        h.subscription = key_subscription(keys.at[h.key]);
        h.all = key_all(keys.at[h.key]);
    }
    return h;
}

bool hearing_by_name(struct keys keys, const struct stream *s)
{
    const struct stream *root = s->root;
    uint32_t at = find_from(keys, 0, root->id);
    bool found = is_key_of(keys, at, root->id);

    at = 0;
    for (uint32_t i = 0; !found && i < root->n_ways; i++) {
        uint32_t name = root->ways[i].subscription;

        if (name & SUBSCRIPTION_PATTERN)
            break; /* they come last */
        at = find_from(keys, at, name);
        found = is_key_of(keys, at, name);
    }
    return found;
}

bool hearing_is_wanted(const struct fanout *f, const struct stream *s)
{
    if (s->links.n > 0)
        return true;
    for (uint32_t i = 0; i < s->n_covers; i++) {
        const struct stream_pattern *p = stream_pattern_of(f, &s->covers[i]);

        if (p && p->groups.n > 0)
            return true;
    }
    return false;
}

static bool brings(const struct stream_pattern *p, const struct stream *s)
{
    uint32_t i = 0;

    while (i < p->groups.n &&
           hearing_by_name(group_keys(p->groups.at[i].group), s))
        i++;
    return i < p->groups.n;
}

bool hearing_is_brought(const struct fanout *f, const struct stream *s)
{
    for (const struct stream *t = s->root; t; t = t->sibling) {
        for (uint32_t i = 0; i < t->n_covers; i++) {
            const struct stream_pattern *p =
                stream_pattern_of(f, &t->covers[i]);

            if (p && brings(p, s))
                return true;
        }
    }
    return false;
}

/* Of a root with one stream, the first key that a group is met by is the one that
 * brings it: names and patterns are gone through in the order of keys. */
static bool is_first(struct fanout *f, struct group *g, struct stream *s,
                     uint32_t pattern, uint64_t stamp)
{
    struct hearing h;

    if (g->n_keys == 1)
        return true;
    if (s == s->root && !s->sibling) {
        if (g->met == stamp)
            return false;
        g->met = stamp;
        return true;
    }
    h = hearing_of(f, group_keys(g), s);
    return h.stream == s && h.subscription == pattern;
}

void hearing_each(struct fanout *f, struct stream *s,
                  void (*fn)(void *arg, struct group *g, bool all), void *arg)
{
    uint64_t stamp;
    bool once; /* nobody can be met twice, or hear it otherwise */

    hearing_look(f, s);
    once = s->links.n == 0 && s->n_covers == 1 && s == s->root && !s->sibling;
    stamp = s->n_covers == 0 ? 0 : fanout_stamp(f);
    for (uint32_t i = 0; i < s->links.n; i++) {
        s->links.at[i].group->met = stamp;
        fn(arg, s->links.at[i].group, s->links.at[i].all);
    }
    for (uint32_t i = 0; i < s->n_covers; i++) {
        const struct stream_pattern *p = stream_pattern_of(f, &s->covers[i]);

        for (uint32_t k = 0; p && k < p->groups.n; k++) {
            const struct link *l = &p->groups.at[k];

            if (once || is_first(f, l->group, s, p->id, stamp))
                fn(arg, l->group, l->all);
        }
    }
}

static void count(void *arg, struct group *g, bool all)
{
    (void)all;
    *(uint32_t *)arg += g->fast.count + g->slow.count;
}

uint32_t hearing_members(struct fanout *f, struct stream *s)
{
    uint32_t n = 0;

    hearing_each(f, s, count, &n);
    return n;
}
