/*
 * publishers.h -- which messages of each publisher run were seen: src, seq.
 *
 * Journal entries may arrive out of order, and more than once.  So what was
 * seen is kept as ranges: only a seq that really was here is a repetition, and
 * a smaller one that was not closes a hole.
 *
 * The newest range of the publisher heard last lies in the structure itself:
 * the usual event, the next one of that publisher, looks no further.
 *
 * Units       time in nanoseconds since the epoch
 * Bounds      PUBLISHERS_MAX publishers, then the one heard least recently
 *             goes; PUBLISHER_OLDER_MAX ranges below the newest of each, then
 *             the oldest hole counts as lost for good
 * Ownership   publishers_close frees; all zeros is empty
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { PUBLISHERS_MAX = 16, PUBLISHER_OLDER_MAX = 31 };

struct seq_range {
    uint64_t lo, hi;      /* both seen, and all between */
    int64_t lo_ns, hi_ns; /* times of the events lo and hi */
};

struct publisher {
    uint64_t src; /* fingerprint; 0: none */
    struct seq_range newest;
    struct seq_range *older; /* ascending, with holes between */
    unsigned n_older, cap_older;
};

struct publishers {
    struct publisher last;    /* heard last */
    struct publisher *others; /* newest heard first */
    unsigned n_others, cap_others;
    /* Of holes that are forgotten; both are 0 where there is none. */
    int64_t lost_from_ns, lost_to_ns;
};

enum seq_verdict {
    SEQ_NEXT,   /* no hole has changed */
    SEQ_SEEN,   /* a repetition */
    SEQ_JUMP,   /* a new hole, before this one */
    SEQ_FILLED, /* in a hole, or before the first */
};

/* Times that a hole which has changed covers, both ends included. */
struct seq_span {
    int64_t from_ns, to_ns;
};

enum seq_verdict publishers_take_slow(struct publishers *s, uint64_t src,
                                      uint64_t seq, int64_t time_ns,
                                      struct seq_span *touched);

/* *touched is set with SEQ_JUMP and SEQ_FILLED. */
static inline enum seq_verdict publishers_take(struct publishers *s,
                                               uint64_t src, uint64_t seq,
                                               int64_t time_ns,
                                               struct seq_span *touched)
{
    if (s->last.src != src || s->last.newest.hi + 1 != seq || seq == 0)
        return publishers_take_slow(s, src, seq, time_ns, touched);
    s->last.newest.hi = seq;
    s->last.newest.hi_ns = time_ns;
    return SEQ_NEXT;
}

/* From now on another clock counts, which says time_ns: what was seen, and what
 * is missing, was then. */
void publishers_retime(struct publishers *s, int64_t time_ns);

/* Does a hole reach into [start, end)? */
bool publishers_lost_in(const struct publishers *s, int64_t start_ns,
                        int64_t end_ns);

/* For decoding, newest heard first: a publisher, then its ranges, ascending.
 * False where there are too many or they are not in order. */
struct publisher *publishers_restore(struct publishers *s, uint64_t src);
bool publisher_restore_range(struct publisher *pub,
                             const struct seq_range *range);

void publishers_close(struct publishers *s);
