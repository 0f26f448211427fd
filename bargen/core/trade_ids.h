/*
 * trade_ids.h -- which trade ids of a symbol were seen, and which are missing.
 *
 * A trade whose id was seen is a duplicate, and dropped.  Seen numbers are kept
 * as ascending ranges, so a feed with contiguous ids costs one range and a
 * shuffled one a few dozen for a moment.  An id that is new but out of order is
 * never taken for a duplicate.
 *
 * The holes between ranges are ids that are missing.  They count as lost once
 * they have aged (the watermark has passed them) and only where ids have shown
 * to be contiguous: at least TRADE_IDS_TRUST_MIN seen and fewer than one hole
 * in TRADE_IDS_TRUST_RATIO ids.
 *
 * A numbering that starts anew (simulator restarted) is told from a duplicate
 * by time: a duplicate cannot be newer than everything seen.
 *
 * Units       time in nanoseconds since the epoch; ids >= 0
 * Bounds      TRADE_IDS_RANGES_MAX ranges, then the older half is forgotten
 * Ownership   trade_ids_init/trade_ids_close; allocates nothing before the
 *             first id
 */
#pragma once

#include "bargen/core/text_ids.h"

enum {
    TRADE_IDS_RANGES_MAX = 4096,
    TRADE_IDS_TRUST_MIN = 16,
    TRADE_IDS_TRUST_RATIO = 16,
};

struct id_range {
    int64_t lo, hi;       /* both seen, and all between */
    int64_t lo_ns, hi_ns; /* times of the trades lo and hi */
};

struct trade_ids {
    struct text_ids texts; /* ids that are no numbers */
    struct id_range *at;
    unsigned n, cap;
    uint64_t held; /* ids inside the ranges */
    int64_t newest_ns;
    int64_t aged_ns;   /* holes that end at or before this have aged */
    int64_t unaged_ns; /* no younger hole ends before this */
};

/* A stretch of time, both ends included; {0, -1}: none. */
struct trade_ids_span {
    int64_t from_ns, to_ns;
};

static inline bool trade_ids_span_empty(struct trade_ids_span s)
{
    return s.from_ns == 0 && s.to_ns == -1;
}

void trade_ids_init(struct trade_ids *ids);
void trade_ids_close(struct trade_ids *ids);

/* False: a duplicate, to be dropped.  number < 0: the id is text. */
bool trade_ids_take(struct trade_ids *ids, int64_t number, struct span text,
                    int64_t time_ns, struct trade_ids_span *touched);
/* Numbers.  False: seen before.  *touched is the time that a hole covered which this id
 * has filled or made smaller. */
bool trade_ids_add(struct trade_ids *ids, int64_t id, int64_t time_ns,
                   struct trade_ids_span *touched);

/* Holes that end at or before until_ns have aged now; the time that they
 * cover, if ids have shown to be contiguous. */
struct trade_ids_span trade_ids_age(struct trade_ids *ids, int64_t until_ns);

/* Does an aged hole reach into [start, end)? */
bool trade_ids_lost_in(const struct trade_ids *ids, int64_t start_ns,
                       int64_t end_ns);

/* For decoding: append a range above all others; false where it is not. */
bool trade_ids_restore(struct trade_ids *ids, const struct id_range *range);
