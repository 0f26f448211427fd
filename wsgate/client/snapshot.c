#include "wsgate/client/snapshot.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/event/channel_name.h"
#include "common/event/event_order.h"
#include "wsgate/channels/message.h"
#include "wsgate/channels/upstream.h"
#include "wsgate/client/clients.h"
#include "wsgate/fanout/hearing.h"

/* What one client may get, and how many channels and streams be looked at for
 * it, before others have their turn. */
enum {
    AT_ONCE_BYTES = 16384,
    TURN_BYTES = 65536,
    TURN_CHANNELS = 1024,
    TURN_STREAMS = 16384,
    NS_PER_MS = 1000000,
};

/* --- where a client is --- */

const struct view *snapshot_heard(const struct channels *cs,
                                  const struct group *g,
                                  const struct channel *channel)
{
    return !g ? NULL
              : (const struct view *)hearing_of(cs->fanout, group_keys(g),
                                                &channel->native.stream)
                    .stream;
}

/* The first frame of the view that c is still to be sent; 0: none. */
static uint64_t first_owed(const struct client *c, const struct view *v)
{
    bool evicted;

    return fanout_first_owed(c->registry->fanout, &c->m, &v->stream, &evicted);
}

uint64_t snapshot_seq(const struct client *c, const struct view *v)
{
    uint64_t owed = first_owed(c, v), seq = 0;

    if (owed > 0)
        seq = message_update_seq(
            fanout_frame(c->registry->fanout, &v->stream, owed),
            v->channel->prefix);
    return seq == 0 ? view_told_seq(v) : seq - 1;
}

/* --- one channel --- */

/* A message from the cache is as old as it says, not as our reading of it. */
static int64_t time_of(const struct channel *channel, struct span payload,
                       bool cached)
{
    struct event_order order;

    if (!cached)
        return channel->last_ms;
    order = event_order_read(payload);
    return order.time_ns > 0 ? order.time_ns / NS_PER_MS : clock_wall_ms();
}

static void show(const struct snapshots *s, const struct channel *channel,
                 const struct told *told, uint64_t seq, struct bytes *out)
{
    bool cached = told->frame == 0;

    if (s->late && (!cached || upstream_fill(channel, told->slot) <= s->fills))
        return; /* it was shown, or heard */
    message_snapshot(out, channel->name, seq, told->payload,
                     time_of(channel, told->payload, cached),
                     !cached && channel->last_local);
}

/* --- the next one --- */

/* Of the client's wildcards the first that brings the channel. */
static uint32_t wildcard_over(const struct channels *cs, const struct group *g,
                              const struct channel *channel)
{
    uint32_t first = NO_SUBSCRIPTION;

    for (uint32_t i = g->n_keys; i-- > 0;) {
        uint32_t subscription = key_subscription(g->keys[i]);

        if (!(subscription & SUBSCRIPTION_PATTERN))
            break; /* they come last */
        if (channel_name_matches(
                channels_pattern_of(cs, subscription)->pattern->name,
                channel->name))
            first = subscription;
    }
    return first;
}

/* The view that g hears the channel by, if it does so by this wildcard.  As
 * long as nothing was published since it has the wildcard, and nobody has an
 * interval, it is the channel itself. */
static const struct view *view_by(struct channels *cs, const struct group *g,
                                  struct channel *channel,
                                  uint32_t subscription)
{
    struct hearing h;

    if (channel->native.next) {
        h = hearing_of(cs->fanout, group_keys(g), &channel->native.stream);
        return h.stream && h.subscription == subscription
                   ? (const struct view *)h.stream
                   : NULL;
    }
    return !channel->hidden &&
                   !hearing_by_name(group_keys(g), &channel->native.stream) &&
                   wildcard_over(cs, g, channel) == subscription
               ? &channel->native
               : NULL;
}

/* The wildcard of this item is the group's still, and not another of its id. */
static bool has_pattern(const struct channels *cs, const struct group *g,
                        const struct snapshot_item *item)
{
    uint32_t i = 0, id = item->subscription;

    while (i < g->n_keys && key_subscription(g->keys[i]) != id)
        i++;
    return i < g->n_keys &&
           span_is(channels_pattern_of(cs, id)->pattern->name, item->pattern);
}

