/*
 * type.h -- message types as small numbers.
 *
 * Invariants  0 is every type that has no number of its own: none at all, a
 *             name over TYPE_NAME_MAX bytes, or one more than TYPES_MAX
 */
#pragma once

#include "common/base/span.h"

enum { TYPE_NAME_MAX = 31, TYPES_MAX = 256 };

struct types {
    struct {
        char name[TYPE_NAME_MAX + 1];
        uint8_t len;
    } at[TYPES_MAX];
    uint16_t count; /* at[0] is the nameless one */
};

void types_init(struct types *t);
uint16_t type_of(struct types *t, struct span name);
struct span type_name(const struct types *t, uint16_t type);
