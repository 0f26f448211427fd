/*
 * waiting.h -- views in which something waits for their interval, the one that
 * is due first at the front.
 *
 * A heap by due_mono_ms: to add one, to take one out and to take out the first
 * costs the logarithm of how many there are.  What a view is due at must not
 * change while it is in.
 *
 * Ownership   a struct waiting that is zero is empty; waiting_close() frees it.
 *             The views are borrowed.
 */
#pragma once

#include <stdint.h>

struct view;

struct waiting {
    struct view **at; /* the children of i are 2i + 1 and 2i + 2 */
    uint32_t n, cap;
};

void waiting_add(struct waiting *w, struct view *v);    /* unless it is in */
void waiting_remove(struct waiting *w, struct view *v); /* if it is in */
void waiting_close(struct waiting *w);
