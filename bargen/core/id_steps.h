/*
 * id_steps.h -- do the trade ids of a symbol count its trades?
 *
 * Put the ids that were seen in order; the difference between two neighbours is
 * a step.  Ids are contiguous once ID_STEPS_IDS_MIN were seen, more than half
 * of the steps are 1, and at most one step in 16 is longer than ID_STEPS_LONG;
 * they are no longer when less than a quarter are 1, or more than a quarter are
 * longer than that.  So a feed that loses half of its trades is still known for
 * what it is.  Long steps tell numbers that several symbols share: those come
 * in runs, too, one for each order that met several others.
 *
 * Bounds      beyond ID_STEPS_MAX steps the older ones count half
 * Ownership   plain values
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { ID_STEPS_IDS_MIN = 16, ID_STEPS_LONG = 8, ID_STEPS_MAX = 65536 };

struct id_steps {
    uint64_t n;
    uint32_t jumps, longs; /* of more than 1, of more than ID_STEPS_LONG */
    bool contiguous;
};

static inline bool id_steps_long(int64_t from, int64_t to)
{
    return to - from > ID_STEPS_LONG;
}

/* One more id: by how many jumps and long steps have changed. */
void id_steps_add(struct id_steps *s, int jumps, int longs);
/* True: it has changed its mind. */
bool id_steps_judge(struct id_steps *s);
