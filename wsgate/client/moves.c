#include "wsgate/client/moves.h"

#include <stdlib.h>

#include "wsgate/channels/upstream.h"
#include "wsgate/client/clients.h"
#include "wsgate/client/snapshot.h"
#include "wsgate/fanout/conflation.h"
#include "wsgate/fanout/hearing.h"

/* What a client had. */
struct moves {
    uint64_t next;   /* it had got every frame before this one */
    uint64_t newest; /* as in struct keys */
    uint32_t n_keys;
    uint64_t keys[];
};

/* The end of it, under way. */
struct ending {
    struct client *client;
    struct channels *channels;
    const struct request *request;
    struct keys had, has;
    uint64_t next;
    uint32_t stamp; /* of channels that were looked at */
    struct snapshot_item *shown;
    uint32_t n_shown, cap_shown;
};

/* The first native frame of the channel that was not sent through the view to a
 * member that has got everything before `next`. */
static uint64_t first_owed(const struct view *v, uint64_t next)
{
    const struct stream *native = &v->channel->native.stream;
    uint64_t first = 0;

    for (uint32_t i = 0; native->keys && i < native->n_keys; i++) {
        const struct conflation_key *k = &native->keys[i], *own = k;
        bool owed = view_held(v) > 0 && k->frame >= v->waiting;

        if (v != &v->channel->native)
            own = stream_find(&v->stream, k->type, k->part);
        owed = owed || (own && own->frame >= next);
        if (owed && k->frame > 0 && (first == 0 || k->frame < first))
            first = k->frame;
    }
    return first;
}

static uint32_t interval_of(const struct client *c, uint64_t key)
{
    return upstream_subscription_interval(c->registry->upstream,
                                          key_subscription(key));
}

/* Does one of the keys have an interval, of wildcards or of any? */
static bool has_interval(const struct client *c, struct keys keys,
                         bool wildcards)
{
    for (uint32_t i = keys.n; i-- > 0;) {
        if (wildcards && !(key_subscription(keys.at[i]) & SUBSCRIPTION_PATTERN))
            break; /* they come last */
        if (interval_of(c, keys.at[i]) > 0)
            return true;
    }
    return false;
}

/* Views that it names and has no more: they stay until it is known how it heard
 * them. */
static void hold_views(const struct client *c, const struct moves *moves,
                       bool hold)
{
    const struct channels *cs = upstream_channels(c->registry->upstream);

    for (uint32_t i = 0; i < moves->n_keys; i++) {
        uint32_t subscription = key_subscription(moves->keys[i]);

        if (subscription & SUBSCRIPTION_PATTERN)
            break; /* they come last */
        channels_view_of(cs, subscription)->refs += hold ? 1u : -1u;
    }
}

static void moves_free(const struct client *c, struct moves *moves)
{
    if (moves)
        hold_views(c, moves, false);
    free(moves);
}

struct moves *moves_begin(const struct client *c)
{
    const struct group *g = c->m.group;
    uint64_t next = fanout_next(c->registry->fanout, &c->m);
    struct moves *moves;

    if (!g || c->dialect != DIALECT_NATIVE ||
        (next == c->registry->fanout->log.head &&
         !has_interval(c, group_keys(g), false)))
        return NULL;
    moves = mem_alloc(sizeof *moves + g->n_keys * sizeof moves->keys[0]);
    *moves =
        (struct moves){.next = next, .newest = g->newest, .n_keys = g->n_keys};
    memcpy(moves->keys, g->keys, g->n_keys * sizeof moves->keys[0]);
    hold_views(c, moves, true);
    return moves;
}

/* --- what waits in the views of wildcards --- */

/* Does a wildcard among the keys have this interval? */
static bool brings(const struct client *c, struct keys keys,
                   uint32_t interval_ms)
{
    for (uint32_t i = keys.n; i-- > 0;) {
        if (!(key_subscription(keys.at[i]) & SUBSCRIPTION_PATTERN))
            break; /* they come last */
        if (interval_of(c, keys.at[i]) == interval_ms)
            return true;
    }
    return false;
}

/* Calls fn for each view in which something waits and that the keys bring by a
 * wildcard. */
static void each_brought(const struct client *c, struct keys keys,
                         void (*fn)(void *arg, struct view *v), void *arg)
{
    struct channels *cs = upstream_channels(c->registry->upstream);
    uint32_t interval = 0; /* the last that was looked for */
    bool is_brought = false;
    struct hearing h;

    if (!has_interval(c, keys, true))
        return;
    for (uint32_t i = 0; i < cs->waiting.n; i++) {
        struct view *v = cs->waiting.at[i];

        if (v->interval_ms != interval) {
            interval = v->interval_ms;
            is_brought = brings(c, keys, interval);
        }
        if (!is_brought || view_held(v) == 0)
            continue;
        h = hearing_of(cs->fanout, keys, &v->stream);
        if (h.stream == &v->stream && (h.subscription & SUBSCRIPTION_PATTERN))
            fn(arg, v);
    }
}

