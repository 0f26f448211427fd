/*
 * event_time.h -- `time` of an event: Unix milliseconds to nanoseconds.
 *
 * Pure.  Exact: fraction digits behind the nanosecond are dropped.
 */
#pragma once

#include "common/base/bytes.h"
#include "common/base/span.h"
#include "common/event/event.h"

/* Times of events are of 1990 to March 2255: as seconds, milli-, micro- or
 * nanoseconds none of them is a time of another unit. */
#define EVENT_TIME_BEGIN_MS INT64_C(631152000000)
#define EVENT_TIME_END_MS INT64_C(9000000000000)

/* The text of a JSON number, milliseconds.  False (and *ns untouched) where it
 * is not a number above zero and before the end of times. */
bool event_time_read(struct span text, int64_t *ns);
/* The time of an event in a unit.  What is no such time is EVENT_BAD_TIME or,
 * where it would be one in another unit, EVENT_TIME_IN_*: what lies before 1990
 * as milliseconds counts as seconds.  *ns is untouched then. */
enum event_fault event_time_of_event(struct span text, enum event_unit unit,
                                     int64_t *ns);
/* Where the value of `time` stands in a line, from 1; 0: not found.  Good
 * enough for a message to a person: the scanner does not keep it. */
unsigned event_time_column(struct span line);
/* Append as milliseconds, with as many fraction digits as it takes. */
void event_time_add_ms(struct bytes *out, int64_t ns);
