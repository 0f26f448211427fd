#include "wsgate/client/moves.h"

#include <stdlib.h>

#include "wsgate/channels/upstream.h"
#include "wsgate/client/clients.h"
#include "wsgate/client/snapshot.h"

struct move {
    const struct view *heard;
    uint64_t owed; /* first native frame that was not sent; 0: none */
    bool all;
    bool stays; /* it is heard on as it was */
};

struct moves {
    size_t n;
    struct move at[]; /* in order of channels' native streams */
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

static int by_channel(const void *a, const void *b)
{
    uint32_t x = ((const struct move *)a)->heard->channel->native.stream.id,
             y = ((const struct move *)b)->heard->channel->native.stream.id;

    return (x > y) - (x < y);
}

static bool has_interval(const struct client *c)
{
    const struct upstream *upstream = c->registry->upstream;
    const struct group *g = c->m.group;

    for (uint32_t i = 0; i < g->n_keys; i++) {
        if (upstream_subscription_interval(upstream,
                                           key_subscription(g->keys[i])) > 0)
            return true;
    }
    return false;
}

struct moves *moves_begin(const struct client *c)
{
    const struct group *g = c->m.group;
    uint64_t next = fanout_next(c->registry->fanout, &c->m);
    struct moves *moves;

    if (!g || c->dialect != DIALECT_NATIVE ||
        (next == c->registry->fanout->log.head && !has_interval(c)))
        return NULL;
    moves = mem_zero(sizeof *moves + g->n_streams * sizeof moves->at[0]);
    for (uint32_t i = 0; i < g->n_streams; i++) {
        const struct view *v = (const struct view *)g->streams[i].stream;
        uint64_t owed = first_owed(v, next);
        if (owed > 0)
            moves->at[moves->n++] = (struct move){
                .heard = v, .owed = owed, .all = g->streams[i].all};
    }
    qsort(moves->at, moves->n, sizeof moves->at[0], by_channel);
    return moves;
}

static struct move *find(struct moves *moves, const struct view *v)
{
    const struct move key = {.heard = v};

    return bsearch(&key, moves->at, moves->n, sizeof key, by_channel);
}

static bool is_shown(const struct request *r, uint32_t subscription)
{
    for (uint32_t i = 0; r && i < r->n_items; i++) {
        if (r->items[i].taken && r->items[i].subscription == subscription)
            return true;
    }
    return false;
}

void moves_end(struct client *c, struct moves *moves, const struct request *r)
{
    struct channels *cs = upstream_channels(c->registry->upstream);
    const struct group *g = c->m.group;
    struct snapshots *s;

    if (!moves || c->ended || c->closing) { /* moves_gone() */
        free(moves);
        return;
    }
    s = snapshots_new((uint32_t)moves->n);
    for (uint32_t i = 0; g && moves->n > 0 && i < g->n_streams; i++) {
        const struct view *v = (const struct view *)g->streams[i].stream;
        struct move *m = find(moves, v);
        if (m)
            m->stays = m->heard == v;
        if (m && (m->heard != v || (g->streams[i].all && !m->all)))
            snapshots_add_owed(s, v->stream.id, m->owed,
                               is_shown(r, g->streams[i].subscription));
    }
    for (size_t i = 0; i < moves->n; i++) {
        if (!moves->at[i].stays)
            view_leave(cs, moves->at[i].heard, false);
    }
    snapshots_queue(c, s);
    free(moves);
}

void moves_gone(const struct client *c)
{
    struct channels *cs = upstream_channels(c->registry->upstream);
    const struct group *g = c->m.group;

    if (!g || cs->waiting.n == 0 || !has_interval(c))
        return;
    for (uint32_t i = 0; i < g->n_streams; i++)
        view_leave(cs, (const struct view *)g->streams[i].stream, true);
}
