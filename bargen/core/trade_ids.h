/*
 * trade_ids.h -- which trade ids of a symbol were seen, and which are missing.
 *
 * These are two questions.  A trade whose id was seen is a duplicate, and
 * dropped, whatever ids look like: numbers are kept as ranges (id_ranges.h)
 * while they are few, and one by one (id_blocks.h) where they are scattered;
 * texts are kept one by one.  What is missing can be told only where numbers
 * are contiguous.
 *
 * The rules, for the numbers of one symbol:
 *
 * Seen        An id that was seen is a duplicate unless its trade is newer than
 *             all of the numbering: then a number is used anew.  The trade
 *             counts, and waits; what waits is a duplicate unless newer than
 *             all that wait.  TRADE_IDS_ANEW_MAX that wait are a numbering that
 *             has started anew, with them.  If a newer trade with a new number
 *             comes first, they belong to the old one; unless that number is at
 *             most 8 above the last of them, and its trade not older: then it
 *             waits, too.  Once a numbering has started anew, trades newer than
 *             the last of the old one belong to the new one, the others to the
 *             old one, which stays known until the next starts.
 * Contiguous  As id_steps.h judges, after each new id.
 * Hole        Two neighbours a < b with a step of more than 1, unless the
 *             trade a is more than a second newer than b.  It covers the time
 *             from one trade to the other, both included.
 * Lost        While ids are contiguous, a hole is lost as soon as everything up
 *             to both of its trades is closed (closed_ns has reached the later
 *             one), and is until it is filled or split.  A bar is flagged while
 *             a lost hole touches it.
 *
 * A new id is judged before its trade goes into bars, with closed_ns as it was;
 * what becomes lost because closed_ns has moved is flagged before bars close.
 *
 * Cannot be known: what is missing before the first id, behind the last one, or
 * where ids are not contiguous.
 *
 * Units       time in nanoseconds since the epoch; ids >= 0
 * Bounds      TRADE_IDS_RANGES_MAX ranges, or TRADE_IDS_SCATTERED_MAX where ids
 *             are not contiguous.  Beyond that, of contiguous ids, holes older
 *             than the window are given up, the lowest first: their bars stay
 *             flagged, and a trade that would fill one is a duplicate.  If too
 *             many are left, the shorter half is moved out to blocks; a hole
 *             then covers the time between the ranges that are left.
 * Ownership   trade_ids_init/trade_ids_close; allocates nothing for ids that
 *             are contiguous
 */
#pragma once

#include "bargen/core/id_blocks.h"
#include "bargen/core/id_ranges.h"
#include "bargen/core/id_steps.h"
#include "common/base/span.h"

enum {
    TRADE_IDS_RANGES_MAX = 1024,
    TRADE_IDS_SCATTERED_MAX = 256,
    TRADE_IDS_ANEW_MAX = 8,
    TRADE_IDS_WINDOW_MIN_S = 60, /* scattered ids are known at least so long */
};

/* A number that was seen, of a trade newer than all before it. */
struct trade_ids_anew {
    int64_t id, time_ns;
};

/* What most symbols never need. */
struct trade_ids_more {
    struct id_blocks blocks;
    struct id_ranges before; /* the numbering before */
    int64_t before_ns;       /* its newest trade; INT64_MIN: none */
    struct trade_ids_anew anew[TRADE_IDS_ANEW_MAX];
    unsigned n_anew;
};

struct trade_ids {
    struct id_ranges run;
    int64_t newest_ns; /* of the trades of this numbering */
    /* A trade after that, with the number after the highest, is as expected. */
    int64_t expect_after_ns;
    int64_t passed_ns; /* holes that end at or before this were looked at */
    int64_t due_ns;    /* no other hole ends before this */
    struct id_steps steps;
    uint8_t kind; /* enum id_kind of this numbering's blocks */
    struct trade_ids_more *more;
};

/* What a new id has changed. */
struct trade_ids_change {
    /* Bars that touch this may have to be flagged, or no longer. */
    struct id_hole look;
    /* Flagged bars that touch this stay so for good. */
    struct id_hole settle;
    unsigned holes; /* that are lost and new */
    /* Ids that had to be forgotten too early, by the number of blocks. */
    uint64_t forgotten;
};

static inline bool trade_ids_any(struct id_hole h)
{
    return h.from_ns <= h.to_ns;
}

struct trade_ids_now {
    int64_t closed_ns;
    int64_t window_ns; /* in which late trades may still come */
};

void trade_ids_init(struct trade_ids *ids);
void trade_ids_close(struct trade_ids *ids);

/* The usual id: the next one.  False: ask trade_ids_take(). */
static inline bool trade_ids_next(struct trade_ids *ids, int64_t id,
                                  int64_t time_ns)
{
    struct id_range *top = &ids->run.top;

    if (id - 1 != top->hi || time_ns <= ids->expect_after_ns)
        return false;
    top->hi = id;
    top->hi_ns = time_ns;
    ids->steps.n++;
    if (time_ns > ids->newest_ns)
        ids->newest_ns = time_ns;
    return true;
}

/* False: a duplicate, to be dropped.  id < 0: it is the text. */
bool trade_ids_take(struct trade_ids *ids, int64_t id, struct span text,
                    int64_t time_ns, const struct trade_ids_now *now,
                    struct trade_ids_change *change);

/* closed_ns has reached due_ns: calls lost() for each hole that is lost now. */
void trade_ids_pass(struct trade_ids *ids, int64_t closed_ns,
                    void (*lost)(void *arg, const struct id_hole *hole),
                    void *arg);

/* Does a lost hole touch [start, end)? */
bool trade_ids_lost_in(const struct trade_ids *ids, int64_t closed_ns,
                       int64_t start_ns, int64_t end_ns);

/* --- for decoding --- */

struct trade_ids_more *trade_ids_more(struct trade_ids *ids);
/* Append a range above all others; false where it is not. */
bool trade_ids_restore(struct id_ranges *r, const struct id_range *range);
/* Everything was read: works out the rest. */
void trade_ids_restored(struct trade_ids *ids, int64_t closed_ns);
