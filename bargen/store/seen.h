/*
 * seen.h -- what was seen of a symbol, and what is missing, as records.
 *
 *   i  trade ids that are numbers      q  numbers of one publisher
 *   t  trade ids that are text         j  holes of publishers, forgotten
 *   l  a stretch that was lost
 *
 * Bounds      the newest SEEN_RANGES_MAX ranges and SEEN_TEXT_IDS_MAX textual
 *             ids are kept; duplicates of older ones are not known any more
 *             after a restart
 */
#pragma once

#include "bargen/core/symbol.h"
#include "bargen/store/record.h"

enum { SEEN_RANGES_MAX = 512, SEEN_TEXT_IDS_MAX = 512 };

void seen_put(const struct symbol *sym, struct bytes *out);
/* What follows the letter; false: it is none of these. */
bool seen_get(char letter, struct record_reader *r, struct symbol *sym);
