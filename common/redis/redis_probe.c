#include "common/redis/redis_probe.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"

enum { LATE_MS = 500 }; /* a timer this late means that we did not run */

struct redis_probe {
    uv_loop_t *loop;
    struct redis_cmd *cmd;
    struct redis_sub *sub;
    struct redis_probe_state state;
    enum upstream_state told;
    void (*on_change)(void *arg, enum upstream_state now);
    void *arg;
    uv_timer_t timer;
    uint64_t due_ms;
    bool closed, timer_closed;
    bool published;    /* by the last PUBLISH: ROLE answers after it */
    bool role_refused; /* was logged */
    size_t channel_len;
    char channel[160];
};

const char *upstream_name(enum upstream_state u)
{
    static const char *const names[] = {[UPSTREAM_LIVE] = "live",
                                        [UPSTREAM_STALE] = "stale",
                                        [UPSTREAM_DOWN] = "down"};

    return names[u];
}

static void free_if_unused(struct redis_probe *p)
{
    /* The answer to a PUBLISH comes exactly once, and to us. */
    if (p->timer_closed && !p->state.publishing)
        free(p);
}

static void evaluate(struct redis_probe *p);

static void on_published(void *arg, const struct redis_reply *r)
{
    struct redis_probe *p = arg;

    p->published = r && r->type == REDIS_INTEGER;
    if (r && !p->published && !p->closed)
        log_warn("redis_probe_failed", "channel=%s why=%s",
                 LOG_Q(span_str(p->channel)), LOG_Q(r->str));
}

/* A replica: ["slave", host, port, state of the link to its master, offset].
 * Anything else, an error too, has no master that it could have lost. */
static bool detached(const struct redis_reply *r)
{
    return r->type == REDIS_ARRAY && r->count >= 4 &&
           r->item[0].type == REDIS_STRING &&
           span_is(r->item[0].str, "slave") &&
           r->item[3].type == REDIS_STRING &&
           !span_is(r->item[3].str, "connected");
}

static void on_role(void *arg, const struct redis_reply *r)
{
    struct redis_probe *p = arg;
    enum redis_probe_answer answer = REDIS_PROBE_ATTACHED;
    bool refused = r && r->type == REDIS_ERROR_REPLY;

    if (!r || !p->published)
        answer = REDIS_PROBE_FAILED;
    else if (detached(r))
        answer = REDIS_PROBE_DETACHED;
    redis_probe_state_answer(&p->state, uv_now(p->loop), answer);
    if (p->closed) {
        free_if_unused(p);
        return;
    }
    if (refused && !p->role_refused)
        log_warn("redis_role_refused", "why=%s", LOG_Q(r->str));
    p->role_refused = r ? refused : p->role_refused;
    evaluate(p);
}

static void publish(struct redis_probe *p)
{
    p->published = false;
    if (!redis_cmd_words(p->cmd, on_published, p, "PUBLISH", p->channel, "1",
                         NULL) ||
        !redis_cmd_words(p->cmd, on_role, p, "ROLE", NULL))
        redis_probe_state_answer(&p->state, uv_now(p->loop),
                                 REDIS_PROBE_FAILED);
}

static void on_timer(uv_timer_t *t);

static void evaluate(struct redis_probe *p)
{
    uint64_t now = uv_now(p->loop);
    enum upstream_state upstream;
    uint64_t in_ms;

    redis_probe_state_links(&p->state, now, redis_cmd_ready(p->cmd),
                            redis_sub_state(p->sub) == REDIS_READY,
                            redis_sub_settled(p->sub));
    switch (redis_probe_state_step(&p->state, now)) {
    case REDIS_PROBE_PUBLISH:
        publish(p);
        break;
    case REDIS_PROBE_DROP:
        log_warn("redis_subscriber_stalled", "channel=%s next_drop_ms=%d",
                 LOG_Q(span_str(p->channel)), (int)p->state.drop_wait_ms);
        /* Its on_down brings us back here by redis_probe_links_changed(). */
        redis_sub_drop(
            p->sub, "subscriber stalled: a published probe did not come back");
        break;
    case REDIS_PROBE_WAIT:
        break;
    }
    if (p->closed)
        return;
    in_ms = redis_probe_state_due(&p->state, now);
    p->due_ms = now + in_ms;
    uv_timer_start(&p->timer, on_timer, in_ms, 0);
    upstream = redis_probe_state_upstream(&p->state, now);
    if (upstream == p->told)
        return;
    p->told = upstream;
    log_info("redis_upstream", "state=%s", upstream_name(upstream));
    p->on_change(p->arg, upstream);
}

static void on_timer(uv_timer_t *t)
{
    struct redis_probe *p = t->data;
    uint64_t late = uv_now(p->loop) - p->due_ms;

    if (late > LATE_MS) {
        /* What came meanwhile lies in the socket still: read that first. */
        redis_probe_state_stalled(&p->state, late);
        p->due_ms = uv_now(p->loop) + 1;
        uv_timer_start(t, on_timer, 1, 0);
        return;
    }
    evaluate(p);
}

struct redis_probe *
redis_probe_new(uv_loop_t *loop, struct redis_cmd *cmd, struct redis_sub *sub,
                const struct redis_config *config, const char *instance,
                void (*on_change)(void *arg, enum upstream_state now),
                void *arg)
{
    struct redis_probe *p = mem_zero(sizeof *p);

    p->loop = loop;
    p->cmd = cmd;
    p->sub = sub;
    p->on_change = on_change;
    p->arg = arg;
    p->told = UPSTREAM_DOWN;
    p->channel_len =
        (size_t)snprintf(p->channel, sizeof p->channel, "%.63s_probe:%.64s",
                         config->prefix, instance);
    redis_sub_want(sub, span_make(p->channel, p->channel_len), false);
    uv_timer_init(loop, &p->timer);
    p->timer.data = p;
    uv_timer_start(&p->timer, on_timer, 1, 0);
    p->due_ms = uv_now(loop) + 1;
    return p;
}

enum upstream_state redis_probe_state(const struct redis_probe *p)
{
    return p->told;
}

struct span redis_probe_channel(const struct redis_probe *p)
{
    return span_make(p->channel, p->channel_len);
}

bool redis_probe_heard(struct redis_probe *p, struct span channel)
{
    uint64_t now = uv_now(p->loop);
    bool own = channel.len == p->channel_len &&
               memcmp(channel.ptr, p->channel, channel.len) == 0;

    if (own)
        redis_probe_state_echo(&p->state, now);
    else
        redis_probe_state_heard(&p->state, now);
    if (p->told != UPSTREAM_LIVE &&
        redis_probe_state_upstream(&p->state, now) == UPSTREAM_LIVE)
        evaluate(p);
    return own;
}

void redis_probe_links_changed(struct redis_probe *p)
{
    if (!p->closed)
        evaluate(p);
}

static void on_timer_closed(uv_handle_t *h)
{
    struct redis_probe *p = h->data;

    p->timer_closed = true;
    free_if_unused(p);
}

void redis_probe_close(struct redis_probe *p)
{
    if (!p || p->closed)
        return;
    p->closed = true;
    redis_sub_unwant(p->sub, span_make(p->channel, p->channel_len), false);
    uv_close((uv_handle_t *)&p->timer, on_timer_closed);
}
