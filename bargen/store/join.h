/*
 * join.h -- becoming a member of our group, if nobody who is alive stands
 * against it.
 *
 * {prefix}bargen:groups has a field for every group that there was.  One that
 * makes some of our bars, or is ours with other rules, must have no live
 * member.  Whoever died a moment ago looks alive for MEMBERS_SILENT_MS: only one
 * that gives a sign of life after we first looked is in the way.  Two that join
 * at the same time do it one after the other: the hash is watched.
 *
 * Bounds      all groups that there ever were are read, none is left out
 *
 * Heirs       a group that has ended and made some of our bars may have a newer
 *             state than ours, or we none: its keys are known from then on
 *
 * Ownership   join_new/join_close
 */
#pragma once

#include <uv.h>

#include "bargen/store/group.h"
#include "bargen/store/members.h"

enum { JOIN_WHY_MAX = 448 };

struct join;

struct join_events {
    /* rewound: Redis does not know the last sign of life that it had noted. */
    void (*on_joined)(void *arg, bool rewound);
    /* Somebody is in the way, `text` says who and how; it goes on trying. */
    void (*on_conflict)(void *arg, const char *text);
    void (*on_refused)(void *arg, struct span why);
};

struct join_config {
    struct redis_cmd *cmd;
    struct span prefix;
    const struct group *group; /* must outlive it */
    const char *id;            /* copied */
};

struct join *join_new(uv_loop_t *loop, const struct join_config *config,
                      const struct join_events *events, void *arg);
/* The link is up, and watches nothing.  noted_ms: our last sign of life that
 * Redis had noted; 0: none. */
void join_begin(struct join *j, int64_t noted_ms);
void join_end(struct join *j); /* it is down, or we stop */
/* Where the keys of ended groups begin that made some of our bars, those of
 * all our symbols first; their number. */
unsigned join_bases(const struct join *j, const char *const **bases,
                    unsigned *n_covering);
void join_close(struct join *j, void (*done)(void *arg), void *arg);
