/*
 * symbols.h -- find a symbol by its name, once for every event.
 *
 * Open addressing.  A slot holds the first and the last eight bytes of the
 * name, which are all of it for names of up to 16 bytes: the symbol itself is
 * read only when it is the right one.  `all` keeps the order in which symbols
 * appeared, and a symbol's wake.rank is its place there.
 *
 * Ownership   symbols_put takes the symbol; symbols_close frees those in `all`
 */
#ifndef BARGEN_SYMBOLS_H
#define BARGEN_SYMBOLS_H

#include <stdint.h>

#include "bargen/symbol.h"

struct symbols_slot {
    uint64_t first, last;
    struct symbol *symbol; /* NULL: free */
};

struct symbols {
    struct symbol **all;
    unsigned n, cap;
    struct symbols_slot *table;
    unsigned mask;
};

void symbols_init(struct symbols *t);
void symbols_close(struct symbols *t);
struct symbol *symbols_find(const struct symbols *t, struct span name);
void symbols_put(struct symbols *t, struct symbol *sym);

#endif
