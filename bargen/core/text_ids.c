#include "bargen/core/text_ids.h"

#include <stdlib.h>

#include "common/base/bytes.h"
#include "common/base/hash.h"

enum { CAP_FIRST = 64 };

void text_ids_init(struct text_ids *r)
{
    *r = (struct text_ids){0};
}

void text_ids_close(struct text_ids *r)
{
    free(r->ring);
    free(r->table);
    text_ids_init(r);
}

/* FNV-1a, then mixed. */
uint64_t text_ids_fingerprint(struct span id)
{
    uint64_t h = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < id.len; i++)
        h = (h ^ (unsigned char)id.ptr[i]) * UINT64_C(1099511628211);
    h ^= h >> 29;
    h *= UINT64_C(0xBF58476D1CE4E5B9);
    h ^= h >> 32;
    return h ? h : 1;
}

/* Seeded: whoever chooses ids also chooses their fingerprints. */
static unsigned home(uint64_t f, unsigned mask)
{
    return (unsigned)hash_number(f) & mask;
}

/* Where the fingerprint is, or the free place that it belongs to. */
static unsigned place(const struct text_ids *r, uint64_t f, unsigned from)
{
    unsigned mask = r->cap * 2 - 1;
    unsigned i = from;

    while (r->table[i] != 0 && r->table[i] != f)
        i = (i + 1) & mask;
    return i;
}

/* Closes the hole so that no search stops early (Knuth 6.4, algorithm R). */
static void table_remove(struct text_ids *r, uint64_t f)
{
    unsigned mask = r->cap * 2 - 1;
    unsigned hole = place(r, f, home(f, mask));

    for (unsigned i = (hole + 1) & mask; r->table[i] != 0; i = (i + 1) & mask) {
        if (((i - home(r->table[i], mask)) & mask) >= ((i - hole) & mask)) {
            r->table[hole] = r->table[i];
            hole = i;
        }
    }
    r->table[hole] = 0;
}

static void grow(struct text_ids *r)
{
    r->cap = r->cap ? r->cap * 2 : CAP_FIRST;
    r->ring = mem_grow(r->ring, r->cap * sizeof *r->ring);
    free(r->table);
    r->table = mem_zero((size_t)r->cap * 2 * sizeof *r->table);
    for (unsigned i = 0; i < r->n; i++) {
        unsigned from = home(r->ring[i], r->cap * 2 - 1);

        r->table[place(r, r->ring[i], from)] = r->ring[i];
    }
    r->next = r->n;
}

bool text_ids_add(struct text_ids *r, uint64_t f)
{
    unsigned from, at;

    if (r->n == r->cap && r->cap < TEXT_IDS_MAX)
        grow(r);
    from = home(f, r->cap * 2 - 1);
    at = place(r, f, from);
    if (r->table[at] == f)
        return false;
    if (r->n == r->cap) {
        table_remove(r, r->ring[r->next]);
        at = place(r, f, from);
    } else {
        r->n++;
    }
    r->table[at] = f;
    r->ring[r->next] = f;
    r->next = (r->next + 1) & (r->cap - 1);
    return true;
}

uint64_t text_ids_newest(const struct text_ids *r, unsigned i)
{
    return r->ring[(r->next - 1 - i) & (r->cap - 1)];
}
