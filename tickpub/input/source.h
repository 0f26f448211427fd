/*
 * source.h -- where lines come from: a file descriptor, or an invented market.
 *
 * Both can be paused: nothing is handed out until source_resume().  The line
 * that is being handed out when the pause is asked for is the last one.
 *
 * Ownership   source_close() frees in close callbacks; no event follows it
 */
#pragma once

#include <uv.h>

#include "common/app/input.h"
#include "common/base/err.h"

struct source;

struct source_simulation {
    const struct span *symbols;
    unsigned n_symbols;
    double rate;
    int64_t seed;
    int64_t start_ns; /* 0: times are now */
    double speed;     /* of virtual time; 0: as fast as it goes */
    int64_t count;    /* 0: no end */
};

/* Events of both are those of an input. */
struct source *source_file(uv_loop_t *loop, int fd, size_t max_line,
                           const struct input_events *events, void *arg,
                           struct err *err);
struct source *source_simulated(uv_loop_t *loop,
                                const struct source_simulation *simulation,
                                const struct input_events *events, void *arg);
void source_pause(struct source *s);
void source_resume(struct source *s);
void source_close(struct source *s);
