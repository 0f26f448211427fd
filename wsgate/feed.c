#include "wsgate/feed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/route.h"
#include "wsgate/message.h"

/* ---- names ---- */

static bool feed_is(const struct node *n, struct span name)
{
    return span_eq(node_of(struct feed, node, n)->name, name);
}

static bool wild_is(const struct node *n, struct span name)
{
    return span_eq(node_of(struct wild, node, n)->name, name);
}

void feeds_init(struct feeds *fs, struct fan *fan, uint64_t seed)
{
    *fs = (struct feeds){.fan = fan, .epoch_seed = seed};
    table_init(&fs->by_name, feed_is);
    table_init(&fs->wilds, wild_is);
    types_init(&fs->types);
    bytes_init(&fs->scratch);
}

struct feed *feeds_find(const struct feeds *fs, struct span name)
{
    struct node *n = table_find(&fs->by_name, name);

    return n == NULL ? NULL : node_of(struct feed, node, n);
}

struct wild *feeds_find_wild(const struct feeds *fs, struct span name)
{
    struct node *n = table_find(&fs->wilds, name);

    return n == NULL ? NULL : node_of(struct wild, node, n);
}

/* A name is covered by one pattern at most: that with its last part replaced.
 */
static struct wild *wild_over(const struct feeds *fs, struct span name)
{
    char pattern[ROUTE_NAME_MAX + 1];
    size_t n = name.len;

    while (n > 0 && name.ptr[n - 1] != ':')
        n--;
    if (n == 0 || n >= sizeof pattern)
        return NULL;
    memcpy(pattern, name.ptr, n);
    pattern[n] = '*';
    return feeds_find_wild(fs, span_make(pattern, n + 1));
}

static void variant_init(struct feeds *fs, struct variant *v, struct feed *feed,
                         enum view view, uint32_t interval)
{
    *v = (struct variant){
        .feed = feed, .view = view, .interval_ms = interval, .seq = feed->seq};
    fan_add_channel(fs->fan, &v->channel,
                    v == &feed->native ? NULL : &feed->native.channel);
}

static void cover(struct feeds *fs, struct wild *w, struct feed *feed)
{
    feed->wild = w;
    for (struct wild_variant *wv = w->variants; wv != NULL; wv = wv->next) {
        struct variant *v = feed_variant(fs, feed, wv->view, wv->interval_ms);
        if (v != NULL)
            fan_cover(fs->fan, &wv->pattern, &v->channel);
    }
}

struct feed *feeds_get(struct feeds *fs, struct span name)
{
    struct feed *feed = feeds_find(fs, name);

    if (feed != NULL)
        return feed;
    if (fs->by_name.count >= FEEDS_MAX)
        return NULL;
    feed = mem_zero(sizeof *feed);
    feed->name = span_make(mem_str(name), name.len);
    struct bytes prefix;
    bytes_init(&prefix);
    message_prefix(&prefix, name);
    feed->prefix = bytes_span(&prefix);
    /* New for each life of the feed, so that seq is never compared across. */
    fs->epoch_seed =
        fs->epoch_seed * 6364136223846793005u + 1442695040888963407u;
    snprintf(feed->epoch, sizeof feed->epoch, "%08" PRIx32,
             (uint32_t)(fs->epoch_seed >> 32));
    variant_init(fs, &feed->native, feed, VIEW_NATIVE, 0);
    table_add(&fs->by_name, &feed->node, feed->name);
    struct wild *w = wild_over(fs, name);
    if (w != NULL)
        cover(fs, w, feed);
    return feed;
}

static void unlist_waiting(struct feeds *fs, struct variant *v)
{
    struct variant **at = &fs->waiting;

    while (*at != NULL && *at != v)
        at = &(*at)->next_waiting;
    if (*at == v)
        *at = v->next_waiting;
}

