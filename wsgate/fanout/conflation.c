#include "wsgate/fanout/conflation.h"

#include <stdlib.h>

#include "common/base/bytes.h"

static void add(struct pending_frames *out, uint64_t number, struct span frame,
                bool all)
{
    if (out->count == out->cap) {
        out->cap = out->cap == 0 ? 256 : out->cap * 2;
        out->at = mem_grow(out->at, out->cap * sizeof *out->at);
    }
    out->at[out->count++] = (struct pending_frame){.number = number,
                                                   .ptr = frame.ptr,
                                                   .len = (uint32_t)frame.len,
                                                   .all = all};
}

void conflation_mark(struct fanout *f, const struct group *g,
                     const struct backlog *backlog, bool all_only)
{
    if (f->n_marks < f->n_streams) {
        f->marks = mem_grow(f->marks, f->n_streams * sizeof *f->marks);
        for (; f->n_marks < f->n_streams; f->n_marks++)
            f->marks[f->n_marks].stamp = 0;
    }
    if (++f->stamp == 0) { /* stamps start again: forget the old ones */
        for (uint32_t i = 0; i < f->n_marks; i++)
            f->marks[i].stamp = 0;
        f->stamp = 1;
    }
    for (uint32_t i = 0; i < g->n_streams; i++) {
        const struct group_stream *gc = &g->streams[i];
        if (gc->all || !all_only)
            f->marks[gc->stream->id] =
                (struct mark){.stamp = f->stamp,
                              .all = gc->all,
                              .from = start_seq_of(backlog, gc)};
    }
}

static void walk(struct fanout *f, uint64_t from, struct pending_frames *out)
{
    if (from < f->log.tail)
        from = f->log.tail;
    for (uint64_t n = from; n < f->log.head; n++) {
        const struct frame *fr = framelog_at(&f->log, n);
        const struct mark *m = &f->marks[fr->stream];
        if (m->stamp == f->stamp && n >= m->from)
            add(out, n, span_make(framelog_bytes(&f->log, fr), fr->len),
                m->all);
    }
}

void conflation_everything(struct fanout *f, const struct group *g,
                           const struct backlog *backlog, uint64_t from,
                           struct pending_frames *out)
{
    out->count = 0;
    conflation_mark(f, g, backlog, false);
    walk(f, from, out);
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = ((const struct pending_frame *)a)->number,
             y = ((const struct pending_frame *)b)->number;

    return (x > y) - (x < y);
}

bool conflation_newest(struct fanout *f, const struct group *g,
                       const struct backlog *backlog,
                       struct pending_frames *out)
{
    bool any_all = false;

    out->count = 0;
    for (uint32_t i = 0; i < g->n_streams; i++) {
        const struct stream *s = g->streams[i].stream;
        uint64_t from = start_seq_of(backlog, &g->streams[i]);
        if (from < backlog->next)
            from = backlog->next;
        if (g->streams[i].all) {
            any_all = true;
            if (s->evicted >= from)
                return false;
            continue;
        }
        for (const struct conflation_key *k = stream_first(s, from); k;
             k = stream_next(s, k)) {
            struct span frame = stream_frame(k, &f->log);
            if (frame.len > 0)
                add(out, k->frame, frame, false);
        }
    }
    if (any_all) {
        conflation_mark(f, g, backlog, true);
        walk(f, backlog->next, out);
    }
    if (out->count > 1)
        qsort(out->at, out->count, sizeof *out->at, by_number);
    return true;
}
