#include "wsgate/channels/channel.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/event/route.h"
#include "wsgate/channels/message.h"

/* --- names --- */

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

    return n ? node_of(struct feed, node, n) : NULL;
}

struct wild *feeds_find_wild(const struct feeds *fs, struct span name)
{
    struct node *n = table_find(&fs->wilds, name);

    return n ? node_of(struct wild, node, n) : NULL;
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

/* Is that pattern this one?  Of all names, without a look at the table. */
static bool is_over(struct span pattern, struct span name)
{
    size_t n = pattern.len - 1;

    return n > 0 && pattern.ptr[n - 1] == ':' && name.len >= n &&
           memcmp(name.ptr, pattern.ptr, n) == 0 &&
           !memchr(name.ptr + n, ':', name.len - n);
}

static void variant_init(struct feeds *fs, struct variant *v, struct feed *feed,
                         enum view view, uint32_t interval)
{
    *v = (struct variant){
        .feed = feed, .view = view, .interval_ms = interval, .seq = feed->seq};
    fan_add_channel(fs->fan, &v->channel,
                    v == &feed->native ? NULL : &feed->native.channel);
}

static void unlist_waiting(struct feeds *fs, struct variant *v)
{
    struct variant **at = &fs->waiting;

    while (*at && *at != v)
        at = &(*at)->next_waiting;
    if (*at == v)
        *at = v->next_waiting;
}

static void cover_by(struct feeds *fs, struct wild_variant *wv,
                     struct feed *feed)
{
    struct variant *v = feed_variant(fs, feed, wv->view, wv->interval_ms);

    /* Too many intervals: better every message than none. */
    if (!v && wv->view == VIEW_NATIVE)
        v = &feed->native;
    if (v)
        fan_cover(fs->fan, &wv->pattern, &v->channel);
}

static void cover(struct feeds *fs, struct wild *w, struct feed *feed)
{
    feed->wild = w;
    w->n_feeds++;
    for (struct wild_variant *wv = w->variants; wv; wv = wv->next)
        cover_by(fs, wv, feed);
}

struct feed *feeds_get(struct feeds *fs, struct span name)
{
    struct feed *feed = feeds_find(fs, name);
    struct bytes prefix;
    struct wild *w;

    if (feed)
        return feed;
    if (fs->by_name.count >= FEEDS_MAX)
        return NULL;
    feed = mem_zero(sizeof *feed);
    feed->name = span_make(mem_str(name), name.len);
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
    w = wild_over(fs, name);
    if (w)
        cover(fs, w, feed);
    return feed;
}

void feeds_remove(struct feeds *fs, struct feed *feed)
{
    struct variant *v = feed->native.next;

    table_remove(&fs->by_name, &feed->node);
    if (feed->wild)
        feed->wild->n_feeds--;
    while (v) {
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

/* Nobody was there to get what came: it says what the feed says. */
static void start_anew(struct feeds *fs, struct variant *v)
{
    unlist_waiting(fs, v);
    v->waiting = 0;
    v->seq = v->feed->seq;
    channel_clear(&v->channel);
}

static bool free_a_variant(struct feeds *fs, struct feed *feed)
{
    struct variant **at = &feed->native.next;

    for (; *at; at = &(*at)->next) {
        struct variant *v = *at;
        if (v->refs > 0 || v->channel.n_links > 0 || v->channel.covered > 0)
            continue;
        *at = v->next;
        unlist_waiting(fs, v);
        fan_remove_channel(fs->fan, &v->channel);
        free(v);
        return true;
    }
    return false;
}

struct variant *feed_variant(struct feeds *fs, struct feed *feed,
                             enum view view, uint32_t interval_ms)
{
    struct variant *v = &feed->native;
    unsigned n = 1;

    for (;; v = v->next, n++) {
        if (v->view == view && v->interval_ms == interval_ms) {
            if (v != &feed->native && v->channel.n_links == 0)
                start_anew(fs, v);
            return v;
        }
        if (!v->next)
            break;
    }
    if (interval_ms > 0 && n >= VARIANTS_MAX && !free_a_variant(fs, feed))
        return NULL;
    v = mem_zero(sizeof *v);
    variant_init(fs, v, feed, view, interval_ms);
    v->next = feed->native.next;
    feed->native.next = v;
    return v;
}

/* --- patterns --- */

struct covering {
    struct feeds *fs;
    struct wild *wild;
    struct wild_variant *variant;
};

static void cover_if_match(void *arg, struct node *n)
{
    struct covering *c = arg;
    struct feed *feed = node_of(struct feed, node, n);

    if (!is_over(c->wild->name, feed->name))
        return;
    if (!feed->wild)
        c->wild->n_feeds++;
    feed->wild = c->wild;
    cover_by(c->fs, c->variant, feed);
}

struct wild *feeds_get_wild(struct feeds *fs, struct span name)
{
    struct wild *w = feeds_find_wild(fs, name);

    if (w || fs->wilds.count >= WILDS_MAX)
        return w;
    w = mem_zero(sizeof *w);
    w->name = span_make(mem_str(name), name.len);
    table_add(&fs->wilds, &w->node, w->name);
    return w;
}

void wild_trim(struct feeds *fs, struct wild *w)
{
    struct wild_variant **at = &w->variants;

    while (*at) {
        struct wild_variant *v = *at;
        if (v->refs > 0 || v->pattern.n_groups > 0) {
            at = &v->next;
            continue;
        }
        *at = v->next;
        fan_remove_pattern(fs->fan, &v->pattern);
        free(v);
    }
}

struct wild_variant *wild_variant(struct feeds *fs, struct wild *w,
                                  enum view view, uint32_t interval_ms)
{
    unsigned n = 1; /* as many as a feed has */
    struct wild_variant *v;
    struct covering c;

    for (v = w->variants; v; v = v->next) {
        if (v->view == view && v->interval_ms == interval_ms)
            return v;
    }
    wild_trim(fs, w);
    for (v = w->variants; v; v = v->next)
        n++;
    if (interval_ms > 0 && n >= VARIANTS_MAX)
        return NULL;
    v = mem_zero(sizeof *v);
    fan_add_pattern(fs->fan, &v->pattern);
    v->wild = w;
    v->view = view;
    v->interval_ms = interval_ms;
    v->next = w->variants;
    w->variants = v;
    c = (struct covering){.fs = fs, .wild = w, .variant = v};
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
    if (w->n_feeds > 0)
        table_each(&fs->by_name, forget_wild, w);
    while (w->variants) {
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
