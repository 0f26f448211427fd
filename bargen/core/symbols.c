#include "bargen/core/symbols.h"

#include <stdlib.h>

#include "common/base/bytes.h"

enum {
    TABLE_FIRST = 1024,
    SPARSE = 4, /* slots for each symbol, so that few share one */
};

static void table_new(struct symbols *t, unsigned slots)
{
    uintptr_t at;

    free(t->memory);
    t->memory = mem_zero(slots * sizeof(struct symbols_slot) + SYMBOLS_SLOT);
    at = (uintptr_t)t->memory;
    t->table = (void *)(at + (SYMBOLS_SLOT - at % SYMBOLS_SLOT) % SYMBOLS_SLOT);
    t->mask = slots - 1;
}

void symbols_init(struct symbols *t)
{
    *t = (struct symbols){0};
    table_new(t, TABLE_FIRST);
}

void symbols_close(struct symbols *t)
{
    for (unsigned i = 0; i < t->n; i++)
        symbol_free(t->all[i]);
    free(t->all);
    free(t->memory);
    *t = (struct symbols){0};
}

static void table_put(struct symbols *t, struct symbol *sym)
{
    struct span name = sym->name;
    uint64_t hash = hash_text(name);
    unsigned i = (unsigned)hash & t->mask;
    struct symbols_slot *slot;

    while (t->table[i].symbol)
        i = (i + 1) & t->mask;
    slot = &t->table[i];
    slot->symbol = sym;
    slot->tag = symbols_tag(hash, name.len);
    if (name.len <= SYMBOLS_SHORT)
        slot->words = symbols_words(name);
    else
        memcpy(slot->name, name.ptr,
               name.len < SYMBOLS_NAME ? name.len : SYMBOLS_NAME);
}

static void table_fill(struct symbols *t, unsigned slots)
{
    table_new(t, slots);
    for (unsigned i = 0; i < t->n; i++)
        table_put(t, t->all[i]);
}

void symbols_put(struct symbols *t, struct symbol *sym)
{
    if (t->n == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 64;
        t->all = mem_grow(t->all, t->cap * sizeof(*t->all));
    }
    sym->wake.rank = t->n;
    t->all[t->n++] = sym;
    if (t->n * SPARSE <= t->mask)
        table_put(t, sym);
    else
        table_fill(t, 2 * (t->mask + 1));
}

void symbols_remove(struct symbols *t,
                    bool (*goes)(const struct symbol *sym, const void *arg),
                    const void *arg)
{
    unsigned n = 0;

    for (unsigned i = 0; i < t->n; i++) {
        struct symbol *sym = t->all[i];

        if (goes(sym, arg)) {
            symbol_free(sym);
            continue;
        }
        sym->wake.rank = n;
        t->all[n++] = sym;
    }
    t->n = n;
    table_fill(t, t->mask + 1);
}
