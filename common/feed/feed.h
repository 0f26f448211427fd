/*
 * feed.h -- what exchanges send, made into native events.
 *
 * A feed is a table of the kinds of messages that it has (feed_map.c): which
 * source key becomes which native member, and how its value is converted.
 * Kinds without a row, acknowledgements and heartbeats are ignored, which is
 * not a fault.  {"stream":..,"data":{..}} is unwrapped.  Keys are case
 * sensitive: e and E, t and T are different members of one message.
 *
 * Numbers keep their text, also where the source has them as strings: "0.0010"
 * becomes 0.0010.  Times may be in seconds, milli-, micro- or nanoseconds; the
 * unit is seen from the magnitude (below 1e11, 1e14, 1e17).
 *
 * Pure: the time of day is an argument.  Allocates only what `out` needs.
 */
#ifndef COMMON_FEED_FEED_H
#define COMMON_FEED_FEED_H

#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/event/event.h"

struct feed;

enum feed_result {
    FEED_EVENT,   /* *ev holds it */
    FEED_IGNORED, /* valid JSON, but no event: count it */
    FEED_BAD,     /* *fault and *column (from 1, in the line) say why */
};

/* A usage error lists the feeds that there are. */
const struct feed *feed_of(const char *name, struct err *err);
const char *feed_name(const struct feed *f);

/* Appends the event to out as one native JSON object without a line feed; the
 * spans of *ev point there, so they end when out grows.  out is unchanged where
 * the result is no event.  now_ns (Unix) is for messages that carry no time.
 * At least LINE_PAD readable bytes must follow the line. */
enum feed_result feed_translate(const struct feed *f, struct span line,
                                int64_t now_ns, struct bytes *out,
                                struct event *ev, enum event_fault *fault,
                                unsigned *column);

#endif
