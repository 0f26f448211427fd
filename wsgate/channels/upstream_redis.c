/* The upstream's side of Redis: two links, the probe, and cached messages. */
#include <stdlib.h>

#include "common/event/channel_name.h"
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

/* Of a pattern of Redis, bars:* with our prefix; NULL: not ours, or given up. */
static struct family *family_of(const struct upstream *upstream,
                                struct span pattern)
{
    if (!strip(upstream, &pattern) || pattern.len == 0)
        return NULL;
    pattern.len--;
    return channels_find_family(&upstream->channels, pattern);
}

bool upstream_redis_is_up(const struct upstream *upstream)
{
    return upstream->sub && redis_sub_state(upstream->sub) == REDIS_READY;
}

/* --- the subscription link --- */

uint64_t upstream_covered_from(struct upstream *upstream,
                               const struct upstream_channel *u)
{
    struct channels *cs = &upstream->channels;
    struct span name = u->channel.name;
    const struct family *family =
        u->channel.hidden ? NULL
                          : channels_find_family(cs, channel_name_family(name));
    uint64_t from = UINT64_MAX;
    uint32_t n = !family ? 0 : patterns_matching(cs, family, name);

    if (u->confirmed == upstream->connection)
        from = u->confirmed_frame;
    for (uint32_t i = 0; i < n; i++) {
        const struct upstream_pattern *p = upstream_pattern_of(cs->matching[i]);
        if (p->confirmed == upstream->connection && p->confirmed_frame < from)
            from = p->confirmed_frame;
    }
    return from;
}

static bool comes_by_name(const struct upstream *upstream,
                          const struct upstream_channel *u)
{
    return u->wanted && u->confirmed == upstream->connection;
}

/* Redis sends a message by the channel's name, and by the pattern of its family
 * as well: the name's counts once it is confirmed, and until then the other.
 * NULL: not this one, *why. */
static struct upstream_channel *channel_by_name(struct upstream *upstream,
                                                struct span name,
                                                enum upstream_outcome *why)
{
    struct upstream_channel *u =
        upstream_channel_of(channels_find(&upstream->channels, name));

    *why = OUTCOME_UNWANTED;
    return u && comes_by_name(upstream, u) ? u : NULL;
}

/* The name is new, and some pattern matches it: may clients hear it? */
static bool is_for_clients(struct upstream *upstream, struct span name,
                           enum upstream_outcome *why)
{
    if (!channel_name_is_canonical(name)) {
        upstream->invalid++;
        *why = OUTCOME_INVALID_NAME;
        return false;
    }
    *why = route_channel_is_internal(name) ? OUTCOME_INTERNAL : OUTCOME_PRIVATE;
    return *why != OUTCOME_INTERNAL &&
           !route_is_private(upstream->config.routes, name);
}

static struct upstream_channel *channel_by_pattern(struct upstream *upstream,
                                                   struct span pattern,
                                                   struct span name,
                                                   enum upstream_outcome *why)
{
    struct upstream_channel *u =
        upstream_channel_of(channels_find(&upstream->channels, name));
    const struct family *family;

    *why = OUTCOME_UNWANTED;
    if (u && comes_by_name(upstream, u)) {
        *why = OUTCOME_COPY;
        return NULL;
    }
    if (u && !u->channel.hidden)
        return channel_is_covered(&upstream->channels, &u->channel) ? u : NULL;
    family = family_of(upstream, pattern);
    if (!family || patterns_matching(&upstream->channels, family, name) == 0 ||
        !is_for_clients(upstream, name, why))
        return NULL;
    *why = OUTCOME_CHANNELS_FULL;
    u = upstream_channel(upstream, name);
    if (!u)
        upstream_room_none(upstream, family, name);
    return u;
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
    if (strip(upstream, &name))
        u = pattern.len == 0
                ? channel_by_name(upstream, name, &why)
                : channel_by_pattern(upstream, pattern, name, &why);
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

