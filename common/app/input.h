/*
 * input.h -- standard input (or a file) as lines on the loop.
 *
 * Pipes, sockets and terminals are polled; regular files and /dev/null, which
 * epoll cannot watch, are read a buffer per loop turn.  Polling makes the file
 * description non-blocking; as it may be shared with a shell, its old flags are
 * put back when the input is closed.
 *
 * Back-pressure: input_pause() stops reading (the writer's pipe fills up) until
 * input_resume().  Both may be called from inside on_line; lines already in
 * the buffer wait too.
 */
#pragma once

#include <uv.h>

#include "common/base/err.h"
#include "common/base/line.h"

struct input;

struct input_events {
    void (*on_line)(void *arg, struct span line, uint64_t number);
    /* Optional, asked before a line is cut: takes lines off what is there of them
     * (see line_ahead()), counts them in *number, and returns their bytes.  None,
     * 0: on_line is to have the next one. */
    size_t (*on_ahead)(void *arg, struct span ahead, uint64_t *number);
    void (*on_too_long)(void *arg, uint64_t number);
    /* After each read has been cut into lines: the time to flush. */
    void (*on_drained)(void *arg);
    /* End of input or a read error (errnum != 0); no more lines follow. */
    void (*on_end)(void *arg, int errnum);
};

struct input *input_new(uv_loop_t *loop, int fd, size_t max_line,
                        const struct input_events *events, void *arg,
                        struct err *err);
void input_pause(struct input *in);
void input_resume(struct input *in);
/* Stops reading and frees after the close callback; safe in any callback. */
void input_close(struct input *in);
