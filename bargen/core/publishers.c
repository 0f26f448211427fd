#include "bargen/core/publishers.h"

#include <stdlib.h>

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
static struct seq_span hole(const struct seq_range *before,
                            const struct seq_range *after)
{
    return (struct seq_span){smaller(before->hi_ns, after->lo_ns),
                             larger(before->hi_ns, after->lo_ns)};
}

static void forget_hole(struct publishers *s, struct seq_span span)
{
    bool none = s->lost_from_ns == 0 && s->lost_to_ns == 0;

    s->lost_from_ns =
        none ? span.from_ns : smaller(s->lost_from_ns, span.from_ns);
    s->lost_to_ns = none ? span.to_ns : larger(s->lost_to_ns, span.to_ns);
}

static const struct seq_range *range_at(const struct publisher *pub, unsigned i)
{
    return i < pub->n_older ? &pub->older[i] : &pub->newest;
}

static struct seq_span hole_before(const struct publisher *pub, unsigned i)
{
    return hole(range_at(pub, i - 1), range_at(pub, i));
}

/* A new range at that place among the older ones. */
static void insert(struct publishers *s, struct publisher *pub, unsigned at,
                   const struct seq_range *range)
{
    struct seq_range *older;

    if (pub->n_older == PUBLISHER_OLDER_MAX) {
        older = pub->older;
        forget_hole(s, hole_before(pub, 1));
        older[1].lo = older[0].lo;
        older[1].lo_ns = older[0].lo_ns;
        pub->n_older--;
        memmove(older, older + 1, pub->n_older * sizeof *older);
        /* What lies before the second range counts as seen from now on. */
        at -= at > 0;
    }
    if (pub->n_older == pub->cap_older) {
        pub->cap_older = pub->cap_older ? pub->cap_older * 2 : 4;
        pub->older = mem_grow(pub->older, pub->cap_older * sizeof *pub->older);
    }
    older = pub->older + at;
    memmove(older + 1, older, (pub->n_older - at) * sizeof *older);
    *older = *range;
    pub->n_older++;
}

static void remove_older(struct publisher *pub, unsigned at)
{
    pub->n_older--;
    memmove(pub->older + at, pub->older + at + 1,
            (pub->n_older - at) * sizeof *pub->older);
}

/* seq is below range i and above the one before, if there is one. */
static void fill(struct publishers *s, struct publisher *pub, unsigned i,
                 uint64_t seq, int64_t time_ns)
{
    struct seq_range one = {seq, seq, time_ns, time_ns};
    struct seq_range *after = i < pub->n_older ? &pub->older[i] : &pub->newest;
    struct seq_range *before = i > 0 ? &pub->older[i - 1] : NULL;

    if (before && before->hi + 1 == seq && seq + 1 == after->lo) {
        after->lo = before->lo;
        after->lo_ns = before->lo_ns;
        remove_older(pub, i - 1);
    } else if (before && before->hi + 1 == seq) {
        before->hi = seq;
        before->hi_ns = time_ns;
    } else if (seq + 1 == after->lo) {
        after->lo = seq;
        after->lo_ns = time_ns;
    } else {
        insert(s, pub, i, &one);
    }
}

static enum seq_verdict take(struct publishers *s, struct publisher *pub,
                             uint64_t seq, int64_t time_ns,
                             struct seq_span *touched)
{
    struct seq_range one = {seq, seq, time_ns, time_ns};
    unsigned i = pub->n_older;

    if (seq > pub->newest.hi) {
        if (seq == pub->newest.hi + 1) {
            pub->newest.hi = seq;
            pub->newest.hi_ns = time_ns;
            return SEQ_NEXT;
        }
        *touched = hole(&pub->newest, &one);
        insert(s, pub, pub->n_older, &pub->newest);
        pub->newest = one;
        return SEQ_JUMP;
    }
    while (i > 0 && seq <= pub->older[i - 1].hi)
        i--;
    if (seq >= range_at(pub, i)->lo)
        return SEQ_SEEN;
    *touched = i > 0 ? hole_before(pub, i) : hole(&one, range_at(pub, 0));
    fill(s, pub, i, seq, time_ns);
    return SEQ_FILLED;
}

