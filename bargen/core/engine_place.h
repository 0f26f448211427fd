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
bool engine_is_live(const struct engine *e, int64_t time_ns,
                    int64_t received_ns);
/* Makes the event a bar?  If not it may be by another clock than those that
 * do: quotes stamped on arrival, beside trades of long ago. */
bool engine_makes_bars(const struct engine *e, const struct symbol *sym,
                       const struct event *ev);
/* Where in the time of its bars a message of the symbol stands. */
int64_t engine_place(const struct engine *e, struct symbol *sym,
                     const struct event *ev, int64_t received_ns);
