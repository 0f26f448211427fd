#include "tickpub/publish/names.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"

enum { FIRST_SLOTS = 256 };

void names_close(struct names *t)
{
    free(t->slots);
    *t = (struct names){0};
}

/* Eight bytes a step: multiply and fold, as wyhash does.  Names come from the
 * operator's own feed and are bounded in number, so a seed against chosen
 * collisions would protect nobody. */
uint64_t names_hash(struct span text)
{
    uint64_t h = 0x9E3779B97F4A7C15u ^ text.len;
    const char *p = text.ptr;
    size_t left = text.len;

    for (; left >= 8; p += 8, left -= 8) {
        uint64_t word;

        memcpy(&word, p, 8);
        h = (h ^ word) * 0xD6E8FEB86659FD93u;
        h ^= h >> 32;
    }
    if (left > 0) {
        uint64_t word = 0;

        memcpy(&word, p, left);
        h = (h ^ word) * 0xD6E8FEB86659FD93u;
        h ^= h >> 32;
    }
    h *= 0xD6E8FEB86659FD93u;
    return h ^ (h >> 29);
}

struct name *names_find(const struct names *t, struct span text, uint64_t hash)
{
    if (t->mask == 0)
        return NULL;
    for (size_t i = hash & t->mask;; i = (i + 1) & t->mask) {
        struct name *n = t->slots[i];

        if (!n)
            return NULL;
        if (n->hash == hash && span_eq(n->text, text))
            return n;
    }
}

static void place(struct names *t, struct name *n)
{
    size_t i = n->hash & t->mask;

    while (t->slots[i])
        i = (i + 1) & t->mask;
    t->slots[i] = n;
}

/* At most half full, so that a miss ends after a step or two. */
static void grow(struct names *t)
{
    struct names old = *t;
    size_t slots = old.mask > 0 ? (old.mask + 1) * 2 : FIRST_SLOTS;

    t->slots = mem_zero(slots * sizeof(struct name *));
    t->mask = slots - 1;
    if (old.mask > 0) {
        for (size_t i = 0; i <= old.mask; i++) {
            if (old.slots[i])
                place(t, old.slots[i]);
        }
    }
    free(old.slots);
}

void names_add(struct names *t, struct name *n)
{
    n->hash = names_hash(n->text);
    assert(!names_find(t, n->text, n->hash));
    if (t->mask == 0 || (t->count + 1) * 2 > t->mask + 1)
        grow(t);
    place(t, n);
    t->count++;
}
