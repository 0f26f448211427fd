/* The upstream's side of Redis: two links, the probe, and cached messages. */
#include <stdlib.h>

#include "common/event/route.h"
#include "wsgate/channels/upstream_internal.h"

struct span upstream_prefixed(struct upstream *upstream, const char *more,
                              struct span name)
{
    bytes_clear(&upstream->name);
    bytes_add_str(&upstream->name, upstream->config.redis->prefix);
    bytes_add_str(&upstream->name, more);
    bytes_add_span(&upstream->name, name);
    return bytes_span(&upstream->name);
}

/* False: not one of ours. */
static bool strip(const struct upstream *upstream, struct span *name)
{
    size_t n = strlen(upstream->config.redis->prefix);

    if (!span_starts(*name, upstream->config.redis->prefix))
        return false;
    *name = span_make(name->ptr + n, name->len - n);
    return true;
}

bool upstream_redis_is_up(const struct upstream *upstream)
{
    return upstream->sub && redis_sub_state(upstream->sub) == REDIS_READY;
}

/* --- the subscription link --- */

/* Redis lets * stand for colons too, and sends a message once for each pattern
 * that matches.  Ours cover one last part: only that copy counts. */
static bool is_pattern_of(struct span pattern, struct span channel)
{
    size_t n = channel.len;

    while (n > 0 && channel.ptr[n - 1] != ':')
        n--;
    return n > 0 && pattern.len == n + 1 && pattern.ptr[n] == '*' &&
           memcmp(pattern.ptr, channel.ptr, n) == 0;
}

uint64_t upstream_covered_from(const struct upstream *upstream,
                               const struct upstream_channel *u)
{
    const struct upstream_pattern *p = upstream_pattern_of(u->channel.pattern);
    uint64_t from = UINT64_MAX;

    if (u->confirmed == upstream->connection)
        from = u->confirmed_frame;
    if (p && p->confirmed == upstream->connection && p->confirmed_frame < from)
        from = p->confirmed_frame;
    return from;
}

/* NULL: *why. */
static struct upstream_channel *channel_by_pattern(struct upstream *upstream,
                                                   struct span name,
                                                   enum upstream_outcome *why)
{
    struct upstream_channel *u =
        upstream_channel_of(channels_find(&upstream->channels, name));

    *why = OUTCOME_COPY;
    if (u)
        return u->wanted && u->confirmed == upstream->connection ? NULL : u;
    *why = OUTCOME_INVALID_NAME;
    if (!route_channel_ok(name, false)) {
        upstream->invalid++;
        return NULL;
    }
    *why = OUTCOME_CHANNELS_FULL;
    return upstream_channel(upstream, name);
}

static void on_message(void *arg, struct span name, struct span payload,
                       struct span pattern)
{
    struct upstream *upstream = arg;
    enum upstream_outcome why = OUTCOME_UNWANTED;
    struct upstream_channel *u = NULL;

    if (redis_probe_heard(upstream->probe, name)) {
        (void)upstream_cache_heard(upstream, payload);
        return;
    }
    if (strip(upstream, &name)) {
        if (pattern.len == 0)
            u = upstream_channel_of(channels_find(&upstream->channels, name));
        else if (strip(upstream, &pattern) && is_pattern_of(pattern, name))
            u = channel_by_pattern(upstream, name, &why);
    }
    if (u)
        upstream_deliver(upstream, &u->channel, payload, false);
    else
        upstream->outcome[why]++;
}

static void recover(void *arg, struct node *n)
{
    struct upstream *upstream = arg;
    struct upstream_channel *u =
        upstream_channel_of(node_of(struct channel, node, n));

    if (u->recover && upstream_covered_from(upstream, u) != UINT64_MAX)
        upstream_cache_want(upstream, u);
}

/* What it covers may have said something while we were away. */
static void pattern_confirmed(struct upstream *upstream,
                              struct upstream_pattern *p)
{
    p->confirmed = upstream->connection;
    p->access.answered = 0;
    upstream_access_set(upstream, &p->access, p->pattern.name, true, false);
    p->confirmed_frame = upstream->fanout->log.head;
    table_each(&upstream->channels.by_name, recover, upstream);
    upstream->settled = true;
}

static void on_confirmed(void *arg, struct span name, bool pattern)
{
    struct upstream *upstream = arg;
    struct upstream_channel *u;

    if (!strip(upstream, &name))
        return;
    if (pattern) {
        struct upstream_pattern *p = upstream_pattern_of(
            channels_find_pattern(&upstream->channels, name));
        if (p)
            pattern_confirmed(upstream, p);
        return;
    }
    u = upstream_channel_of(channels_find(&upstream->channels, name));
    if (!u || !u->wanted)
        return; /* the probe's, or given up meanwhile */
    u->confirmed = upstream->connection;
    u->access.answered = 0;
    upstream_access_set(upstream, &u->access, u->channel.name, false, false);
    u->confirmed_frame = upstream->fanout->log.head;
    upstream_cache_want(upstream, u);
}

