/*
 * engine.h -- events in, bars out: every symbol and every resolution.
 *
 * The pure core of bargen.  It knows no clock, no socket and no file: the time
 * of day and the age of an event are arguments, bars leave through a callback.
 * The shells (standard input, journal, Pub/Sub) differ only in what they feed.
 *
 * Live        a symbol whose newest event is at most ENGINE_LIVE_MS older than
 *             its arrival; only then does the time of day close its bars
 * Units       nanoseconds since the epoch
 * Ownership   engine_init/engine_close; symbols live as long as the engine
 * Bounds      ENGINE_SYMBOLS_MAX symbols; events of further ones are refused
 *             and counted
 */
#pragma once

#include "bargen/core/fingerprint.h"
#include "bargen/core/heap.h"
#include "bargen/core/symbol.h"
#include "bargen/core/symbols.h"
#include "common/event/event.h"

enum {
    ENGINE_SYMBOLS_MAX = 65536,
    ENGINE_RESOLUTIONS_MAX = 32,
    ENGINE_SHARDS_MAX = 1024,
    ENGINE_LIVE_MS = 60000,
};

enum price_source {
    PRICE_AUTO, /* trades; the middle of quotes while there was no trade */
    PRICE_TRADE,
    PRICE_BID,
    PRICE_ASK,
    PRICE_MID
};

struct engine_config {
    const struct resolution *resolutions; /* copied */
    unsigned n_resolutions;
    const char *const *symbols; /* only these, copied; n_symbols 0: all */
    unsigned n_symbols;
    int64_t grace_ns, correction_ns;
    /* Events further ahead of the time of day are dropped, unless trades show
     * that it was set back; 0: none. */
    int64_t ahead_ns;
    enum price_source price;
    bool fill;
    bool skip_first_partial;
    bool sequence;   /* follow src and seq */
    bool track;      /* keep lists of changed symbols */
    bool note_drops; /* and of closed bars that were dropped */
    unsigned shards; /* 1..ENGINE_SHARDS_MAX */
    struct bar_sink sink;
};

struct engine_shard {
    struct symbol *dirty; /* changed since engine_clean() */
    unsigned n_dirty;
    bool urgent; /* a bar was started or issued since then */
    /* Those with updates that wait because nobody hears them. */
    struct symbol *later;
    uint64_t later_ms; /* when the first is due, where there is one */
    bool away;         /* another instance makes its bars */
    bool anew; /* the bars of symbols that are yet to come lack trades */
};

struct engine {
    struct engine_config config;
    struct bar_rules rules;
    struct bar_counts counts;
    struct resolution resolutions[ENGINE_RESOLUTIONS_MAX];
    struct engine_shard shards[ENGINE_SHARDS_MAX];
    unsigned n_away; /* of them */
    char **wanted;   /* of config.symbols */
    struct symbols symbols;
    struct heap wake;
    /* The time of day when the events at hand are taken in, as told by who
     * knows it apart from when they were received; 0: the same. */
    int64_t wall_ns;
    /* Of trades: quotes may have been stamped on arrival, and say nothing about
     * the time of day. */
    int64_t newest_ns;
    struct fingerprint_kept src; /* of the newest event that had one */
};

void engine_init(struct engine *e, const struct engine_config *config);
void engine_close(struct engine *e);

enum engine_verdict {
    ENGINE_TAKEN,
    ENGINE_IGNORED, /* nothing that bars are made of here */
    ENGINE_FUTURE,  /* dropped: too far ahead */
    ENGINE_REFUSED, /* dropped: one symbol too many */
    ENGINE_REPEATED /* dropped: seen before */
};

/* received_ns: when the event arrived here or in the journal. */
enum engine_verdict engine_event(struct engine *e, const struct event *ev,
                                 int64_t received_ns);

/* The symbol, made if it is new; NULL: one too many, or of a shard that is
 * another's. */
struct symbol *engine_symbol(struct engine *e, struct span name);

/* What was sent up to until_ns, by the time of day, and did not come is lost:
 * flags the bars of the shard (of all: shard < 0) that touch it, those that are
 * open and those that begin later. */
void engine_lost(struct engine *e, int shard, int64_t until_ns);

/* Puts it on its shard's list of the changed; not where it is on it. */
static inline void engine_mark(struct engine *e, struct symbol *sym)
{
    struct engine_shard *shard = &e->shards[sym->shard];

    sym->dirty = true;
    sym->next_dirty = shard->dirty;
    shard->dirty = sym;
    shard->n_dirty++;
}

/* Issues the open bars that have changed; see symbol_update().  now_ms: by any
 * clock that does not go back. */
void engine_update(struct engine *e, unsigned shard, uint64_t now_ms);
/* When one that waited is due; UINT64_MAX: none waits. */
uint64_t engine_later_ms(const struct engine *e, unsigned shard);
/* Empties the shard's list of changed symbols. */
void engine_clean(struct engine *e, unsigned shard);
/* Puts every symbol of the shard on its list. */
void engine_touch_all(struct engine *e, unsigned shard);

/* The time of day at which engine_wake() has work; INT64_MAX: none. */
int64_t engine_next_wake(const struct engine *e);
/* Closes bars of live symbols that the time of day has passed. */
void engine_wake(struct engine *e, int64_t wall_ns);

/* The time of the newest trade of all; INT64_MIN: none. */
static inline int64_t engine_newest(const struct engine *e)
{
    return e->newest_ns;
}

void engine_finish(struct engine *e);

/* The shard is another's from now on (away), or ours.  Its symbols are
 * forgotten; events of new ones are passed over while it is away. */
void engine_forget(struct engine *e, unsigned shard, bool away);

/* What is known of the symbol is not what it was: it begins anew, and its first
 * bars say that trades are missing. */
void engine_begin_anew(struct engine *e, struct symbol *sym);
/* After a symbol was decoded. */
void engine_restored(struct engine *e, struct symbol *sym);
