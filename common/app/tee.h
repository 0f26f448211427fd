/*
 * tee.h -- lines on standard output: copies of what was accepted, or answers.
 *
 * Lines collect and are looked at a chunk at a time, or at tee_flush(): once
 * when the input is drained is enough.  What was looked at is written once per
 * loop turn (or sooner when 64 KiB are there); when the reader is slow it waits
 * for writability.  on_room comes from the loop, never from inside a call.
 *
 * Bounds      TEE_MAX_BYTES that the reader has not taken: tee_full(), until
 *             on_room.  Who can wait pauses its source, who cannot drops.
 * Errors      a reader that went away (EPIPE) stops the tool quietly, as it
 *             does cat; other losses (ENOSPC on /dev/full) are exit status 74,
 *             by app_fail().  What is added later is counted and forgotten.
 * Ownership   tee_close() frees, once everything is written or lost
 */
#pragma once

#include "common/app/app.h"
#include "common/base/bytes.h"
#include "common/base/span.h"

enum { TEE_MAX_BYTES = 1024 * 1024 };

struct tee;

/* on_room may be NULL. */
struct tee *tee_new(struct app *app, int fd, void (*on_room)(void *arg),
                    void *arg, struct err *err);
/* A copy and a line feed.  True: a chunk is full, time to ask tee_full(). */
bool tee_line(struct tee *t, struct span line);
/* For lines that are made in place: append, then tee_added() with the length
 * that it had before; returns what tee_line() does. */
struct bytes *tee_bytes(struct tee *t);
bool tee_added(struct tee *t, size_t before);
bool tee_full(const struct tee *t);
/* Accepts NULL, as the next. */
void tee_flush(struct tee *t);
/* done(arg, lost bytes) may be NULL.  A second call does nothing. */
void tee_close(struct tee *t, void (*done)(void *arg, size_t lost), void *arg);
