/*
 * ids.h -- which trade ids of a symbol were seen, and which are missing.
 *
 * Seen ids are kept as ascending ranges, so a feed with contiguous ids costs
 * one range and a shuffled one a few dozen for a moment.  An id that is new
 * but out of order is never taken for a duplicate.
 *
 * The holes between ranges are ids that are missing.  They count as lost once
 * they have aged (the watermark has passed them) and only where ids have shown
 * to be contiguous: at least IDS_TRUST_MIN seen and fewer than one hole in
 * IDS_TRUST_RATIO ids.
 *
 * A numbering that starts anew (simulator restarted) is told from a duplicate
 * by time: a duplicate cannot be newer than everything seen.
 *
 * Units       time in nanoseconds since the epoch; ids >= 0
 * Bounds      IDS_RANGES_MAX ranges, then the older half is forgotten
 * Ownership   ids_init/ids_close; allocates nothing before the first id
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    IDS_RANGES_MAX = 4096,
    IDS_TRUST_MIN = 16,
    IDS_TRUST_RATIO = 16,
};

struct id_range {
    int64_t lo, hi;       /* both seen, and all between */
    int64_t lo_ns, hi_ns; /* times of the trades lo and hi */
};

struct ids {
    struct id_range *at;
    unsigned n, cap;
    uint64_t held; /* ids inside the ranges */
    int64_t newest_ns;
    int64_t aged_ns;   /* holes that end at or before this have aged */
    int64_t unaged_ns; /* no younger hole ends before this */
};

/* A stretch of time, both ends included; {0, -1}: none. */
struct ids_span {
    int64_t from_ns, to_ns;
};

static inline bool ids_span_empty(struct ids_span s)
{
    return s.from_ns == 0 && s.to_ns == -1;
}

void ids_init(struct ids *ids);
void ids_close(struct ids *ids);

/* False: seen before.  *touched is the time that a hole covered which this id
 * has filled or made smaller. */
bool ids_add(struct ids *ids, int64_t id, int64_t time_ns,
             struct ids_span *touched);

/* Holes that end at or before until_ns have aged now; the time that they
 * cover, if ids have shown to be contiguous. */
struct ids_span ids_age(struct ids *ids, int64_t until_ns);

/* Does an aged hole reach into [start, end)? */
bool ids_lost_in(const struct ids *ids, int64_t start_ns, int64_t end_ns);

/* For decoding: append a range above all others; false where it is not. */
bool ids_restore(struct ids *ids, const struct id_range *range);
