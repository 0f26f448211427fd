/*
 * flow.h -- lines on their way from the source to Redis and standard output.
 *
 * The source stands still while any of the reasons below holds.
 */
#ifndef TICKPUB_FLOW_H
#define TICKPUB_FLOW_H

#include "common/app/input.h"
#include "tickpub/tickpub.h"

enum {
    PAUSE_LINK = 1,  /* Redis was not there yet */
    PAUSE_QUEUE = 2, /* too much waits for Redis */
    PAUSE_TEE = 4,   /* too much waits for standard output */
    PAUSE_PACE = 8,  /* the next recorded event is not due */
};

void flow_pause(struct tickpub *t, unsigned reason);
void flow_resume(struct tickpub *t, unsigned reason);
/* Of the source; on_end is tickpub.c's. */
void flow_line(void *arg, struct span line, uint64_t number);
void flow_too_long(void *arg, uint64_t number);
void flow_drained(void *arg);
/* Timer callback of tickpub.held_timer. */
void flow_due(uv_timer_t *timer);

#endif
