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

void stream_pattern_cover(const struct fanout *f,
                          const struct stream_pattern *p, struct stream *s)
{
    uint32_t at;

    assert(p->form == s->form);
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
}

void stream_pattern_close(struct stream_pattern *p)
{
    assert(p->groups.n == 0);
    free(p->groups.at);
    *p = (struct stream_pattern){0};
}
