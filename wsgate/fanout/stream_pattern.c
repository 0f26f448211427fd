#include "wsgate/fanout/stream_pattern.h"

#include <assert.h>
#include <stdlib.h>

#include "common/base/bytes.h"

void stream_pattern_cover(struct stream_pattern *p, struct stream *s,
                          uint64_t stamp)
{
    if (p->n_streams == p->cap_streams) {
        p->cap_streams = p->cap_streams == 0 ? 4 : p->cap_streams * 2;
        p->streams = mem_grow(p->streams, p->cap_streams * sizeof *p->streams);
    }
    p->streams[p->n_streams++] = s;
    s->covered++;
    for (uint32_t i = 0; i < p->n_groups; i++) {
        struct link *l = &p->groups[i];
        if (l->group->covered == stamp)
            continue;
        l->group->covered = stamp;
        group_link(l->group, s, subscription_key(p->id, l->all));
    }
}

void stream_pattern_forget(struct stream_pattern *p, struct stream *s)
{
    for (uint32_t i = 0; i < p->n_streams; i++) {
        if (p->streams[i] == s)
            p->streams[i--] = p->streams[--p->n_streams];
    }
}

void stream_pattern_link(struct stream_pattern *p, struct group *g, bool all,
                         uint64_t stamp)
{
    if (p->n_groups == p->cap_groups) {
        p->cap_groups = p->cap_groups == 0 ? 1 : p->cap_groups * 2;
        p->groups = mem_grow(p->groups, p->cap_groups * sizeof *p->groups);
    }
    p->groups[p->n_groups++] = (struct link){.group = g, .all = all};
    for (uint32_t i = 0; i < p->n_streams; i++) {
        struct stream *s = p->streams[i];
        if (s->root->linked == stamp)
            continue;
        s->root->linked = stamp;
        group_link(g, s, subscription_key(p->id, all));
    }
}

void stream_pattern_unlink(struct stream_pattern *p, const struct group *g)
{
    for (uint32_t i = 0; i < p->n_groups; i++) {
        if (p->groups[i].group == g)
            p->groups[i--] = p->groups[--p->n_groups];
    }
}

void stream_pattern_close(struct stream_pattern *p)
{
    assert(p->n_groups == 0);
    for (uint32_t i = 0; i < p->n_streams; i++)
        p->streams[i]->covered--;
    free(p->groups);
    free(p->streams);
    *p = (struct stream_pattern){0};
}
