/*
 * redis_link.h -- one connection to Redis that comes back by itself.
 *
 * The base of redis_cmd and redis_sub, which tools use.  States: resolve ->
 * connect -> handshake (AUTH, SELECT, CLIENT SETNAME) -> ready -> backoff.  One
 * timer owns every retry, and "not ready implies a timer is armed or an attempt
 * is in flight" is asserted.  Waits are those of redis_backoff.h, begun anew
 * after 5 s of ready, not on connect; a peer is gone as redis_liveness.h says.
 *
 * Everything queued in one loop turn leaves in one write.
 */
#pragma once

#include <uv.h>

#include "common/base/bytes.h"
#include "common/redis/redis_config.h"
#include "common/redis/redis_reply.h"
#include "common/redis/redis_resp.h"

enum redis_state {
    REDIS_RESOLVE,
    REDIS_CONNECT,
    REDIS_HANDSHAKE,
    REDIS_READY,
    REDIS_BACKOFF,
    REDIS_CLOSED
};

struct redis_link;

struct redis_link_events {
    /* "cmd", "sub" or "read": for metrics, logs and CLIENT SETNAME. */
    const char *role;
    /* The handshake is done; replies from now on go to on_reply. */
    void (*on_ready)(void *arg);
    /* After ready, or an attempt that failed; why is for people and ends with
     * the call.  refused: AUTH or ACL said no (exit 77 at start). */
    void (*on_down)(void *arg, const char *why, bool refused);
    /* One reply; false: the callee has dropped or closed the link. */
    bool (*on_reply)(void *arg, const struct redis_reply *r);
    /* All replies of one read were delivered.  May be NULL. */
    void (*on_drained)(void *arg);
    /* An idle PING was written: its reply comes through on_reply, so that the
     * owner's queue stays in step. */
    void (*on_ping)(void *arg);
    /* Last call before what is queued is written: more may be appended.  May
     * be NULL. */
    void (*on_flush)(void *arg);
    /* Unsent bytes became fewer: see redis_link_unsent().  May be NULL. */
    void (*on_room)(void *arg);
};

struct redis_link *redis_link_new(uv_loop_t *loop,
                                  const struct redis_config *config,
                                  const struct redis_link_events *events,
                                  void *arg);
enum redis_state redis_link_state(const struct redis_link *l);
const char *redis_state_name(enum redis_state s);
/* Commands are appended here; call redis_link_queued() afterwards. */
struct bytes *redis_link_out(struct redis_link *l);
void redis_link_queued(struct redis_link *l);
/* Bytes appended and not yet taken by the kernel. */
size_t redis_link_unsent(const struct redis_link *l);
/* Write what is queued now instead of at the end of the loop turn. */
void redis_link_flush(struct redis_link *l);
/* Give up this connection now and connect again (resolving anew). */
void redis_link_drop(struct redis_link *l, const char *why);
/* No event follows; done(arg), which may be NULL, after everything is closed.
 * What is queued is offered to the kernel once and not waited for, so that a
 * peer that hangs does not delay it. */
void redis_link_close(struct redis_link *l, void (*done)(void *arg), void *arg);