void feeds_remove(struct feeds *fs, struct feed *feed)
{
    struct variant *v = feed->native.next;

    table_remove(&fs->by_name, &feed->node);
    while (v != NULL) {
        struct variant *next = v->next;
        unlist_waiting(fs, v);
        fan_remove_channel(fs->fan, &v->channel);
        free(v);
        v = next;
    }
    fan_remove_channel(fs->fan, &feed->native.channel);
    /* Both were made with malloc here. */
    free((void *)(uintptr_t)feed->name.ptr);
    free((void *)(uintptr_t)feed->prefix.ptr);
    free(feed);
}

struct variant *feed_variant(struct feeds *fs, struct feed *feed,
                             enum view view, uint32_t interval_ms)
{
    struct variant *v = &feed->native;
    unsigned n = 1;

    for (;; v = v->next, n++) {
        if (v->view == view && v->interval_ms == interval_ms)
            return v;
        if (v->next == NULL)
            break;
    }
    if (n >= VARIANTS_MAX)
        return NULL;
    v->next = mem_zero(sizeof *v);
    variant_init(fs, v->next, feed, view, interval_ms);
    return v->next;
}

/* ---- patterns ---- */

struct covering {
    struct feeds *fs;
    struct wild *wild;
    struct wild_variant *variant;
};

static void cover_if_match(void *arg, struct node *n)
{
    struct covering *c = arg;
    struct feed *feed = node_of(struct feed, node, n);

    if (wild_over(c->fs, feed->name) != c->wild)
        return;
    feed->wild = c->wild;
    struct variant *v =
        feed_variant(c->fs, feed, c->variant->view, c->variant->interval_ms);
    if (v != NULL)
        fan_cover(c->fs->fan, &c->variant->pattern, &v->channel);
}

struct wild *feeds_get_wild(struct feeds *fs, struct span name)
{
    struct wild *w = feeds_find_wild(fs, name);

    if (w != NULL || fs->wilds.count >= WILDS_MAX)
        return w;
    w = mem_zero(sizeof *w);
    w->name = span_make(mem_str(name), name.len);
    table_add(&fs->wilds, &w->node, w->name);
    return w;
}

struct wild_variant *wild_variant(struct feeds *fs, struct wild *w,
                                  enum view view, uint32_t interval_ms)
{
    unsigned n = 0;

    for (struct wild_variant *v = w->variants; v != NULL; v = v->next, n++) {
        if (v->view == view && v->interval_ms == interval_ms)
            return v;
    }
    if (n >= VARIANTS_MAX)
        return NULL;
    struct wild_variant *v = mem_zero(sizeof *v);
    fan_add_pattern(fs->fan, &v->pattern);
    v->wild = w;
    v->view = view;
    v->interval_ms = interval_ms;
    v->next = w->variants;
    w->variants = v;
    struct covering c = {.fs = fs, .wild = w, .variant = v};
    table_each(&fs->by_name, cover_if_match, &c);
    return v;
}

static void forget_wild(void *arg, struct node *n)
{
    struct feed *feed = node_of(struct feed, node, n);

    if (feed->wild == arg)
        feed->wild = NULL;
}

void feeds_remove_wild(struct feeds *fs, struct wild *w)
{
    table_remove(&fs->wilds, &w->node);
    table_each(&fs->by_name, forget_wild, w);
    while (w->variants != NULL) {
        struct wild_variant *v = w->variants;
        w->variants = v->next;
        fan_remove_pattern(fs->fan, &v->pattern);
        free(v);
    }
    free((void *)(uintptr_t)w->name.ptr);
    free(w);
}

static void remove_one(void *arg, struct node *n)
{
    feeds_remove(arg, node_of(struct feed, node, n));
}

static void remove_one_wild(void *arg, struct node *n)
{
    feeds_remove_wild(arg, node_of(struct wild, node, n));
}

void feeds_close(struct feeds *fs)
{
    table_each(&fs->wilds, remove_one_wild, fs);
    table_each(&fs->by_name, remove_one, fs);
    table_close(&fs->by_name);
    table_close(&fs->wilds);
    bytes_close(&fs->scratch);
}

