#include "bargen/core/heap.h"

#include <stdlib.h>

#include "common/base/bytes.h"

void heap_close(struct heap *h)
{
    free(h->at);
    *h = (struct heap){0};
}

static bool sooner(const struct heap_node *a, const struct heap_node *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->rank < b->rank;
}

static void put(struct heap *h, unsigned i, struct heap_node *node)
{
    h->at[i] = node;
    node->at = i + 1;
}

static void sift(struct heap *h, unsigned i, struct heap_node *node)
{
    while (i > 0 && sooner(node, h->at[(i - 1) / 2])) {
        put(h, i, h->at[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    for (;;) {
        unsigned child = 2 * i + 1;

        if (child + 1 < h->n && sooner(h->at[child + 1], h->at[child]))
            child++;
        if (child >= h->n || !sooner(h->at[child], node))
            break;
        put(h, i, h->at[child]);
        i = child;
    }
    put(h, i, node);
}

void heap_set(struct heap *h, struct heap_node *node, int64_t due_ns)
{
    node->due_ns = due_ns;
    if (node->at == 0) {
        if (h->n == h->cap) {
            h->cap = h->cap ? h->cap * 2 : 64;
            h->at = mem_grow(h->at, h->cap * sizeof(*h->at));
        }
        h->n++;
        node->at = h->n;
        h->at[h->n - 1] = node;
    }
    sift(h, node->at - 1, node);
}

void heap_remove(struct heap *h, struct heap_node *node)
{
    unsigned i = node->at;
    struct heap_node *last;

    if (i == 0)
        return;
    node->at = 0;
    last = h->at[--h->n];
    if (last != node)
        sift(h, i - 1, last);
}

struct heap_node *heap_first(const struct heap *h)
{
    return h->n > 0 ? h->at[0] : NULL;
}
