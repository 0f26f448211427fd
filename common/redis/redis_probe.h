/*
 * redis_probe.h -- is what we hear really all that is said?
 *
 * Subscribes to {prefix}_probe:{instance} on the subscription link; when
 * no message arrived there for 1.5 s, publishes to it on the command link.
 * Taken by Redis but not received within 1 s: the subscriber has stalled, and
 * the subscription link is dropped, with the wait between such drops doubling.
 * A PUBLISH that failed proves nothing, nor does one at a replica that has lost
 * its master: ROLE goes with each.  Where that is refused (ACL), the node is
 * taken for one that has not.
 *
 * Upstream: LIVE all names confirmed or refused since the subscription link was
 * made, and something heard within 2.5 s; DOWN neither link is connected; STALE
 * anything between.  What depends on the clock is in redis_probe_state.
 *
 * Ownership   close it before its links
 */
#pragma once

#include "common/redis/redis_cmd.h"
#include "common/redis/redis_probe_state.h"
#include "common/redis/redis_sub.h"

const char *upstream_name(enum upstream_state u);

struct redis_probe;

struct redis_probe *
redis_probe_new(uv_loop_t *loop, struct redis_cmd *cmd, struct redis_sub *sub,
                const struct redis_config *config, const char *instance,
                void (*on_change)(void *arg, enum upstream_state now),
                void *arg);
enum upstream_state redis_probe_state(const struct redis_probe *p);
/* The channel that it listens to. */
struct span redis_probe_channel(const struct redis_probe *p);
/* The owner of the subscription link reports every message; true: it came on
 * the probe's own channel and is not for clients. */
bool redis_probe_heard(struct redis_probe *p, struct span channel);
/* The owner reports on_ready, on_live and on_down of either link. */
void redis_probe_links_changed(struct redis_probe *p);
void redis_probe_close(struct redis_probe *p);
