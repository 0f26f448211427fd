/*
 * symbol.h -- one symbol: what was seen of it, and its bars.
 *
 * Time has two sources.  The watermark is the newest event time less the
 * grace; it alone closes bars while old data is replayed, so that a replay
 * gives the same bars each time.  Quotes may have been stamped on arrival, so
 * trades have a watermark of their own: it begins with the first trade, and
 * quotes move nothing from then on.  While the stream is live the caller also
 * closes by the time of day (symbol_close), so that the last bar of a session
 * does not wait for another tick.
 *
 * Nearly every input goes into the newest bar of every resolution.  Those of
 * several resolutions take it only when somebody asks: until then the inputs are
 * summed up in `tip`, so that a further resolution costs next to nothing.
 *
 * Units       time in nanoseconds since the epoch
 * Ownership   symbol_new/symbol_free; the name is the symbol's own
 * Bounds      those of trade_ids.h, publishers.h and series.h
 */
#pragma once

#include "bargen/core/heap.h"
#include "bargen/core/missed.h"
#include "bargen/core/publishers.h"
#include "bargen/core/series.h"
#include "bargen/core/trade_ids.h"
#include "common/base/span.h"

/* Counters of one engine; only ever grow. */
struct bar_counts {
    uint64_t events;     /* ticks and trades that went into bars */
    uint64_t ignored;    /* of another type, or the wrong side of --price */
    uint64_t duplicates; /* by trade id */
    uint64_t repeated;   /* by src and seq: a batch sent twice */
    uint64_t future;     /* too far ahead of the time of day */
    uint64_t out_of_order;
    uint64_t late_dropped;  /* per bar that was too old to be corrected */
    uint64_t gaps;          /* jumps of seq, links lost */
    uint64_t holes;         /* stretches of missing trade ids */
    uint64_t ids_forgotten; /* blocks of trade ids, for want of room */
    uint64_t symbols_refused;
    uint64_t updates, finals, revisions, unfinished;
};

/* What all symbols of an engine have in common. */
struct bar_rules {
    const struct resolution *resolutions;
    unsigned n_resolutions;
    int64_t grace_ns;
    int64_t correction_ns;
    bool fill;
    bool note_drops; /* somebody stores closed bars one by one */
    struct bar_sink sink;
    struct bar_counts *counts;
};

enum symbol_basis {
    SYMBOL_UNKNOWN,
    SYMBOL_QUOTES, /* no trade so far: bars are made of quotes */
    SYMBOL_TRADES
};

struct symbol {
    /* What every event reads comes first, in one cache line. */
    int64_t newest_ns; /* of all inputs; INT64_MIN: none */
    int64_t closed_ns; /* bars that end at or before this are closed */
    int64_t next_ns;   /* when closed_ns reaches this there is work: a bar to
                          close, or a hole that has aged */
    /* An input of that time goes into the newest bar of every series, and all
     * of these are open; from 0 until 0: nobody knows. */
    int64_t quick_from_ns, quick_until_ns;
    struct bar *quick; /* takes it: tip, or the one bar there is */
    uint16_t n_series;
    uint16_t shard;
    uint8_t basis; /* enum symbol_basis */
    bool ignored;  /* not asked for */
    bool live;     /* its events are about as old as their arrival */
    bool dirty;    /* in the list of the changed, or not tracked */
    bool losing;   /* until the next event, whenever that was */
    bool later;    /* in the list of those with an update that waits */
    /* With more than one series, what is yet to go into the newest bar of each:
     * see symbol_settle().  BAR_CHANGED: there is some. */
    _Alignas(64) struct bar tip;
    int64_t next_close_ns; /* the first end of an open bar */
    struct span name;
    struct symbol *next_dirty;
    struct symbol *next_later;
    void *memory; /* what to free: cache lines begin inside it */
    /* The last stretch in which events were lost: what was sent after the
     * newest that had come, to when all is there again.  until 0: none. */
    int64_t lost_from_ns, lost_until_ns;
    struct series_quoted quoted;
    struct heap_node wake;
    struct trade_ids ids;
    struct publishers publishers; /* of its channel */
    struct missed missed;         /* dropped: their time is in the future */
    struct series series[];       /* n_series */
};