    if (!u->recover)
        return;
    upstream->recovers = true;
    if (upstream_covered_from(upstream, u) != UINT64_MAX)
        upstream_cache_want(upstream, u);
}

/* Not for every wildcard that somebody asks for: after an outage alone. */
static void recover_all(struct upstream *upstream)
{
    if (!upstream->recovers)
        return;
    upstream->recovers = false;
    table_each(&upstream->channels.by_name, recover, upstream);
}

static void confirm_pattern(struct upstream *upstream,
                            struct upstream_pattern *p)
{
    p->confirmed = upstream->connection;
    p->access.answered = 0;
    upstream_access_set(upstream, &p->access, p->pattern.name, true, false);
    p->confirmed_frame = upstream->fanout->log.head;
    upstream->settled = true;
}

static void refuse_pattern(struct upstream *upstream,
                           struct upstream_pattern *p)
{
    p->access.answered = upstream->connection;
    upstream_access_set(upstream, &p->access, p->pattern.name, true, true);
    upstream->settled = true;
}

/* Of all its patterns. */
static void answer_family(struct upstream *upstream,
                          struct upstream_family *family, bool refused)
{
    family->confirmed = refused ? 0 : upstream->connection;
    family->refused = refused ? upstream->connection : 0;
    for (struct pattern *p = family->family.patterns; p;
         p = p->next_of_family) {
        if (refused)
            refuse_pattern(upstream, upstream_pattern_of(p));
        else
            confirm_pattern(upstream, upstream_pattern_of(p));
    }
    /* What it covers may have said something while we were away. */
    if (!refused)
        recover_all(upstream);
}

static void on_confirmed(void *arg, struct span name, bool pattern)
{
    struct upstream *upstream = arg;
    struct upstream_channel *u;

    if (pattern) {
        struct family *family = family_of(upstream, name);
        if (family)
            answer_family(upstream, upstream_family_of(family), false);
        return;
    }
    if (!strip(upstream, &name))
        return;
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
    struct upstream_channel *u;

    (void)why;
    if (pattern) {
        struct family *family = family_of(upstream, name);
        if (family)
            answer_family(upstream, upstream_family_of(family), true);
        return;
    }
    u = !strip(upstream, &name)
            ? NULL
            : upstream_channel_of(channels_find(&upstream->channels, name));
    if (!u)
        return;
    u->access.answered = upstream->connection;
    upstream_access_set(upstream, &u->access, name, false, true);
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

static void want(struct upstream *upstream, struct span name, bool pattern)
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

static void unwant(struct upstream *upstream, struct span name, bool pattern)
{
    if (upstream->sub)
        redis_sub_unwant(upstream->sub, upstream_prefixed(upstream, "", name),
                         pattern);
}

void upstream_redis_want(struct upstream *upstream, struct span name)
{
    want(upstream, name, false);
}

void upstream_redis_unwant(struct upstream *upstream, struct span name)
{
    unwant(upstream, name, false);
}

/* One pattern of Redis a family: what was answered for it holds for this one. */
void upstream_redis_want_pattern(struct upstream *upstream,
                                 struct upstream_pattern *p)
{
    struct upstream_family *family = upstream_family_of(p->pattern.family);

    if (!family->wanted) {
        family->wanted = true;
        want(upstream, family->family.whole, true);
    } else if (family->confirmed == upstream->connection) {
        confirm_pattern(upstream, p);
        recover_all(upstream);
        upstream_cache_pump(upstream);
    } else if (family->refused == upstream->connection) {
        refuse_pattern(upstream, p);
    }
}

void upstream_redis_unwant_pattern(struct upstream *upstream,
                                   struct upstream_pattern *p)
{
    struct upstream_family *family = upstream_family_of(p->pattern.family);

    if (!family->wanted || family->family.n_patterns > 1)
        return;
    family->wanted = false;
    unwant(upstream, family->family.whole, true);
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
