/*
 * engine_place.h -- by which clock is an event, and where does it stand?
 *
 * An event's time is the market's, or that of its arrival where the source has
 * none: quotes of now may come beside trades of long ago.  Bars follow one of
 * the two.  What comes by the other one has a number of its publisher all the
 * same, so the time of it is that of the bars when it came.
 */
#pragma once

#include "bargen/core/engine.h"

/* About as old as its arrival. */
static inline bool engine_is_live(const struct engine *e, int64_t time_ns,
                                  int64_t received_ns)
{
    const int64_t live_ns = ENGINE_LIVE_MS * NS_PER_MS;

    return time_ns >= received_ns - live_ns ||
           (e->wall_ns != 0 && time_ns >= e->wall_ns - live_ns);
}
/* Where in the time of its bars a message of the symbol stands. */
int64_t engine_place(const struct engine *e, struct symbol *sym,
                     const struct event *ev, int64_t received_ns);
