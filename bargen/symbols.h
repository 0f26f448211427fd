/*
 * symbols.h -- find a symbol by its name.
 *
 * Open addressing over the hash of the name; `all` keeps the order in which
 * symbols appeared, and a symbol's wake.rank is its place there.
 *
 * Ownership   symbols_put takes the symbol; symbols_close frees those in `all`
 */
#ifndef BARGEN_SYMBOLS_H
#define BARGEN_SYMBOLS_H

#include <stdint.h>

#include "bargen/symbol.h"

struct symbols {
    struct symbol **all;
    unsigned n, cap;
    struct symbol **table;
    unsigned mask;
};

void symbols_init(struct symbols *t);
void symbols_close(struct symbols *t);
uint64_t symbols_hash(struct span name);
struct symbol *symbols_find(const struct symbols *t, struct span name,
                            uint64_t hash);
void symbols_put(struct symbols *t, struct symbol *sym);

#endif
