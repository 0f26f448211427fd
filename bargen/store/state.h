/*
 * state.h -- a symbol as text, so that a restart goes on where it stopped.
 *
 * One record a line, a letter and numbers; the first line begins with the
 * version.  A symbol that was decoded gives, for the same input, the same bars
 * as the one that was encoded.  Bars are found by the name of their
 * resolution: one that is no longer asked for is left out, a new one begins
 * empty.
 *
 * Closed bars seldom change, and there may be many: they can be left out and
 * stored one by one, with state_encode_bar(); likewise chunks of trade ids, with
 * state_encode_ids().
 *
 * Errors      state_decode() refuses text that it did not write, or of another
 *             version; the symbol is unchanged then
 */
#pragma once

#include "bargen/core/symbol.h"
#include "common/base/bytes.h"
#include "common/base/err.h"

enum { STATE_VERSION = 2 };

enum state_bars {
    STATE_ALL_BARS,  /* and all chunks of trade ids */
    STATE_OPEN_BARS, /* and the newest of each series; no chunks */
};

void state_encode(struct symbol *sym, const struct bar_rules *rules,
                  enum state_bars which, struct bytes *out);
void state_encode_bar(const struct bar *bar, struct bytes *out);
/* Adds a closed bar to the series of that resolution, if it is asked for. */
bool state_decode_bar(struct symbol *sym, const struct bar_rules *rules,
                      struct span resolution, struct span text,
                      struct err *err);
/* One that could not be read: late trades of its time are too late. */
void state_forget_bar(struct symbol *sym, const struct bar_rules *rules,
                      struct span resolution, int64_t start_ms);
void state_encode_ids(const struct symbol *sym, uint64_t chunk,
                      struct bytes *out);
/* A chunk of trade ids, after the symbol that it belongs to: does that know of
 * it? */
bool state_knows_ids(const struct symbol *sym, uint64_t chunk);
bool state_decode_ids(struct symbol *sym, struct span text, struct err *err);
/* What its bars are made of; SYMBOL_UNKNOWN, too, where it cannot be read. */
enum symbol_basis state_basis(struct span text);
bool state_decode(struct symbol *sym, const struct bar_rules *rules,
                  struct span text, struct err *err);
