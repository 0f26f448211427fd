/*
 * symbols.h -- find a symbol by its name, once for every event.
 *
 * Not common/base/table.h, because a slot holds the first and the last eight
 * bytes of the name, which are all of it for names of up to 16 bytes: the symbol
 * itself is read only when it is the right one.  Open addressing; the slot comes
 * from the seeded hash of common/base/hash.h, so names cannot be chosen to
 * collide.  `all` keeps the order in which symbols appeared, and a symbol's
 * wake.rank is its place there.
 *
 * Ownership   symbols_put takes the symbol; symbols_close frees those in `all`
 */
#pragma once

#include "bargen/core/symbol.h"
#include "common/base/hash.h"

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

static inline struct symbols_slot symbols_words(struct span s)
{
    if (s.len >= 8)
        return (struct symbols_slot){hash_load8(s.ptr),
                                     hash_load8(s.ptr + s.len - 8), NULL};
    return (struct symbols_slot){hash_short(s), 0, NULL};
}

/* Two words that are the whole name need one step; so at most nine names, of
 * other lengths, share them. */
static inline uint64_t symbols_hash(struct symbols_slot w, struct span name)
{
    return name.len <= SYMBOLS_WORDS_MAX ? hash_words(w.first, w.last)
                                         : hash_text(name);
}

/* Inline: done for every event. */
static inline __attribute__((always_inline)) struct symbol *
symbols_find(const struct symbols *t, struct span name)
{
    struct symbols_slot w = symbols_words(name);

    for (unsigned i = (unsigned)symbols_hash(w, name) & t->mask;
         t->table[i].symbol; i = (i + 1) & t->mask) {
        const struct symbols_slot *slot = &t->table[i];

        if (slot->first == w.first && slot->last == w.last &&
            slot->symbol->name.len == name.len &&
            (name.len <= SYMBOLS_WORDS_MAX ||
             memcmp(slot->symbol->name.ptr, name.ptr, name.len) == 0))
            return slot->symbol;
    }
    return NULL;
}
