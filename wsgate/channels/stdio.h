/*
 * stdio.h -- the gateway in a pipe: messages in, what clients ask for out.
 *
 * --stdin, --stdout and --linger of the manual.
 *
 * Ownership   struct stdio is the caller's and outlives the loop; stdio_stop()
 *             closes its handles, after the last client was let go, so that
 *             `disconnect` lines are written.  What was never opened may be
 *             stopped.
 */
#pragma once

#include "common/app/app.h"
#include "common/base/err.h"
#include "wsgate/channels/activity.h"
#include "wsgate/channels/upstream.h"

struct stdio_options {
    bool read, write;
    bool linger; /* go on after the end of input */
    int64_t max_line_bytes;
};

struct stdio {
    struct app *app;
    struct upstream *upstream;
    struct stdio_options options;
    struct input *in;
    struct tee *out;
};

/* Does nothing, and succeeds, where there is nothing to read or write. */
bool stdio_open(struct stdio *s, struct app *app, struct upstream *upstream,
                const struct stdio_options *options, struct err *err);
/* An activity_fn: writes the line. */
void stdio_activity(void *stdio, const struct activity *a);
/* No more lines are read; output goes on. */
void stdio_stop_input(struct stdio *s);
void stdio_stop(struct stdio *s);
