/*
 * symbols.h -- find a symbol by its name, once for every event.
 *
 * Not common/base/table.h, because with thousands of symbols a look-up costs
 * what it misses in the cache.  A slot is one cache line and holds the length,
 * half of the hash and the first 48 bytes of the name, so the symbol itself is
 * read only when it is the right one.  A short name is two words there.  Open
 * addressing; the slot comes from the seeded hash of common/base/hash.h over
 * the whole name, so names neither happen to collide, whatever their form, nor
 * can be chosen to.  `all` keeps
 * the order in which symbols appeared, and a symbol's wake.rank is its place
 * there.
 *
 * Ownership   symbols_put takes the symbol; symbols_close frees those in `all`
 */
#pragma once

#include "bargen/core/symbol.h"
#include "common/base/hash.h"

enum {
    SYMBOLS_SLOT = 64,
    SYMBOLS_NAME = 48, /* bytes of it in the slot */
    SYMBOLS_SHORT = 16,
};

/* A name of up to SYMBOLS_SHORT bytes as two words, which with its length are
 * all of it. */
struct symbols_words {
    uint64_t a, b;
};

struct symbols_slot {
    _Alignas(SYMBOLS_SLOT) struct symbol *symbol; /* NULL: free */
    uint64_t tag; /* the hash's upper half, and the length */
    union {
        struct symbols_words words;
        char name[SYMBOLS_NAME]; /* of a longer one */
    };
};

struct symbols {
    struct symbol **all;
    unsigned n, cap;
    struct symbols_slot *table;
    unsigned mask;
    void *memory; /* what to free: the table begins inside it */
};

void symbols_init(struct symbols *t);
void symbols_close(struct symbols *t);
void symbols_put(struct symbols *t, struct symbol *sym);
/* Frees those that `goes` chooses; they must be in no heap and no list.  The
 * others keep their order, though not their ranks.  Takes a pass over all, so
 * many at a time cost as much as one. */
void symbols_remove(struct symbols *t,
                    bool (*goes)(const struct symbol *sym, const void *arg),
                    const void *arg);

static inline uint64_t symbols_tag(uint64_t hash, size_t len)
{
    return (hash >> 32 << 32) + len;
}

/* Loads overlap, so that every length is covered without a call. */
static inline struct symbols_words symbols_words(struct span name)
{
    if (name.len < 8)
        return (struct symbols_words){hash_short(name), 0};
    return (struct symbols_words){hash_load8(name.ptr),
                                  hash_load8(name.ptr + name.len - 8)};
}

static inline bool symbols_same_text(const char *a, const char *b, size_t len)
{
    for (size_t at = 0; at + 8 < len; at += 8)
        if (hash_load8(a + at) != hash_load8(b + at))
            return false;
    return hash_load8(a + len - 8) == hash_load8(b + len - 8);
}

/* Of two names of one length. */
static inline bool symbols_is(const struct symbols_slot *slot, struct span name)
{
    struct symbols_words words;

    if (name.len > SYMBOLS_NAME)
        return memcmp(slot->symbol->name.ptr, name.ptr, name.len) == 0;
    if (name.len > SYMBOLS_SHORT)
        return symbols_same_text(slot->name, name.ptr, name.len);
    words = symbols_words(name);
    return slot->words.a == words.a && slot->words.b == words.b;
}

/* Inline: done for every event. */
static inline __attribute__((always_inline)) struct symbol *
symbols_find(const struct symbols *t, struct span name)
{
    uint64_t hash = hash_text(name), tag = symbols_tag(hash, name.len);

    for (unsigned i = (unsigned)hash & t->mask; t->table[i].symbol;
         i = (i + 1) & t->mask)
        if (t->table[i].tag == tag && symbols_is(&t->table[i], name))
            return t->table[i].symbol;
    return NULL;
}
