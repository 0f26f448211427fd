#include "wsgate/fanout/start_seq.h"

#include <stdlib.h>

#include "common/base/bytes.h"
#include "wsgate/fanout/backlog.h"
#include "wsgate/fanout/conflation.h"
#include "wsgate/fanout/fanout.h"

/* Entries under way. */
struct entries {
    struct start_seq *at;
    size_t n, max;
    bool full;
};

static int by_subscription(const void *a, const void *b)
{
    uint32_t x = ((const struct start_seq *)a)->subscription,
             y = ((const struct start_seq *)b)->subscription;

    return (x > y) - (x < y);
}

static const struct start_seq *find(const struct backlog *backlog,
                                    uint32_t subscription)
{
    struct start_seq key = {.subscription = subscription};

    if (!backlog || backlog->n_start_seqs == 0)
        return NULL;
    return bsearch(&key, backlog->start_seqs, backlog->n_start_seqs, sizeof key,
                   by_subscription);
}

uint64_t start_seq_of(const struct backlog *backlog,
                      const struct group_stream *gs)
{
    const struct start_seq *at = find(backlog, gs->stream->id);

    if (!at && (gs->subscription & SUBSCRIPTION_PATTERN))
        at = find(backlog, gs->subscription);
    if (!at || at->from < gs->stream->born)
        return gs->stream->born;
    return at->from;
}

static void add(struct entries *e, uint32_t subscription, uint64_t from)
{
    if (e->n == e->max)
        e->full = true;
    else
        e->at[e->n++] =
            (struct start_seq){.subscription = subscription, .from = from};
}

/*
 * Where a stream of the new group begins; 0: where the backlog does.  The
 * marks are those of the old group.  What becomes `all` is new: of what was
 * owed as `latest`, some may be gone.
 */
static uint64_t from_of(const struct fanout *f, const struct backlog *backlog,
                        const struct group_stream *gs)
{
    const struct mark *was = &f->marks[gs->stream->id];

    if (was->stamp != f->stamp || (gs->all && !was->all))
        return f->log.head;
    return was->from <= backlog->next || was->from == gs->stream->born
               ? 0
               : was->from;
}

/* The streams of the group that come by this pattern: what most of them begin
 * with is said once. */
static void add_pattern(const struct fanout *f, const struct backlog *backlog,
                        const struct group *to, uint32_t pattern,
                        struct entries *e)
{
    uint64_t most = 0;
    uint32_t votes = 0;

    for (uint32_t i = 0; i < to->n_streams; i++) {
        uint64_t from;

        if (to->streams[i].subscription != pattern)
            continue;
        from = from_of(f, backlog, &to->streams[i]);
        if (votes == 0)
            most = from;
        votes += from == most ? 1u : -1u;
    }
    if (most != 0)
        add(e, pattern, most);
    for (uint32_t i = 0; i < to->n_streams; i++) {
        uint64_t from;

        if (to->streams[i].subscription != pattern)
            continue;
        from = from_of(f, backlog, &to->streams[i]);
        if (from != most)
            add(e, to->streams[i].stream->id, from);
    }
}

bool start_seq_move(struct fanout *f, struct backlog *backlog,
                    const struct group *old, const struct group *to)
{
    size_t most = (size_t)to->n_keys + to->n_streams;
    struct entries e = {.max = (size_t)to->n_keys + START_SEQS_MAX};

    if (most < e.max)
        e.max = most;
    e.at = mem_alloc((e.max + 1) * sizeof *e.at);
    conflation_mark(f, old, backlog, false);
    for (uint32_t i = 0; i < to->n_streams; i++) {
        const struct group_stream *gs = &to->streams[i];
        uint64_t from;

        if (gs->subscription & SUBSCRIPTION_PATTERN)
            continue;
        from = from_of(f, backlog, gs);
        if (from != 0)
            add(&e, gs->stream->id, from);
    }
    for (uint32_t i = 0; i < to->n_keys; i++) {
        uint32_t subscription = key_subscription(to->keys[i]);
        if (subscription & SUBSCRIPTION_PATTERN)
            add_pattern(f, backlog, to, subscription, &e);
    }
    if (e.full)
        e.n = 0;
    qsort(e.at, e.n, sizeof *e.at, by_subscription);
    free(backlog->start_seqs);
    backlog->start_seqs = mem_grow(e.at, (e.n + 1) * sizeof *e.at);
    backlog->n_start_seqs = (uint32_t)e.n;
    return !e.full;
}

bool start_seq_put(const struct fanout *f, struct backlog *backlog,
                   const struct group *g, uint32_t stream)
{
    struct start_seq entry = {.subscription = stream, .from = f->log.head};
    struct start_seq *had =
        (struct start_seq *)(uintptr_t)find(backlog, stream);
    uint32_t n = backlog->n_start_seqs, at = n;

    if (had) {
        *had = entry;
        return true;
    }
    if (n >= g->n_keys + START_SEQS_MAX)
        return false;
    backlog->start_seqs =
        mem_grow(backlog->start_seqs, (n + 1u) * sizeof *backlog->start_seqs);
    for (; at > 0 && backlog->start_seqs[at - 1].subscription > stream; at--)
        backlog->start_seqs[at] = backlog->start_seqs[at - 1];
    backlog->start_seqs[at] = entry;
    backlog->n_start_seqs++;
    return true;
}
