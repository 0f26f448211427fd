#include "wsgate/channels/pattern.h"

#include <stdlib.h>

#include "common/event/channel_name.h"

/* --- names --- */

static bool pattern_is(const struct node *n, struct span name)
{
    return span_eq(node_of(struct pattern, node, n)->name, name);
}

static bool family_is(const struct node *n, struct span name)
{
    return span_eq(node_of(struct family, node, n)->name, name);
}

void patterns_init(struct channels *cs)
{
    table_init(&cs->patterns, pattern_is);
    table_init(&cs->families, family_is);
}

struct pattern *channels_find_pattern(const struct channels *cs,
                                      struct span name)
{
    struct node *n = table_find(&cs->patterns, name);

    return n ? node_of(struct pattern, node, n) : NULL;
}

struct family *channels_find_family(const struct channels *cs, struct span name)
{
    struct node *n = table_find(&cs->families, name);

    return n ? node_of(struct family, node, n) : NULL;
}

bool family_matches(const struct family *family, struct span name)
{
    const struct pattern *p = family->patterns;

    while (p && !channel_name_matches(p->name, name))
        p = p->next_of_family;
    return p != NULL;
}

/* Names without a colon have a family of their own, but no pattern. */
static struct family *family_of(const struct channels *cs, struct span name)
{
    return channels_find_family(cs, channel_name_family(name));
}

/* The more it leaves open, the higher: of several over a channel, the one that
 * says most about it counts. */
static uint8_t rank_of(const struct family *family, struct span name)
{
    uint8_t stars = 0;

    if (span_eq(name, family->whole))
        return SUBSCRIPTION_RANK_MAX;
    for (size_t i = 0; i < name.len && stars < SUBSCRIPTION_RANK_MAX - 1; i++) {
        if (name.ptr[i] == '*')
            stars++;
    }
    return stars;
}

static struct family *get_family(struct channels *cs, struct span pattern)
{
    struct span name = channel_name_family(pattern);
    struct family *family = channels_find_family(cs, name);
    char *text;

    if (family)
        return family;
    family = mem_zero(cs->sizes.family);
    text = mem_alloc(name.len + 2);
    memcpy(text, name.ptr, name.len);
    memcpy(text + name.len, "*", 2);
    family->name = span_make(text, name.len);
    family->whole = span_make(text, name.len + 1);
    table_add(&cs->families, &family->node, family->name);
    return family;
}

struct pattern *channels_get_pattern(struct channels *cs, struct span name)
{
    struct pattern *p = channels_find_pattern(cs, name);

    if (p || cs->patterns.count >= PATTERNS_MAX)
        return p;
    p = mem_zero(cs->sizes.pattern);
    p->name = span_make(mem_str(name), name.len);
    p->family = get_family(cs, name);
    p->next_of_family = p->family->patterns;
    p->family->patterns = p;
    p->family->n_patterns++;
    p->rank = rank_of(p->family, name);
    table_add(&cs->patterns, &p->node, p->name);
    return p;
}

/* --- what they cover --- */

static uint32_t place_of(const struct channel *channel, const struct pattern *p)
{
    uint32_t i = 0;

    while (i < channel->n_patterns && channel->patterns[i] != p)
        i++;
    return i;
}

static void note_pattern(struct channel *channel, struct pattern *p)
{
    channel->patterns =
        mem_grow(channel->patterns,
                 (channel->n_patterns + 1u) * sizeof(struct pattern *));
    channel->patterns[channel->n_patterns++] = p;
    p->n_channels++;
}

static void cover_by(struct channels *cs, struct pattern_view *pv,
                     struct channel *channel, uint64_t stamp)
{
    struct view *v = channel_view(cs, channel, pv->dialect, pv->interval_ms);

    stream_pattern_cover(&pv->stream, &v->stream, stamp);
}

