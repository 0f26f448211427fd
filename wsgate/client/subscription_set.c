#include "wsgate/client/subscription_set.h"

#include <stdlib.h>

struct mark_place {
    uint32_t *mark, *at;
};

static struct mark_place place_of(const struct subset *s, uint32_t topic)
{
    const struct feeds *fs = hub_feeds(s->all->gate->hub);
    struct feed *feed;

    if (topic & TOPIC_PATTERN) {
        struct wild *w = feeds_wild_of(fs, topic)->wild;
        return (struct mark_place){&w->mark, &w->mark_at};
    }
    feed = feeds_variant_of(fs, topic)->feed;
    return (struct mark_place){&feed->mark, &feed->mark_at};
}

void subset_open(struct subset *s, struct clients *all, const struct group *g,
                 uint32_t more)
{
    uint32_t n = !g ? 0 : g->n_keys;

    *s = (struct subset){.all = all, .cap = n + more, .stamp = ++all->stamp};
    s->keys = mem_alloc((s->cap + 1u) * sizeof *s->keys);
    for (uint32_t i = 0; i < n; i++)
        subset_put(s, g->keys[i]);
}

void subset_close(struct subset *s)
{
    free(s->keys);
}

bool subset_has(const struct subset *s, uint32_t topic)
{
    return *place_of(s, topic).mark == s->stamp;
}

bool subset_may_have(const struct subset *s, struct span name)
{
    const struct wild *w;

    if (name.ptr[name.len - 1] != '*' || s->patterns < SUBSET_PATTERNS_MAX)
        return true;
    w = feeds_find_wild(hub_feeds(s->all->gate->hub), name);
    return w && w->mark == s->stamp;
}

uint64_t subset_put(struct subset *s, uint64_t key)
{
    struct mark_place p = place_of(s, sub_topic(key));

    if (*p.mark == s->stamp) {
        uint64_t old = s->keys[*p.at];
        s->keys[*p.at] = key;
        return old;
    }
    *p.mark = s->stamp;
    *p.at = s->n;
    s->keys[s->n++] = key;
    s->count++;
    s->patterns += (sub_topic(key) & TOPIC_PATTERN) != 0;
    return SUBSET_NONE;
}

uint64_t subset_remove(struct subset *s, struct span name)
{
    const struct feeds *fs = hub_feeds(s->all->gate->hub);
    struct mark_place p = {NULL, NULL};
    uint64_t old;

    if (name.len > 0 && name.ptr[name.len - 1] == '*') {
        struct wild *w = feeds_find_wild(fs, name);
        if (w)
            p = (struct mark_place){&w->mark, &w->mark_at};
    } else {
        struct feed *feed = feeds_find(fs, name);
        if (feed)
            p = (struct mark_place){&feed->mark, &feed->mark_at};
    }
    if (!p.mark || *p.mark != s->stamp)
        return SUBSET_NONE;
    old = s->keys[*p.at];
    s->keys[*p.at] = SUBSET_NONE;
    *p.mark = s->stamp - 1; /* no longer among them */
    s->count--;
    s->patterns -= (sub_topic(old) & TOPIC_PATTERN) != 0;
    return old;
}

static int by_key(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

void subset_apply(struct subset *s, struct member *m)
{
    if (s->n > 1)
        qsort(s->keys, s->n, sizeof *s->keys, by_key);
    /* Removed ones sort last. */
    fan_subscribe(s->all->gate->fan, m, s->keys, s->count);
}
