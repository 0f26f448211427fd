/*
 * What a slot took from the cache: what arrives live may be it again.
 */
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/line.h"
#include "common/event/event_order.h"
#include "wsgate/channels/upstream_internal.h"

static void untake(struct upstream_channel *u, struct taken *t)
{
    t->fill = 0;
    if (--u->n_taken == 0)
        upstream_taken_forget(u);
}

/* Of the slot; NULL: none.  One that was left there by a slot that gave way to
 * this one, or that got something newer in another way, goes. */
static struct taken *taken_of(struct upstream_channel *u,
                              const struct conflation_key *slot)
{
    size_t at = (size_t)(slot - u->channel.native.stream.keys);
    struct taken *t = at < u->cap_taken ? &u->taken[at] : NULL;

    if (!t || t->fill == 0)
        return NULL;
    if (t->type == slot->type && t->part == slot->part &&
        t->frame == slot->frame)
        return t;
    untake(u, t);
    return NULL;
}

void upstream_taken_add(struct upstream *upstream, struct upstream_channel *u,
                        uint16_t type, int64_t part, bool shared)
{
    const struct stream *s = &u->channel.native.stream;
    const struct conflation_key *slot = stream_find(s, type, part);
    size_t at;

    if (!slot)
        return;
    at = (size_t)(slot - s->keys);
    if (at >= u->cap_taken) {
        u->taken = mem_grow(u->taken, s->cap_keys * sizeof *u->taken);
        memset(u->taken + u->cap_taken, 0,
               (s->cap_keys - u->cap_taken) * sizeof *u->taken);
        u->cap_taken = s->cap_keys;
    }
    u->n_taken += u->taken[at].fill == 0;
    u->taken[at] = (struct taken){.type = type,
                                  .part = part,
                                  .frame = slot->frame,
                                  .shared = shared,
                                  .fill = ++upstream->fills,
                                  .mono_ms = clock_mono_ms()};
}

void upstream_taken_forget(struct upstream_channel *u)
{
    free(u->taken);
    u->taken = NULL;
    u->n_taken = u->cap_taken = 0;
}

uint64_t upstream_fill(const struct channel *channel,
                       const struct conflation_key *slot)
{
    const struct upstream_channel *u = (const struct upstream_channel *)channel;
    size_t at = (size_t)(slot - channel->native.stream.keys);
    const struct taken *t = at < u->cap_taken ? &u->taken[at] : NULL;

    return t && t->type == slot->type && t->part == slot->part ? t->fill : 0;
}

/* live, which arrived after the slot took `cached`: is it that one, or one that
 * was published before it? */
static enum upstream_again compare(struct span live, struct span cached,
                                   uint64_t after_ms)
{
    struct event_order a = event_order_read(live), b = event_order_read(cached);
    bool soon = after_ms <= UPSTREAM_AGAIN_MS;

    if (soon && span_eq(live, cached))
        return UPSTREAM_DUPLICATE;
    if (!soon && !event_order_same_run(&a, &b))
        return UPSTREAM_NEW;
    switch (event_order_compare(&a, &b)) {
    case EVENT_AGE_OLDER:
        return UPSTREAM_OUTDATED;
    case EVENT_AGE_SAME:
        return UPSTREAM_DUPLICATE;
    case EVENT_AGE_UNKNOWN:
    case EVENT_AGE_NEWER:
        break;
    }
    return UPSTREAM_NEW;
}

enum upstream_again upstream_taken_again(struct upstream *upstream,
                                         struct upstream_channel *u,
                                         struct span payload)
{
    const struct conflation_key *slot;
    struct event_peek peek;
    struct taken *t;
    enum upstream_again again;

    bytes_clear(&upstream->scratch);
    memset(bytes_reserve(&upstream->scratch, payload.len + LINE_PAD), 0,
           payload.len + LINE_PAD);
    bytes_add_span(&upstream->scratch, payload);
    if (!event_peek(bytes_span(&upstream->scratch), &peek))
        return UPSTREAM_NEW; /* a batch, or invalid: judged piece by piece */
    slot = upstream_slot(&u->channel,
                         type_of(&upstream->channels.types, peek.type),
                         channel_part(&u->channel, &peek));
    t = !slot ? NULL : taken_of(u, slot);
    if (!t)
        return UPSTREAM_NEW;
    again = compare(payload, stream_payload(slot, &upstream->fanout->log),
                    clock_mono_ms() - t->mono_ms);
    /* Others than those who were shown the cached one wait for this. */
    if (t->shared)
        again = UPSTREAM_NEW;
    if (again == UPSTREAM_NEW)
        untake(u, t);
    return again;
}
