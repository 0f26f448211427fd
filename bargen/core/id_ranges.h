/*
 * id_ranges.h -- trade ids that were seen, as ascending ranges with holes.
 *
 * The highest range lies in the structure itself: contiguous ids need no
 * memory beside it.  A short range can be moved out, to id_blocks.h; the hole
 * that it leaves knows how many of its ids were seen.
 *
 * A hole stands for missing trades unless all of it was moved out, or its lower
 * end is younger than its upper one by more than ID_RANGES_BACK_NS: numbers
 * that go down while time goes on are another numbering, not a loss.
 *
 * Units       time in nanoseconds since the epoch; ids >= 0
 * Ownership   id_ranges_close; allocates nothing for the first range
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define ID_RANGES_BACK_NS INT64_C(1000000000)
enum { ID_RANGES_OUT_MAX = 4096 /* ids of a range that is moved out */ };

struct id_range {
    int64_t lo, hi;       /* both seen, and all between */
    int64_t lo_ns, hi_ns; /* times of the trades lo and hi */
    int64_t out;          /* ids of the hole below it that were moved out */
};

struct id_ranges {
    struct id_range top; /* the highest */
    struct id_range *at; /* the others */
    unsigned n, cap;     /* of the others */
    bool any;            /* is there a top? */
};

/* The times of the trades around it, in order. */
struct id_hole {
    int64_t from_ns, to_ns;
};

void id_ranges_close(struct id_ranges *r);

static inline unsigned id_ranges_count(const struct id_ranges *r)
{
    return r->n + r->any;
}

/* Range i of id_ranges_count(), ascending. */
static inline struct id_range *id_ranges_at(struct id_ranges *r, unsigned i)
{
    return i < r->n ? &r->at[i] : &r->top;
}

/* The first range whose hi is not below id; id_ranges_count(): none. */
unsigned id_ranges_find(const struct id_ranges *r, int64_t id);
bool id_ranges_has(const struct id_ranges *r, int64_t id);
/* Before range i, or above all. */
void id_ranges_insert(struct id_ranges *r, unsigned i, struct id_range range);
/* i is not the highest. */
void id_ranges_remove(struct id_ranges *r, unsigned i);
/* Range i and the one below it become one. */
void id_ranges_join(struct id_ranges *r, unsigned i);
/* The hole below range i; false: nothing is missing there. */
bool id_ranges_hole(const struct id_ranges *r, unsigned i,
                    struct id_hole *hole);
/* The first end of a hole after that time; INT64_MAX: none. */
int64_t id_ranges_due(const struct id_ranges *r, int64_t after_ns);
/* Calls pass() for each hole that ends in (after, until]. */
void id_ranges_pass(const struct id_ranges *r, int64_t after_ns,
                    int64_t until_ns,
                    void (*pass)(void *arg, const struct id_hole *hole),
                    void *arg);
/* Does a hole that ends by until_ns touch [start, end)? */
bool id_ranges_touch(const struct id_ranges *r, int64_t until_ns,
                     int64_t start_ns, int64_t end_ns);
/* Holes that ended by until_ns are filled, lowest ids first, until n_max ranges
 * are left.  False: there is none; else *span covers them all. */
bool id_ranges_merge(struct id_ranges *r, int64_t until_ns, unsigned n_max,
                     struct id_hole *span);
/* The shorter half of the ranges between the first and the last, of equal ones
 * the lower, goes out: take() is called for each id. */
void id_ranges_move_out(struct id_ranges *r,
                        void (*take)(void *arg, int64_t id), void *arg);
