/*
 * wallwatch.h -- has the time of day jumped ahead?
 *
 * Bars that the clock closes stay closed, so a clock that is set wrong for a
 * moment must not close them.  The steps of the time of day are compared with
 * those of the clock that never goes back.  After a jump ahead the time of day
 * counts again when it has come back, when events are as new as it says, or
 * when it has stayed there for a minute.
 *
 * Units       nanoseconds
 * Source      docs/decisions/0006-bargen-checkpoint.md
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* All zeros: has not looked yet. */
struct wallwatch {
    int64_t ahead_ns; /* of the monotonic clock, when last believed */
    int64_t since_ns; /* monotonic: when the jump was seen */
    bool looked, doubtful;
};

/* newest_ns() is asked only where there is doubt: the time of the newest event
 * of all.  True: wall_ns may be believed. */
bool wallwatch_look(struct wallwatch *w, int64_t wall_ns, int64_t mono_ns,
                    int64_t (*newest_ns)(const void *arg), const void *arg);
