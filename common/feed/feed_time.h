/*
 * feed_time.h -- times as feeds write them, to Unix nanoseconds.
 *
 * Pure and exact: what is behind the nanosecond is dropped, nothing goes
 * through a double.
 */
#pragma once

#include "common/base/span.h"

/* A number without sign or exponent, perhaps with a fraction.  Its unit is seen
 * from the whole part: below 1e11 seconds, 1e14 milliseconds, 1e17
 * microseconds, else nanoseconds. */
bool feed_time_number(struct span text, int64_t *ns);

/* RFC 3339: 2014-11-07T08:19:27.028459Z, 0 to 9 fraction digits (more are
 * dropped), Z or an offset, T or a space. */
bool feed_time_rfc3339(struct span text, int64_t *ns);
