/*
 * A message that Redis remembers of a channel: is it known, is it news?  Judged by
 * docs/decisions/0013-what-a-client-hears.md.
 */
#include "common/base/clock.h"
#include "common/event/event_order.h"
#include "wsgate/channels/upstream_internal.h"
#include "wsgate/fanout/hearing.h"

/* The slot of a message; NULL: nothing of its kind is known. */
const struct conflation_key *upstream_slot(const struct channel *channel,
                                           uint16_t type, int64_t part)
{
    return stream_find(&channel->native.stream, type, part);
}

static struct event_order order_of_slot(const struct upstream *upstream,
                                        const struct conflation_key *k)
{
    struct span payload = stream_payload(k, &upstream->fanout->log);

    return event_order_read(payload.len > 0 ? payload : span_make("0", 1));
}

void upstream_cached_note_newest(const struct upstream *upstream,
                                 struct upstream_channel *u)
{
    const struct stream *s = &u->channel.native.stream;
    struct event_order order;

    for (uint32_t i = 0; i < s->n_keys; i++) {
        if (s->keys[i].part != 0 && !s->by_symbol) {
            if (s->keys[i].part > u->lost_bar_ms)
                u->lost_bar_ms = s->keys[i].part;
            continue;
        }
        order = order_of_slot(upstream, &s->keys[i]);
        if (order.time_ns > u->lost_ns)
            u->lost_ns = order.time_ns;
    }
}

/* Does anybody have the channel who will not be shown what was cached?  Those
 * who have its name were there when it was asked for, or wait for the answer. */
static bool is_shared(struct channels *cs, struct upstream_channel *u)
{
    channel_cover(cs, &u->channel);
    return u->unshown ||
           hearing_is_brought(cs->fanout, &u->channel.native.stream);
}

/* For a slot of which nothing is known: did it happen while we were away? */
static bool was_missed(const struct upstream_channel *u,
                       const struct event_order *order)
{
    if (!u->recover)
        return false;
    if (order->is_bar && u->lost_bar_ms > 0)
        return order->bar_time_ms > u->lost_bar_ms;
    if (u->fetched)
        return true; /* the cache was read before, and had none */
    return order->time_ns > 0 && u->lost_ns > 0 && order->time_ns > u->lost_ns;
}

static bool tell(struct upstream *upstream, struct upstream_channel *u,
                 struct span payload)
{
    struct channel_message m;

    upstream_begin_turn(upstream);
    m = (struct channel_message){.payload = payload,
                                 .now_ms = upstream->now_ms,
                                 .mono_ms = upstream->mono_ms};
    if (channel_publish(&upstream->channels, &u->channel, &m) != CHANNEL_OK)
        return false;
    upstream->recovered++;
    upstream_told(upstream, &u->channel);
    return true;
}

void upstream_cached_use(struct upstream *upstream, struct upstream_channel *u,
                         struct span payload)
{
    const struct conflation_key *slot;
    struct event_order order, known;
    struct event_peek peek;
    uint16_t type;
    int64_t part;

    if (!event_peek(payload, &peek)) {
        upstream->invalid++;
        log_warn("message_invalid",
                 "channel=last:%s why=\"not JSON or not UTF-8\"",
                 u->channel.name.ptr);
        return;
    }
    type = type_of(&upstream->channels.types, peek.type);
    part = channel_part(&u->channel, &peek);
    if (upstream_is_private(upstream, u, payload))
        return;
    slot = upstream_slot(&u->channel, type, part);
    order = event_order_read(payload);
    if (!slot || stream_payload(slot, &upstream->fanout->log).len == 0) {
        if (was_missed(u, &order)) {
            if (tell(upstream, u, payload))
                upstream_taken_add(upstream, u, type, part, false);
        } else {
            fanout_cache(upstream->fanout, &u->channel.native.stream, type,
                         part, payload);
            upstream_taken_add(upstream, u, type, part,
                               is_shared(&upstream->channels, u));
        }
        return;
    }
    if (slot->frame >= upstream_covered_from(upstream, u))
        return; /* heard live, without interruption */
    known = order_of_slot(upstream, slot);
    if (event_order_compare(&order, &known) != EVENT_AGE_NEWER)
        return;
    if (tell(upstream, u, payload))
        upstream_taken_add(upstream, u, type, part, false);
}
