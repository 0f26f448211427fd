/*
 * sources.h -- which messages of each publisher run were seen, by src and seq.
 *
 * Journal entries may arrive out of order, and more than once.  So what was
 * seen is kept as ranges: only a seq that really was here is a repetition, and
 * a smaller one that was not closes a hole.
 *
 * The newest range of the publisher heard last lies in the structure itself:
 * the usual event, the next one of that publisher, looks no further.
 *
 * Units       time in nanoseconds since the epoch
 * Bounds      SOURCES_MAX publishers, then the one not heard for longest goes;
 *             SOURCE_OLDER_MAX ranges below the newest of each, then the oldest
 *             hole counts as lost for good
 * Ownership   sources_close frees; all zeros is empty
 */
#ifndef BARGEN_CORE_PUBLISHERS_H
#define BARGEN_CORE_PUBLISHERS_H

#include <stdbool.h>
#include <stdint.h>

enum { SOURCES_MAX = 16, SOURCE_OLDER_MAX = 31 };

struct seq_range {
    uint64_t lo, hi;      /* both seen, and all between */
    int64_t lo_ns, hi_ns; /* times of the events lo and hi */
};

struct source {
    uint64_t src; /* fingerprint; 0: none */
    struct seq_range newest;
    struct seq_range *older; /* ascending, with holes between */
    unsigned n_older, cap_older;
};

struct sources {
    struct source last;    /* heard last */
    struct source *others; /* newest heard first */
    unsigned n_others, cap_others;
    /* Of holes that are forgotten; both are 0 where there is none. */
    int64_t lost_from_ns, lost_to_ns;
};

enum source_verdict {
    SOURCE_NEXT,   /* no hole has changed */
    SOURCE_SEEN,   /* a repetition */
    SOURCE_JUMP,   /* a new hole, before this one */
    SOURCE_FILLED, /* in a hole, or before the first */
};

/* Times that a hole which has changed covers, both ends included. */
struct source_span {
    int64_t from_ns, to_ns;
};

enum source_verdict sources_slowly(struct sources *s, uint64_t src,
                                   uint64_t seq, int64_t time_ns,
                                   struct source_span *touched);

/* *touched is set with SOURCE_JUMP and SOURCE_FILLED. */
static inline enum source_verdict sources_take(struct sources *s, uint64_t src,
                                               uint64_t seq, int64_t time_ns,
                                               struct source_span *touched)
{
    if (s->last.src != src || s->last.newest.hi + 1 != seq || seq == 0)
        return sources_slowly(s, src, seq, time_ns, touched);
    s->last.newest.hi = seq;
    s->last.newest.hi_ns = time_ns;
    return SOURCE_NEXT;
}

/* Does a hole reach into [start, end)? */
bool sources_lost_in(const struct sources *s, int64_t start_ns, int64_t end_ns);

/* For decoding, newest heard first: a publisher, then its ranges, ascending.
 * False where there are too many or they are not in order. */
struct source *sources_restore(struct sources *s, uint64_t src);
bool source_restore_range(struct source *source, const struct seq_range *range);

void sources_close(struct sources *s);

#endif
