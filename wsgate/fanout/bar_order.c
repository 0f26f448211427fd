#include "wsgate/fanout/bar_order.h"

#include <stdlib.h>

#include "wsgate/fanout/backlog.h"
#include "wsgate/fanout/conflation.h"
#include "wsgate/fanout/hearing.h"

/* A frame of a run. */
struct entry {
    int64_t part;
    uint64_t number;
    struct span frame;
};

struct run {
    struct entry at[STREAM_KEYS_MAX]; /* in order of frames */
    uint32_t n;
    uint64_t bytes;
    bool ordered; /* by part, too */
};

static void gather(const struct fanout *f, const struct stream *s,
                   uint64_t from, struct run *run)
{
    run->n = 0;
    run->bytes = 0;
    run->ordered = true;
    for (const struct conflation_key *k = stream_first(s, from); k;
         k = stream_next(s, k)) {
        struct span frame = stream_frame(k, &f->log);
        if (frame.len == 0)
            continue;
        if (run->n > 0 && k->part < run->at[run->n - 1].part)
            run->ordered = false;
        run->at[run->n++] = (struct entry){k->part, k->frame, frame};
        run->bytes += frame.len;
    }
}

static int by_part(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    if (x->part != y->part)
        return x->part < y->part ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

static void copy(struct fanout *f, struct member *m, const struct stream *s,
                 const struct run *run)
{
    struct backlog *backlog = m->backlog;
    struct entry sorted[STREAM_KEYS_MAX];

    memcpy(sorted, run->at, run->n * sizeof *sorted);
    qsort(sorted, run->n, sizeof *sorted, by_part);
    for (uint32_t i = 0; i < run->n; i++) {
        if (f->renumber)
            f->renumber(&backlog->out, s, sorted[i].frame, run->at[i].frame);
        else
            bytes_add_span(&backlog->out, sorted[i].frame);
    }
    f->counters.delivered += run->n;
    backlog->frames += run->n;
    backlog->bytes += run->bytes;
}

bool bar_order_take(struct fanout *f, struct member *m)
{
    struct backlog *backlog = m->backlog;
    const struct group *g = m->group;
    struct run run;

    if (f->unordered < backlog->next)
        return false;
    conflation_recent(f, group_keys(g), backlog, backlog->next);
    for (uint32_t i = 0;
         i < f->recent.n && backlog->out.len < BAR_ORDER_AT_ONCE; i++) {
        const struct hearing *h = &f->recent.at[i];
        uint64_t from;

        if (h->all || h->stream->unordered < backlog->next)
            continue;
        from = start_seq_of(backlog, h);
        if (from < backlog->next)
            from = backlog->next;
        if (h->stream->unordered < from)
            continue;
        gather(f, h->stream, from, &run);
        if (run.n == 0 || run.bytes > BAR_ORDER_RUN_MAX ||
            (run.ordered && backlog->conflating) ||
            !start_seq_put(f, backlog, g, h->stream->id))
            continue;
        copy(f, m, h->stream, &run);
    }
    return backlog->out.len > 0;
}
