/*
 * redis_cmd.h -- pipelined commands with one reply callback each.
 *
 *   redis_cmd_begin(c, 3, on_published, arg);
 *   redis_cmd_str(c, "PUBLISH");
 *   redis_cmd_arg(c, channel, n);
 *   redis_cmd_arg(c, message, k);
 *
 * Back-pressure: nothing is refused while ready, but redis_cmd_full() becomes
 * true above the bounds (commands in flight, bytes unsent): the producer then
 * pauses until on_room, or until on_ready where the link was lost meanwhile.
 * While not ready, redis_cmd_begin returns false and queues nothing (the
 * arguments that follow are ignored): what to keep for later is the tool's
 * decision.
 *
 * Every accepted command gets its callback exactly once and in order: with the
 * reply, or with NULL when the link was lost before the answer (it may or may
 * not have run).  Those come before on_down.  A NULL callback counts error
 * replies and forgets the rest.  READONLY and MASTERDOWN drop the link after
 * their callback, unless a replica will do (redis_config.h).
 *
 * No answer for six seconds is taken for a dead link: BLOCK less than that.
 */
#pragma once

#include "common/redis/redis_link.h"
#include "common/redis/redis_pending.h"

struct redis_cmd;

struct redis_cmd_events {
    void (*on_ready)(void *arg);
    void (*on_down)(void *arg, const char *why, bool refused);
    void (*on_room)(void *arg);
    /* An error reply to a command whose callback is NULL. */
    void (*on_error)(void *arg, struct span text);
};

/* May be NULL: all defaults. */
struct redis_cmd_limits {
    size_t max_in_flight; /* commands; 0: 100,000 */
    size_t max_unsent;    /* bytes; 0: 8 MiB */
    const char *role;     /* of its metrics; NULL: "cmd", or "read" */
};

struct redis_cmd *redis_cmd_new(uv_loop_t *loop,
                                const struct redis_config *config,
                                const struct redis_cmd_limits *limits,
                                const struct redis_cmd_events *events,
                                void *arg);
bool redis_cmd_ready(const struct redis_cmd *c);
enum redis_state redis_cmd_state(const struct redis_cmd *c);
bool redis_cmd_full(const struct redis_cmd *c);
size_t redis_cmd_in_flight(const struct redis_cmd *c);

bool redis_cmd_begin(struct redis_cmd *c, unsigned argc, redis_reply_fn *fn,
                     void *arg);
void redis_cmd_arg(struct redis_cmd *c, const void *data, size_t len);
void redis_cmd_str(struct redis_cmd *c, const char *text);
void redis_cmd_int(struct redis_cmd *c, int64_t value);
/* A whole command of NUL-terminated words, ended by NULL. */
bool redis_cmd_argv(struct redis_cmd *c, redis_reply_fn *fn, void *arg,
                    const char *const *words);
/* The same, with the words as arguments; a NULL at the end is allowed. */
#define redis_cmd_words(c, fn, arg, ...)                                       \
    redis_cmd_argv((c), (fn), (arg), (const char *const[]){__VA_ARGS__, NULL})
/* For the hot path: n_commands whole RESP commands already encoded; fn(arg) is
 * called for each of the replies. */
bool redis_cmd_raw(struct redis_cmd *c, const void *resp, size_t len,
                   unsigned n_commands, redis_reply_fn *fn, void *arg);
/* Write what is queued now instead of at the end of the loop turn. */
void redis_cmd_flush(struct redis_cmd *c);
/* Give up this connection and connect again. */
void redis_cmd_drop(struct redis_cmd *c, const char *why);
/* Pending callbacks are called with NULL before it returns; done(arg), which may
 * be NULL, when everything is closed.  What is queued is offered to the kernel
 * once: who must know that it arrived waits for the replies first. */
void redis_cmd_close(struct redis_cmd *c, void (*done)(void *arg), void *arg);
