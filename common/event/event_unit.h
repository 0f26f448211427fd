/*
 * event_unit.h -- events whose times are in another unit than milliseconds.
 *
 * A source that counts seconds, micro- or nanoseconds is read by
 * event_rules.unit; the events that come out are as all others are, in
 * milliseconds: `time`, and of a bar `time` and `end` in it.  Everything else of
 * the object stays as it was written.
 *
 * Pure and exact, to the nanosecond.
 */
#pragma once

#include "common/base/bytes.h"
#include "common/event/event.h"

/* text is the caller's room, which the spans of *ev then point into; a fault
 * and its column are those of the line. */
enum event_fault event_unit_read(const struct event_rules *rules,
                                 struct span line, struct bytes *text,
                                 struct event *ev, unsigned *column);