static void forget(struct publishers *s, struct publisher *pub)
{
    for (unsigned i = 1; i <= pub->n_older; i++)
        forget_hole(s, hole_before(pub, i));
    free(pub->older);
}

/* The one heard last goes to the front of the others. */
static void put_behind(struct publishers *s)
{
    if (s->last.src == 0)
        return;
    if (s->n_others == PUBLISHERS_MAX - 1)
        forget(s, &s->others[--s->n_others]);
    if (s->n_others == s->cap_others) {
        s->cap_others = s->cap_others ? s->cap_others * 2 : 1;
        s->others = mem_grow(s->others, s->cap_others * sizeof *s->others);
    }
    memmove(s->others + 1, s->others, s->n_others * sizeof *s->others);
    s->others[0] = s->last;
    s->n_others++;
}

enum seq_verdict publishers_take_slow(struct publishers *s, uint64_t src,
                                      uint64_t seq, int64_t time_ns,
                                      struct seq_span *touched)
{
    struct publisher found;
    unsigned i = 0;

    if (s->last.src == src)
        return take(s, &s->last, seq, time_ns, touched);
    while (i < s->n_others && s->others[i].src != src)
        i++;
    if (i == s->n_others) {
        put_behind(s);
        s->last = (struct publisher){.src = src,
                                     .newest = {seq, seq, time_ns, time_ns}};
        return SEQ_NEXT;
    }
    found = s->others[i];
    memmove(s->others + 1, s->others, i * sizeof found);
    s->others[0] = s->last;
    s->last = found;
    return take(s, &s->last, seq, time_ns, touched);
}

static bool touches(struct seq_span span, int64_t start_ns, int64_t end_ns)
{
    return span.to_ns >= start_ns && span.from_ns < end_ns;
}

static bool lost_in(const struct publisher *pub, int64_t start_ns,
                    int64_t end_ns)
{
    for (unsigned i = pub->n_older; i > 0; i--)
        if (touches(hole_before(pub, i), start_ns, end_ns))
            return true;
    return false;
}

bool publishers_lost_in(const struct publishers *s, int64_t start_ns,
                        int64_t end_ns)
{
    struct seq_span forgotten = {s->lost_from_ns, s->lost_to_ns};

    if (forgotten.to_ns != 0 && touches(forgotten, start_ns, end_ns))
        return true;
    if (lost_in(&s->last, start_ns, end_ns))
        return true;
    for (unsigned i = 0; i < s->n_others; i++)
        if (lost_in(&s->others[i], start_ns, end_ns))
            return true;
    return false;
}

static void retime(struct publisher *pub, int64_t time_ns)
{
    for (unsigned i = 0; i < pub->n_older; i++)
        pub->older[i].lo_ns = pub->older[i].hi_ns = time_ns;
    pub->newest.lo_ns = pub->newest.hi_ns = time_ns;
}

void publishers_retime(struct publishers *s, int64_t time_ns)
{
    retime(&s->last, time_ns);
    for (unsigned i = 0; i < s->n_others; i++)
        retime(&s->others[i], time_ns);
    s->lost_from_ns = s->lost_to_ns = 0;
}

struct publisher *publishers_restore(struct publishers *s, uint64_t src)
{
    struct publisher fresh = {.src = src};

    if (src == 0 || s->n_others == PUBLISHERS_MAX - 1)
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

bool publisher_restore_range(struct publisher *pub,
                             const struct seq_range *range)
{
    struct publishers none = {.lost_from_ns = 0};
    bool first = pub->n_older == 0 && pub->newest.hi_ns == 0 &&
                 pub->newest.lo == 0 && pub->newest.hi == 0;

    if (range->hi < range->lo)
        return false;
    if (!first) {
        if (pub->n_older == PUBLISHER_OLDER_MAX ||
            range->lo <= pub->newest.hi || range->lo == pub->newest.hi + 1)
            return false;
        insert(&none, pub, pub->n_older, &pub->newest);
    }
    pub->newest = *range;
    return true;
}

void publishers_close(struct publishers *s)
{
    free(s->last.older);
    for (unsigned i = 0; i < s->n_others; i++)
        free(s->others[i].older);
    free(s->others);
    *s = (struct publishers){0};
}