/* --- after the change --- */

static bool is_shown(const struct request *r, uint32_t subscription)
{
    for (uint32_t i = 0; r && i < r->n_items; i++) {
        if (r->items[i].taken && r->items[i].subscription == subscription)
            return true;
    }
    return false;
}

static void add_shown(struct ending *e, const struct hearing *has,
                      uint64_t owed)
{
    if (e->n_shown == e->cap_shown) {
        e->cap_shown = e->cap_shown == 0 ? 16 : e->cap_shown * 2;
        e->shown = mem_grow(e->shown, e->cap_shown * sizeof *e->shown);
    }
    e->shown[e->n_shown++] = (struct snapshot_item){
        .subscription = has->stream->id,
        .owed = owed,
        .older = is_shown(e->request, has->subscription)};
}

/* It may be heard otherwise now. */
static void check(struct ending *e, struct channel *channel)
{
    struct fanout *f = e->channels->fanout;
    struct hearing had, has;
    uint64_t owed;

    if (channel->mark.stamp == e->stamp)
        return;
    channel->mark.stamp = e->stamp;
    had = hearing_of(f, e->had, &channel->native.stream);
    if (!had.stream)
        return;
    owed = first_owed((const struct view *)had.stream, e->next);
    if (owed == 0)
        return;
    has = hearing_of(f, e->has, &channel->native.stream);
    if (has.stream && (has.stream != had.stream || (has.all && !had.all)))
        add_shown(e, &has, owed);
    if (has.stream != had.stream)
        view_leave(e->channels, (const struct view *)had.stream, false);
}

static void check_view(void *arg, struct view *v)
{
    check(arg, v->channel);
}

static void check_name(void *arg, uint64_t key)
{
    struct ending *e = arg;
    uint32_t subscription = key_subscription(key);

    if (!(subscription & SUBSCRIPTION_PATTERN))
        check(e, channels_view_of(e->channels, subscription)->channel);
}

/* Where wildcards take over from others, what is owed says which channels that
 * concerns. */
static void check_all(struct ending *e)
{
    struct fanout *f = e->channels->fanout;

    group_each_change(e->had, e->has, check_name, e);
    if (!group_patterns_change(e->had, e->has))
        return;
    if (e->next < f->log.head && group_patterns_meet(f, e->had, e->has)) {
        conflation_recent(f, e->had, NULL, e->next);
        for (uint32_t i = 0; i < f->recent.n; i++)
            check(e, ((struct view *)f->recent.at[i].stream)->channel);
    }
    each_brought(e->client, e->had, check_view, e);
}

void moves_end(struct client *c, struct moves *moves, const struct request *r)
{
    const struct group *g = c->m.group;
    struct ending e = {.client = c, .request = r};
    struct snapshots *s;

    if (!moves || c->ended || c->closing) { /* moves_gone() */
        moves_free(c, moves);
        return;
    }
    e.channels = upstream_channels(c->registry->upstream);
    e.had = (struct keys){moves->keys, moves->n_keys, moves->newest};
    if (g)
        e.has = group_keys(g);
    e.next = moves->next;
    e.stamp = ++c->registry->stamp;
    check_all(&e);
    s = snapshots_new(e.n_shown);
    for (uint32_t i = 0; i < e.n_shown; i++)
        snapshots_add_owed(e.channels, s, e.shown[i].subscription,
                           e.shown[i].owed, e.shown[i].older);
    snapshots_queue(c, s);
    free(e.shown);
    moves_free(c, moves);
}

static void leave_view(void *arg, struct view *v)
{
    view_leave(arg, v, true);
}

void moves_gone(const struct client *c)
{
    struct channels *cs = upstream_channels(c->registry->upstream);
    const struct group *g = c->m.group;

    if (!g || cs->waiting.n == 0 || !has_interval(c, group_keys(g), false))
        return;
    for (uint32_t i = 0; i < g->n_keys; i++) {
        uint32_t subscription = key_subscription(g->keys[i]);

        if (subscription & SUBSCRIPTION_PATTERN)
            break; /* they come last */
        view_leave(cs, channels_view_of(cs, subscription), true);
    }
    each_brought(c, group_keys(g), leave_view, cs);
}
