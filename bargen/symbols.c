/* symbols.c -- see symbols.h. */
#include "bargen/symbols.h"

#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"

enum { TABLE_FIRST = 256 };

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
uint64_t symbols_hash(struct span s)
{
    uint64_t h = s.len * UINT64_C(0x9E3779B97F4A7C15);
    const char *p = s.ptr;
    size_t n = s.len;

    for (; n > 16; p += 8, n -= 8)
        h = (h ^ load8(p)) * UINT64_C(0x9FB21C651E98DF25) ^ h >> 29;
    if (n >= 8)
        h ^= load8(p) * UINT64_C(0xBF58476D1CE4E5B9) ^
             load8(p + n - 8) * UINT64_C(0x94D049BB133111EB);
    else if (n >= 4)
        h ^= ((uint64_t)load4(p) << 32 | load4(p + n - 4)) *
             UINT64_C(0xBF58476D1CE4E5B9);
    else if (n > 0)
        h ^=
            ((uint64_t)(unsigned char)p[0] << 16 |
             (uint64_t)(unsigned char)p[n / 2] << 8 | (unsigned char)p[n - 1]) *
            UINT64_C(0xBF58476D1CE4E5B9);
    h ^= h >> 32;
    h *= UINT64_C(0x9FB21C651E98DF25);
    return h ^ h >> 28;
}

void symbols_init(struct symbols *t)
{
    *t = (struct symbols){.mask = TABLE_FIRST - 1};
    t->table = mem_zero(TABLE_FIRST * sizeof(*t->table));
}

void symbols_close(struct symbols *t)
{
    for (unsigned i = 0; i < t->n; i++)
        symbol_free(t->all[i]);
    free(t->all);
    free(t->table);
    *t = (struct symbols){0};
}

struct symbol *symbols_find(const struct symbols *t, struct span name,
                            uint64_t hash)
{
    struct symbol *sym;

    for (unsigned i = (unsigned)hash & t->mask; (sym = t->table[i]) != NULL;
         i = (i + 1) & t->mask)
        if (sym->hash == hash && span_eq(sym->name, name))
            return sym;
    return NULL;
}

static void table_put(struct symbols *t, struct symbol *sym)
{
    unsigned i = (unsigned)sym->hash & t->mask;

    while (t->table[i])
        i = (i + 1) & t->mask;
    t->table[i] = sym;
}

void symbols_put(struct symbols *t, struct symbol *sym)
{
    if (t->n == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 64;
        t->all = mem_grow(t->all, t->cap * sizeof(*t->all));
    }
    sym->wake.rank = t->n;
    t->all[t->n++] = sym;
    if (t->n * 2 <= t->mask) {
        table_put(t, sym);
        return;
    }
    free(t->table);
    t->mask = t->mask * 2 + 1;
    t->table = mem_zero(((size_t)t->mask + 1) * sizeof(*t->table));
    for (unsigned i = 0; i < t->n; i++)
        table_put(t, t->all[i]);
}
