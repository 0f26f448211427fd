/*
 * pace.h -- when a recorded event is due, so that its spacing is kept.
 *
 * The first event is due at once; the others as far after it as their times
 * say, divided by the speed.  An event whose time lies before the newest one
 * so far is due with that one.  Who was held up catches up: the plan does not
 * shift.
 *
 * Pure: both clocks come in as arguments.
 *
 * Units       *_ns nanoseconds; event times since the Unix epoch, now on any
 *             clock that does not jump
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

struct pace {
    double speed; /* 1: as recorded; 0: as fast as it goes */
    bool begun;
    int64_t first_event_ns, first_now_ns;
};

/* "1", "10", "0.5", "max" */
bool pace_parse(struct pace *p, const char *text, struct err *err);
/* How long from now on the event has to wait; 0: it is due. */
int64_t pace_wait_ns(struct pace *p, int64_t event_ns, int64_t now_ns);
