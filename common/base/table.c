#include "common/base/table.h"

#include <stdlib.h>

#include "common/base/bytes.h"

static uint64_t seed_of_process = 0x9e3779b97f4a7c15u;

void table_seed(uint64_t seed)
{
    seed_of_process = seed;
}

/* Both halves of the product: a difference in the highest bits, which the lower
 * half alone loses, goes on into all others. */
static uint64_t mix(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 m = (unsigned __int128)a * b;

    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/* Eight bytes a step: names are short, and this is on the path of every
 * message. */
static uint64_t hash_of(struct span key)
{
    uint64_t k = seed_of_process ^ 0xa0761d6478bd642fU;
    uint64_t h = seed_of_process, w;
    size_t i = 0;

    for (; i + 8 <= key.len; i += 8) {
        memcpy(&w, key.ptr + i, 8);
        h = mix(h ^ w, k);
    }
    if (i < key.len) {
        w = 0;
        memcpy(&w, key.ptr + i, key.len - i);
        h = mix(h ^ w, k);
    }
    return mix(h ^ key.len, 0xe7037ed1a0b428dbU);
}

void table_init(struct table *t,
                bool (*equal)(const struct node *n, struct span key))
{
    *t = (struct table){.equal = equal};
}

void table_close(struct table *t)
{
    free(t->buckets);
    *t = (struct table){.equal = t->equal};
}

struct node *table_find(const struct table *t, struct span key)
{
    uint64_t h;
    struct node *n;

    if (t->n_buckets == 0)
        return NULL;
    h = hash_of(key);
    n = t->buckets[h & (t->n_buckets - 1)];
    while (n && !(n->hash == h && t->equal(n, key)))
        n = n->next;
    return n;
}

static void grow(struct table *t)
{
    size_t cap = t->n_buckets == 0 ? 64 : t->n_buckets * 2;
    struct node **buckets = mem_zero(cap * sizeof *buckets);

    for (size_t i = 0; i < t->n_buckets; i++) {
        for (struct node *n = t->buckets[i], *next; n; n = next) {
            next = n->next;
            n->next = buckets[n->hash & (cap - 1)];
            buckets[n->hash & (cap - 1)] = n;
        }
    }
    free(t->buckets);
    t->buckets = buckets;
    t->n_buckets = cap;
}

void table_add(struct table *t, struct node *n, struct span key)
{
    struct node **b;

    if (t->count >= t->n_buckets)
        grow(t);
    n->hash = hash_of(key);
    b = &t->buckets[n->hash & (t->n_buckets - 1)];
    n->next = *b;
    *b = n;
    t->count++;
}

void table_remove(struct table *t, struct node *n)
{
    struct node **at = &t->buckets[n->hash & (t->n_buckets - 1)];

    while (*at != n)
        at = &(*at)->next;
    *at = n->next;
    t->count--;
}

void table_each(const struct table *t, void (*fn)(void *arg, struct node *n),
                void *arg)
{
    for (size_t i = 0; i < t->n_buckets; i++) {
        for (struct node *n = t->buckets[i], *next; n; n = next) {
            next = n->next;
            fn(arg, n);
        }
    }
}
