/*
 * redis_conn.h -- one attempt at a connection and the bytes on it.
 *
 * Resolves (numeric hosts at once, names in libuv's thread pool), tries each
 * address in turn, reads, writes.  TCP or a Unix socket.  It never retries and
 * has no timers: redis_link does.
 *
 * Ownership   redis_conn_close() may be called in any callback; then only
 *             on_closed follows, after which it is freed
 */
#pragma once

#include <uv.h>

#include "common/base/bytes.h"
#include "common/redis/redis_config.h"

struct redis_conn;

struct redis_conn_events {
    void (*on_resolved)(void *arg);
    void (*on_open)(void *arg);
    /* At least LINE_PAD readable bytes follow. */
    void (*on_bytes)(void *arg, const char *data, size_t len);
    /* A write that had to wait is through. */
    void (*on_written)(void *arg);
    /* The attempt failed or the connection ended; close it. */
    void (*on_lost)(void *arg, const char *why);
    void (*on_closed)(void *arg);
};

/* first: which of several addresses to begin with (modulo their number), so
 * that one that swallows packets does not use up every attempt. config must
 * outlive it. */
struct redis_conn *redis_conn_new(uv_loop_t *loop,
                                  const struct redis_config *config,
                                  unsigned first,
                                  const struct redis_conn_events *events,
                                  void *arg);
/* Still looking its host up: on_resolved will follow. */
bool redis_conn_resolving(const struct redis_conn *c);
/* Hands what it can to the kernel.  While an earlier write waits, nothing is
 * taken; what the kernel does not take at once is moved out of `out` without a
 * copy.  Errors are told through on_lost later in the loop. */
void redis_conn_write(struct redis_conn *c, struct bytes *out);
size_t redis_conn_unsent(const struct redis_conn *c);
void redis_conn_close(struct redis_conn *c);
