#include "bargen/core/id_blocks.h"

#include <stdlib.h>

#include "common/base/bytes.h"
#include "common/base/hash.h"

enum {
    CAP_FIRST = 16,
    KIND = 3,    /* these bits of a key */
    YOUNGER = 4, /* an id came when the block was of the older half */
    LOW = 63,
    STEPS_MAX = 8, /* blocks that are looked at to make room for one */
};
#define NUMBER_MAX (UINT64_C(1) << 60)

void id_blocks_init(struct id_blocks *b)
{
    *b = (struct id_blocks){.now_ns = INT64_MIN};
}

void id_blocks_close(struct id_blocks *b)
{
    free(b->ring);
    free(b->table);
    id_blocks_init(b);
}

static uint64_t key_of(enum id_kind kind, uint64_t id)
{
    return (id & ~(uint64_t)LOW) | kind;
}

static uint64_t bit_of(uint64_t id)
{
    return UINT64_C(1) << (id & LOW);
}

static struct id_block *at(const struct id_blocks *b, uint64_t number)
{
    return &b->ring[number & (b->cap - 1)];
}

/* --- the hash --- */

/* Seeded: whoever chooses ids also chooses their blocks. */
static unsigned home(const struct id_blocks *b, uint64_t key)
{
    return (unsigned)hash_number(key & ~(uint64_t)YOUNGER) & (b->cap * 2 - 1);
}

/* Where the key is, or the free slot that it belongs to. */
static unsigned slot_of(const struct id_blocks *b, uint64_t key)
{
    unsigned mask = b->cap * 2 - 1, i = home(b, key);

    while (b->table[i] != 0 &&
           ((b->ring[b->table[i] - 1].key ^ key) & ~(uint64_t)YOUNGER) != 0)
        i = (i + 1) & mask;
    return i;
}

static struct id_block *find(const struct id_blocks *b, uint64_t key)
{
    unsigned slot;

    if (b->cap == 0)
        return NULL;
    slot = slot_of(b, key);
    return b->table[slot] ? &b->ring[b->table[slot] - 1] : NULL;
}

static void table_put(struct id_blocks *b, const struct id_block *block)
{
    b->table[slot_of(b, block->key)] = (uint32_t)(block - b->ring) + 1;
}

/* Closes the hole so that no search stops early (Knuth 6.4, algorithm R). */
static void table_remove(struct id_blocks *b, const struct id_block *block)
{
    unsigned mask = b->cap * 2 - 1, hole = slot_of(b, block->key);

    /* A block whose chunk was not stored is in no slot. */
    if (b->table[hole] != (uint32_t)(block - b->ring) + 1)
        return;
    for (unsigned i = (hole + 1) & mask; b->table[i] != 0; i = (i + 1) & mask) {
        unsigned wants = home(b, b->ring[b->table[i] - 1].key);

        if (((i - wants) & mask) >= ((i - hole) & mask)) {
            b->table[hole] = b->table[i];
            hole = i;
        }
    }
    b->table[hole] = 0;
}

/* --- the ring --- */

static void touch(struct id_blocks *b, uint64_t chunk)
{
    b->changed[chunk % ID_BLOCKS_CHUNKS / 64] |= UINT64_C(1) << (chunk % 64);
}

static uint64_t number_of(const struct id_blocks *b,
                          const struct id_block *block)
{
    return b->first + (((uint64_t)(block - b->ring) - b->first) & (b->cap - 1));
}

static void resize(struct id_blocks *b, unsigned cap)
{
    struct id_block *old = b->ring;
    unsigned old_mask = b->cap - 1;

    b->cap = cap;
    b->ring = mem_zero(cap * sizeof *b->ring);
    free(b->table);
    b->table = mem_zero((size_t)cap * 2 * sizeof *b->table);
    for (uint64_t i = b->first; i < b->first + b->n; i++) {
        *at(b, i) = old[i & old_mask];
        if (at(b, i)->bits != 0)
            table_put(b, at(b, i));
    }
    free(old);
}

static void append(struct id_blocks *b, uint64_t key, uint64_t bits,
                   int64_t stamp_ns)
{
    struct id_block *block;

    if (b->n == b->cap)
        resize(b, b->cap ? b->cap * 2 : CAP_FIRST);
    block = at(b, b->first + b->n);
    *block = (struct id_block){key, bits, stamp_ns};
    table_put(b, block);
    touch(b, (b->first + b->n) / ID_BLOCKS_CHUNK);
    b->n++;
}

