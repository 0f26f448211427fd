/*
 * event_time.h -- `time` of an event: Unix milliseconds to nanoseconds.
 *
 * Pure.  Exact: fraction digits behind the nanosecond are dropped.
 */
#pragma once

#include "common/base/bytes.h"
#include "common/base/span.h"

/* 2262-01-01T00:00:00Z: int64_t nanoseconds end in April of that year. */
#define EVENT_TIME_END_MS INT64_C(9214646400000)

/* The text of a JSON number, milliseconds.  False (and *ns untouched) where it
 * is not a number above zero and before 2262. */
bool event_time_read(struct span text, int64_t *ns);
/* Where the value of `time` stands in a line, from 1; 0: not found.  Good
 * enough for a message to a person: the scanner does not keep it. */
unsigned event_time_column(struct span line);
/* Append as milliseconds, with as many fraction digits as it takes. */
void event_time_add_ms(struct bytes *out, int64_t ns);
