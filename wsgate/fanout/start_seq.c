#include "wsgate/fanout/start_seq.h"

#include <stdlib.h>

#include "common/base/bytes.h"
#include "wsgate/fanout/backlog.h"
#include "wsgate/fanout/conflation.h"
#include "wsgate/fanout/fanout.h"
#include "wsgate/fanout/hearing.h"

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

static int by_key(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

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

/* An entry, or where the backlog begins: 0. */
static uint64_t entry_of(const struct backlog *backlog, const struct hearing *h)
{
    const struct start_seq *at = find(backlog, h->stream->id);

    if (!at && (h->subscription & SUBSCRIPTION_PATTERN))
        at = find(backlog, h->subscription);
    return !at ? 0 : at->from;
}

uint64_t start_seq_of(const struct backlog *backlog, const struct hearing *h)
{
    uint64_t from = entry_of(backlog, h);

    return from < h->stream->born ? h->stream->born : from;
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
 * Where a stream that was heard as `was`, if it was, goes on as `now`; 0: where
 * the backlog does.  What becomes `all` is new: of what was owed as `latest`,
 * some may be gone.
 */
static uint64_t from_of(const struct fanout *f, const struct backlog *backlog,
                        const struct hearing *was, const struct hearing *now)
{
    uint64_t from;

    if (was->stream != now->stream || (now->all && !was->all))
        return f->log.head;
    from = start_seq_of(backlog, was);
    return from <= backlog->next || from == now->stream->born ? 0 : from;
}

/* --- names change, and patterns that meet no others --- */

/* As one may be said anew: what is behind where the backlog begins is 0. */
static uint64_t ahead(const struct backlog *backlog,
                      const struct start_seq *entry)
{
    return !entry || entry->from <= backlog->next ? 0 : entry->from;
}

struct rename {
    struct fanout *fanout;
    const struct backlog *backlog;
    const struct group *old, *to;
    struct entries *entries;
};

static bool has_key(const struct group *g, uint64_t key)
{
    return bsearch(&key, g->keys, g->n_keys, sizeof key, by_key);
}

/* Where a stream that comes by this key of the new group begins without an entry
 * of its own.  A pattern that is new brings nothing that was brought before. */
static uint64_t usual_of(const struct rename *r, uint64_t key)
{
    if (!(key_subscription(key) & SUBSCRIPTION_PATTERN))
        return 0;
    return has_key(r->old, key)
               ? ahead(r->backlog, find(r->backlog, key_subscription(key)))
               : r->fanout->log.head;
}

/* Takes the streams of this root from the entries that stay, and adds that of
 * the one that is heard now. */
static void change_name(void *arg, uint64_t key)
{
    struct rename *r = arg;
    struct fanout *f = r->fanout;
    struct stream *s, *root;
    struct hearing was, now;
    uint64_t from;

    if (key_subscription(key) & SUBSCRIPTION_PATTERN)
        return;
    s = f->streams[key_subscription(key)];
    root = s->root;
    was = hearing_of(f, group_keys(r->old), s);
    now = hearing_of(f, group_keys(r->to), s);
    if (conflation_mark_of(f, root->id)->noted)
        return; /* by its other name */
    for (struct stream *t = root; t; t = t->sibling)
        conflation_mark_of(f, t->id)->noted = true;
    if (!now.stream)
        return;
    from = from_of(f, r->backlog, &was, &now);
    if (from != usual_of(r, r->to->keys[now.key]))
        add(r->entries, now.stream->id, from);
}

/* The streams whose entries stay as they are. */
static void keep_entries(const struct rename *r)
{
    const struct backlog *backlog = r->backlog;

    for (uint32_t i = 0; i < backlog->n_start_seqs; i++) {
        const struct start_seq *had = &backlog->start_seqs[i];
        uint64_t from = ahead(backlog, had);
        const struct mark *m;

        if (had->subscription & SUBSCRIPTION_PATTERN)
            continue;
        m = conflation_mark_of(r->fanout, had->subscription);
        if (m && m->heard && !m->noted &&
            from != usual_of(r, r->to->keys[m->key]))
            add(r->entries, had->subscription, from);
    }
}

static void change_some(struct fanout *f, const struct backlog *backlog,
                        const struct group *old, const struct group *to,
                        struct entries *e)
{
    struct rename r = {f, backlog, old, to, e};

    conflation_mark(f, group_keys(to), NULL);
    group_each_change(group_keys(old), group_keys(to), change_name, &r);
    keep_entries(&r);
    for (uint32_t i = 0; i < to->n_keys; i++) {
        uint64_t usual = usual_of(&r, to->keys[i]);
        if (usual != 0)
            add(e, key_subscription(to->keys[i]), usual);
    }
}

/* --- patterns take streams over --- */

/* What most streams of one key begin with. */
struct vote {
    uint64_t most;
    uint32_t votes;
};

/* What most of those that come by a pattern begin with is said once. */
static void add_all(const struct fanout *f, const struct group *to,
                    const uint64_t *from, struct entries *e)
{
    const struct recent *r = &f->recent;
    struct vote *votes = mem_zero(to->n_keys * sizeof *votes + 1);

    for (uint32_t i = 0; i < r->n; i++) {
        struct vote *v = &votes[r->at[i].key];

        if (!(r->at[i].subscription & SUBSCRIPTION_PATTERN))
            continue;
        if (v->votes == 0)
            v->most = from[i];
        v->votes += from[i] == v->most ? 1u : -1u;
    }
    for (uint32_t i = 0; i < to->n_keys; i++) {
        if (votes[i].most != 0)
            add(e, key_subscription(to->keys[i]), votes[i].most);
    }
    for (uint32_t i = 0; i < r->n; i++) {
        if (from[i] != votes[r->at[i].key].most)
            add(e, r->at[i].stream->id, from[i]);
    }
    free(votes);
}

static void change_all(struct fanout *f, const struct backlog *backlog,
                       const struct group *old, const struct group *to,
                       struct entries *e)
{
    uint64_t *from;

    conflation_recent(f, group_keys(to), NULL, backlog->next);
    from = mem_alloc(f->recent.n * sizeof *from + 1);
    for (uint32_t i = 0; i < f->recent.n; i++) {
        struct hearing was =
            hearing_of(f, group_keys(old), f->recent.at[i].stream);
        from[i] = from_of(f, backlog, &was, &f->recent.at[i]);
    }
    add_all(f, to, from, e);
    free(from);
}

bool start_seq_move(struct fanout *f, struct backlog *backlog,
                    const struct group *old, const struct group *to)
{
    struct entries e = {.max = (size_t)to->n_keys + START_SEQS_MAX};

    e.at = mem_alloc((e.max + 1) * sizeof *e.at);
    if (group_patterns_meet(f, group_keys(old), group_keys(to)))
        change_all(f, backlog, old, to, &e);
    else
        change_some(f, backlog, old, to, &e);
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
