#include "wsgate/client/slice.h"

enum {
    TURN_NS = SLICE_TURN_US * 1000,
    MIN_NS = SLICE_MIN_US * 1000,
    WORK_NS = SLICE_WORK_US * 1000,
    CHARGE_MAX_NS = SLICE_CHARGE_MAX_US * 1000,
    FORGET = 16, /* a client's cost is forgotten by one in so many a time */
};

void slice_turn(struct slices *all)
{
    all->turn++;
    all->slice_ns = all->working > 1 ? TURN_NS / all->working : TURN_NS;
    if (all->slice_ns < MIN_NS)
        all->slice_ns = MIN_NS;
    all->working = 0;
    all->spent_ns = 0;
}

/* Each turn forgives one slice of what the address has used. */
static void forgive(const struct slices *all, struct peer *p)
{
    uint64_t turns = all->turn - p->turn;

    p->turn += turns;
    if (turns > p->used_ns / all->slice_ns)
        p->used_ns = 0;
    else
        p->used_ns -= turns * all->slice_ns;
}

uint64_t slice_left_ns(const struct slices *all, const struct client *c)
{
    forgive(all, c->peer);
    return c->peer->used_ns < all->slice_ns ? all->slice_ns - c->peer->used_ns
                                            : 0;
}

bool slice_fits(const struct slices *all, const struct client *c, size_t bytes)
{
    return all->spent_ns < TURN_NS ||
           (bytes < SLICE_LONG_BYTES && c->cost_us <= SLICE_COST_MAX_US);
}

static uint64_t charge_ns(uint64_t took_ns)
{
    uint64_t charge_ns;

    if (took_ns <= WORK_NS)
        return took_ns;
    charge_ns = WORK_NS + (took_ns - WORK_NS) * SLICE_SURCHARGE;
    if (charge_ns <= CHARGE_MAX_NS)
        return charge_ns;
    return took_ns > CHARGE_MAX_NS ? took_ns : CHARGE_MAX_NS;
}

void slice_used(struct slices *all, struct client *c, uint64_t took_ns)
{
    struct peer *p = c->peer;

    forgive(all, p);
    if (p->worked != all->turn) {
        p->worked = all->turn;
        all->working++;
    }
    p->used_ns += charge_ns(took_ns);
    all->spent_ns += took_ns;
    c->cost_us -= (c->cost_us + FORGET - 1) / FORGET;
    if (c->cost_us < took_ns / 1000)
        c->cost_us = (uint32_t)(took_ns / 1000);
}
