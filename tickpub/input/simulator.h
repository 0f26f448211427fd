/*
 * simulator.h -- a market that never was: trades and quotes of random walks.
 *
 * Each symbol follows a random_walk.h on a grid of its tick size; spreads breathe
 * with its volatility.  Activity over a UTC day is U-shaped: 1.4 times the mean
 * rate at its ends, 0.8 in its middle.  Trades hit the bid or the ask in runs,
 * in lots.
 *
 * Pure and reproducible: the same options and the same times give the same
 * bytes on every machine, as random.h says; prices are whole ticks before they
 * are written.
 *
 * Units       *_ns nanoseconds since the Unix epoch; rate events a second, of
 *             all symbols together, on average over a day
 */
#pragma once

#include "common/base/bytes.h"
#include "common/base/span.h"

struct simulator;

struct simulator *simulator_new(const struct span *symbols, unsigned count,
                                double rate, uint64_t seed);
void simulator_free(struct simulator *s);
/* How long after time_ns the next event comes. */
int64_t simulator_gap_ns(struct simulator *s, int64_t time_ns);
/* Append one event as a JSON object, without a line feed. */
void simulator_event(struct simulator *s, int64_t time_ns, struct bytes *out);
