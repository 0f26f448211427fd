/*
 * heap.h -- who is to be woken next: a binary heap with nodes inside their
 * owners.
 *
 * Order       by due time, then by rank, so that what is due at the same time
 *             always comes in the same order
 * Ownership   nodes belong to the caller and must leave before they are freed
 */
#pragma once

#include <stdint.h>

struct heap_node {
    int64_t due_ns;
    unsigned rank;
    unsigned at; /* place + 1; 0: not in the heap */
};

struct heap {
    struct heap_node **at;
    unsigned n, cap;
};

void heap_close(struct heap *h);
/* Puts the node in, or moves it. */
void heap_set(struct heap *h, struct heap_node *node, int64_t due_ns);
void heap_remove(struct heap *h, struct heap_node *node);
struct heap_node *heap_first(const struct heap *h); /* NULL: empty */
