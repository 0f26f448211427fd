/*
 * event_parts.h -- the members of one JSON object that events are made of.
 *
 * The strict scanner: one pass over an object that checks every byte and notes
 * where the members are that event_read() and event_peek() know.  What they
 * mean, and whether they may have the value they have, is not decided here.
 *
 * Private to event*.c.
 */
#ifndef COMMON_EVENT_EVENT_FIELD_H
#define COMMON_EVENT_EVENT_FIELD_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/decimal.h"
#include "common/base/span.h"

enum event_part {
    PART_BID, /* the first four are decimals: see number[] */
    PART_ASK,
    PART_PRICE,
    PART_SIZE,
    PART_TIME,
    PART_TIMESTAMP,
    PART_TYPE,
    PART_SYMBOL,
    PART_ID,
    PART_SIDE,
    PART_SRC,
    PART_SEQ,
    PART_BAR,
    PART_EVENT,
    PART_EXPIRY,
    PART_USER_ID,
    PART_ACCOUNT_ID,
    PART_RESOLUTION,
    PARTS,
    PART_NONE = PARTS,
};

enum { PARTS_UNKNOWN_MAX = 8 };

struct event_parts {
    const char *start; /* the opening brace */
    uint32_t seen;     /* bit per part */
    uint32_t escaped;  /* bit per part: its string has escapes */
    unsigned unknown;  /* keys that are no part */
    bool look_closer;  /* objects inside, odd keys or many: scan_unique() */
    const char *twice; /* a key that was there before, or NULL */
    /* The value: strings without their quotes; not set where not seen.
     * PART_BID to PART_SIZE have a length only where they are no number. */
    struct span value[PARTS + 1]; /* of PART_NONE: nobody's */
    struct decimal number[4];     /* scale SCAN_NO_DECIMAL: not a decimal */
    int64_t time_ns; /* of PART_TIME where it has 13 digits, or 0 */
    struct span unknown_key[PARTS_UNKNOWN_MAX];
};

/* s is the opening brace.  Returns where the object ends, perhaps behind the
 * end, or NULL where it is not JSON: as scan_fast_* do. */
const char *event_parts_scan(const char *s, const char *end,
                             struct event_parts *p);

static inline bool event_parts_have(const struct event_parts *p,
                                    enum event_part part)
{
    return p->seen >> part & 1;
}

/* Was the value in quotes? */
static inline bool event_parts_quoted(const struct event_parts *p,
                                      enum event_part part)
{
    return event_parts_have(p, part) && p->value[part].ptr[-1] == '"';
}

#endif
