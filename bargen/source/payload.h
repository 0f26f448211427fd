/*
 * payload.h -- events out of what Redis holds: objects separated by line feeds.
 *
 * A message or a journal entry may hold several events.  What is no event is
 * counted, skipped, and told with a warning, of which log.h holds back what
 * comes too fast.
 *
 * Bounds      LINE_PAD bytes behind data must be readable, as those behind the
 *             strings of a redis_reply are
 * Ownership   payload_init/payload_close
 */
#pragma once

#include "bargen/core/engine.h"
#include "common/event/event_reader.h"

struct payload {
    struct event_reader *reader;
    struct event event;
};

void payload_init(struct payload *p, const struct event_rules *rules);
void payload_close(struct payload *p);
/* from: the channel or key that it came by, for who reads the log. */
void payload_take(struct payload *p, struct engine *e, struct span data,
                  struct span from, int64_t received_ns);
