/*
 * output.h -- standard output on the loop: batched, bounded, honest about loss.
 *
 * Bytes are collected and written once per loop turn (or sooner when 64 KiB are
 * there).  When the reader is slow the rest waits for writability;
 * output_full() tells the producer to pause, on_room tells it to go on.  EPIPE
 * calls on_closed with 0 (a tool then stops quietly, as cat does); other errors
 * (ENOSPC on /dev/full) with the errno, which leads to exit status 74:
 * app_fail() with output_error().  Both callbacks come from the loop, never
 * from inside a call of this interface; what is added after the loss is
 * counted and forgotten.
 */
#pragma once

#include <stdbool.h>
#include <uv.h>

#include "common/base/bytes.h"
#include "common/base/err.h"

struct output;

struct output_events {
    void (*on_room)(void *arg);
    void (*on_closed)(void *arg, int errnum); /* 0: the reader went away */
};

struct output *output_new(uv_loop_t *loop, int fd, size_t max_bytes,
                          const struct output_events *events, void *arg,
                          struct err *err);
/* Write to its buffer directly; then call output_added(). */
struct bytes *output_bytes(struct output *out);
void output_added(struct output *out);
bool output_full(const struct output *out);
/* Calls done(arg, lost_bytes) when all is written or cannot be, then frees; a
 * loss met on the way is first told to on_closed.  A second call does nothing.
 */
void output_close(struct output *out, void (*done)(void *arg, size_t lost),
                  void *arg);

/* What on_closed was told, as an error with code ERR_OUTPUT. */
struct err output_error(int errnum);
