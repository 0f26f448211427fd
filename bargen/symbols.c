/* symbols.c -- see symbols.h. */
#include "bargen/symbols.h"

#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"

enum {
    TABLE_FIRST = 1024,
    SPARSE = 4,     /* slots for each symbol, so that few share one */
    WORDS_MAX = 16, /* bytes that two words hold */
};

static uint64_t load8(const char *p)
{
    uint64_t w;

    memcpy(&w, p, sizeof w);
    return w;
}

static uint32_t load4(const char *p)
{
    uint32_t w;

    memcpy(&w, p, sizeof w);
    return w;
}

/* Reads no byte outside the name: overlapping loads cover every length. */
static inline struct symbols_slot words_of(struct span s)
{
    struct symbols_slot w = {0, 0, NULL};

    if (s.len >= 8) {
        w.first = load8(s.ptr);
        w.last = load8(s.ptr + s.len - 8);
    } else if (s.len >= 4) {
        w.first = (uint64_t)load4(s.ptr) << 32 | load4(s.ptr + s.len - 4);
    } else if (s.len > 0) {
        w.first = (uint64_t)(unsigned char)s.ptr[0] << 16 |
                  (uint64_t)(unsigned char)s.ptr[s.len / 2] << 8 |
                  (unsigned char)s.ptr[s.len - 1];
    }
    return w;
}

static inline unsigned hash(struct symbols_slot w, size_t len)
{
    uint64_t h = (w.first ^ len) * UINT64_C(0x9E3779B97F4A7C15) ^
                 w.last * UINT64_C(0xBF58476D1CE4E5B9);

    return (unsigned)(h >> 32 ^ h >> 45);
}

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

struct symbol *symbols_find(const struct symbols *t, struct span name)
{
    struct symbols_slot w = words_of(name);

    for (unsigned i = hash(w, name.len) & t->mask; t->table[i].symbol;
         i = (i + 1) & t->mask) {
        const struct symbols_slot *slot = &t->table[i];

        if (slot->first == w.first && slot->last == w.last &&
            slot->symbol->name.len == name.len &&
            (name.len <= WORDS_MAX ||
             memcmp(slot->symbol->name.ptr, name.ptr, name.len) == 0))
            return slot->symbol;
    }
    return NULL;
}

static void table_put(struct symbols *t, struct symbol *sym)
{
    struct symbols_slot w = words_of(sym->name);
    unsigned i = hash(w, sym->name.len) & t->mask;

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
