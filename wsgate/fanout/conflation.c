#include "wsgate/fanout/conflation.h"

#include <stdlib.h>

#include "common/base/bytes.h"

static void add(struct dues *out, uint64_t number, struct span frame, bool all)
{
    if (out->count == out->cap) {
        out->cap = out->cap == 0 ? 256 : out->cap * 2;
        out->at = mem_grow(out->at, out->cap * sizeof *out->at);
    }
    out->at[out->count++] = (struct due){.number = number,
                                         .ptr = frame.ptr,
                                         .len = (uint32_t)frame.len,
                                         .all = all};
}

/* The first frame of a channel that the member wants. */
static uint64_t floor_of(const struct lag *lag, const struct group_channel *gc)
{
    const struct floor *at = lag_floor(lag, gc->channel->id);

    if (!at && (gc->topic & TOPIC_PATTERN))
        at = lag_floor(lag, gc->topic);
    if (!at || at->from < gc->channel->born)
        return gc->channel->born;
    return at->from;
}

/* Note in f->marks which channels are the group's. */
static void mark(struct fan *f, const struct group *g, const struct lag *lag,
                 bool all_only)
{
    if (f->n_marks < f->n_channels) {
        f->marks = mem_grow(f->marks, f->n_channels * sizeof *f->marks);
        for (; f->n_marks < f->n_channels; f->n_marks++)
            f->marks[f->n_marks].stamp = 0;
    }
    if (++f->stamp == 0) { /* stamps start again: forget the old ones */
        for (uint32_t i = 0; i < f->n_marks; i++)
            f->marks[i].stamp = 0;
        f->stamp = 1;
    }
    for (uint32_t i = 0; i < g->n_channels; i++) {
        const struct group_channel *gc = &g->channels[i];
        if (gc->all || !all_only)
            f->marks[gc->channel->id] = (struct mark){
                .stamp = f->stamp, .all = gc->all, .from = floor_of(lag, gc)};
    }
}

static void walk(struct fan *f, uint64_t from, struct dues *out)
{
    if (from < f->log.tail)
        from = f->log.tail;
    for (uint64_t n = from; n < f->log.head; n++) {
        const struct frame *fr = framelog_at(&f->log, n);
        const struct mark *m = &f->marks[fr->channel];
        if (m->stamp == f->stamp && n >= m->from)
            add(out, n, span_make(framelog_bytes(&f->log, fr), fr->len),
                m->all);
    }
}

void conflation_everything(struct fan *f, const struct group *g,
                           const struct lag *lag, uint64_t from,
                           struct dues *out)
{
    out->count = 0;
    mark(f, g, lag, false);
    walk(f, from, out);
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = ((const struct due *)a)->number,
             y = ((const struct due *)b)->number;

    return (x > y) - (x < y);
}

bool conflation_newest(struct fan *f, const struct group *g,
                       const struct lag *lag, struct dues *out)
{
    bool any_all = false;

    out->count = 0;
    for (uint32_t i = 0; i < g->n_channels; i++) {
        const struct channel *c = g->channels[i].channel;
        uint64_t from = floor_of(lag, &g->channels[i]);
        if (from < lag->next)
            from = lag->next;
        if (g->channels[i].all) {
            any_all = true;
            if (c->evicted >= from)
                return false;
            continue;
        }
        for (uint32_t k = 0; k < c->n_slots; k++) {
            const struct slot *s = &c->slots[k];
            struct span frame = channel_frame(s, &f->log);
            if (s->frame >= from && frame.len > 0)
                add(out, s->frame, frame, false);
        }
    }
    if (any_all) {
        mark(f, g, lag, true);
        walk(f, lag->next, out);
    }
    if (out->count > 1)
        qsort(out->at, out->count, sizeof *out->at, by_number);
    return true;
}
