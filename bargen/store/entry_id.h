/*
 * entry_id.h -- the id of a stream entry: "1697097600000-3".
 *
 * Plain values.
 */
#pragma once

#include "common/base/span.h"

enum { ENTRY_ID_TEXT_MAX = 48 };

struct entry_id {
    uint64_t ms, seq; /* by the clock of Redis */
};

/* False: it is none, and *id is unchanged. */
bool entry_id_parse(struct span text, struct entry_id *id);
void entry_id_print(struct entry_id id, char text[ENTRY_ID_TEXT_MAX]);

static inline bool entry_id_before(struct entry_id a, struct entry_id b)
{
    return a.ms != b.ms ? a.ms < b.ms : a.seq < b.seq;
}
