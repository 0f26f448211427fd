/*
 * event_number.h -- prices and sizes of an event that are not the usual ones.
 *
 * What is missing, null, zero or negative: whether an event of its type may have
 * it, and what it means, is decided here.
 *
 * Private to event*.c.
 */
#pragma once

#include "common/event/event.h"
#include "common/event/event_field.h"

/* Sets the numbers of *ev, and what it has of them.  need, check: bits of fields
 * that its type cannot do without, or not have wrong.  *at is the field with
 * the fault. */
enum event_fault event_number_read(const struct event_fields *p,
                                   const struct event_rules *rules,
                                   uint32_t need, uint32_t check,
                                   struct event *ev, enum event_field *at);
