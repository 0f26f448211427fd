/*
 * series.h -- the bars of one symbol and one resolution.
 *
 * `cur` is the newest bar.  Older ones wait in `kept`, in order of time: those
 * still inside the grace, and closed ones that a late trade may yet correct.
 * A closed bar stays for the correction window or while it is one of the last
 * two with trades, whichever is longer.
 *
 * A bar is issued as final when everything up to its end is closed
 * (series_close).  A trade for a bar that is closed but kept issues it again
 * with rev + 1; a trade for a closed bar that never was, with rev 1.
 *
 * With `fill`, stretches without a trade become flat bars, which are closed and
 * kept like the others: one that gets a trade is an ordinary bar from then on,
 * and a change of the close before them issues them again.  So whatever the
 * order of arrival, the last issue of each bar is the same.  Fills that differ
 * in nothing but their time are kept as a run, one struct bar from the start
 * of the first to the end of the last.
 *
 * Ownership   series_close_all frees; bars passed to the sink are the series'
 *             own and valid during the call
 * Bounds      SERIES_KEPT_MAX older bars, then the oldest goes early
 * Source      docs/decisions/0006-bargen-checkpoint.md for what of this is kept
 */
#pragma once

#include "bargen/core/bar.h"
#include "common/event/resolution.h"

enum {
    SERIES_KEPT_MAX = 4096,
    SERIES_KEPT_CLOSED = 2,
    SERIES_UNHEARD_MS = 2000, /* between updates that nobody hears */
};

enum bar_issue {
    BAR_UPDATE,     /* an open bar so far */
    BAR_FINAL,      /* closed; rev says how often before */
    BAR_UNFINISHED, /* the input ended inside it */
};

struct symbol;

/* Takes the bars of all series. */
struct bar_sink {
    void (*issue)(void *arg, struct symbol *symbol, const struct resolution *r,
                  const struct bar *bar, enum bar_issue how);
    void *arg;
};

struct series {
    _Alignas(64) struct bar cur;
    struct bar *kept;
    unsigned n_kept, cap_kept;
    /* Starts of closed bars that were dropped and may be stored somewhere. */
    int64_t *dropped_ns;
    unsigned n_dropped, cap_dropped;
    unsigned slot; /* for the sink: what it noted of this series, 0: nothing */
    bool unheard;  /* from the sink: nobody heard what was issued last */
    uint64_t updated_ms; /* when cur was, by who calls engine_update() */
    /* Bars that begin before this are known no more; 0: all are. */
    int64_t forgotten_ns;
    int64_t fill_until_ns; /* a day after the last closed bar with trades */
};

/* Bars that quotes have issued before trades came: those that end after from_ns
 * and up to until_ns.  A bar of trades for the same time begins with rev. */
struct series_quoted {
    int64_t from_ns, until_ns; /* until_ns INT64_MIN: trades have not come */
    uint32_t rev;              /* one more than the highest; 0: none */
};

/* What all series of one symbol share during one call. */
struct series_context {
    const struct resolution *resolution;
    struct symbol *symbol;
    const struct bar_sink *sink;
    int64_t closed_ns;    /* bars that end at or before this are closed */
    int64_t keep_from_ns; /* closed bars that end before this may go */
    uint32_t flags;       /* for bars that are started: BAR_QUOTES */
    /* Bars that touch this get BAR_GAP when they are started. */
    int64_t lost_from_ns, lost_until_ns;
    /* BAR_HOLE, BAR_JUMP and BAR_GAP, for a bar that is started. */
    uint32_t (*missing)(const struct symbol *symbol, int64_t start_ns,
                        int64_t end_ns);
    struct series_quoted *quoted; /* of the symbol */
    /* The input at hand: the bar that holds it is issued when it goes in, not
     * before when it is flagged. */
    int64_t adding_ns;
    bool fill;
    bool note_drops; /* in dropped_ns, for who stores closed bars */
};

enum series_result {
    SERIES_ADDED,
    SERIES_STARTED, /* a new newest bar */
    SERIES_REVISED, /* a closed bar was issued again */
    SERIES_LATE,    /* too old: dropped */
};

void series_free(struct series *s);

/* For inputs that series_takes() refused; bar_add() does for the others. */
enum series_result series_add(struct series *s, const struct series_context *c,
                              const struct bar_input *in);

/* Nearly every input lands in the newest bar while it is open. */
static inline bool series_takes(const struct series *s, int64_t time_ns)
{
    return bar_holds(&s->cur, time_ns) && !(s->cur.flags & BAR_CLOSED);
}

/* Issues what has become final, oldest first. */
void series_close(struct series *s, const struct series_context *c);
/* The end of the input: open bars are issued as unfinished. */
void series_finish(struct series *s, const struct series_context *c);
/* When cur is to be issued as an update: at once unless nobody heard the last
 * one; UINT64_MAX: it has not changed. */
uint64_t series_update_due_ms(const struct series *s);
/* Issues it. */
void series_update(struct series *s, const struct series_context *c);

/* No bar that starts later was issued as final, nor, with `open`, begun. */
bool series_newest(const struct series *s, const struct bar *bar, bool open);

/* When something is next to be closed: the end of the oldest open bar, or of
 * the next empty one; INT64_MAX: nothing. */
int64_t series_next_close(const struct series *s,
                          const struct series_context *c);

/* Where messages are missing: lost() says whether any are inside [start, end),
 * and what lies outside [from, to] is as it was. */
struct series_loss {
    int64_t from_ns, to_ns;
    bool (*lost)(const void *arg, int64_t start_ns, int64_t end_ns);
    const void *arg;
};
/* Sets or clears `flag` as it says; a closed bar that changes by this is issued
 * again. */
void series_flag(struct series *s, const struct series_context *c,
                 uint32_t flag, const struct series_loss *loss);
/* Those with BAR_HOLE that touch [from, to] have BAR_GAP for good. */
void series_settle(struct series *s, int64_t from_ns, int64_t to_ns);
/* Messages after that time were lost: flags the open bars that touch it. */
void series_lost(struct series *s, int64_t from_ns);
/* Forget every bar, as if no input had come yet. */
void series_reset(struct series *s, const struct series_context *c);

/* Puts a bar among the older ones, at its place in time. */
struct bar *series_keep(struct series *s, const struct bar *bar,
                        bool note_drops);
/* For decoding, after the newest: a closed one that is stored by itself.  False:
 * it does not fit between the others. */
bool series_restore(struct series *s, const struct bar *bar);
/* One that was closed is not known any more: it cannot be corrected. */
void series_forget(struct series *s, int64_t end_ns);
