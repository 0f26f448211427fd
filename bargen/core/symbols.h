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
#ifndef BARGEN_CORE_SYMBOLS_H
#define BARGEN_CORE_SYMBOLS_H

#include <stdint.h>
#include <string.h>

#include "bargen/core/symbol.h"

enum { SYMBOLS_WORDS_MAX = 16 /* bytes that two words hold */ };

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
void symbols_put(struct symbols *t, struct symbol *sym);

static inline uint64_t symbols_load8(const char *p)
{
    uint64_t w;

    memcpy(&w, p, sizeof w);
    return w;
}

static inline uint32_t symbols_load4(const char *p)
{
    uint32_t w;

    memcpy(&w, p, sizeof w);
    return w;
}

/* Reads no byte outside the name: overlapping loads cover every length. */
static inline struct symbols_slot symbols_words(struct span s)
{
    struct symbols_slot w = {0, 0, NULL};

    if (s.len >= 8) {
        w.first = symbols_load8(s.ptr);
        w.last = symbols_load8(s.ptr + s.len - 8);
    } else if (s.len >= 4) {
        w.first = (uint64_t)symbols_load4(s.ptr) << 32 |
                  symbols_load4(s.ptr + s.len - 4);
    } else if (s.len > 0) {
        w.first = (uint64_t)(unsigned char)s.ptr[0] << 16 |
                  (uint64_t)(unsigned char)s.ptr[s.len / 2] << 8 |
                  (unsigned char)s.ptr[s.len - 1];
    }
    return w;
}

static inline unsigned symbols_hash(struct symbols_slot w, size_t len)
{
    uint64_t h = (w.first ^ len) * UINT64_C(0x9E3779B97F4A7C15) ^
                 w.last * UINT64_C(0xBF58476D1CE4E5B9);

    return (unsigned)(h >> 32 ^ h >> 45);
}

/* Inline: done for every event. */
static inline struct symbol *symbols_find(const struct symbols *t,
                                          struct span name)
{
    struct symbols_slot w = symbols_words(name);

    for (unsigned i = symbols_hash(w, name.len) & t->mask; t->table[i].symbol;
         i = (i + 1) & t->mask) {
        const struct symbols_slot *slot = &t->table[i];

        if (slot->first == w.first && slot->last == w.last &&
            slot->symbol->name.len == name.len &&
            (name.len <= SYMBOLS_WORDS_MAX ||
             memcmp(slot->symbol->name.ptr, name.ptr, name.len) == 0))
            return slot->symbol;
    }
    return NULL;
}

#endif
