#include "wsgate/client/subscription_set.h"

#include <stdlib.h>

#include "common/base/hash.h"
#include "common/event/channel_name.h"
#include "wsgate/client/clients.h"

struct channel_mark *subscription_mark(const struct clients *registry,
                                       uint32_t subscription)
{
    const struct channels *cs = upstream_channels(registry->upstream);

    return subscription & SUBSCRIPTION_PATTERN
               ? &channels_pattern_of(cs, subscription)->pattern->mark
               : &channels_view_of(cs, subscription)->channel->mark;
}

struct channel_mark *subscription_mark_named(const struct clients *registry,
                                             struct span name)
{
    const struct channels *cs = upstream_channels(registry->upstream);
    struct pattern *p;
    struct channel *channel;

    if (channel_name_is_pattern(name)) {
        p = channels_find_pattern(cs, name);
        return p ? &p->mark : NULL;
    }
    channel = channels_find(cs, name);
    return channel ? &channel->mark : NULL;
}

/* --- the filter --- */

static bool may_have(const struct subscription_set *s, uint64_t hash)
{
    return s->filter[hash % SUBSCRIPTION_SET_FILTER / 64] >> (hash % 64) & 1;
}

static void note_name(struct subscription_set *s, uint32_t subscription)
{
    const struct channels *cs = upstream_channels(s->registry->upstream);
    uint64_t hash;

    if (subscription & SUBSCRIPTION_PATTERN)
        return;
    hash = channels_view_of(cs, subscription)->channel->node.hash;
    s->filter[hash % SUBSCRIPTION_SET_FILTER / 64] |= UINT64_C(1)
                                                      << (hash % 64);
}

/* --- the set --- */

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
    return subscription_mark(s->registry, subscription)->stamp == s->stamp;
}

bool subscription_set_has_named(const struct subscription_set *s,
                                struct span name)
{
    const struct channel_mark *mark;

    if (!channel_name_is_pattern(name) && !may_have(s, hash_text(name)))
        return false;
    mark = subscription_mark_named(s->registry, name);
    return mark && mark->stamp == s->stamp;
}

const char *subscription_set_refusal(const struct subscription_set *s,
                                     struct span name)
{
    if (s->count >= (uint64_t)s->registry->options.max_subscriptions)
        return "too many subscriptions";
    if (s->patterns >= SUBSCRIPTION_SET_PATTERNS_MAX &&
        channel_name_is_pattern(name))
        return "too many wildcards";
    return NULL;
}

uint64_t subscription_set_put(struct subscription_set *s, uint64_t key)
{
    struct channel_mark *mark =
        subscription_mark(s->registry, key_subscription(key));

    if (mark->stamp == s->stamp) {
        uint64_t old = s->keys[mark->at];
        s->keys[mark->at] = key;
        return old;
    }
    *mark = (struct channel_mark){.stamp = s->stamp, .at = s->n};
    note_name(s, key_subscription(key));
    s->keys[s->n++] = key;
    s->count++;
    s->patterns += (key_subscription(key) & SUBSCRIPTION_PATTERN) != 0;
    return SUBSCRIPTION_SET_NONE;
}

uint64_t subscription_set_remove(struct subscription_set *s, struct span name)
{
    struct channel_mark *mark = subscription_mark_named(s->registry, name);
    uint64_t old;

    if (!mark || mark->stamp != s->stamp)
        return SUBSCRIPTION_SET_NONE;
    old = s->keys[mark->at];
    s->keys[mark->at] = SUBSCRIPTION_SET_NONE;
    mark->stamp = s->stamp - 1; /* no longer among them */
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
