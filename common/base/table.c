#include "common/base/table.h"

#include <stdlib.h>

#include "common/base/bytes.h"
#include "common/base/hash.h"

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
    h = hash_text(key);
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
    n->hash = hash_text(key);
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
