#include "bargen/core/publishers.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Shuffled events may make a hole seem to end before it begins. */
static struct source_span hole(const struct seq_range *before,
                               const struct seq_range *after)
{
    return (struct source_span){smaller(before->hi_ns, after->lo_ns),
                                larger(before->hi_ns, after->lo_ns)};
}

static void forget_hole(struct sources *s, struct source_span span)
{
    bool none = s->lost_from_ns == 0 && s->lost_to_ns == 0;

    s->lost_from_ns =
        none ? span.from_ns : smaller(s->lost_from_ns, span.from_ns);
    s->lost_to_ns = none ? span.to_ns : larger(s->lost_to_ns, span.to_ns);
}

static const struct seq_range *range_at(const struct source *source, unsigned i)
{
    return i < source->n_older ? &source->older[i] : &source->newest;
}

static struct source_span hole_before(const struct source *source, unsigned i)
{
    return hole(range_at(source, i - 1), range_at(source, i));
}

/* A new range at that place among the older ones. */
static void insert(struct sources *s, struct source *source, unsigned at,
                   const struct seq_range *range)
{
    struct seq_range *older;

    if (source->n_older == SOURCE_OLDER_MAX) {
        older = source->older;
        forget_hole(s, hole_before(source, 1));
        older[1].lo = older[0].lo;
        older[1].lo_ns = older[0].lo_ns;
        source->n_older--;
        memmove(older, older + 1, source->n_older * sizeof *older);
        /* What lies before the second range counts as seen from now on. */
        at -= at > 0;
    }
    if (source->n_older == source->cap_older) {
        source->cap_older = source->cap_older ? source->cap_older * 2 : 4;
        source->older =
            mem_grow(source->older, source->cap_older * sizeof *source->older);
    }
    older = source->older + at;
    memmove(older + 1, older, (source->n_older - at) * sizeof *older);
    *older = *range;
    source->n_older++;
}

static void remove_older(struct source *source, unsigned at)
{
    source->n_older--;
    memmove(source->older + at, source->older + at + 1,
            (source->n_older - at) * sizeof *source->older);
}

/* seq is below range i and above the one before, if there is one. */
static void fill(struct sources *s, struct source *source, unsigned i,
                 uint64_t seq, int64_t time_ns)
{
    struct seq_range one = {seq, seq, time_ns, time_ns};
    struct seq_range *after =
        i < source->n_older ? &source->older[i] : &source->newest;
    struct seq_range *before = i > 0 ? &source->older[i - 1] : NULL;

    if (before && before->hi + 1 == seq && seq + 1 == after->lo) {
        after->lo = before->lo;
        after->lo_ns = before->lo_ns;
        remove_older(source, i - 1);
    } else if (before && before->hi + 1 == seq) {
        before->hi = seq;
        before->hi_ns = time_ns;
    } else if (seq + 1 == after->lo) {
        after->lo = seq;
        after->lo_ns = time_ns;
    } else {
        insert(s, source, i, &one);
    }
}

static enum source_verdict take(struct sources *s, struct source *source,
                                uint64_t seq, int64_t time_ns,
                                struct source_span *touched)
{
    struct seq_range one = {seq, seq, time_ns, time_ns};
    unsigned i = source->n_older;

    if (seq > source->newest.hi) {
        if (seq == source->newest.hi + 1) {
            source->newest.hi = seq;
            source->newest.hi_ns = time_ns;
            return SOURCE_NEXT;
        }
        *touched = hole(&source->newest, &one);
        insert(s, source, source->n_older, &source->newest);
        source->newest = one;
        return SOURCE_JUMP;
    }
    while (i > 0 && seq <= source->older[i - 1].hi)
        i--;
    if (seq >= range_at(source, i)->lo)
        return SOURCE_SEEN;
    *touched = i > 0 ? hole_before(source, i) : hole(&one, range_at(source, 0));
    fill(s, source, i, seq, time_ns);
    return SOURCE_FILLED;
}

