/*
 * seen.h -- what was seen of a symbol, and what is missing, as records.
 *
 *   r  trade ids as ranges             q  numbers of one publisher
 *   o  those of the numbering before   j  holes of publishers, forgotten
 *   n  numbers that are used anew      l  a stretch that was lost
 *   m  blocks of trade ids: which      k  a chunk of these blocks
 *   f  seconds of events that were dropped as future
 *
 * Chunks can be left out and stored one by one: most of them seldom change.
 */
#pragma once

#include "bargen/core/symbol.h"
#include "bargen/store/record.h"

void seen_put(const struct symbol *sym, bool chunks, struct bytes *out);
void seen_put_chunk(const struct id_blocks *blocks, uint64_t chunk,
                    struct bytes *out);
/* What follows the letter; false: it is none of these. */
bool seen_get(char letter, struct record_reader *r, struct symbol *sym);
/* What follows the k.  Blocks that are no longer known are passed over. */
void seen_get_chunk(struct record_reader *r, struct id_blocks *blocks);