static void on_sub_live(void *arg)
{
    struct upstream *upstream = arg;

    upstream->events.on_up(upstream->arg);
    redis_probe_links_changed(upstream->probe);
}

static void on_sub_down(void *arg, const char *why, bool refused)
{
    struct upstream *upstream = arg;

    upstream->events.on_down(upstream->arg, why, refused);
    upstream_cache_lost(upstream);
    upstream->connection++; /* nothing is confirmed any more */
    upstream->settled = true;
    if (upstream->probe)
        redis_probe_links_changed(upstream->probe);
}

static void on_drained(void *arg)
{
    upstream_cache_pump(arg);
    upstream_flush(arg);
}

/* Nothing will come, and waiting is no use. */
static void on_refused(void *arg, struct span name, bool pattern,
                       struct span why)
{
    struct upstream *upstream = arg;
    struct access *access;

    (void)why;
    if (!strip(upstream, &name))
        return;
    access = upstream_access_of(upstream, name, pattern);
    if (!access)
        return;
    access->answered = upstream->connection;
    upstream_access_set(upstream, access, name, pattern, true);
    upstream->settled = true;
}

static void on_cmd_ready(void *arg)
{
    struct upstream *upstream = arg;

    upstream->events.on_up(upstream->arg);
    redis_probe_links_changed(upstream->probe);
    upstream_cache_pump(upstream);
}

static void on_cmd_down(void *arg, const char *why, bool refused)
{
    struct upstream *upstream = arg;

    upstream->events.on_down(upstream->arg, why, refused);
    if (upstream->probe)
        redis_probe_links_changed(upstream->probe);
}

static void on_upstream(void *arg, enum upstream_state now)
{
    struct upstream *upstream = arg;

    upstream->events.on_upstream(upstream->arg, now);
}

void upstream_redis_want(struct upstream *upstream, struct span name,
                         bool pattern)
{
    struct span full, why;

    if (!upstream->sub)
        return;
    full = upstream_prefixed(upstream, "", name);
    redis_sub_want(upstream->sub, full, pattern);
    /* Given up and wanted again before Redis knew: no event will follow. */
    if (redis_sub_confirmed(upstream->sub, full, pattern)) {
        on_confirmed(upstream, full, pattern);
        upstream_cache_pump(upstream);
    } else if (redis_sub_refused(upstream->sub, full, pattern, &why)) {
        on_refused(upstream, full, pattern, why);
    }
}

void upstream_redis_unwant(struct upstream *upstream, struct span name,
                           bool pattern)
{
    if (upstream->sub)
        redis_sub_unwant(upstream->sub, upstream_prefixed(upstream, "", name),
                         pattern);
}

void upstream_redis_open(struct upstream *upstream)
{
    static const struct redis_cmd_events cmd_events = {.on_ready = on_cmd_ready,
                                                       .on_down = on_cmd_down};
    static const struct redis_sub_events sub_events = {
        .on_message = on_message,
        .on_confirmed = on_confirmed,
        .on_live = on_sub_live,
        .on_down = on_sub_down,
        .on_drained = on_drained,
        .on_refused = on_refused,
    };
    const struct upstream_config *c = &upstream->config;

    upstream->redis =
        redis_cmd_new(upstream->loop, c->redis, NULL, &cmd_events, upstream);
    upstream->sub =
        redis_sub_new(upstream->loop, c->redis, &sub_events, upstream);
    upstream->probe =
        redis_probe_new(upstream->loop, upstream->redis, upstream->sub,
                        c->redis, c->self.id, on_upstream, upstream);
    upstream->instance =
        instance_new(upstream->loop, c->self, upstream->redis, c->redis,
                     upstream->events.fill, upstream->arg);
}

void upstream_redis_close(struct upstream *upstream)
{
    if (!upstream->sub)
        return;
    redis_probe_close(upstream->probe);
    instance_close(upstream->instance);
    upstream->instance = NULL;
    redis_sub_close(upstream->sub, NULL, NULL);
    redis_cmd_close(upstream->redis, NULL, NULL);
    upstream->probe = NULL;
    upstream->sub = NULL;
    upstream->redis = NULL;
}

enum upstream_state upstream_state(const struct upstream *upstream)
{
    if (!upstream->config.redis)
        return UPSTREAM_LIVE;
    return !upstream->probe ? UPSTREAM_DOWN
                            : redis_probe_state(upstream->probe);
}
