/*
 * event_field.h -- the members of one JSON object that events are made of.
 *
 * The strict scanner: one pass over an object that checks every byte and notes
 * where the members are that event_read() and event_peek() know.  What they
 * mean, and whether they may have the value they have, is not decided here.
 *
 * Private to event*.c.
 */
#pragma once

#include "common/base/decimal.h"
#include "common/base/span.h"

enum event_field {
    FIELD_BID, /* the first four are decimals: see number[] */
    FIELD_ASK,
    FIELD_PRICE,
    FIELD_SIZE,
    FIELD_TIME,
    FIELD_TIMESTAMP,
    FIELD_TYPE,
    FIELD_SYMBOL,
    FIELD_ID,
    FIELD_SIDE,
    FIELD_SRC,
    FIELD_SEQ,
    FIELD_BAR,
    FIELD_EVENT,
    FIELD_EXPIRY,
    FIELD_USER_ID,
    FIELD_ACCOUNT_ID,
    FIELD_RESOLUTION,
    FIELDS,
    FIELD_NONE = FIELDS,
};

enum { FIELDS_UNKNOWN_MAX = 8 };

struct event_fields {
    const char *start; /* the opening brace */
    uint32_t seen;     /* bit per field */
    uint32_t escaped;  /* bit per field: its string has escapes */
    unsigned unknown;  /* keys that are no field */
    bool look_closer;  /* objects inside, odd keys or many: scan_unique() */
    const char *twice; /* a key that was there before, or NULL */
    /* The value: strings without their quotes; not set where not seen.
     * FIELD_BID to FIELD_SIZE have a length only where they are no number. */
    struct span value[FIELDS + 1]; /* of FIELD_NONE: the last unknown one */
    struct decimal number[4];      /* scale SCAN_NO_DECIMAL: not a decimal */
    int64_t time_ns; /* of FIELD_TIME where it has 13 digits, or 0 */
    struct span unknown_key[FIELDS_UNKNOWN_MAX];
};

/* s is the opening brace.  Returns where the object ends, perhaps behind the
 * end, or NULL where it is not JSON: as scan_fast_* do. */
const char *event_fields_scan(const char *s, const char *end,
                              struct event_fields *p);

static inline bool event_fields_have(const struct event_fields *p,
                                     enum event_field field)
{
    return p->seen >> field & 1;
}

/* Was the value in quotes? */
static inline bool event_fields_quoted(const struct event_fields *p,
                                       enum event_field field)
{
    return event_fields_have(p, field) && p->value[field].ptr[-1] == '"';
}

static inline bool event_fields_null(const struct event_fields *p,
                                     enum event_field field)
{
    return span_is(p->value[field], "null") && !event_fields_quoted(p, field);
}
