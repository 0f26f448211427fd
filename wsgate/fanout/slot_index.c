#include "wsgate/fanout/slot_index.h"

#include <assert.h>
#include <stdlib.h>

#include "common/base/bytes.h"
#include "common/base/hash.h"
#include "wsgate/fanout/stream.h"

struct neighbours {
    uint16_t older, newer;
};

struct slot_index {
    uint16_t *places; /* of slots; SLOT_NONE: free */
    uint32_t mask;
    struct neighbours *order; /* by slot */
    uint16_t oldest, newest;
};

static uint32_t home(const struct slot_index *x, uint16_t type, int64_t part)
{
    return (uint32_t)hash_words(type, (uint64_t)part) & x->mask;
}

static void link_behind(struct slot_index *x, uint16_t at, uint16_t older)
{
    struct neighbours *me = &x->order[at];

    me->older = older;
    me->newer = older == SLOT_NONE ? x->oldest : x->order[older].newer;
    *(older == SLOT_NONE ? &x->oldest : &x->order[older].newer) = at;
    *(me->newer == SLOT_NONE ? &x->newest : &x->order[me->newer].older) = at;
}

static void unlink_slot(struct slot_index *x, uint16_t at)
{
    struct neighbours me = x->order[at];

    *(me.older == SLOT_NONE ? &x->oldest : &x->order[me.older].newer) =
        me.newer;
    *(me.newer == SLOT_NONE ? &x->newest : &x->order[me.newer].older) =
        me.older;
}

static void place(struct slot_index *x, const struct conflation_key *slots,
                  uint16_t at)
{
    uint32_t i = home(x, slots[at].type, slots[at].part);

    while (x->places[i] != SLOT_NONE)
        i = (i + 1) & x->mask;
    x->places[i] = at;
}

struct by_frame {
    uint64_t frame;
    uint16_t at;
};

static int compare(const void *a, const void *b)
{
    const struct by_frame *x = a, *y = b;

    if (x->frame != y->frame)
        return x->frame < y->frame ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

struct slot_index *slot_index_new(const struct conflation_key *slots,
                                  uint32_t n, uint32_t max)
{
    struct slot_index *x = mem_alloc(sizeof *x);
    struct by_frame *sorted = mem_alloc((n + 1) * sizeof *sorted);
    uint32_t places = 2;

    assert(n <= max && max < SLOT_NONE);
    while (places < 2 * max) /* at most half full */
        places *= 2;
    *x = (struct slot_index){.places = mem_alloc(places * sizeof *x->places),
                             .mask = places - 1,
                             .order = mem_alloc(max * sizeof *x->order),
                             .oldest = SLOT_NONE,
                             .newest = SLOT_NONE};
    memset(x->places, 0xff, places * sizeof *x->places);
    for (uint32_t i = 0; i < n; i++)
        sorted[i] = (struct by_frame){slots[i].frame, (uint16_t)i};
    qsort(sorted, n, sizeof *sorted, compare);
    for (uint32_t i = 0; i < n; i++) {
        place(x, slots, sorted[i].at);
        link_behind(x, sorted[i].at, x->newest);
    }
    free(sorted);
    return x;
}

void slot_index_free(struct slot_index *x)
{
    if (!x)
        return;
    free(x->places);
    free(x->order);
    free(x);
}

uint16_t slot_index_find(const struct slot_index *x,
                         const struct conflation_key *slots, uint16_t type,
                         int64_t part)
{
    uint32_t i = home(x, type, part);
    uint16_t at;

    while ((at = x->places[i]) != SLOT_NONE &&
           (slots[at].part != part || slots[at].type != type))
        i = (i + 1) & x->mask;
    return at;
}

void slot_index_add(struct slot_index *x, const struct conflation_key *slots,
                    uint16_t at)
{
    place(x, slots, at);
    link_behind(x, at, SLOT_NONE);
}

/* Those behind it that it kept from their home move up: no marks of what was
 * deleted, which would fill the table in time. */
void slot_index_remove(struct slot_index *x, const struct conflation_key *slots,
                       uint16_t at)
{
    uint32_t gap = home(x, slots[at].type, slots[at].part), i;

    while (x->places[gap] != at)
        gap = (gap + 1) & x->mask;
    for (i = (gap + 1) & x->mask; x->places[i] != SLOT_NONE;
         i = (i + 1) & x->mask) {
        const struct conflation_key *s = &slots[x->places[i]];
        uint32_t from_home = (i - home(x, s->type, s->part)) & x->mask;

        if (from_home >= ((i - gap) & x->mask)) {
            x->places[gap] = x->places[i];
            gap = i;
        }
    }
    x->places[gap] = SLOT_NONE;
    unlink_slot(x, at);
}

void slot_index_set(struct slot_index *x, uint16_t at)
{
    if (x->newest == at)
        return;
    unlink_slot(x, at);
    link_behind(x, at, x->newest);
}

uint16_t slot_index_oldest(const struct slot_index *x)
{
    return x->oldest;
}

uint16_t slot_index_newest(const struct slot_index *x)
{
    return x->newest;
}

uint16_t slot_index_older(const struct slot_index *x, uint16_t at)
{
    return x->order[at].older;
}

uint16_t slot_index_newer(const struct slot_index *x, uint16_t at)
{
    return x->order[at].newer;
}
