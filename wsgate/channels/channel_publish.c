/* Messages of a channel: frames of it and its views, and the newest of them. */
#include <stdlib.h>

#include "common/base/hash.h"
#include "common/event/event.h"
#include "wsgate/channels/channel.h"
#include "wsgate/channels/message.h"
#include "wsgate/channels/pattern.h"
#include "wsgate/fanout/hearing.h"

/* Somebody may hear it. */
static bool is_wanted(const struct channels *cs, const struct view *v)
{
    return hearing_is_wanted(cs->fanout, &v->stream);
}

uint32_t channel_clients(const struct channels *cs, struct channel *channel)
{
    uint32_t n = 0;

    for (struct view *v = &channel->native; v; v = v->next)
        n += hearing_members(cs->fanout, &v->stream);
    return n;
}

/* The native frame again, as a frame of the view, with the seq of that of `as`.
 * False: there is no memory for it. */
static bool repeat(struct channels *cs, struct view *v,
                   const struct conflation_key *s,
                   const struct conflation_key *as)
{
    const struct framelog *log = &cs->fanout->log;
    struct span frame = stream_frame(s, log);
    struct span payload = stream_payload(s, log);
    struct span prefix = v->channel->prefix;
    uint64_t seq = message_update_seq(stream_frame(as, log), prefix);
    size_t len;

    if (frame.len == 0)
        return false;
    /* Through scratch: making room may overwrite the oldest frame. */
    bytes_clear(&cs->scratch);
    if (s == as)
        bytes_add_span(&cs->scratch, frame);
    else
        message_update_renumber(&cs->scratch, frame, prefix, seq);
    len = cs->scratch.len;
    memcpy(fanout_room(cs->fanout, len), cs->scratch.ptr, len);
    fanout_add(cs->fanout, &v->stream, s->type, s->part, len,
               len - (size_t)(frame.ptr + frame.len - payload.ptr),
               payload.len);
    v->seq = v->channel->seq;
    return true;
}

/* So many frames do not come to those who hear the view. */
static void conflate(struct channels *cs, struct view *v, uint64_t frames)
{
    uint64_t members =
        frames == 0 ? 0 : hearing_members(cs->fanout, &v->stream);

    cs->throttled += frames * members;
    cs->fanout->counters.expected += frames * members;
    cs->fanout->counters.conflated += frames * members;
}

static void throttle(struct channels *cs, struct view *v,
                     const struct conflation_key *newest, uint64_t superseded,
                     uint64_t mono_ms)
{
    if (v->missed)
        view_begin_anew(v);
    if (v->waiting == 0 && mono_ms >= v->due_mono_ms) {
        waiting_remove(&cs->waiting, v);
        v->due_mono_ms = mono_ms + v->interval_ms;
        if (!repeat(cs, v, newest, newest))
            conflate(cs, v, 1);
        return;
    }
    if (v->waiting != 0 && superseded >= v->waiting) {
        conflate(cs, v, 1);
        return;
    }
    v->held++;
    if (v->waiting != 0)
        return;
    v->seq = v->channel->seq - 1;
    v->waiting = newest->frame;
    waiting_add(&cs->waiting, v);
}

static void publish_view(struct channels *cs, struct view *v,
                         const struct dialect_message *m, uint16_t type,
                         int64_t part)
{
    const struct dialect_row *d = dialect_row(v->dialect);
    size_t max, len, data_at;

    if (!d->accepts(m) || (max = d->max(m)) > framelog_max(&cs->fanout->log))
        return;
    len = d->frame(fanout_room(cs->fanout, max), m, &data_at);
    fanout_add(cs->fanout, &v->stream, type, part, len, data_at,
               m->payload.len);
}

static void publish_views(struct channels *cs, struct channel *channel,
                          const struct channel_message *m,
                          const struct conflation_key *newest,
                          uint64_t superseded, struct span type)
{
    const struct dialect_message said = {.channel = channel->name,
                                         .type = type,
                                         .payload = m->payload,
                                         .local = m->local};
    bool unused = false;

    for (struct view *v = channel->native.next; v; v = v->next) {
        if (!is_wanted(cs, v)) {
            v->missed = true;
            unused |= v->interval_ms > 0;
            continue;
        }
        if (v->dialect == DIALECT_NATIVE)
            throttle(cs, v, newest, superseded, m->mono_ms);
        else
            publish_view(cs, v, &said, newest->type, newest->part);
    }
    if (unused)
        channel_trim(cs, channel);
}

int64_t channel_part(const struct channel *channel,
                     const struct event_peek *peek)
{
    if (channel->by_symbol)
        return peek->symbol.len > 0 ? (int64_t)hash_text(peek->symbol) : 0;
    return peek->is_bar ? peek->bar_time_ms : 0;
}

enum channel_result channel_publish(struct channels *cs,
                                    struct channel *channel,
                                    const struct channel_message *m)
{
    struct stream *native = &channel->native.stream;
    size_t max = message_update_max(channel->prefix, m->payload), data_at;
    struct event_peek peek;
    char *at;
    size_t len;
    const struct conflation_key *slot;
    uint16_t type;
    int64_t part;
    uint64_t superseded, number;

    if (max > framelog_max(&cs->fanout->log))
        return CHANNEL_TOO_BIG;
    channel_cover(cs, channel);
    at = fanout_room(cs->fanout, max);
    len = message_update(at, channel->prefix, channel->seq + 1, m->payload,
                         m->now_ms, m->local, &data_at);
    /* Judged in the log: there it is in cache and has room behind it. */
    if (!event_peek(span_make(at + data_at, m->payload.len), &peek))
        return CHANNEL_NOT_JSON; /* not committed: overwritten by the next */
    type = type_of(&cs->types, peek.type);
    part = channel_part(channel, &peek);
    slot = channel->native.next ? stream_find(native, type, part) : NULL;
    superseded = slot ? slot->frame : 0;
    channel->seq++;
    channel->last_ms = m->now_ms;
    channel->last_local = m->local;
    number = fanout_add(cs->fanout, native, type, part, len, data_at,
                        m->payload.len);
    if (channel->native.next)
        publish_views(cs, channel, m,
                      &native->keys[framelog_at(&cs->fanout->log, number)->key],
                      superseded, peek.type);
    return CHANNEL_OK;
}

