/*
 * limit_local.h -- checks that this process decides by itself.
 *
 * Time comes with the check, what was used is in the caller's limit_store.
 */
#pragma once

#include "common/limit/limit_check.h"
#include "common/limit/limit_store.h"

/* Without Redis: each rule's own limit. */
void limit_local_decide(struct limit_store *s, const struct limit_check *q,
                        struct outcome *o);
/* While Redis cannot be asked: as each rule's on_error says.  A local limit is
 * max(1, limit / instances).  why: see struct outcome. */
void limit_local_degrade(struct limit_store *s, const struct limit_check *q,
                         unsigned instances, struct span why,
                         struct outcome *o);
/* Redis allowed this (or took the reset): the local limits know of it. */
void limit_local_note(struct limit_store *s, const struct limit_check *q);