/* As g hears it by the wildcard; where that was given up meanwhile, as it hears
 * it otherwise: what was asked for, and owed before, is shown still. */
static const struct view *view_of_item(struct channels *cs,
                                       const struct group *g, bool has,
                                       const struct snapshot_item *item,
                                       struct channel *channel)
{
    if (has)
        return view_by(cs, g, channel, item->subscription);
    return channel_name_matches(span_str(item->pattern), channel->name)
               ? snapshot_heard(cs, g, channel)
               : NULL;
}

static bool is_of(const struct channel *channel, struct span family)
{
    return channel->name.len >= family.len &&
           memcmp(channel->name.ptr, family.ptr, family.len) == 0;
}

/* In order of streams: those that come and go meanwhile move no others. */
static const struct view *next_of_pattern(struct channels *cs,
                                          const struct group *g,
                                          struct snapshots *s, unsigned *budget)
{
    const struct fanout *f = cs->fanout;
    const struct snapshot_item *item = &s->items[s->at];
    struct span family = channel_name_family(span_str(item->pattern));
    bool has = g && has_pattern(cs, g, item);

    if (!g)
        s->stream = f->n_streams;
    for (; s->stream<f->n_streams && * budget> 0; --*budget) {
        uint32_t id = s->stream++;
        const struct stream *stream = f->spoken[id] ? f->streams[id] : NULL;
        struct channel *channel;
        const struct view *v;

        if (!stream)
            continue;
        channel = ((const struct view *)stream)->channel;
        /* Who hears it is asked last: that takes longest. */
        v = channel_slots(channel) > 0 && is_of(channel, family)
                ? view_of_item(cs, g, has, item, channel)
                : NULL;
        if (v)
            return v;
    }
    return NULL;
}

/* NULL: nothing to show there. */
static const struct view *next_view(struct client *c, struct channels *cs,
                                    unsigned *budget)
{
    struct snapshots *s = c->snapshots;
    uint32_t subscription = s->items[s->at].subscription;
    const struct stream *stream;
    const struct view *v;

    if (subscription & SUBSCRIPTION_PATTERN) {
        v = next_of_pattern(cs, c->m.group, s, budget);
        if (!v && s->stream >= cs->fanout->n_streams) {
            s->at++;
            s->stream = 0;
        }
        return v;
    }
    s->at++;
    stream = subscription < cs->fanout->n_streams
                 ? cs->fanout->streams[subscription]
                 : NULL;
    v = (const struct view *)stream;
    return v ? snapshot_heard(cs, c->m.group, v->channel) : NULL;
}

/* What Redis remembers of it is not known yet. */
static void wait_for(struct client *c, const struct view *v, uint64_t from)
{
    struct late_snapshot late = {.channel = v->channel->native.stream.id,
                                 .from = from,
                                 .fills =
                                     upstream_fills(c->registry->upstream)};

    for (uint32_t i = 0; i < c->n_late; i++) {
        if (c->late[i].channel == late.channel) {
            c->late[i] = late;
            return;
        }
    }
    c->late = mem_grow(c->late, (c->n_late + 1u) * sizeof *c->late);
    c->late[c->n_late++] = late;
    c->registry->late++;
}

/* Of the channel that is being shown, the stream that c hears it by now. */
static const struct view *view_of(struct channels *cs, const struct client *c,
                                  const struct snapshots *s)
{
    const struct stream *stream = s->showing < cs->fanout->n_streams
                                      ? cs->fanout->streams[s->showing]
                                      : NULL;
    const struct view *v = (const struct view *)stream;

    return v ? snapshot_heard(cs, c->m.group, v->channel) : NULL;
}

static bool is_due(const struct snapshot_item *item, const struct told *told)
{
    if (item->owed == 0)
        return !told->outdone;
    return told->slot->frame >= item->owed && (told->outdone || !item->older);
}

