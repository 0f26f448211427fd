/*
 * series_bars.h -- the bars of a series in order of time, and their way out.
 *
 * For series.c and series_fill.c alone.  The kept bars, then the newest, are
 * numbered from 0; none overlap.  Adding one may drop the oldest, so numbers and
 * addresses hold until then.
 *
 * Ownership   addresses are the series' own
 * Bounds      SERIES_KEPT_MAX beside the newest
 */
#pragma once

#include "bargen/core/series.h"

unsigned series_bars(const struct series *s);
const struct bar *series_bar_at(const struct series *s, unsigned i);
struct bar *series_bar(struct series *s, unsigned i);
/* The oldest that is open; series_bars(): none is. */
unsigned series_oldest_open(const struct series *s);
/* The first that ends later; series_bars(): none. */
unsigned series_first_after(const struct series *s, int64_t time_ns);
/* The one that holds that time; NULL: none. */
struct bar *series_find(struct series *s, int64_t time_ns);

/* Puts it where it belongs: newer than the newest, that one waits in kept. */
struct bar *series_insert(struct series *s, const struct series_context *c,
                          const struct bar *bar);
/* The n oldest of the kept ones go. */
void series_drop(struct series *s, unsigned n, bool note_drops);
/* Those that no late trade may correct any more go. */
void series_drop_old(struct series *s, const struct series_context *c);
/* May what happened in [start, end) still change?  That a bar is still there does
 * not say so: when it goes depends on other series. */
bool series_correctable(const struct series *s, const struct series_context *c,
                        int64_t start_ns, int64_t end_ns);

void series_tell(const struct series_context *c, const struct bar *bar,
                 enum bar_issue how);
/* Closed from now on, and issued as final: a run of fills one by one. */
void series_issue(struct series *s, const struct series_context *c,
                  struct bar *bar);
/* With the next rev. */
void series_issue_again(struct series *s, const struct series_context *c,
                        struct bar *bar);
/* What follows from a bar that was told of as final. */
void series_issued(struct series *s, const struct series_context *c,
                   const struct bar *bar);

/* Of a bar that is started. */
uint32_t series_fresh_flags(const struct series_context *c, int64_t start_ns,
                            int64_t end_ns);
/* late: its time was closed while there was none, so that for a chart it is a
 * correction.  Where quotes have issued bars it follows those. */
uint32_t series_fresh_rev(const struct series_context *c, int64_t end_ns,
                          bool late);
