/*
 * lease_plan.h -- who of several instances should have which shards.
 *
 * With m members and n shards nobody has more than lease_plan_share(), n / m
 * rounded up.  Who has more gives the excess back; who has fewer takes what is
 * free, up to its share.  That is all: shards change hands for no other reason,
 * and everything is held again as soon as every member has looked, since m
 * shares hold at least n.
 *
 * Pure.  The view may be out of date: a shard that another member was quicker
 * to take is refused by Redis, and no longer free in the next view.
 *
 * Source      docs/decisions/0015-bars-shared-by-instances.md
 */
#pragma once

#include <stdbool.h>

enum lease_holder {
    LEASE_FREE,
    LEASE_OURS,
    LEASE_OTHERS, /* a member's, or that of one that has died until it ends */
};

enum lease_step { LEASE_KEEP, LEASE_GIVE, LEASE_TAKE };

struct lease_view {
    unsigned members; /* at least 1: this one */
    unsigned rank;    /* of this one among them */
    unsigned shards;
    const enum lease_holder *holder; /* one a shard */
};

unsigned lease_plan_share(unsigned shards, unsigned members);
/* What to do with each shard, into step[view->shards]; true: anything. */
bool lease_plan_steps(const struct lease_view *view, enum lease_step *step);
