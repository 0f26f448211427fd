/*
 * table.h -- a hash table of things that carry their own node.
 *
 * The hash is seeded per process (hash.h): names cannot be chosen to collide.
 *
 * Ownership   the things are the caller's; the table owns its buckets only
 * Errors      growing ends the process when memory is out (bytes.h)
 */
#pragma once

#include "common/base/span.h"

struct node {
    struct node *next;
    uint64_t hash;
};

struct table {
    struct node **buckets;
    size_t n_buckets; /* a power of two, or 0 */
    size_t count;
    bool (*equal)(const struct node *n, struct span key);
};

#define node_of(type, member, n)                                               \
    ((type *)(void *)((char *)(n)-offsetof(type, member)))

void table_init(struct table *t,
                bool (*equal)(const struct node *n, struct span key));
void table_close(struct table *t);
struct node *table_find(const struct table *t, struct span key);
/* The key must not be there yet. */
void table_add(struct table *t, struct node *n, struct span key);
void table_remove(struct table *t, struct node *n);
/* For keys of several parts: the caller computes the hash (hash_pair) and
 * compares the nodes that have it; equal may be NULL. */
struct node *table_first(const struct table *t, uint64_t hash);
struct node *table_next(const struct node *n);
void table_put(struct table *t, struct node *n, uint64_t hash);
/* fn may remove the node that it is given, and no other.  table_walk() visits
 * the next few buckets, from *at on (0 at first), and wraps around. */
void table_walk(const struct table *t, size_t *at, size_t buckets,
                void (*fn)(void *arg, struct node *n), void *arg);
void table_each(const struct table *t, void (*fn)(void *arg, struct node *n),
                void *arg);
