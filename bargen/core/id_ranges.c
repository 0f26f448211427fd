#include "bargen/core/id_ranges.h"

#include <stdlib.h>

#include "common/base/bytes.h"

void id_ranges_close(struct id_ranges *r)
{
    free(r->at);
    *r = (struct id_ranges){.any = false};
}

unsigned id_ranges_find(const struct id_ranges *r, int64_t id)
{
    unsigned lo = 0, hi = r->n;

    if (!r->any || id > r->top.hi)
        return id_ranges_count(r);
    if (r->n == 0 || id > r->at[r->n - 1].hi)
        return r->n;
    while (lo < hi) {
        unsigned mid = lo + (hi - lo) / 2;

        if (r->at[mid].hi < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static const struct id_range *get(const struct id_ranges *r, unsigned i)
{
    return i < r->n ? &r->at[i] : &r->top;
}

bool id_ranges_has(const struct id_ranges *r, int64_t id)
{
    unsigned i = id_ranges_find(r, id);

    return i < id_ranges_count(r) && get(r, i)->lo <= id;
}

void id_ranges_insert(struct id_ranges *r, unsigned i, struct id_range range)
{
    if (!r->any) {
        r->top = range;
        r->any = true;
        return;
    }
    if (r->n == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 4;
        r->at = mem_grow(r->at, r->cap * sizeof *r->at);
    }
    if (i > r->n) {
        r->at[r->n] = r->top;
        r->top = range;
    } else {
        memmove(r->at + i + 1, r->at + i, (r->n - i) * sizeof *r->at);
        r->at[i] = range;
    }
    r->n++;
}

void id_ranges_remove(struct id_ranges *r, unsigned i)
{
    r->n--;
    memmove(r->at + i, r->at + i + 1, (r->n - i) * sizeof *r->at);
}

void id_ranges_join(struct id_ranges *r, unsigned i)
{
    struct id_range *above = id_ranges_at(r, i);
    const struct id_range *below = id_ranges_at(r, i - 1);

    above->lo = below->lo;
    above->lo_ns = below->lo_ns;
    above->out = below->out;
    id_ranges_remove(r, i - 1);
}

bool id_ranges_hole(const struct id_ranges *r, unsigned i, struct id_hole *hole)
{
    const struct id_range *above, *below;

    if (i == 0 || i >= id_ranges_count(r))
        return false;
    above = get(r, i);
    below = get(r, i - 1);
    if (above->lo - below->hi - 1 <= above->out ||
        below->hi_ns > above->lo_ns + ID_RANGES_BACK_NS)
        return false;
    if (below->hi_ns < above->lo_ns)
        *hole = (struct id_hole){below->hi_ns, above->lo_ns};
    else
        *hole = (struct id_hole){above->lo_ns, below->hi_ns};
    return true;
}

int64_t id_ranges_due(const struct id_ranges *r, int64_t after_ns)
{
    int64_t due_ns = INT64_MAX;
    struct id_hole hole;

    for (unsigned i = 1; i < id_ranges_count(r); i++)
        if (id_ranges_hole(r, i, &hole) && hole.to_ns > after_ns &&
            hole.to_ns < due_ns)
            due_ns = hole.to_ns;
    return due_ns;
}

void id_ranges_pass(const struct id_ranges *r, int64_t after_ns,
                    int64_t until_ns,
                    void (*pass)(void *arg, const struct id_hole *hole),
                    void *arg)
{
    struct id_hole hole;

    for (unsigned i = 1; i < id_ranges_count(r); i++)
        if (id_ranges_hole(r, i, &hole) && hole.to_ns > after_ns &&
            hole.to_ns <= until_ns)
            pass(arg, &hole);
}

bool id_ranges_touch(const struct id_ranges *r, int64_t until_ns,
                     int64_t start_ns, int64_t end_ns)
{
    struct id_hole hole;

    /* The youngest first: that is what is asked for. */
    for (unsigned i = id_ranges_count(r); i-- > 1;)
        if (id_ranges_hole(r, i, &hole) && hole.to_ns <= until_ns &&
            hole.to_ns >= start_ns && hole.from_ns < end_ns)
            return true;
    return false;
}

static int by_size(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void widen(struct id_hole *span, const struct id_range *below,
                  const struct id_range *above)
{
    int64_t from_ns = below->hi_ns < above->lo_ns ? below->hi_ns : above->lo_ns;
    int64_t to_ns = below->hi_ns < above->lo_ns ? above->lo_ns : below->hi_ns;

    span->from_ns = from_ns < span->from_ns ? from_ns : span->from_ns;
    span->to_ns = to_ns > span->to_ns ? to_ns : span->to_ns;
}

bool id_ranges_merge(struct id_ranges *r, int64_t until_ns, unsigned n_max,
                     struct id_hole *span)
{
    unsigned to = 0, left = id_ranges_count(r);

    *span = (struct id_hole){INT64_MAX, INT64_MIN};
    for (unsigned i = 1; i < id_ranges_count(r); i++) {
        const struct id_range *above = get(r, i);
        struct id_range *below = &r->at[to];

        if (left > n_max && below->hi_ns <= until_ns &&
            above->lo_ns <= until_ns) {
            widen(span, below, above);
            below->hi = above->hi;
            below->hi_ns = above->hi_ns;
            left--;
        } else if (i < r->n) {
            r->at[++to] = *above;
        } else {
            r->n = to + 1;
            return span->from_ns <= span->to_ns;
        }
    }
    /* The highest was merged into the one below it. */
    if (r->n > 0) {
        r->top = r->at[to];
        r->n = to;
    }
    return span->from_ns <= span->to_ns;
}

/* The length of the range in the middle; *shorter: how many are shorter. */
static int64_t median(const struct id_ranges *r, unsigned *shorter)
{
    int64_t *lengths = mem_alloc(r->n * sizeof *lengths), middle;

    for (unsigned i = 1; i < r->n; i++)
        lengths[i - 1] = r->at[i].hi - r->at[i].lo;
    qsort(lengths, r->n - 1, sizeof *lengths, by_size);
    middle = lengths[(r->n - 1) / 2];
    for (*shorter = 0; lengths[*shorter] < middle;)
        ++*shorter;
    free(lengths);
    return middle;
}

void id_ranges_move_out(struct id_ranges *r,
                        void (*take)(void *arg, int64_t id), void *arg)
{
    unsigned to = 1, shorter, equal;
    int64_t length, moved = 0;

    if (r->n < 2)
        return;
    length = median(r, &shorter);
    equal = r->n / 2 - shorter;
    for (unsigned i = 1; i < r->n; i++) {
        struct id_range range = r->at[i];
        bool same = range.hi - range.lo == length;

        range.out += moved;
        moved = 0;
        if (range.hi - range.lo > length || (same && equal == 0) ||
            range.hi - range.lo >= ID_RANGES_OUT_MAX) {
            r->at[to++] = range;
            continue;
        }
        equal -= same;
        for (int64_t id = range.lo; id <= range.hi; id++)
            take(arg, id);
        moved = range.out + (range.hi - range.lo) + 1;
    }
    r->top.out += moved;
    r->n = to;
}