static int by_id(const void *a, const void *b)
{
    uint32_t x = (*(struct pattern_view *const *)a)->stream.id,
             y = (*(struct pattern_view *const *)b)->stream.id;

    return (x > y) - (x < y);
}

static uint32_t views_over(struct channels *cs, const struct channel *channel)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < channel->n_patterns; i++) {
        for (struct pattern_view *v = channel->patterns[i]->views; v;
             v = v->next) {
            if (n == cs->cap_over) {
                cs->cap_over = n == 0 ? 16 : n * 2;
                cs->over = mem_grow(cs->over, cs->cap_over * sizeof *cs->over);
            }
            cs->over[n++] = v;
        }
    }
    if (n > 1)
        qsort(cs->over, n, sizeof(struct pattern_view *), by_id);
    return n;
}

void patterns_cover(struct channels *cs, struct channel *channel)
{
    struct family *family =
        channel->hidden ? NULL : family_of(cs, channel->name);
    uint64_t stamp;
    uint32_t n;

    if (!family)
        return;
    for (struct pattern *p = family->patterns; p; p = p->next_of_family) {
        if (channel_name_matches(p->name, channel->name))
            note_pattern(channel, p);
    }
    stamp = fanout_stamp(cs->fanout);
    n = views_over(cs, channel);
    for (uint32_t i = 0; i < n; i++)
        cover_by(cs, cs->over[i], channel, stamp);
}

struct covering {
    struct channels *cs;
    struct pattern *pattern;
    struct pattern_view *view;
};

static void cover_if_match(void *arg, struct node *n)
{
    struct covering *c = arg;
    struct channel *channel = node_of(struct channel, node, n);

    if (channel->hidden ||
        !channel_name_matches(c->pattern->name, channel->name))
        return;
    if (place_of(channel, c->pattern) == channel->n_patterns)
        note_pattern(channel, c->pattern);
    /* Nobody has the view yet. */
    cover_by(c->cs, c->view, channel, 0);
}

/* --- views --- */

static void trim(struct channels *cs, struct pattern *p)
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
    struct pattern_view *v;
    struct covering c;

    for (v = p->views; v; v = v->next) {
        if (v->dialect == dialect && v->interval_ms == interval_ms)
            return v;
    }
    trim(cs, p);
    v = mem_zero(sizeof *v);
    fanout_add_pattern(cs->fanout, &v->stream, p->rank);
    v->pattern = p;
    v->dialect = dialect;
    v->interval_ms = interval_ms;
    v->next = p->views;
    p->views = v;
    c = (struct covering){.cs = cs, .pattern = p, .view = v};
    table_each(&cs->by_name, cover_if_match, &c);
    return v;
}

struct pattern_view *channels_pattern_of(const struct channels *cs,
                                         uint32_t subscription)
{
    return (struct pattern_view *)fanout_pattern(cs->fanout, subscription);
}

/* --- the end --- */

static void forget_pattern(void *arg, struct node *n)
{
    struct channel *channel = node_of(struct channel, node, n);
    uint32_t at = place_of(channel, arg);

    if (at < channel->n_patterns)
        channel->patterns[at] = channel->patterns[--channel->n_patterns];
}

static void leave_family(struct channels *cs, struct pattern *p)
{
    struct family *family = p->family;
    struct pattern **at = &family->patterns;

    while (*at != p)
        at = &(*at)->next_of_family;
    *at = p->next_of_family;
    if (--family->n_patterns > 0)
        return;
    table_remove(&cs->families, &family->node);
    free((void *)(uintptr_t)family->name.ptr);
    free(family);
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
    leave_family(cs, p);
    free((void *)(uintptr_t)p->name.ptr);
    free(p);
}

static void remove_one(void *arg, struct node *n)
{
    channels_remove_pattern(arg, node_of(struct pattern, node, n));
}

void patterns_close(struct channels *cs)
{
    table_each(&cs->patterns, remove_one, cs);
    table_close(&cs->patterns);
    table_close(&cs->families);
    free(cs->over);
}
