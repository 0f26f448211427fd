/*
 * id_blocks.h -- trade ids that were seen one by one: scattered numbers, texts.
 *
 * A block is 64 neighbouring numbers and a bit for each that was seen; a text
 * is the number that its fingerprint is.  Blocks lie in a ring, in the order in
 * which they were begun, and are found through a hash of their own.  The oldest
 * is forgotten when nothing in it is younger than the window; by value nothing
 * ever is.  One that is old by its place but not by its newest id goes to the
 * end of the ring once more.
 *
 * The age of an id is that of the newest trade when it came, not its own time:
 * a late trade is remembered as long as others.
 *
 * For the store, every block has a number that only grows, and ID_BLOCKS_CHUNK
 * of them are a chunk, written when one of them has changed.
 *
 * Units       time in nanoseconds since the epoch
 * Bounds      the newest ID_BLOCKS_MIN stay whatever their age; beyond
 *             ID_BLOCKS_MAX the oldest goes whatever its age, counted in
 *             `forgotten`
 * Ownership   id_blocks_init/id_blocks_close; grows from nothing
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    ID_BLOCKS_MIN = 1024,
    ID_BLOCKS_MAX = 65536,
    ID_BLOCKS_CHUNK = 256,
    ID_BLOCKS_CHUNKS = 512, /* more than there are at once */
};

/* Two numberings, one after the other, and texts share the ring. */
enum id_kind { ID_EVEN, ID_ODD, ID_TEXT };

struct id_block {
    uint64_t key; /* the id without its low six bits, which are the kind and
                     whether an id came when the block was no longer new */
    uint64_t bits;
    int64_t stamp_ns; /* the newest trade when the last of them came */
};

struct id_blocks {
    struct id_block *ring; /* block number n is at n mod cap */
    uint32_t *table;       /* open addressing, twice the ring; 0: free, else the
                        place in the ring and 1 */
    unsigned cap, n;       /* cap: a power of two */
    uint64_t first;        /* number of the oldest */
    uint64_t stored;       /* chunks before this one are not stored any more */
    int64_t now_ns;        /* the newest of all times that were told */
    uint64_t forgotten;
    unsigned missing; /* that were to be restored, and were not */
    uint64_t changed[ID_BLOCKS_CHUNKS / 64]; /* bit: chunk mod that many */
};

void id_blocks_init(struct id_blocks *b);
void id_blocks_close(struct id_blocks *b);

bool id_blocks_has(const struct id_blocks *b, enum id_kind kind, uint64_t id);
/* False: it was there.  now_ns: the time of the newest trade. */
bool id_blocks_add(struct id_blocks *b, enum id_kind kind, uint64_t id,
                   int64_t now_ns, int64_t window_ns);
/* No id of that kind was seen. */
void id_blocks_clear(struct id_blocks *b, enum id_kind kind);

/* Chunks that hold blocks: [first, end). */
uint64_t id_blocks_chunk_first(const struct id_blocks *b);
uint64_t id_blocks_chunk_end(const struct id_blocks *b);
/* Has it changed since it was last asked? */
bool id_blocks_take_changed(struct id_blocks *b, uint64_t chunk);
void id_blocks_touch_all(struct id_blocks *b);
/* NULL: there is no such number. */
const struct id_block *id_blocks_at(const struct id_blocks *b, uint64_t number);

/* For decoding: n empty blocks, then what is in them.  False where there cannot
 * be as many, or no such number or key. */
bool id_blocks_restore(struct id_blocks *b, uint64_t first, uint64_t n);
bool id_blocks_restore_block(struct id_blocks *b, uint64_t number,
                             const struct id_block *block);
