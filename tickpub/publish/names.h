/*
 * names.h -- find what belongs to a name, fast.
 *
 * An open-addressing table of pointers to structs that begin with `struct
 * name`.  The hot path of tickpub asks it once an event.
 *
 * Ownership   the table owns its slots only; entries and the text of their
 *             names are the caller's and must outlive the table
 * Bounds      the caller counts what it adds
 */
#ifndef TICKPUB_PUBLISH_NAMES_H
#define TICKPUB_PUBLISH_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/span.h"

struct name {
    struct span text;
    uint64_t hash;
};

struct names {
    struct name **slots;
    size_t mask; /* slots - 1; 0: no slots yet */
    size_t count;
};

void names_close(struct names *t);
uint64_t names_hash(struct span text);
/* NULL where there is none. */
struct name *names_find(const struct names *t, struct span text, uint64_t hash);
/* n must not be in the table yet; sets n->hash. */
void names_add(struct names *t, struct name *n);

#endif
