/*
 * feed.h -- what exchanges send, made into native events.
 *
 * A feed is a table of the kinds of messages that it has (feed_NAME.c): which
 * source key becomes which native member, and how its value is converted.
 * A trade that the exchange itself leaves out becomes trade_excluded.  Kinds
 * without a row, acknowledgements and heartbeats are ignored, which is not a
 * fault.  {"stream":..,"data":{..}} is unwrapped.  Keys are case sensitive: e
 * and E, t and T are different members of one message.
 *
 * Numbers keep their text, also where the source has them as strings: "0.0010"
 * becomes 0.0010.  Times may be in seconds, milli-, micro- or nanoseconds; the
 * unit is seen from the magnitude (below 1e11, 1e14, 1e17).
 *
 * Pure: the time of day is an argument.
 */
#pragma once

#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/event/event.h"

struct feed_reader;

enum feed_result {
    FEED_EVENT,   /* *ev holds it */
    FEED_IGNORED, /* valid JSON, but no event: count it */
    FEED_BAD,     /* *fault and *column (from 1, in the line) say why */
};

/* NULL: a usage error that lists the feeds that there are. */
struct feed_reader *feed_reader_new(const char *feed, struct err *err);
void feed_reader_free(struct feed_reader *reader); /* accepts NULL */
/* Before the first line; the unit of times is the feed's own. */
void feed_reader_by(struct feed_reader *reader,
                    const struct event_rules *rules);

/* Makes the line one native JSON object, ev->text.  The spans of *ev point into
 * the reader and end with its next line.  now_ns (Unix) is for messages that
 * carry no time.  At least LINE_PAD readable bytes must follow the line. */
enum feed_result feed_read(struct feed_reader *reader, struct span line,
                           int64_t now_ns, struct event *ev,
                           enum event_fault *fault, unsigned *column);
