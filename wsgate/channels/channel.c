#include "wsgate/channels/channel.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/event/route.h"
#include "wsgate/channels/message.h"

/* --- names --- */

static bool channel_is(const struct node *n, struct span name)
{
    return span_eq(node_of(struct channel, node, n)->name, name);
}

static bool pattern_is(const struct node *n, struct span name)
{
    return span_eq(node_of(struct pattern, node, n)->name, name);
}

void channels_init(struct channels *cs, struct fanout *fanout, uint64_t seed,
                   size_t channel_size, size_t pattern_size)
{
    *cs = (struct channels){.fanout = fanout,
                            .epoch_seed = seed,
                            .channel_size = channel_size,
                            .pattern_size = pattern_size};
    table_init(&cs->by_name, channel_is);
    table_init(&cs->patterns, pattern_is);
    types_init(&cs->types);
    bytes_init(&cs->scratch);
}

struct channel *channels_find(const struct channels *cs, struct span name)
{
    struct node *n = table_find(&cs->by_name, name);

    return n ? node_of(struct channel, node, n) : NULL;
}

struct pattern *channels_find_pattern(const struct channels *cs,
                                      struct span name)
{
    struct node *n = table_find(&cs->patterns, name);

    return n ? node_of(struct pattern, node, n) : NULL;
}

/* A name is covered by one pattern at most: that with its last part replaced.
 */
static struct pattern *pattern_over(const struct channels *cs, struct span name)
{
    char pattern[ROUTE_NAME_MAX + 1];
    size_t n = name.len;

    while (n > 0 && name.ptr[n - 1] != ':')
        n--;
    if (n == 0 || n >= sizeof pattern)
        return NULL;
    memcpy(pattern, name.ptr, n);
    pattern[n] = '*';
    return channels_find_pattern(cs, span_make(pattern, n + 1));
}