struct symbol *symbol_new(struct span name, unsigned n_series);
void symbol_free(struct symbol *sym);

/* Sets or clears BAR_JUMP where a hole in a publisher's numbers has changed. */
void symbol_flag_jumps(struct symbol *sym, const struct bar_rules *rules,
                       struct seq_span touched);
/* Events after the newest were lost, those up to until_ns by the time of day:
 * flags the open bars, and those yet to begin that touch it.  Where events are
 * not about as old as their arrival, only the next one says until when. */
void symbol_lost(struct symbol *sym, int64_t until_ns);
/* This is the next one. */
void symbol_found(struct symbol *sym, int64_t time_ns);

/* An event of that time was dropped: flags the bars that lack it, and those that
 * are yet to begin. */
void symbol_miss(struct symbol *sym, const struct bar_rules *rules,
                 int64_t time_ns);

/* False: a trade with this id (number, or text if number < 0) was here.  Else
 * it is to be added: a closed bar that takes it is issued only then, flagged as
 * its id requires. */
bool symbol_new_trade(struct symbol *sym, const struct bar_rules *rules,
                      int64_t number, struct span text, int64_t time_ns);
/* The same for a trade that makes no bar. */
bool symbol_note_trade(struct symbol *sym, const struct bar_rules *rules,
                       int64_t number, struct span text, int64_t time_ns);

/* Puts what waits in the tip into the newest bar of each series.  Before anybody
 * else reads or changes those. */
void symbol_settle(struct symbol *sym);

/* Rare: in some series a bar begins, is corrected or refuses. */
bool symbol_add_slow(struct symbol *sym, const struct bar_rules *rules,
                     const struct bar_input *in);
/* closed_ns has reached next_ns: closes what is due.  True: a bar was
 * issued. */
bool symbol_work(struct symbol *sym, const struct bar_rules *rules);

/* The newest input moves the watermark. */
static inline void symbol_pass(struct symbol *sym,
                               const struct bar_rules *rules, int64_t time_ns)
{
    int64_t watermark_ns = time_ns - rules->grace_ns;

    if (time_ns >= sym->newest_ns)
        sym->newest_ns = time_ns;
    else
        rules->counts->out_of_order++;
    if (watermark_ns > sym->closed_ns)
        sym->closed_ns = watermark_ns;
}

/* Adds to the bars of every resolution and closes what is past the watermark.
 * True: a bar was started or issued.  Inline: done for every event. */
static inline bool symbol_add(struct symbol *sym, const struct bar_rules *rules,
                              const struct bar_input *in)
{
    int64_t time_ns = in->key.time_ns;

    if (time_ns < sym->quick_from_ns || time_ns >= sym->quick_until_ns)
        return symbol_add_slow(sym, rules, in);
    bar_add(sym->quick, in);
    sym->quick->flags |= BAR_CHANGED;
    symbol_pass(sym, rules, time_ns);
    return sym->closed_ns >= sym->next_ns && symbol_work(sym, rules);
}

/* Closes what ends at or before closed_ns; never goes back. */
void symbol_close(struct symbol *sym, const struct bar_rules *rules,
                  int64_t closed_ns);
/* The first trade after quotes: closes what is behind the newest bar's start,
 * then forgets all bars and the time that quotes have come to, which may be of
 * another clock.  Trades begin anew. */
void symbol_begin_trades(struct symbol *sym, const struct bar_rules *rules);
/* Is a first trade of that time too old?  It is where quotes have issued a bar
 * that is out of the correction window. */
bool symbol_behind_quotes(const struct symbol *sym,
                          const struct bar_rules *rules, int64_t time_ns);
/* Issues the open bars that have changed, save those whose channels nobody
 * hears and that were updated less than SERIES_UNHEARD_MS ago.  Returns when the
 * first of those is due; UINT64_MAX: there is none. */
uint64_t symbol_update(struct symbol *sym, const struct bar_rules *rules,
                       uint64_t now_ms);
/* End of input: what has ended is final, the rest unfinished. */
void symbol_finish(struct symbol *sym, const struct bar_rules *rules);
/* After decoding: works out what follows from the rest. */
void symbol_restored(struct symbol *sym, const struct bar_rules *rules);