/* False: there is more of it. */
static bool show_slots(struct client *c, struct snapshots *s, struct bytes *out)
{
    const struct upstream *upstream = c->registry->upstream;
    struct channels *cs = upstream_channels(c->registry->upstream);
    const struct view *v = view_of(cs, c, s);
    uint64_t owed = v ? first_owed(c, v) : 0;
    uint64_t from = owed > 0 && owed < s->from ? owed : s->from;
    uint64_t seq = v ? snapshot_seq(c, v) : 0;
    struct told told;

    if (!v)
        return true;
    for (; s->slot < channel_slots(v->channel); s->slot++) {
        if (out->len >= AT_ONCE_BYTES)
            return false;
        /* What is not older comes as an update. */
        if (channel_told(cs, v, s->slot, from, &told) && told.frame < from &&
            is_due(&s->item, &told))
            show(s, v->channel, &told, seq, out);
    }
    if (s->named && !upstream_is_fetched(upstream, v->channel))
        wait_for(c, v, s->from);
    return true;
}

/* Into out what goes at once; false: this turn's channels are used up. */
static bool gather(struct client *c, struct bytes *out, unsigned *channels,
                   unsigned *streams)
{
    struct channels *cs = upstream_channels(c->registry->upstream);

    while (c->snapshots && out->len < AT_ONCE_BYTES) {
        struct snapshots *s = c->snapshots;
        const struct view *v;

        if (s->is_showing) {
            s->is_showing = !show_slots(c, s, out);
            continue;
        }
        if (s->at == s->n) {
            c->snapshots = s->next;
            snapshots_drop(s);
            continue;
        }
        if (*channels == 0 || *streams == 0)
            return false;
        s->item = s->items[s->at];
        s->named = !(s->items[s->at].subscription & SUBSCRIPTION_PATTERN);
        v = next_view(c, cs, streams);
        if (!v)
            continue;
        --*channels;
        s->is_showing = true;
        s->showing = v->stream.id;
        s->slot = 0;
    }
    return true;
}

void snapshots_pump(struct client *c)
{
    struct bytes out = {0};
    unsigned channels = TURN_CHANNELS, streams = TURN_STREAMS;
    size_t sent = 0;
    bool more = true;

    while (more && sent < TURN_BYTES && c->snapshots &&
           client_unread(c) < AT_ONCE_BYTES) {
        bytes_clear(&out);
        more = gather(c, &out, &channels, &streams);
        sent += out.len;
        client_send(c, bytes_span(&out));
        if (c->ended)
            break;
    }
    bytes_close(&out);
    if (c->ended)
        return;
    /* Updates follow the last of them.  The loop comes back when the others
     * have had their turn. */
    if (c->snapshots)
        fanout_hold(c->registry->fanout, &c->m);
    else
        fanout_release(c->registry->fanout, &c->m);
}

/* --- late ones --- */

static void show_late(struct client *c, const struct channels *cs,
                      const struct late_snapshot *late,
                      const struct view *heard)
{
    struct snapshots *s = snapshots_new(1);

    snapshots_add(cs, s, heard->stream.id);
    s->from = late->from;
    s->fills = late->fills;
    s->late = true;
    snapshots_append(c, s);
}

static void check_one(void *arg, struct client *c)
{
    struct channels *cs = arg;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < c->n_late; i++) {
        const struct late_snapshot late = c->late[i];
        struct view *native = (void *)cs->fanout->streams[late.channel];
        const struct view *heard = NULL;

        if (native)
            heard = snapshot_heard(cs, c->m.group, native->channel);
        if (heard &&
            !upstream_is_fetched(c->registry->upstream, heard->channel))
            c->late[kept++] = late;
        else if (heard)
            show_late(c, cs, &late, heard);
    }
    if (kept == c->n_late)
        return;
    c->registry->late -= c->n_late - kept;
    c->n_late = kept;
    if (kept == 0) {
        free(c->late);
        c->late = NULL;
    }
    if (!c->closing && !c->ended)
        snapshots_pump(c);
}

void snapshots_check(struct clients *registry)
{
    if (registry->late > 0)
        clients_each(registry, check_one,
                     upstream_channels(registry->upstream));
}
