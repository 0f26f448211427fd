/*
 * bar.h -- fold trades into one open/high/low/close/volume bar.
 *
 * Pure arithmetic: no clock, no I/O, no allocation.  High, low, volume and
 * turnover do not depend on the order of arrival; open and close belong to the
 * smallest and the largest key (time, then trade id), and of equal keys to the
 * first and the last that arrived.  So shuffled input gives the same bar.
 *
 * Units       *_ns nanoseconds since the Unix epoch, UTC; prices and sizes are
 *             struct decimal, exact
 * Invariants  low <= open, close <= high
 * Bounds      volume and turnover hold whatever decimals are summed: see
 *             decimal_sum.h
 * Ownership   plain values; copy freely
 * Source      docs/decisions/0004-exact-decimals.md
 */
#pragma once

#include "common/base/decimal_sum.h"

/* Where an event stands in the order of the market. */
struct bar_key {
    int64_t time_ns;
    int64_t id; /* -1: none, or not a number */
};

/* What a bar is made of: a trade, or one side of a quote. */
struct bar_input {
    struct bar_key key;
    struct decimal price;
    bool sized;      /* adds to volume and turnover: see bar_input_size() */
    bool counted;    /* adds 1 to count: not a price update of size 0 */
    uint32_t scales; /* as those of a bar: of the size and the product */
    struct decimal size;
    int128 product; /* mantissa of price * size */
};

enum {
    BAR_CLOSED = 1,    /* issued as final */
    BAR_PARTIAL = 2,   /* first of its series: its beginning was not seen */
    BAR_GAP = 4,       /* messages were lost while it was open */
    BAR_HOLE = 8,      /* trade ids are missing inside it, so far */
    BAR_FILL = 16,     /* no trade at all: flat at the close before */
    BAR_QUOTES = 32,   /* made of quotes: volume is the number of them */
    BAR_CHANGED = 64,  /* since it was last issued; of the newest bar */
    BAR_UNSAVED = 128, /* closed, older than the newest, and not stored so */
    BAR_JUMP = 256,    /* a publisher's numbers are missing inside it, so far */
    BAR_STORED = 512,  /* closed, and somewhere stored by itself */
};

/* Of a bar's volume (the lower byte) and turnover. */
#define BAR_SCALES(volume, turnover)                                           \
    ((uint32_t)(volume) | (uint32_t)(turnover) << 8)
enum { BAR_WIDE = 1 << 16 }; /* in scales: a sum takes its high words as well */

/* As it is not read and written as a whole, 8 bytes are enough. */
__extension__ typedef __int128 bar_sum __attribute__((aligned(8)));

/* In the order of use: an event touches the first two cache lines, its size the
 * third. */
struct bar {
    int64_t start_ns, end_ns; /* end 0: not a bar */
    struct decimal close, high, low;
    struct bar_key close_key;
    uint64_t count;
    uint32_t rev;
    uint32_t flags;
    struct bar_key open_key;
    struct decimal open;
    /* The sums of size and of price * size: bar_volume(), bar_turnover(). */
    bar_sum volume, turnover;
    uint32_t scales;
    uint64_t volume_high, turnover_high[3]; /* with BAR_WIDE */
};

/* Done once for the bars of all resolutions; the price must be set. */
static inline void bar_input_size(struct bar_input *in, struct decimal size)
{
    in->sized = true;
    in->size = size;
    in->scales = BAR_SCALES(size.scale, in->price.scale + size.scale);
    in->product = (int128)in->price.mant * size.mant;
}

static inline bool bar_key_before(struct bar_key a, struct bar_key b)
{
    return a.time_ns != b.time_ns ? a.time_ns < b.time_ns : a.id < b.id;
}

static inline bool bar_holds(const struct bar *b, int64_t time_ns)
{
    return time_ns >= b->start_ns && time_ns < b->end_ns;
}

/* A bar of [start, end) with its first input. */
void bar_start(struct bar *b, int64_t start_ns, int64_t end_ns, uint32_t flags,
               const struct bar_input *in);
/* A bar without a trade. */
struct bar bar_flat(int64_t start_ns, int64_t end_ns, struct decimal price);
/* 10^38 / 2^64: with more digits a sum is wide. */
#define BAR_SUM_HIGH_MAX INT64_C(5421010862427522170)

static inline bool bar_sum_fits(int128 mant)
{
    int64_t high = (int64_t)(mant >> 64);

    return high < BAR_SUM_HIGH_MAX && high > -BAR_SUM_HIGH_MAX;
}

/* Where the scale of a sum has to grow, or 128 bits do not hold it. */
void bar_add_size_slow(struct bar *b, const struct bar_input *in);

/* Almost always both prices have as many fraction digits. */
static inline bool bar_above(struct decimal a, struct decimal b)
{
    return a.scale == b.scale ? a.mant > b.mant : decimal_cmp(a, b) > 0;
}

static inline void bar_add_size(struct bar *b, const struct bar_input *in)
{
    int128 volume, turnover;

    if (b->scales != in->scales) {
        bar_add_size_slow(b, in);
        return;
    }
    /* Neither can overflow: 10^38 + 10^36 is below 2^127. */
    volume = b->volume + in->size.mant;
    turnover = b->turnover + in->product;
    if (!bar_sum_fits(volume) || !bar_sum_fits(turnover)) {
        bar_add_size_slow(b, in);
        return;
    }
    b->volume = volume;
    b->turnover = turnover;
}

/* Inline: this is done for every event.  Prices are copied by their members: a
 * load that is wider than the stores before it has to wait for them, and those
 * of an event were made just now. */
static inline void bar_add(struct bar *b, const struct bar_input *in)
{
    if (in->sized)
        bar_add_size(b, in);
    if (!bar_key_before(in->key, b->close_key)) {
        b->close.mant = in->price.mant;
        b->close.scale = in->price.scale;
        b->close_key.time_ns = in->key.time_ns;
        b->close_key.id = in->key.id;
    } else if (bar_key_before(in->key, b->open_key)) {
        b->open = in->price;
        b->open_key = in->key;
    }
    if (bar_above(in->price, b->high)) {
        b->high.mant = in->price.mant;
        b->high.scale = in->price.scale;
    } else if (bar_above(b->low, in->price)) {
        b->low.mant = in->price.mant;
        b->low.scale = in->price.scale;
    }
    b->count += in->counted;
}

/* Adds all that `more` holds: inputs that came after those of the bar. */
void bar_merge(struct bar *b, const struct bar *more);

struct decimal_sum bar_volume(const struct bar *b);
struct decimal_sum bar_turnover(const struct bar *b);
/* For decoding: neither beyond the bounds of its kind. */
bool bar_set_sums(struct bar *b, const struct decimal_sum *volume,
                  const struct decimal_sum *turnover);
/* turnover / volume to two digits more than the close has, half to even; false
 * where there is no volume. */
bool bar_vwap(const struct bar *b, struct decimal_sum *out);
