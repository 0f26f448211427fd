/*
 * state.h -- a symbol as text, so that a restart goes on where it stopped.
 *
 * One record a line, a letter and numbers; the first line begins with the
 * version.  A symbol that was decoded gives, for the same input, the same bars
 * as the one that was encoded.  Bars are found by the name of their
 * resolution: one that is no longer asked for is left out, a new one begins
 * empty.
 *
 * Bounds      the newest STATE_RANGES_MAX ranges and STATE_TEXT_IDS_MAX textual
 *             ids are kept; duplicates of older ones are not known any more
 *             after a restart
 * Errors      state_decode() refuses text that it did not write, or of another
 *             version; the symbol is unchanged then
 */
#ifndef BARGEN_STATE_H
#define BARGEN_STATE_H

#include <stdbool.h>

#include "bargen/symbol.h"
#include "common/bytes.h"
#include "common/err.h"

enum {
    STATE_VERSION = 1,
    STATE_RANGES_MAX = 512,
    STATE_TEXT_IDS_MAX = 512,
};

void state_encode(const struct symbol *sym, const struct bar_rules *rules,
                  struct bytes *out);
bool state_decode(struct symbol *sym, const struct bar_rules *rules,
                  struct span text, struct err *err);

#endif
