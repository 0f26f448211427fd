/*
 * What a slot took from the cache: what arrives live may be it again.
 */
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/line.h"
#include "common/event/event_order.h"
#include "wsgate/channels/upstream_internal.h"

static struct taken *taken_of(struct upstream_channel *u, uint16_t type,
                              int64_t part)
{
    for (uint16_t i = 0; i < u->n_taken; i++) {
        if (u->taken[i].type == type && u->taken[i].part == part)
            return &u->taken[i];
    }
    return NULL;
}

void upstream_taken_add(struct upstream *upstream, struct upstream_channel *u,
                        uint16_t type, int64_t part, bool shared)
{
    struct taken *t = taken_of(u, type, part);

    if (!t) {
        u->taken = mem_grow(u->taken, (u->n_taken + 1u) * sizeof *u->taken);
        t = &u->taken[u->n_taken++];
    }
    *t = (struct taken){.type = type,
                        .part = part,
                        .shared = shared,
                        .fill = ++upstream->fills,
                        .mono_ms = clock_mono_ms()};
}

static void untake(struct upstream_channel *u, struct taken *t)
{
    *t = u->taken[--u->n_taken];
    if (u->n_taken == 0) {
        free(u->taken);
        u->taken = NULL;
    }
}

void upstream_taken_forget(struct upstream_channel *u)
{
    free(u->taken);
    u->taken = NULL;
    u->n_taken = 0;
}

uint64_t upstream_fill(const struct channel *channel,
                       const struct conflation_key *slot)
{
    const struct upstream_channel *u = (const struct upstream_channel *)channel;

    for (uint16_t i = 0; i < u->n_taken; i++) {
        if (u->taken[i].type == slot->type && u->taken[i].part == slot->part)
            return u->taken[i].fill;
    }
    return 0;
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
    uint16_t type;
    int64_t part;
    enum upstream_again again;

    bytes_clear(&upstream->scratch);
    memset(bytes_reserve(&upstream->scratch, payload.len + LINE_PAD), 0,
           payload.len + LINE_PAD);
    bytes_add_span(&upstream->scratch, payload);
    if (!event_peek(bytes_span(&upstream->scratch), &peek))
        return UPSTREAM_NEW; /* a batch, or invalid: judged piece by piece */
    type = type_of(&upstream->channels.types, peek.type);
    part = channel_part(&u->channel, &peek);
    t = taken_of(u, type, part);
    if (!t)
        return UPSTREAM_NEW;
    slot = upstream_slot(&u->channel, type, part);
    again = !slot
                ? UPSTREAM_NEW
                : compare(payload, stream_payload(slot, &upstream->fanout->log),
                          clock_mono_ms() - t->mono_ms);
    /* Others than those who were shown the cached one wait for this. */
    if (t->shared)
        again = UPSTREAM_NEW;
    if (again == UPSTREAM_NEW)
        untake(u, t);
    return again;
}
