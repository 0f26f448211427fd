#include "wsgate/channels/channel.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/event/route.h"
#include "wsgate/channels/message.h"
#include "wsgate/channels/pattern.h"
#include "wsgate/fanout/hearing.h"

/* --- frames --- */

static void renumber(struct bytes *out, const struct stream *s,
                     struct span frame, struct span other)
{
    struct span prefix = ((const struct view *)s)->channel->prefix;

    message_update_renumber(out, frame, prefix,
                            message_update_seq(other, prefix));
}

/* --- names --- */

static bool channel_is(const struct node *n, struct span name)
{
    return span_eq(node_of(struct channel, node, n)->name, name);
}

void channels_init(struct channels *cs, struct fanout *fanout, uint64_t seed,
                   const struct channel_sizes *sizes)
{
    *cs = (struct channels){
        .fanout = fanout, .epoch_seed = seed, .sizes = *sizes};
    table_init(&cs->by_name, channel_is);
    patterns_init(cs);
    types_init(&cs->types);
    bytes_init(&cs->scratch);
    fanout->renumber = renumber;
    fanout->cover = patterns_cover;
    fanout->cover_arg = cs;
}

struct channel *channels_find(const struct channels *cs, struct span name)
{
    struct node *n = table_find(&cs->by_name, name);

    return n ? node_of(struct channel, node, n) : NULL;
}

static void view_init(struct channels *cs, struct view *v,
                      struct channel *channel, enum dialect dialect,
                      uint32_t interval)
{
    *v = (struct view){.channel = channel,
                       .dialect = dialect,
                       .interval_ms = interval,
                       .seq = channel->seq};
    fanout_add_stream(cs->fanout, &v->stream,
                      v == &channel->native ? NULL : &channel->native.stream);
    v->stream.by_symbol = channel->by_symbol;
}

struct channel *channels_get(struct channels *cs, struct span name)
{
    struct channel *channel = channels_find(cs, name);
    struct bytes prefix;

    if (channel)
        return channel;
    if (cs->by_name.count >= CHANNELS_MAX)
        return NULL;
    channel = mem_zero(cs->sizes.channel);
    channel->name = span_make(mem_str(name), name.len);
    channel->hidden = cs->routes && (route_channel_is_internal(name) ||
                                     route_is_private(cs->routes, name));
    bytes_init(&prefix);
    message_prefix(&prefix, name);
    channel->prefix = bytes_span(&prefix);
    /* New for each life of the channel: seq is never compared across two. */
    cs->epoch_seed =
        cs->epoch_seed * 6364136223846793005u + 1442695040888963407u;
    snprintf(channel->epoch, sizeof channel->epoch, "%08" PRIx32,
             (uint32_t)(cs->epoch_seed >> 32));
    channel->by_symbol =
        cs->is_by_symbol && cs->is_by_symbol(cs->is_by_symbol_arg, name);
    view_init(cs, &channel->native, channel, DIALECT_NATIVE, 0);
    table_add(&cs->by_name, &channel->node, channel->name);
    return channel;
}

void channels_remove(struct channels *cs, struct channel *channel)
{
    struct view *v = channel->native.next;

    table_remove(&cs->by_name, &channel->node);
    while (v) {
        struct view *next = v->next;
        waiting_remove(&cs->waiting, v);
        fanout_remove_stream(cs->fanout, &v->stream);
        free(v);
        v = next;
    }
    fanout_remove_stream(cs->fanout, &channel->native.stream);
    /* Both were made with malloc here. */
    free((void *)(uintptr_t)channel->name.ptr);
    free((void *)(uintptr_t)channel->prefix.ptr);
    free(channel);
}

/* Nobody was there to get what came: the view says what the channel says. */
void view_begin_anew(struct view *v)
{
    v->waiting = 0;
    v->held = 0;
    v->missed = false;
    v->seq = v->channel->seq;
    stream_clear(&v->stream);
}

/* Whether a pattern that is there covers it: if somebody has that or not. */
static bool is_covered(const struct channels *cs, const struct view *v)
{
    uint32_t i = 0;

    while (i < v->stream.n_covers &&
           !stream_pattern_of(cs->fanout, &v->stream.covers[i]))
        i++;
    return i < v->stream.n_covers;
}

void channel_trim(struct channels *cs, struct channel *channel)
{
    struct view **at = &channel->native.next;

    while (*at) {
        struct view *v = *at;
        if (v->interval_ms == 0 || v->refs > 0 || v->waiting_at > 0 ||
            v->stream.links.n > 0 || is_covered(cs, v)) {
            at = &v->next;
            continue;
        }
        *at = v->next;
        waiting_remove(&cs->waiting, v);
        fanout_remove_stream(cs->fanout, &v->stream);
        free(v);
    }
}

struct view *channel_view(struct channels *cs, struct channel *channel,
                          enum dialect dialect, uint32_t interval_ms)
{
    struct view *v;

    for (v = &channel->native;; v = v->next) {
        if (v->dialect == dialect && v->interval_ms == interval_ms) {
            if (v != &channel->native &&
                !hearing_is_wanted(cs->fanout, &v->stream))
                view_begin_anew(v);
            return v;
        }
        if (!v->next)
            break;
    }
    channel_trim(cs, channel);
    v = mem_zero(sizeof *v);
    view_init(cs, v, channel, dialect, interval_ms);
    v->next = channel->native.next;
    channel->native.next = v;
    return v;
}

static void remove_one(void *arg, struct node *n)
{
    channels_remove(arg, node_of(struct channel, node, n));
}

void channels_close(struct channels *cs)
{
    patterns_close(cs);
    table_each(&cs->by_name, remove_one, cs);
    table_close(&cs->by_name);
    waiting_close(&cs->waiting);
    bytes_close(&cs->scratch);
}

struct view *channels_view_of(const struct channels *cs, uint32_t subscription)
{
    return (struct view *)cs->fanout->streams[subscription];
}

/* --- all of them, for others --- */

struct each {
    void (*fn)(void *arg, const struct channel *channel);
    void *arg;
};

static void each_one(void *arg, struct node *n)
{
    const struct each *each = arg;

    each->fn(each->arg, node_of(struct channel, node, n));
}

void channels_each(const struct channels *cs,
                   void (*fn)(void *arg, const struct channel *channel),
                   void *arg)
{
    struct each each = {fn, arg};

    table_each(&cs->by_name, each_one, &each);
}

void channels_each_payload(const struct channels *cs, struct span name,
                           void (*fn)(void *arg, struct span type,
                                      struct span payload),
                           void *arg)
{
    const struct channel *channel = channels_find(cs, name);

    for (uint32_t i = 0; channel && i < channel->native.stream.n_keys; i++) {
        const struct conflation_key *k = &channel->native.stream.keys[i];
        struct span payload = stream_payload(k, &cs->fanout->log);
        if (payload.len > 0)
            fn(arg, type_name(&cs->types, k->type), payload);
    }
}
