/*
 * bar_order.h -- bars in order of time for a member that is behind.
 *
 * A correction, or a late final message, of a bar may be published after the
 * first update of the next one.  A member that waits for both, in mode
 * `latest`, gets the older bar first.  What waits for it of such a stream, the
 * newest message of each slot, goes out as one run, copied and sorted; to its
 * frames the numbers that clients see (`seq`) are given anew in ascending
 * order, each to one of them.  From then on the stream begins behind the run
 * for this member (start_seq.h), so that nothing is sent twice or lost wherever
 * its socket stops.
 *
 * A stream notes the last frame that came out of order, and so does the fanout:
 * to others than members that were behind already nothing costs more.
 *
 * Pure: no clock, no sockets, no Redis.
 *
 * Limits      a run of more than BAR_ORDER_RUN_MAX bytes, and runs for which
 *             start_seq.h has no room, stay in order of publication; about
 *             BAR_ORDER_AT_ONCE bytes of runs are copied at a time
 */
#pragma once

#include "wsgate/fanout/fanout.h"

enum { BAR_ORDER_RUN_MAX = 65536, BAR_ORDER_AT_ONCE = 16384 };

/* The frame of this part was added to s. */
static inline void bar_order_note(struct fanout *f, struct stream *s,
                                  int64_t part, uint64_t number)
{
    if (part == 0 || s->by_symbol)
        return;
    if (part < s->newest_part)
        s->unordered = f->unordered = number;
    else
        s->newest_part = part;
}

/* Puts some of the runs that m waits for into its backlog's `out`, as sent.
 * False: there is none. */
bool bar_order_take(struct fanout *f, struct member *m);