static int by_part(const void *a, const void *b)
{
    const struct conflation_key *x = *(const struct conflation_key *const *)a,
                                *y = *(const struct conflation_key *const *)b;

    if (x->part != y->part)
        return x->part < y->part ? -1 : 1;
    return (x->frame > y->frame) - (x->frame < y->frame);
}

/* Bars go in order of time, as to a client that is behind (bar_order.h). */
static void send_sorted(struct channels *cs, struct view *v)
{
    const struct stream *native = &v->channel->native.stream;
    const struct conflation_key *run[STREAM_KEYS_MAX], *sorted[STREAM_KEYS_MAX];
    const struct conflation_key *k = stream_first(native, v->waiting);
    size_t n = 0;

    for (; k; k = stream_next(native, k))
        run[n++] = k;
    if (n == 0)
        return;
    memcpy(sorted, run, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_part);
    for (size_t i = 0; i < n && is_wanted(cs, v); i++)
        v->held -= repeat(cs, v, sorted[i], run[i]);
}

void view_send_waiting(struct channels *cs, struct view *v, uint64_t mono_ms)
{
    const struct stream *native = &v->channel->native.stream;
    const struct conflation_key *k = NULL;

    channel_cover(cs, v->channel);
    if (v->missed)
        view_begin_anew(v);
    if (v->waiting == 0)
        return;
    if (native->unordered >= v->waiting)
        send_sorted(cs, v);
    else
        k = stream_first(native, v->waiting);
    for (; k && is_wanted(cs, v); k = stream_next(native, k))
        v->held -= repeat(cs, v, k, k);
    if (!is_wanted(cs, v) && v->held > 0)
        v->missed = true;
    /* Slots that gave way to others in the meantime. */
    conflate(cs, v, v->held);
    v->held = 0;
    v->waiting = 0;
    waiting_remove(&cs->waiting, v);
    v->due_mono_ms = mono_ms + v->interval_ms;
}

bool channels_send_due(struct channels *cs, uint64_t mono_ms)
{
    while (cs->waiting.n > 0 && cs->waiting.at[0]->due_mono_ms <= mono_ms) {
        struct view *v = cs->waiting.at[0];

        /* While it is in there: others than those go. */
        channel_cover(cs, v->channel);
        waiting_remove(&cs->waiting, v);
        view_send_waiting(cs, v, mono_ms);
    }
    return cs->waiting.n > 0;
}

uint32_t view_held(const struct view *v)
{
    return v->missed ? 0 : v->held;
}

void view_leave(struct channels *cs, const struct view *v, bool gone)
{
    if (!gone) {
        cs->throttled += view_held(v);
        cs->fanout->counters.expected += view_held(v);
        cs->fanout->counters.conflated += view_held(v);
        return;
    }
    cs->fanout->counters.expected += view_held(v);
    cs->fanout->counters.dropped_closed += view_held(v);
}

uint64_t view_told_seq(const struct view *v)
{
    return v->missed || v->waiting == 0 ? v->channel->seq : v->seq;
}

/* --- what members have been told --- */

static bool waits(const struct view *v, const struct conflation_key *slot)
{
    return !v->missed && v->waiting != 0 && slot->frame >= v->waiting;
}

/* What the view has sent itself of a native slot; NULL: nothing. */
static const struct conflation_key *own_of(const struct view *v,
                                           const struct conflation_key *slot)
{
    if (v->interval_ms == 0)
        return slot;
    return v->missed ? NULL : stream_find(&v->stream, slot->type, slot->part);
}

/* The frame by which they were told of a native slot. */
static uint64_t told_by(const struct view *v, const struct conflation_key *slot)
{
    const struct conflation_key *own = own_of(v, slot);

    return own ? own->frame : waits(v, slot) ? UINT64_MAX : slot->frame;
}

/* Were they told of a newer bar?  That is one of a later time: the older one may
 * have been corrected since. */
static bool is_outdone(const struct view *v, const struct conflation_key *k,
                       uint64_t before)
{
    const struct stream *native = &v->channel->native.stream;

    for (uint32_t i = 0; i < native->n_keys && !native->by_symbol; i++) {
        const struct conflation_key *other = &native->keys[i];
        if (other->type == k->type && other->part > k->part &&
            told_by(v, other) < before)
            return true;
    }
    return false;
}

uint32_t channel_slots(const struct channel *channel)
{
    return channel->native.stream.n_keys;
}

bool channel_told(const struct channels *cs, const struct view *v,
                  uint32_t index, uint64_t before, struct told *out)
{
    const struct stream *native = &v->channel->native.stream;
    const struct conflation_key *slot, *own;
    bool behind;

    if (!native->keys)
        return false;
    slot = &native->keys[index];
    own = own_of(v, slot);
    behind = waits(v, slot);
    if (behind && !own)
        return false;
    /* What the view has sent itself has a frame of its own. */
    *out = (struct told){
        .slot = slot,
        .outdone = is_outdone(v, slot, before),
        .frame = own ? own->frame : slot->frame,
        .payload = stream_payload(behind ? own : slot, &cs->fanout->log)};
    return out->payload.len > 0;
}
