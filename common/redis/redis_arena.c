#include "common/redis/redis_arena.h"

#include <stdalign.h>
#include <stdlib.h>

#include "common/base/bytes.h"
#include "common/base/line.h"

enum { BLOCK_MIN = 16 * 1024, BLOCK_KEEP = 1024 * 1024 };

struct redis_arena_block {
    struct redis_arena_block *older;
    size_t used, cap;
    alignas(max_align_t) char data[];
};

static void free_chain(struct redis_arena *a, struct redis_arena_block *b)
{
    while (b) {
        struct redis_arena_block *older = b->older;

        a->total -= b->cap;
        free(b);
        b = older;
    }
}

void redis_arena_close(struct redis_arena *a)
{
    free_chain(a, a->newest);
    a->newest = NULL;
}

static struct redis_arena_block *grow(struct redis_arena *a, size_t n)
{
    size_t cap = a->newest ? a->newest->cap * 2 : BLOCK_MIN;
    struct redis_arena_block *b;

    if (cap < n)
        cap = n;
    if (cap > a->max_bytes - a->total)
        cap = n;
    if (cap > a->max_bytes - a->total)
        return NULL;
    b = mem_alloc(sizeof *b + cap + LINE_PAD);
    *b = (struct redis_arena_block){.older = a->newest, .cap = cap};
    a->newest = b;
    a->total += cap;
    return b;
}

void *redis_arena_take(struct redis_arena *a, size_t n)
{
    struct redis_arena_block *b = a->newest;
    void *p;

    if (n > a->max_bytes)
        return NULL;
    n = (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (!b || b->cap - b->used < n) {
        b = grow(a, n);
        if (!b)
            return NULL;
    }
    p = b->data + b->used;
    b->used += n;
    return p;
}

void redis_arena_reset(struct redis_arena *a)
{
    struct redis_arena_block *b = a->newest;

    if (!b)
        return;
    if (b->cap > BLOCK_KEEP) {
        redis_arena_close(a);
        return;
    }
    free_chain(a, b->older);
    b->older = NULL;
    b->used = 0;
}
