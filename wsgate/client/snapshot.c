#include "wsgate/client/snapshot.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "wsgate/channels/message.h"
#include "wsgate/channels/upstream.h"
#include "wsgate/client/clients.h"

/* What one client may get, and how many channels be looked at for it, before
 * others have their turn. */
enum { AT_ONCE_BYTES = 16384, TURN_BYTES = 65536, TURN_CHANNELS = 1024 };

uint64_t snapshot_seq(const struct view *v)
{
    /* A view with an interval may have messages that wait: not yet told. */
    return v->stream.n_keys > 0 && v->interval_ms > 0 ? v->seq
                                                      : v->channel->seq;
}

struct snapshots *snapshots_of(const struct request *r)
{
    struct snapshots *s =
        mem_zero(sizeof *s + r->n_items * sizeof s->subscriptions[0]);

    for (uint32_t i = 0; i < r->n_items; i++) {
        if (r->items[i].subscription != NO_SUBSCRIPTION)
            s->subscriptions[s->n++] = r->items[i].subscription;
    }
    if (s->n > 0)
        return s;
    free(s);
    return NULL;
}

void snapshots_queue(struct client *c, struct snapshots *s)
{
    struct snapshots **at = &c->snapshots;

    s->from = c->registry->fanout->log.head;
    while (*at)
        at = &(*at)->next;
    *at = s;
}

void snapshots_free(struct client *c)
{
    while (c->snapshots) {
        struct snapshots *s = c->snapshots;
        c->snapshots = s->next;
        free(s);
    }
}

struct showing {
    struct bytes *out;
    const struct view *v;
};

static void show(void *arg, const struct conflation_key *key,
                 struct span payload)
{
    const struct showing *s = arg;
    const struct channel *channel = s->v->channel;

    (void)key;
    message_snapshot(s->out, channel->name, snapshot_seq(s->v), payload,
                     channel->last_ms > 0 ? channel->last_ms : clock_wall_ms(),
                     channel->last_local);
}

static bool has_subscription(const struct group *g, uint32_t subscription)
{
    uint32_t lo = 0, hi = !g ? 0 : g->n_keys;

    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (key_subscription(g->keys[mid]) < subscription)
            lo = mid + 1;
        else
            hi = mid;
    }
    return g && lo < g->n_keys && key_subscription(g->keys[lo]) == subscription;
}

/* Has the group this channel by its name, at whatever interval? */
static bool names(const struct group *g, const struct channel *channel)
{
    const struct view *v = &channel->native;

    if (key_subscription(g->keys[0]) & SUBSCRIPTION_PATTERN)
        return false;
    while (v && !has_subscription(g, v->stream.id))
        v = v->next;
    return v != NULL;
}

/* A snapshot never comes behind an update: where one went out before there was
 * room for the snapshot, the client gets none. */
static bool is_overtaken(const struct view *v, uint64_t from)
{
    const struct stream *c = &v->channel->native.stream;

    for (uint32_t i = 0; i < c->n_keys; i++) {
        if (c->keys[i].frame >= from)
            return true;
    }
    return false;
}

/* The next channel of the first list; NULL: that one is nothing to show. */
static const struct view *next_channel(struct client *c,
                                       const struct channels *cs)
{
    struct snapshots *s = c->snapshots;
    const struct group *g = c->m.group;
    uint32_t subscription = s->subscriptions[s->at];
    const struct stream_pattern *p;
    const struct view *v;

    if (!has_subscription(g, subscription)) { /* unsubscribed meanwhile */
        s->at++;
        s->within = 0;
        return NULL;
    }
    if (!(subscription & SUBSCRIPTION_PATTERN)) {
        s->at++;
        return channels_view_of(cs, subscription);
    }
    p = cs->fanout->patterns[subscription & ~SUBSCRIPTION_PATTERN];
    if (s->within >= p->n_streams) {
        s->at++;
        s->within = 0;
        return NULL;
    }
    v = (const struct view *)p->streams[s->within++];
    return names(g, v->channel) ? NULL : v;
}

/* Into out what goes at once; false: this turn's channels are used up. */
static bool gather(struct client *c, struct bytes *out, unsigned *channels)
{
    const struct channels *cs = upstream_channels(c->registry->upstream);

    while (c->snapshots && out->len < AT_ONCE_BYTES) {
        struct snapshots *s = c->snapshots;
        uint64_t from;
        struct showing showing;

        if (s->at == s->n) {
            c->snapshots = s->next;
            free(s);
            continue;
        }
        if (++*channels > TURN_CHANNELS)
            return false;
        from = s->from;
        showing = (struct showing){.out = out, .v = next_channel(c, cs)};
        if (showing.v && !is_overtaken(showing.v, from))
            channel_each_newest(cs, showing.v, show, &showing);
    }
    return true;
}

void snapshots_pump(struct client *c)
{
    struct bytes out = {0};
    unsigned channels = 0;
    size_t sent = 0;
    bool more = true;

    while (more && sent < TURN_BYTES && c->snapshots &&
           client_unread(c) < AT_ONCE_BYTES) {
        bytes_clear(&out);
        more = gather(c, &out, &channels);
        sent += out.len;
        client_send(c, bytes_span(&out));
        if (c->ended)
            break;
    }
    bytes_close(&out);
    /* The loop comes back when the others have had their turn. */
    if (c->snapshots && !c->ended)
        client_io.want_writable(&c->m, true);
}
