#include "wsgate/client/arrival.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/event/channel_name.h"
#include "wsgate/channels/upstream.h"
#include "wsgate/client/clients.h"
#include "wsgate/client/snapshot.h"
#include "wsgate/client/subscription_set.h"
#include "wsgate/fanout/hearing.h"

struct arrival {
    const struct client *client;
    bool begins; /* else subscriptions end */
    /* Of all its wildcards, before and after. */
    uint32_t *intervals, n_intervals;
    struct view **views; /* where something waits */
    uint32_t n_views, cap_views;
};

static void add_interval(struct arrival *a, uint32_t subscription)
{
    const struct upstream *upstream = a->client->registry->upstream;
    uint32_t interval, i = 0;

    if (!(subscription & SUBSCRIPTION_PATTERN))
        return;
    interval = upstream_subscription_interval(upstream, subscription);
    while (i < a->n_intervals && a->intervals[i] != interval)
        i++;
    if (interval == 0 || i < a->n_intervals)
        return;
    a->intervals =
        mem_grow(a->intervals, (a->n_intervals + 1u) * sizeof *a->intervals);
    a->intervals[a->n_intervals++] = interval;
}

static bool brings(const struct arrival *a, const struct view *v)
{
    uint32_t i = 0;

    while (i < a->n_intervals && a->intervals[i] != v->interval_ms)
        i++;
    return i < a->n_intervals;
}

/* Not sent at once: that may end the client, and its group. */
static void add_view(struct arrival *a, const struct view *heard,
                     struct view *v)
{
    if (v == heard || view_held(v) == 0)
        return;
    if (a->n_views == a->cap_views) {
        a->cap_views = a->cap_views == 0 ? 16 : a->cap_views * 2;
        a->views = mem_grow(a->views, a->cap_views * sizeof *a->views);
    }
    a->views[a->n_views++] = v;
}

/* A wildcard may bring it then. */
static void add_views(struct arrival *a, const struct view *heard)
{
    for (struct view *v = heard->channel->native.next; v; v = v->next) {
        if (brings(a, v))
            add_view(a, heard, v);
    }
}

static void add_name(struct arrival *a, const struct channels *cs,
                     uint32_t subscription)
{
    struct view *named = channels_view_of(cs, subscription);
    const struct view *heard =
        snapshot_heard(cs, a->client->m.group, named->channel);

    if (heard && a->begins)
        add_view(a, heard, named); /* a name goes before wildcards */
    else if (heard)
        add_views(a, heard);
}

static bool matches(const struct channels *cs,
                    const struct subscription_set *set, const struct view *v)
{
    for (uint32_t i = 0; i < set->n; i++) {
        uint32_t subscription = key_subscription(set->keys[i]);

        if ((subscription & SUBSCRIPTION_PATTERN) &&
            channel_name_matches(
                channels_pattern_of(cs, subscription)->pattern->name,
                v->channel->name))
            return true;
    }
    return false;
}

/* What a wildcard brings now, and another one may then. */
static void add_brought(struct arrival *a, const struct channels *cs,
                        const struct subscription_set *set)
{
    struct keys keys = group_keys(a->client->m.group);
    struct hearing h;

    for (uint32_t i = 0; a->n_intervals > 0 && i < cs->waiting.n; i++) {
        struct view *v = cs->waiting.at[i];

        if (!brings(a, v) || view_held(v) == 0 || !matches(cs, set, v))
            continue;
        h = hearing_of(cs->fanout, keys, &v->stream);
        if (h.stream && (h.subscription & SUBSCRIPTION_PATTERN))
            add_view(a, (const struct view *)h.stream, v);
    }
}

bool arrival_prepare(struct client *c, const uint32_t *subscriptions,
                     uint32_t n, bool begins)
{
    struct channels *cs = upstream_channels(c->registry->upstream);
    const struct group *g = c->m.group;
    struct arrival a = {.client = c, .begins = begins};
    struct subscription_set set;

    if (!g || cs->waiting.n == 0 || c->dialect != DIALECT_NATIVE)
        return true;
    for (uint32_t i = 0; i < g->n_keys; i++)
        add_interval(&a, key_subscription(g->keys[i]));
    /* Each name once, however often it was asked for. */
    subscription_set_open(&set, c->registry, NULL, n);
    for (uint32_t i = 0; i < n; i++) {
        add_interval(&a, subscriptions[i]);
        subscription_set_put(&set, subscription_key(subscriptions[i], false));
    }
    for (uint32_t i = 0; i < set.n; i++) {
        if (!(key_subscription(set.keys[i]) & SUBSCRIPTION_PATTERN))
            add_name(&a, cs, key_subscription(set.keys[i]));
    }
    if (set.patterns > 0)
        add_brought(&a, cs, &set);
    subscription_set_close(&set);
    for (uint32_t i = 0; i < a.n_views; i++)
        view_send_waiting(cs, a.views[i], clock_mono_ms());
    n = a.n_views;
    free(a.views);
    free(a.intervals);
    return n == 0 || client_flush(c);
}
