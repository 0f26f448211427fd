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

static struct node *with_hash(struct node *n, uint64_t hash)
{
    while (n && n->hash != hash)
        n = n->next;
    return n;
}

struct node *table_first(const struct table *t, uint64_t hash)
{
    if (t->n_buckets == 0)
        return NULL;
    return with_hash(t->buckets[hash & (t->n_buckets - 1)], hash);
}

struct node *table_next(const struct node *n)
{
    return with_hash(n->next, n->hash);
}

struct node *table_find(const struct table *t, struct span key)
{
    struct node *n = table_first(t, hash_text(key));

    while (n && !t->equal(n, key))
        n = table_next(n);
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

void table_put(struct table *t, struct node *n, uint64_t hash)
{
    struct node **b;

    if (t->count >= t->n_buckets)
        grow(t);
    n->hash = hash;
    b = &t->buckets[hash & (t->n_buckets - 1)];
    n->next = *b;
    *b = n;
    t->count++;
}

void table_add(struct table *t, struct node *n, struct span key)
{
    table_put(t, n, hash_text(key));
}

void table_remove(struct table *t, struct node *n)
{
    struct node **at = &t->buckets[n->hash & (t->n_buckets - 1)];

    while (*at != n)
        at = &(*at)->next;
    *at = n->next;
    t->count--;
}

void table_walk(const struct table *t, size_t *at, size_t buckets,
                void (*fn)(void *arg, struct node *n), void *arg)
{
    for (; buckets > 0 && t->n_buckets > 0; buckets--) {
        struct node *n = t->buckets[(*at)++ & (t->n_buckets - 1)], *next;

        for (; n; n = next) {
            next = n->next;
            fn(arg, n);
        }
    }
}

void table_each(const struct table *t, void (*fn)(void *arg, struct node *n),
                void *arg)
{
    size_t at = 0;

    table_walk(t, &at, t->n_buckets, fn, arg);
}
