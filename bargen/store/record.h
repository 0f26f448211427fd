/*
 * record.h -- a line of stored state: a letter, then numbers, " 12 -3 4".
 *
 * Reading      the first thing that is not as written makes the reader bad,
 *              and the rest zeros; look at `bad` at the end
 * Ownership    a reader points into text that is somebody else's
 */
#pragma once

#include "common/base/bytes.h"
#include "common/base/decimal.h"
#include "common/event/resolution.h"

/* The engine takes no event after nine thousand million seconds; its month may
 * end later. */
#define RECORD_TIME_MAX_NS                                                     \
    (INT64_C(9000000000) * NS_PER_SECOND + 32 * NS_PER_DAY)

struct record_reader {
    const char *at, *end;
    bool bad;
};

static inline void record_put(struct bytes *out, int64_t v)
{
    bytes_add(out, " ", 1);
    bytes_add_int(out, v);
}

static inline void record_put_decimal(struct bytes *out, struct decimal d)
{
    record_put(out, d.mant);
    record_put(out, d.scale);
}

int64_t record_get(struct record_reader *r);
int64_t record_get_within(struct record_reader *r, int64_t min, int64_t max);
/* A time that arithmetic cannot overflow with, or "none". */
int64_t record_get_time(struct record_reader *r);
struct decimal record_get_decimal(struct record_reader *r);
bool record_at_end(const struct record_reader *r);
/* Goes to the next line; bad where something is left. */
void record_end(struct record_reader *r);
