/*
 * series_fill.h -- flat bars where no trade was: made, corrected, replaced.
 *
 * For series.c alone.  Behind a bar with trades every stretch up to the next is
 * a fill at its close, for at most a day.  Fills that differ in nothing but
 * their time are one struct bar, a run.
 */
#pragma once

#include "bargen/core/series_bars.h"

/* The next empty stretch before bar `open`, the oldest that is; false: none. */
bool series_next_fill(const struct series *s, const struct series_context *c,
                      unsigned open, int64_t *start_ns, int64_t *end_ns);
/* Makes it a fill, and issues it; late as for series_fresh_rev(). */
void series_add_fill(struct series *s, const struct series_context *c,
                     int64_t start_ns, int64_t end_ns, struct decimal price,
                     bool late);
/* A closed bar that ends there has changed, or is new: so do the fills behind
 * it, up to the next bar with trades. */
void series_refill(struct series *s, const struct series_context *c,
                   int64_t end_ns, struct decimal price);
/* [from, to) of a run becomes a run of its own. */
struct bar *series_carve(struct series *s, const struct series_context *c,
                         struct bar *run, int64_t from_ns, int64_t to_ns);
