#include "wsgate/fanout/stream_pattern.h"

#include <assert.h>
#include <stdlib.h>

#include "common/base/bytes.h"
#include "wsgate/fanout/fanout.h"

struct stream_pattern *stream_pattern_of(const struct fanout *f,
                                         const struct covering *c)
{
    struct stream_pattern *p = fanout_pattern(f, c->pattern);

    return p && p->made == c->made ? p : NULL;
}

bool stream_pattern_has(const struct fanout *f, const struct way *w)
{
    const struct stream_pattern *p;

    if (!(w->subscription & SUBSCRIPTION_PATTERN))
        return true;
    p = fanout_pattern(f, w->subscription);
    return p && p->made == w->made;
}

/* --- what it covers --- */

/* Those of patterns that are gone. */
static void drop_covers(const struct fanout *f, struct stream *s)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < s->n_covers; i++) {
        if (stream_pattern_of(f, &s->covers[i]))
            s->covers[n++] = s->covers[i];
    }
    s->n_covers = n;
}

static void drop_ways(const struct fanout *f, struct stream *root)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < root->n_ways; i++) {
        if (stream_pattern_has(f, &root->ways[i]))
            root->ways[n++] = root->ways[i];
    }
    root->n_ways = n;
}

static void add_way(const struct fanout *f, struct stream *root, struct way way)
{
    uint32_t at;

    if (root->n_ways == root->cap_ways)
        drop_ways(f, root);
    if (root->n_ways == root->cap_ways) {
        root->cap_ways = root->cap_ways == 0 ? 1 : root->cap_ways * 2;
        root->ways = mem_grow(root->ways, root->cap_ways * sizeof *root->ways);
    }
    for (at = root->n_ways;
         at > 0 && root->ways[at - 1].subscription > way.subscription; at--)
        root->ways[at] = root->ways[at - 1];
    root->ways[at] = way;
    root->n_ways++;
}

void stream_pattern_note_name(const struct fanout *f, struct stream *s)
{
    add_way(f, s->root, (struct way){.subscription = s->id, .stream = s->id});
}

void stream_pattern_uncover(struct stream *s)
{
    struct stream *root = s->root;
    uint32_t n = 0;

    for (uint32_t i = 0; i < root->n_ways; i++) {
        if (root->ways[i].stream != s->id)
            root->ways[n++] = root->ways[i];
    }
    root->n_ways = n;
}

void stream_pattern_cover(const struct fanout *f,
                          const struct stream_pattern *p, struct stream *s)
{
    uint32_t at;

    if (s->n_covers == s->cap_covers)
        drop_covers(f, s);
    if (s->n_covers == s->cap_covers) {
        s->cap_covers = s->cap_covers == 0 ? 1 : s->cap_covers * 2;
        s->covers = mem_grow(s->covers, s->cap_covers * sizeof *s->covers);
    }
    for (at = s->n_covers; at > 0 && s->covers[at - 1].pattern > p->id; at--)
        s->covers[at] = s->covers[at - 1];
    s->covers[at] = (struct covering){.pattern = p->id, .made = p->made};
    s->n_covers++;
    add_way(
        f, s->root,
        (struct way){.subscription = p->id, .stream = s->id, .made = p->made});
}

void stream_pattern_close(struct stream_pattern *p)
{
    assert(p->groups.n == 0);
    free(p->groups.at);
    *p = (struct stream_pattern){0};
}
