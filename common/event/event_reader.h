/*
 * event_reader.h -- events read from line after line of one source.
 *
 * A feed writes its members in one order with the same spaces.  What stands
 * between the values of a line is remembered once the strict scanner has taken
 * that line; a line with the same text between its values only has its values
 * checked, as strictly as ever.  Whatever is unusual (escapes, exponents,
 * objects inside, another order) goes to event_read_strict().
 *
 * What is remembered is a cache: results do not depend on it.  Each source of
 * lines has a reader of its own, so that two that write differently do not take
 * the places of each other's shapes.
 *
 * Ownership   event_reader_new(), event_reader_free(); some 6 KB
 * Errors      as event.h
 */
#pragma once

#include "common/event/event.h"

struct event_reader;

struct event_reader *event_reader_new(void);
void event_reader_free(struct event_reader *reader); /* accepts NULL */
/* Before the first line.  Where times are in another unit, the event's text is
 * in the reader, in milliseconds, until the next line; nothing is remembered of
 * such lines. */
void event_reader_by(struct event_reader *reader,
                     const struct event_rules *rules);
/* At least LINE_PAD readable bytes must follow the line (any values). */
enum event_fault event_read(struct event_reader *reader, struct span line,
                            struct event *ev, unsigned *column);
/* Takes the first line off those that lie ahead, the last of which may not be all
 * there: its end is found while it is read.  The event is the reader's, until
 * the next one; its text is the line without its line feed and a carriage return
 * before that.  NULL: the line is unusual, bad or not all there; cut it, and ask
 * event_read().  At least LINE_PAD readable bytes must follow what is ahead. */
const struct event *event_reader_next(struct event_reader *reader,
                                      struct span *ahead);
