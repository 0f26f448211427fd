/*
 * pipe.h -- questions on standard input, answers on standard output, in order.
 *
 * Answers that wait for Redis keep their place; those behind them wait too.
 * Back-pressure: reading pauses while PIPE_OUT_MAX questions are on their way,
 * so that none of them waits longer in our queue than Redis takes, and while
 * nobody reads the answers.
 */
#pragma once

#include "common/app/app.h"
#include "ratelimitd/door/limiter.h"

enum { PIPE_OUT_MAX = 256, PIPE_SLOTS = 512 };

struct pipe;

struct pipe_config {
    bool strict; /* the first bad question ends it */
    bool linger; /* the end of the input does not */
    size_t max_line_bytes;
};

/* on_end(arg): the input ended and every answer is written. */
struct pipe *pipe_new(struct app *app, const struct pipe_config *config,
                      struct limiter *limiter, void (*on_end)(void *arg),
                      void *arg, struct err *err);
/* Stops reading; what was asked is still answered. */
void pipe_stop(struct pipe *p);
/* Only when no question waits.  Frees when the answers are written. */
void pipe_close(struct pipe *p);
