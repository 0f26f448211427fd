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
    cs->patterns_gen = 1; /* not that of a new channel */
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
    cs->patterns_gen++;
    return p;
}

/* --- what they cover --- */

/* Above so many parts, or below so few patterns, it is cheaper to compare with
 * each pattern than to look up those that there could be. */
enum { LOOK_UP_PARTS = 4, COMPARE_PATTERNS = 8 };

static void add_match(struct channels *cs, uint32_t n, struct pattern *p)
{
    if (n == cs->cap_matching) {
        cs->cap_matching = n == 0 ? 16 : n * 2;
        cs->matching =
            mem_grow(cs->matching, cs->cap_matching * sizeof *cs->matching);
    }
    cs->matching[n] = p;
}

static uint32_t compare_all(struct channels *cs, const struct family *family,
                            struct span name)
{
    uint32_t n = 0;

    for (struct pattern *p = family->patterns; p; p = p->next_of_family) {
        if (channel_name_matches(p->name, name))
            add_match(cs, n++, p);
    }
    return n;
}

/* The parts behind the family's; 0: there are too many. */
static unsigned split(const struct family *family, struct span name,
                      struct span parts[LOOK_UP_PARTS])
{
    const char *at = name.ptr + family->name.len, *end = name.ptr + name.len;
    unsigned n = 0;

    while (at < end && n < LOOK_UP_PARTS) {
        const char *colon = memchr(at, ':', (size_t)(end - at));
        const char *stop = colon ? colon : end;

        parts[n++] = span_make(at, (size_t)(stop - at));
        at = colon ? colon + 1 : end;
    }
    return at < end ? 0 : n;
}

/* Each pattern that could match, by its name: some parts are stars. */
static uint32_t look_up(struct channels *cs, const struct family *family,
                        const struct span *parts, unsigned n_parts)
{
    struct pattern *whole = channels_find_pattern(cs, family->whole);
    uint32_t n = 0;

    if (whole)
        add_match(cs, n++, whole);
    for (unsigned stars = 1; stars < 1u << n_parts; stars++) {
        struct pattern *p;

        bytes_clear(&cs->scratch);
        bytes_add_span(&cs->scratch, family->name);
        for (unsigned i = 0; i < n_parts; i++) {
            if (i > 0)
                bytes_add_str(&cs->scratch, ":");
            bytes_add_span(&cs->scratch,
                           stars & 1u << i ? span_str("*") : parts[i]);
        }
        p = channels_find_pattern(cs, bytes_span(&cs->scratch));
        if (p && p != whole)
            add_match(cs, n++, p);
    }
    return n;
}

uint32_t patterns_matching(struct channels *cs, const struct family *family,
                           struct span name)
{
    struct span parts[LOOK_UP_PARTS];
    unsigned n = 0;

    /* A symbol of bars may have several parts (channel_name.h). */
    if (family->n_patterns > COMPARE_PATTERNS)
        n = split(family, name, parts);
    if (n == 0 || (n > 2 && span_is(family->name, "bars:")))
        return compare_all(cs, family, name);
    return look_up(cs, family, parts, n);
}

bool channel_is_covered(struct channels *cs, struct channel *channel)
{
    struct family *family;

    if (channel->covered_gen != cs->patterns_gen) {
        family = channel->hidden ? NULL : family_of(cs, channel->name);
        channel->covered =
            family && patterns_matching(cs, family, channel->name) > 0;
        channel->covered_gen = cs->patterns_gen;
    }
    return channel->covered;
}

/* Views that were made since the channel was looked at last. */
static uint32_t new_views_over(struct channels *cs, const struct family *family,
                               const struct channel *channel)
{
    uint32_t n_matching = patterns_matching(cs, family, channel->name), n = 0;

    for (uint32_t i = 0; i < n_matching; i++) {
        for (struct pattern_view *v = cs->matching[i]->views; v; v = v->next) {
            if (v->stream.made <= channel->native.stream.looked)
                continue;
            if (n == cs->cap_over) {
                cs->cap_over = n == 0 ? 16 : n * 2;
                cs->over = mem_grow(cs->over, cs->cap_over * sizeof *cs->over);
            }
            cs->over[n++] = v;
        }
    }
    return n;
}

void channel_cover(struct channels *cs, struct channel *channel)
{
    struct stream *root = &channel->native.stream;
    const struct family *family;
    uint32_t n;

    if (root->looked >= cs->fanout->newest)
        return;
    family = channel->hidden ? NULL : family_of(cs, channel->name);
    if (family && family->newest > root->looked) {
        n = new_views_over(cs, family, channel);
        for (uint32_t i = 0; i < n; i++) {
            struct view *v = channel_view(cs, channel, cs->over[i]->dialect,
                                          cs->over[i]->interval_ms);

            stream_pattern_cover(cs->fanout, &cs->over[i]->stream, &v->stream);
        }
    }
    root->looked = cs->fanout->newest;
}

void patterns_cover(void *channels, struct stream *root)
{
    channel_cover(channels, ((struct view *)root)->channel);
}

/* --- views --- */

void pattern_trim(struct channels *cs, struct pattern *p)
{
    struct pattern_view **at = &p->views;

    while (*at) {
        struct pattern_view *v = *at;
        if (v->refs > 0 || v->stream.groups.n > 0) {
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

    for (v = p->views; v; v = v->next) {
        if (v->dialect == dialect && v->interval_ms == interval_ms)
            return v;
    }
    pattern_trim(cs, p);
    v = mem_zero(sizeof *v);
    fanout_add_pattern(cs->fanout, &v->stream, p->rank);
    v->stream.family = p->family;
    v->pattern = p;
    v->dialect = dialect;
    v->interval_ms = interval_ms;
    v->next = p->views;
    p->views = v;
    p->family->newest = v->stream.made;
    return v;
}

struct pattern_view *channels_pattern_of(const struct channels *cs,
                                         uint32_t subscription)
{
    return (struct pattern_view *)fanout_pattern(cs->fanout, subscription);
}

/* --- the end --- */

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
    cs->patterns_gen++;
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
    free(cs->matching);
}