struct variant *feeds_variant_of(const struct feeds *fs, uint32_t topic)
{
    return (struct variant *)fs->fan->channels[topic];
}

struct wild_variant *feeds_wild_of(const struct feeds *fs, uint32_t topic)
{
    return (struct wild_variant *)fs->fan->patterns[topic & ~TOPIC_PATTERN];
}

/* ---- messages ---- */

static uint32_t members_of(const struct channel *c)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < c->n_links; i++)
        n += c->links[i].group->fast.count + c->links[i].group->slow.count;
    return n;
}

/* The native frame again, as a frame of the variant. */
static void repeat(struct feeds *fs, struct variant *v, const struct slot *s)
{
    const struct framelog *log = &fs->fan->log;
    struct span frame = channel_frame(s, log);
    size_t data_at = (size_t)(channel_payload(s, log).ptr - frame.ptr);
    size_t data_len = channel_payload(s, log).len;

    if (frame.len == 0)
        return;
    /* Through scratch: making room may overwrite the oldest frame. */
    bytes_clear(&fs->scratch);
    bytes_add_span(&fs->scratch, frame);
    memcpy(fan_room(fs->fan, frame.len), fs->scratch.ptr, frame.len);
    fan_add(fs->fan, &v->channel, s->type, s->key, frame.len, data_at,
            data_len);
    v->seq = v->feed->seq;
}

static void throttle(struct feeds *fs, struct variant *v,
                     const struct slot *newest, uint64_t superseded,
                     uint64_t mono_ms)
{
    if (v->waiting == 0 && mono_ms >= v->due_mono_ms) {
        v->due_mono_ms = mono_ms + v->interval_ms;
        repeat(fs, v, newest);
        return;
    }
    if (v->waiting == 0) {
        v->waiting = newest->frame;
        v->next_waiting = fs->waiting;
        fs->waiting = v;
    } else if (superseded >= v->waiting) {
        uint32_t n = members_of(&v->channel);
        fs->throttled += n;
        fs->fan->counters.expected += n;
        fs->fan->counters.conflated += n;
    }
}

static bool is_stock(struct span type)
{
    return span_is(type, "price_update") || span_is(type, "market_status") ||
           span_is(type, "trading_alert");
}

static void publish_variant(struct feeds *fs, struct variant *v,
                            const struct feed_message *m, uint16_t type,
                            struct span name)
{
    size_t len = 0, data_at = 0, max;
    char *at;

    if (v->view == VIEW_STOCK) {
        max = message_stock_max(name, m->payload);
        if (!is_stock(name) || max > framelog_max(&fs->fan->log) ||
            (span_is(name, "trading_alert") && fs->is_public != NULL &&
             !fs->is_public(m->payload)))
            return;
        at = fan_room(fs->fan, max);
        len = message_stock(at, name, m->payload, m->local, &data_at);
    } else if (v->view == VIEW_TICKS && span_is(name, "tick")) {
        at = fan_room(fs->fan, m->payload.len + sizeof(uint64_t) * 2);
        len = message_raw(at, m->payload, &data_at);
    }
    if (len > 0)
        fan_add(fs->fan, &v->channel, type, 0, len, data_at, m->payload.len);
}

static void publish_variants(struct feeds *fs, struct feed *feed,
                             const struct feed_message *m,
                             const struct slot *newest, uint64_t superseded,
                             struct span type)
{
    for (struct variant *v = feed->native.next; v != NULL; v = v->next) {
        if (v->channel.n_links == 0)
            continue;
        if (v->view == VIEW_NATIVE)
            throttle(fs, v, newest, superseded, m->mono_ms);
        else
            publish_variant(fs, v, m, newest->type, type);
    }
}

