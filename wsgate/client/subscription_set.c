#include "wsgate/client/subscription_set.h"

#include <stdlib.h>

#include "wsgate/client/clients.h"

struct mark_place {
    uint32_t *mark, *at;
};

static struct mark_place place_of(const struct subscription_set *s,
                                  uint32_t subscription)
{
    const struct channels *cs = upstream_channels(s->registry->upstream);
    struct channel *channel;

    if (subscription & SUBSCRIPTION_PATTERN) {
        struct pattern *w = channels_pattern_of(cs, subscription)->pattern;
        return (struct mark_place){&w->mark, &w->mark_at};
    }
    channel = channels_view_of(cs, subscription)->channel;
    return (struct mark_place){&channel->mark, &channel->mark_at};
}

void subscription_set_open(struct subscription_set *s, struct clients *registry,
                           const struct group *g, uint32_t more)
{
    uint32_t n = !g ? 0 : g->n_keys;

    *s = (struct subscription_set){
        .registry = registry, .cap = n + more, .stamp = ++registry->stamp};
    s->keys = mem_alloc((s->cap + 1u) * sizeof *s->keys);
    for (uint32_t i = 0; i < n; i++)
        subscription_set_put(s, g->keys[i]);
}

void subscription_set_close(struct subscription_set *s)
{
    free(s->keys);
}

bool subscription_set_has(const struct subscription_set *s,
                          uint32_t subscription)
{
    return *place_of(s, subscription).mark == s->stamp;
}

bool subscription_set_may_have(const struct subscription_set *s,
                               struct span name)
{
    const struct pattern *w;

    if (name.ptr[name.len - 1] != '*' ||
        s->patterns < SUBSCRIPTION_SET_PATTERNS_MAX)
        return true;
    w = channels_find_pattern(upstream_channels(s->registry->upstream), name);
    return w && w->mark == s->stamp;
}

uint64_t subscription_set_put(struct subscription_set *s, uint64_t key)
{
    struct mark_place p = place_of(s, key_subscription(key));

    if (*p.mark == s->stamp) {
        uint64_t old = s->keys[*p.at];
        s->keys[*p.at] = key;
        return old;
    }
    *p.mark = s->stamp;
    *p.at = s->n;
    s->keys[s->n++] = key;
    s->count++;
    s->patterns += (key_subscription(key) & SUBSCRIPTION_PATTERN) != 0;
    return SUBSCRIPTION_SET_NONE;
}

uint64_t subscription_set_remove(struct subscription_set *s, struct span name)
{
    const struct channels *cs = upstream_channels(s->registry->upstream);
    struct mark_place p = {NULL, NULL};
    uint64_t old;

    if (name.len > 0 && name.ptr[name.len - 1] == '*') {
        struct pattern *w = channels_find_pattern(cs, name);
        if (w)
            p = (struct mark_place){&w->mark, &w->mark_at};
    } else {
        struct channel *channel = channels_find(cs, name);
        if (channel)
            p = (struct mark_place){&channel->mark, &channel->mark_at};
    }
    if (!p.mark || *p.mark != s->stamp)
        return SUBSCRIPTION_SET_NONE;
    old = s->keys[*p.at];
    s->keys[*p.at] = SUBSCRIPTION_SET_NONE;
    *p.mark = s->stamp - 1; /* no longer among them */
    s->count--;
    s->patterns -= (key_subscription(old) & SUBSCRIPTION_PATTERN) != 0;
    return old;
}

static int by_key(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

void subscription_set_apply(struct subscription_set *s, struct member *m)
{
    if (s->n > 1)
        qsort(s->keys, s->n, sizeof *s->keys, by_key);
    /* Removed ones sort last. */
    fanout_subscribe(s->registry->fanout, m, s->keys, s->count);
}