static void forget(struct sources *s, struct source *source)
{
    for (unsigned i = 1; i <= source->n_older; i++)
        forget_hole(s, hole_before(source, i));
    free(source->older);
}

/* The one heard last goes to the front of the others. */
static void put_behind(struct sources *s)
{
    if (s->last.src == 0)
        return;
    if (s->n_others == SOURCES_MAX - 1)
        forget(s, &s->others[--s->n_others]);
    if (s->n_others == s->cap_others) {
        s->cap_others = s->cap_others ? s->cap_others * 2 : 1;
        s->others = mem_grow(s->others, s->cap_others * sizeof *s->others);
    }
    memmove(s->others + 1, s->others, s->n_others * sizeof *s->others);
    s->others[0] = s->last;
    s->n_others++;
}

enum source_verdict sources_slowly(struct sources *s, uint64_t src,
                                   uint64_t seq, int64_t time_ns,
                                   struct source_span *touched)
{
    struct source found;
    unsigned i = 0;

    if (s->last.src == src)
        return take(s, &s->last, seq, time_ns, touched);
    while (i < s->n_others && s->others[i].src != src)
        i++;
    if (i == s->n_others) {
        put_behind(s);
        s->last =
            (struct source){.src = src, .newest = {seq, seq, time_ns, time_ns}};
        return SOURCE_NEXT;
    }
    found = s->others[i];
    memmove(s->others + 1, s->others, i * sizeof found);
    s->others[0] = s->last;
    s->last = found;
    return take(s, &s->last, seq, time_ns, touched);
}

static bool touches(struct source_span span, int64_t start_ns, int64_t end_ns)
{
    return span.to_ns >= start_ns && span.from_ns < end_ns;
}

static bool lost_in(const struct source *source, int64_t start_ns,
                    int64_t end_ns)
{
    for (unsigned i = source->n_older; i > 0; i--)
        if (touches(hole_before(source, i), start_ns, end_ns))
            return true;
    return false;
}

bool sources_lost_in(const struct sources *s, int64_t start_ns, int64_t end_ns)
{
    struct source_span forgotten = {s->lost_from_ns, s->lost_to_ns};

    if (forgotten.to_ns != 0 && touches(forgotten, start_ns, end_ns))
        return true;
    if (lost_in(&s->last, start_ns, end_ns))
        return true;
    for (unsigned i = 0; i < s->n_others; i++)
        if (lost_in(&s->others[i], start_ns, end_ns))
            return true;
    return false;
}

struct source *sources_restore(struct sources *s, uint64_t src)
{
    struct source fresh = {.src = src};

    if (src == 0 || s->n_others == SOURCES_MAX - 1)
        return NULL;
    if (s->last.src == 0) {
        s->last = fresh;
        return &s->last;
    }
    if (s->n_others == s->cap_others) {
        s->cap_others = s->cap_others ? s->cap_others * 2 : 1;
        s->others = mem_grow(s->others, s->cap_others * sizeof *s->others);
    }
    s->others[s->n_others] = fresh;
    return &s->others[s->n_others++];
}

bool source_restore_range(struct source *source, const struct seq_range *range)
{
    struct sources none = {.lost_from_ns = 0};
    bool first = source->n_older == 0 && source->newest.hi_ns == 0 &&
                 source->newest.lo == 0 && source->newest.hi == 0;

    if (range->hi < range->lo)
        return false;
    if (!first) {
        if (source->n_older == SOURCE_OLDER_MAX ||
            range->lo <= source->newest.hi ||
            range->lo == source->newest.hi + 1)
            return false;
        insert(&none, source, source->n_older, &source->newest);
    }
    source->newest = *range;
    return true;
}

void sources_close(struct sources *s)
{
    free(s->last.older);
    for (unsigned i = 0; i < s->n_others; i++)
        free(s->others[i].older);
    free(s->others);
    *s = (struct sources){0};
}
