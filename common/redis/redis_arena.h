/*
 * redis_arena.h -- memory of one reply, used again for the next.
 *
 * Blocks do not move, so pointers stay valid until redis_arena_reset().
 * Errors      NULL above the limit given; out of memory ends the process
 */
#pragma once

#include <stddef.h>

struct redis_arena_block;

/* Zeroed but for max_bytes is empty. */
struct redis_arena {
    struct redis_arena_block *newest;
    size_t total; /* bytes of all blocks */
    size_t max_bytes;
};

void redis_arena_close(struct redis_arena *a);
/* Aligned for any object; not cleared.  LINE_PAD bytes behind it are readable. */
void *redis_arena_take(struct redis_arena *a, size_t n);
/* Everything taken so far ends; a block of moderate size is kept. */
void redis_arena_reset(struct redis_arena *a);
