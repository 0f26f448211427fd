/*
 * group.h -- instances with the same symbols and resolutions share their work.
 *
 * A group's name is made of both: "1,5,D" (all symbols), "1@AAPL,MSFT"; a long
 * list of symbols becomes "1@120-0123456789abcdef", their number and a
 * fingerprint.  It is part of its keys, {prefix}bargen:{name}:..., but for the
 * default, "1", whose keys are plain: {prefix}bargen:....
 *
 * What a group is, is kept in Redis as options: "--resolutions=1,5 --symbols=*
 * --grace=250", the rules that all its members must have in common behind the
 * first two.
 *
 * Pure.
 *
 * Ownership   group_init/group_close
 * Source      docs/decisions/0015-bars-shared-by-instances.md
 */
#pragma once

#include "common/base/bytes.h"
#include "common/event/resolution.h"

enum {
    GROUP_NAME_MAX = 96,
    GROUP_OPTION_MAX = 32,
    GROUP_TEXT_MAX = 96,
};

struct group {
    char name[GROUP_NAME_MAX];
    struct bytes options;
};

/* How another group, or ours as others have it, stands to ours. */
enum group_relation {
    GROUP_APART,   /* none of its bars is one of ours */
    GROUP_SAME,    /* it is ours */
    GROUP_RULES,   /* it is ours, but a rule is another */
    GROUP_OVERLAPS /* it makes some of our bars */
};

struct group_clash {
    enum group_relation relation;
    bool covers; /* GROUP_OVERLAPS: it has all of our symbols */
    /* What to say about it: the option that is another, and how.  Or what
     * both make. */
    char option[GROUP_OPTION_MAX];
    char ours[GROUP_TEXT_MAX], theirs[GROUP_TEXT_MAX];
};

/* n_symbols 0: all. */
void group_init(struct group *g, const struct resolution *resolutions,
                unsigned n_resolutions, const char *const *symbols,
                unsigned n_symbols);
/* A rule that all members must have in common: "--grace", "250". */
void group_rule(struct group *g, const char *option, const char *value);
void group_close(struct group *g);

struct group_clash group_compare(const struct group *g, struct span name,
                                 struct span options);
/* The number of shards that the options of a group say; 0: none. */
unsigned group_shards(struct span options);
/* Where its keys begin, without prefix: "bargen:" or "bargen:1,5:". */
void group_base(struct span name, struct bytes *out);
