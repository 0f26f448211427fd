#include "bargen/core/symbols.h"

#include <stdlib.h>

#include "common/base/bytes.h"

enum {
    TABLE_FIRST = 1024,
    SPARSE = 4, /* slots for each symbol, so that few share one */
};

void symbols_init(struct symbols *t)
{
    *t = (struct symbols){.mask = TABLE_FIRST - 1};
    t->table = mem_zero(TABLE_FIRST * sizeof *t->table);
}

void symbols_close(struct symbols *t)
{
    for (unsigned i = 0; i < t->n; i++)
        symbol_free(t->all[i]);
    free(t->all);
    free(t->table);
    *t = (struct symbols){0};
}

static void table_put(struct symbols *t, struct symbol *sym)
{
    struct symbols_slot w = symbols_words(sym->name);
    unsigned i = (unsigned)symbols_hash(w, sym->name) & t->mask;

    while (t->table[i].symbol)
        i = (i + 1) & t->mask;
    w.symbol = sym;
    t->table[i] = w;
}

void symbols_put(struct symbols *t, struct symbol *sym)
{
    if (t->n == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 64;
        t->all = mem_grow(t->all, t->cap * sizeof(*t->all));
    }
    sym->wake.rank = t->n;
    t->all[t->n++] = sym;
    if (t->n * SPARSE <= t->mask) {
        table_put(t, sym);
        return;
    }
    free(t->table);
    t->mask = t->mask * 2 + 1;
    t->table = mem_zero(((size_t)t->mask + 1) * sizeof *t->table);
    for (unsigned i = 0; i < t->n; i++)
        table_put(t, t->all[i]);
}