/* Is that pattern this one?  Of all names, without a look at the table. */
static bool is_over(struct span pattern, struct span name)
{
    size_t n = pattern.len - 1;

    return n > 0 && pattern.ptr[n - 1] == ':' && name.len >= n &&
           memcmp(name.ptr, pattern.ptr, n) == 0 &&
           !memchr(name.ptr + n, ':', name.len - n);
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

static void unlist_waiting(struct channels *cs, struct view *v)
{
    struct view **at = &cs->waiting;

    while (*at && *at != v)
        at = &(*at)->next_waiting;
    if (*at == v)
        *at = v->next_waiting;
}

static void cover_by(struct channels *cs, struct pattern_view *pv,
                     struct channel *channel, uint64_t stamp)
{
    struct view *v = channel_view(cs, channel, pv->dialect, pv->interval_ms);

    /* Too many intervals: better every message than none. */
    if (!v && pv->dialect == DIALECT_NATIVE)
        v = &channel->native;
    if (v)
        stream_pattern_cover(&pv->stream, &v->stream, stamp);
}

static void cover(struct channels *cs, struct pattern *p,
                  struct channel *channel)
{
    uint64_t stamp = fanout_stamp(cs->fanout);

    channel->pattern = p;
    p->n_channels++;
    for (struct pattern_view *pv = p->views; pv; pv = pv->next)
        cover_by(cs, pv, channel, stamp);
}

struct channel *channels_get(struct channels *cs, struct span name)
{
    struct channel *channel = channels_find(cs, name);
    struct bytes prefix;
    struct pattern *p;

    if (channel)
        return channel;
    if (cs->by_name.count >= CHANNELS_MAX)
        return NULL;
    channel = mem_zero(cs->channel_size);
    channel->name = span_make(mem_str(name), name.len);
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
    p = pattern_over(cs, name);
    if (p)
        cover(cs, p, channel);
    return channel;
}

void channels_remove(struct channels *cs, struct channel *channel)
{
    struct view *v = channel->native.next;

    table_remove(&cs->by_name, &channel->node);
    if (channel->pattern)
        channel->pattern->n_channels--;
    while (v) {
        struct view *next = v->next;
        unlist_waiting(cs, v);
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
static void start_anew(struct channels *cs, struct view *v)
{
    unlist_waiting(cs, v);
    v->waiting = 0;
    v->seq = v->channel->seq;
    stream_clear(&v->stream);
}

static bool free_a_view(struct channels *cs, struct channel *channel)
{
    struct view **at = &channel->native.next;

    for (; *at; at = &(*at)->next) {
        struct view *v = *at;
        if (v->refs > 0 || v->stream.n_links > 0 || v->stream.covered > 0)
            continue;
        *at = v->next;
        unlist_waiting(cs, v);
        fanout_remove_stream(cs->fanout, &v->stream);
        free(v);
        return true;
    }
    return false;
}

struct view *channel_view(struct channels *cs, struct channel *channel,
                          enum dialect dialect, uint32_t interval_ms)
{
    struct view *v = &channel->native;
    unsigned n = 1;

    for (;; v = v->next, n++) {
        if (v->dialect == dialect && v->interval_ms == interval_ms) {
            if (v != &channel->native && v->stream.n_links == 0)
                start_anew(cs, v);
            return v;
        }
        if (!v->next)
            break;
    }
    if (interval_ms > 0 && n >= VIEWS_MAX && !free_a_view(cs, channel))
        return NULL;
    v = mem_zero(sizeof *v);
    view_init(cs, v, channel, dialect, interval_ms);
    v->next = channel->native.next;
    channel->native.next = v;
    return v;
}

/* --- patterns --- */

struct covering {
    struct channels *cs;
    struct pattern *pattern;
    struct pattern_view *view;
};

static void cover_if_match(void *arg, struct node *n)
{
    struct covering *c = arg;
    struct channel *channel = node_of(struct channel, node, n);

    if (!is_over(c->pattern->name, channel->name))
        return;
    if (!channel->pattern)
        c->pattern->n_channels++;
    channel->pattern = c->pattern;
    cover_by(c->cs, c->view, channel, fanout_stamp(c->cs->fanout));
}

struct pattern *channels_get_pattern(struct channels *cs, struct span name)
{
    struct pattern *p = channels_find_pattern(cs, name);

    if (p || cs->patterns.count >= PATTERNS_MAX)
        return p;
    p = mem_zero(cs->pattern_size);
    p->name = span_make(mem_str(name), name.len);
    table_add(&cs->patterns, &p->node, p->name);
    return p;
}

void pattern_trim(struct channels *cs, struct pattern *p)
{
    struct pattern_view **at = &p->views;

    while (*at) {
        struct pattern_view *v = *at;
        if (v->refs > 0 || v->stream.n_groups > 0) {
            at = &v->next;
            continue;
        }
        *at = v->next;
        fanout_remove_pattern(cs->fanout, &v->stream);
        free(v);
    }
}

struct pattern_view *pattern_view(struct channels *cs, struct pattern *p,
                                  enum dialect dialect, uint32_t interval_ms)
{
    unsigned n = 1; /* as many as a channel has */
    struct pattern_view *v;
    struct covering c;

    for (v = p->views; v; v = v->next) {
        if (v->dialect == dialect && v->interval_ms == interval_ms)
            return v;
    }
    pattern_trim(cs, p);
    for (v = p->views; v; v = v->next)
        n++;
    if (interval_ms > 0 && n >= VIEWS_MAX)
        return NULL;
    v = mem_zero(sizeof *v);
    fanout_add_pattern(cs->fanout, &v->stream, 0);
    v->pattern = p;
    v->dialect = dialect;
    v->interval_ms = interval_ms;
    v->next = p->views;
    p->views = v;
    c = (struct covering){.cs = cs, .pattern = p, .view = v};
    table_each(&cs->by_name, cover_if_match, &c);
    return v;
}

static void forget_pattern(void *arg, struct node *n)
{
    struct channel *channel = node_of(struct channel, node, n);

    if (channel->pattern == arg)
        channel->pattern = NULL;
}

void channels_remove_pattern(struct channels *cs, struct pattern *p)
{
    table_remove(&cs->patterns, &p->node);
    if (p->n_channels > 0)
        table_each(&cs->by_name, forget_pattern, p);
    while (p->views) {
        struct pattern_view *v = p->views;
        p->views = v->next;
        fanout_remove_pattern(cs->fanout, &v->stream);
        free(v);
    }
    free((void *)(uintptr_t)p->name.ptr);
    free(p);
}

static void remove_one(void *arg, struct node *n)
{
    channels_remove(arg, node_of(struct channel, node, n));
}

static void remove_one_pattern(void *arg, struct node *n)
{
    channels_remove_pattern(arg, node_of(struct pattern, node, n));
}

void channels_close(struct channels *cs)
{
    table_each(&cs->patterns, remove_one_pattern, cs);
    table_each(&cs->by_name, remove_one, cs);
    table_close(&cs->by_name);
    table_close(&cs->patterns);
    bytes_close(&cs->scratch);
}

struct view *channels_view_of(const struct channels *cs, uint32_t subscription)
{
    return (struct view *)cs->fanout->streams[subscription];
}

struct pattern_view *channels_pattern_of(const struct channels *cs,
                                         uint32_t subscription)
{
    return (struct pattern_view *)fanout_pattern(cs->fanout, subscription);
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