enum feed_result feed_publish(struct feeds *fs, struct feed *feed,
                              const struct feed_message *m)
{
    struct channel *native = &feed->native.channel;
    size_t max = message_update_max(feed->prefix, m->payload), data_at;
    struct event_peek peek;

    if (max > framelog_max(&fs->fan->log))
        return FEED_TOO_BIG;
    char *at = fan_room(fs->fan, max);
    size_t len = message_update(at, feed->prefix, feed->seq + 1, m->payload,
                                m->now_ms, m->local, &data_at);
    /* Judged in the log: there it is in cache and has room behind it. */
    if (!event_peek(span_make(at + data_at, m->payload.len), &peek))
        return FEED_NOT_JSON; /* not committed: overwritten by the next */
    uint16_t type = type_of(&fs->types, peek.type);
    int64_t key = peek.is_bar ? peek.bar_time_ms : 0;
    uint16_t slot = channel_slot(native, type, key);
    uint64_t superseded = native->slots[slot].frame;
    feed->seq++;
    feed->last_ms = m->now_ms;
    feed->last_local = m->local;
    fan_add(fs->fan, native, type, key, len, data_at, m->payload.len);
    if (feed->native.next != NULL)
        publish_variants(fs, feed, m, &native->slots[slot], superseded,
                         peek.type);
    return FEED_OK;
}

static int by_frame(const void *a, const void *b)
{
    uint64_t x = ((const struct slot *)a)->frame,
             y = ((const struct slot *)b)->frame;

    return (x > y) - (x < y);
}

/* Slots are copied first: what follows may evict, and so move, the originals'
 * bytes, but not the order. */
static uint32_t slots_in_order(const struct channel *c,
                               struct slot out[CHANNEL_SLOTS_MAX])
{
    if (c->n_slots > 0)
        memcpy(out, c->slots, c->n_slots * sizeof *out);
    if (c->n_slots > 1)
        qsort(out, c->n_slots, sizeof *out, by_frame);
    return c->n_slots;
}

static void send_waiting(struct feeds *fs, struct variant *v, uint64_t mono_ms)
{
    struct slot slots[CHANNEL_SLOTS_MAX];
    struct channel *native = &v->feed->native.channel;
    uint32_t n = slots_in_order(native, slots);

    for (uint32_t i = 0; i < n; i++) {
        if (slots[i].frame >= v->waiting && v->channel.n_links > 0)
            repeat(fs, v,
                   &native->slots[channel_slot(native, slots[i].type,
                                               slots[i].key)]);
    }
    v->waiting = 0;
    v->due_mono_ms = mono_ms + v->interval_ms;
}

bool feeds_send_due(struct feeds *fs, uint64_t mono_ms)
{
    struct variant **at = &fs->waiting;

    while (*at != NULL) {
        struct variant *v = *at;
        if (mono_ms < v->due_mono_ms) {
            at = &v->next_waiting;
            continue;
        }
        *at = v->next_waiting;
        send_waiting(fs, v, mono_ms);
    }
    return fs->waiting != NULL;
}

/* Is there a newer one of the same type? */
static bool is_outdone(const struct slot *slots, uint32_t n, uint32_t i)
{
    for (uint32_t k = 0; k < n; k++) {
        if (k == i || slots[k].type != slots[i].type)
            continue;
        if (slots[k].frame > slots[i].frame ||
            (slots[k].frame == slots[i].frame && slots[k].key > slots[i].key))
            return true;
    }
    return false;
}

void feed_each_newest(const struct feeds *fs, const struct variant *v,
                      void (*fn)(void *arg, const struct slot *s,
                                 struct span payload),
                      void *arg)
{
    struct slot slots[CHANNEL_SLOTS_MAX];
    const struct channel *c =
        v->channel.n_slots > 0 ? &v->channel : &v->feed->native.channel;
    uint32_t n = slots_in_order(c, slots);

    for (uint32_t i = 0; i < n; i++) {
        struct span payload = channel_payload(&slots[i], &fs->fan->log);
        if (payload.len > 0 && !is_outdone(slots, n, i))
            fn(arg, &slots[i], payload);
    }
}