/* The oldest leaves the ring. */
static struct id_block drop(struct id_blocks *b)
{
    struct id_block oldest = *at(b, b->first);

    table_remove(b, at(b, b->first));
    b->first++;
    b->n--;
    return oldest;
}

static bool is_young(const struct id_blocks *b, const struct id_block *block,
                     int64_t window_ns)
{
    return block->bits != 0 && (b->now_ns < INT64_MIN + window_ns ||
                                block->stamp_ns > b->now_ns - window_ns);
}

static void make_room(struct id_blocks *b, int64_t window_ns)
{
    for (unsigned i = 0; i < STEPS_MAX && b->n >= ID_BLOCKS_MIN; i++) {
        const struct id_block *oldest = at(b, b->first);
        bool young = is_young(b, oldest, window_ns);
        bool again = young && oldest->key & YOUNGER && i + 1 < STEPS_MAX;
        struct id_block gone;

        if (young && !again && b->n < ID_BLOCKS_MAX)
            return;
        gone = drop(b);
        if (again)
            append(b, gone.key & ~(uint64_t)YOUNGER, gone.bits, gone.stamp_ns);
        else if (young)
            b->forgotten++;
    }
}

bool id_blocks_has(const struct id_blocks *b, enum id_kind kind, uint64_t id)
{
    const struct id_block *block = find(b, key_of(kind, id));

    return block && block->bits & bit_of(id);
}

bool id_blocks_add(struct id_blocks *b, enum id_kind kind, uint64_t id,
                   int64_t now_ns, int64_t window_ns)
{
    struct id_block *block = find(b, key_of(kind, id));

    if (block && block->bits & bit_of(id))
        return false;
    b->now_ns = now_ns > b->now_ns ? now_ns : b->now_ns;
    if (!block) {
        make_room(b, window_ns);
        append(b, key_of(kind, id), bit_of(id), b->now_ns);
        return true;
    }
    block->bits |= bit_of(id);
    block->stamp_ns = b->now_ns;
    if (number_of(b, block) - b->first < b->n / 2)
        block->key |= YOUNGER;
    touch(b, number_of(b, block) / ID_BLOCKS_CHUNK);
    return true;
}

void id_blocks_clear(struct id_blocks *b, enum id_kind kind)
{
    for (uint64_t i = b->first; i < b->first + b->n; i++)
        if ((at(b, i)->key & KIND) == kind) {
            at(b, i)->bits = 0;
            touch(b, i / ID_BLOCKS_CHUNK);
        }
}

/* --- for the store --- */

uint64_t id_blocks_chunk_first(const struct id_blocks *b)
{
    return b->first / ID_BLOCKS_CHUNK;
}

uint64_t id_blocks_chunk_end(const struct id_blocks *b)
{
    return (b->first + b->n + ID_BLOCKS_CHUNK - 1) / ID_BLOCKS_CHUNK;
}

bool id_blocks_take_changed(struct id_blocks *b, uint64_t chunk)
{
    uint64_t *word = &b->changed[chunk % ID_BLOCKS_CHUNKS / 64];
    uint64_t bit = UINT64_C(1) << (chunk % 64);
    bool was = (*word & bit) != 0;

    *word &= ~bit;
    return was;
}

void id_blocks_touch_all(struct id_blocks *b)
{
    memset(b->changed, 0xff, sizeof b->changed);
}

const struct id_block *id_blocks_at(const struct id_blocks *b, uint64_t number)
{
    return number >= b->first && number - b->first < b->n ? at(b, number)
                                                          : NULL;
}

bool id_blocks_restore(struct id_blocks *b, uint64_t first, uint64_t n)
{
    unsigned cap = CAP_FIRST;

    if (b->n > 0 || first > NUMBER_MAX || n > ID_BLOCKS_MAX)
        return false;
    while (cap < n)
        cap *= 2;
    b->first = first;
    b->stored = first / ID_BLOCKS_CHUNK;
    resize(b, cap);
    b->n = b->missing = (unsigned)n;
    return true;
}

bool id_blocks_restore_block(struct id_blocks *b, uint64_t number,
                             const struct id_block *block)
{
    struct id_block *to;

    if (!id_blocks_at(b, number) || (block->key & LOW & ~YOUNGER) > ID_TEXT)
        return false;
    to = at(b, number);
    if (to->bits != 0 || (block->bits != 0 && find(b, block->key)))
        return false;
    *to = *block;
    b->missing -= b->missing > 0;
    if (to->bits != 0)
        table_put(b, to);
    return true;
}
