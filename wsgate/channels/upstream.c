#include "wsgate/channels/upstream.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/metrics.h"
#include "common/event/channel_name.h"
#include "common/redis/redis_sub.h"
#include "wsgate/channels/upstream_internal.h"

enum { THROTTLE_TICK_MS = 10 };

static const uint64_t fanout_bounds[] = {50,     100,    250,    500,   1000,
                                         2500,   5000,   10000,  25000, 50000,
                                         100000, 250000, 1000000};
static uint64_t fanout_counts[sizeof fanout_bounds / sizeof *fanout_bounds + 1];
static struct metric fanout_time = {
    METRIC(HISTOGRAM, "tickwire_wsgate_fanout_seconds", NULL,
           "from the first message of a read to the last send of it"),
    .bounds = fanout_bounds,
    .n_bounds = sizeof fanout_bounds / sizeof *fanout_bounds,
    .counts = fanout_counts, .scale = 1e-6};

struct channels *upstream_channels(struct upstream *upstream)
{
    return &upstream->channels;
}

struct redis_cmd *upstream_redis(const struct upstream *upstream)
{
    return upstream->redis;
}

/* --- time and turns --- */

/* The clocks are read once for all messages of a read. */
void upstream_begin_turn(struct upstream *upstream)
{
    if (upstream->turn_ns == 0) {
        upstream->turn_ns = clock_mono_ns();
        upstream->now_ms = clock_wall_ms();
        upstream->mono_ms = upstream->turn_ns / 1000000;
    }
}

static void on_throttle(uv_timer_t *t);

void upstream_flush(struct upstream *upstream)
{
    fanout_flush(upstream->fanout);
    if (upstream->turn_ns != 0)
        metrics_observe(&fanout_time,
                        (clock_mono_ns() - upstream->turn_ns) / 1000);
    upstream->turn_ns = 0;
    if (upstream->channels.waiting.n > 0 &&
        !uv_is_active((uv_handle_t *)&upstream->throttle))
        uv_timer_start(&upstream->throttle, on_throttle, THROTTLE_TICK_MS,
                       THROTTLE_TICK_MS);
}

static void on_throttle(uv_timer_t *t)
{
    struct upstream *upstream = t->data;

    upstream_begin_turn(upstream);
    if (!channels_send_due(&upstream->channels, upstream->mono_ms))
        uv_timer_stop(t);
    upstream_flush(upstream);
}

/* Before the loop sleeps: whatever a callback left behind. */
static void on_prepare(uv_prepare_t *p)
{
    struct upstream *upstream = p->data;

    if (upstream->fanout->dirty)
        upstream_flush(upstream);
    if (upstream->access.len > 0 && upstream->events.on_access)
        upstream_access_tell(upstream);
    if (upstream->no_room)
        upstream_room_tell(upstream);
    if (upstream->settled) {
        upstream->settled = false;
        upstream->events.on_settled(upstream->arg);
    }
}

/* --- subscriptions --- */

static void add_idle(struct upstream *upstream, struct upstream_channel *u)
{
    if (u->idle)
        return;
    u->idle = true;
    u->idle_mono_ms = clock_mono_ms();
    if (upstream->n_idle == upstream->cap_idle) {
        upstream->cap_idle =
            upstream->cap_idle == 0 ? 64 : upstream->cap_idle * 2;
        upstream->idle = mem_grow(upstream->idle,
                                  upstream->cap_idle * sizeof *upstream->idle);
    }
    upstream->idle[upstream->n_idle++] = u;
}

struct upstream_channel *upstream_channel(struct upstream *upstream,
                                          struct span name)
{
    struct channel *channel = channels_find(&upstream->channels, name);
    struct upstream_channel *u = upstream_channel_of(channel);

    if (!u && upstream->channels.by_name.count >= CHANNELS_MAX)
        upstream_room_channel(upstream, false);

    if (!u && (channel = channels_get(&upstream->channels, name)) != NULL) {
        u = upstream_channel_of(channel);
        u->mixed = route_may_hold_private(upstream->config.routes, name);
        add_idle(upstream, u);
    }
    return u;
}

void upstream_release(struct upstream *upstream, struct upstream_channel *u)
{
    if (--u->refs == 0) {
        u->idle_mono_ms = clock_mono_ms();
        add_idle(upstream, u);
    }
}

/* By clients: what the dialects have is there for everybody. */
static struct upstream_channel *
open_name(struct upstream *upstream, struct span name, enum dialect dialect)
{
    struct channel *channel = channels_find(&upstream->channels, name);

    if (channel && upstream_channel_of(channel)->wanted)
        return upstream_channel_of(channel);
    if (dialect == DIALECT_NATIVE) {
        if (upstream->n_named >= CHANNELS_NAMED_MAX)
            upstream_room_channel(upstream, false);
        if (upstream->n_named >= CHANNELS_NAMED_MAX)
            return NULL;
    } else if (!channel && upstream->channels.by_name.count >= CHANNELS_MAX) {
        upstream_room_channel(upstream, true);
    }
    return upstream_channel(upstream, name);
}

static struct pattern *pattern_by_name(struct upstream *upstream,
                                       struct span name, enum dialect dialect)
{
    struct channels *cs = &upstream->channels;
    uint32_t max =
        dialect == DIALECT_NATIVE ? CLIENT_PATTERNS_MAX : PATTERNS_MAX;
    struct pattern *p = channels_find_pattern(cs, name);

    if (!p && cs->patterns.count >= max)
        upstream_room_pattern(upstream);
    if (!p && cs->patterns.count >= max)
        return NULL;
    return p ? p : channels_get_pattern(cs, name);
}

static uint32_t open_pattern(struct upstream *upstream, struct span name,
                             enum dialect dialect, uint32_t interval_ms)
{
    struct pattern *pattern = pattern_by_name(upstream, name, dialect);
    struct upstream_pattern *u = upstream_pattern_of(pattern);
    struct pattern_view *v;

    if (!pattern)
        return NO_SUBSCRIPTION;
    v = pattern_view(&upstream->channels, pattern, dialect, interval_ms);
    v->refs++;
    u->refs++;
    if (!u->wanted) {
        u->wanted = true;
        upstream_redis_want_pattern(upstream, u);
    }
    return v->stream.id;
}

uint32_t upstream_open(struct upstream *upstream, struct span name,
                       enum dialect dialect, uint32_t interval_ms)
{
    struct upstream_channel *u;
    struct view *v;

    if (channel_name_is_pattern(name))
        return open_pattern(upstream, name, dialect, interval_ms);
    u = open_name(upstream, name, dialect);
    if (!u)
        return NO_SUBSCRIPTION;
    v = channel_view(&upstream->channels, &u->channel, dialect, interval_ms);
    v->refs++;
    u->refs++;
    if (!u->wanted) {
        u->wanted = true;
        upstream->n_named++;
        if (u->fetch == FETCH_DONE &&
            upstream_covered_from(upstream, u) == UINT64_MAX)
            u->fetch = FETCH_NONE; /* nothing was heard for a while */
        upstream_redis_want(upstream, name);
    }
    return v->stream.id;
}

void upstream_close(struct upstream *upstream, uint32_t subscription)
{
    struct view *v;

    if (subscription & SUBSCRIPTION_PATTERN) {
        struct pattern_view *pv =
            channels_pattern_of(&upstream->channels, subscription);
        struct upstream_pattern *u = upstream_pattern_of(pv->pattern);
        pv->refs--;
        if (--u->refs == 0)
            u->idle_mono_ms = clock_mono_ms();
        return;
    }
    v = channels_view_of(&upstream->channels, subscription);
    v->refs--;
    upstream_release(upstream, upstream_channel_of(v->channel));
}

bool upstream_is_settled(const struct upstream *upstream, uint32_t subscription)
{
    const struct channels *cs = &upstream->channels;
    const struct upstream_channel *u;
    const struct upstream_pattern *p;

    if (!upstream_redis_is_up(upstream))
        return true; /* nobody to wait for */
    if (subscription & SUBSCRIPTION_PATTERN) {
        p = upstream_pattern_of(channels_pattern_of(cs, subscription)->pattern);
        return p->confirmed == upstream->connection ||
               p->access.answered == upstream->connection;
    }
    u = upstream_channel_of(channels_view_of(cs, subscription)->channel);
    return (u->confirmed == upstream->connection && u->fetch == FETCH_DONE) ||
           u->access.answered == upstream->connection;
}

void upstream_note_unshown(struct upstream *upstream, uint32_t subscription)
{
    const struct view *v;

    if (subscription & SUBSCRIPTION_PATTERN)
        return;
    v = channels_view_of(&upstream->channels, subscription);
    upstream_channel_of(v->channel)->unshown = true;
}

bool upstream_is_fetched(const struct upstream *upstream,
                         const struct channel *channel)
{
    const struct upstream_channel *u = (const void *)channel;

    return !upstream->sub || u->fetch == FETCH_DONE;
}

struct span upstream_subscription_name(const struct upstream *upstream,
                                       uint32_t subscription)
{
    return subscription & SUBSCRIPTION_PATTERN
               ? channels_pattern_of(&upstream->channels, subscription)
                     ->pattern->name
               : channels_view_of(&upstream->channels, subscription)
                     ->channel->name;
}

uint32_t upstream_subscription_interval(const struct upstream *upstream,
                                        uint32_t subscription)
{
    return subscription & SUBSCRIPTION_PATTERN
               ? channels_pattern_of(&upstream->channels, subscription)
                     ->interval_ms
               : channels_view_of(&upstream->channels, subscription)
                     ->interval_ms;
}

/* --- life --- */

static void timer(struct upstream *upstream, uv_timer_t *t)
{
    uv_timer_init(upstream->loop, t);
    t->data = upstream;
}

static bool is_by_symbol(void *routes, struct span name)
{
    return route_is_by_symbol(routes, name);
}

struct upstream *upstream_new(uv_loop_t *loop,
                              const struct upstream_config *config,
                              struct fanout *fanout,
                              const struct upstream_events *events, void *arg)
{
    static const struct channel_sizes sizes = {
        .channel = sizeof(struct upstream_channel),
        .pattern = sizeof(struct upstream_pattern),
        .family = sizeof(struct upstream_family)};
    struct upstream *upstream = mem_zero(sizeof *upstream);

    upstream->loop = loop;
    upstream->config = *config;
    upstream->fanout = fanout;
    upstream->events = *events;
    upstream->arg = arg;
    upstream->connection = 1;
    upstream->local = event_reader_new();
    event_reader_by(upstream->local,
                    &(struct event_rules){.allow_negative = true});
    channels_init(&upstream->channels, fanout,
                  clock_mono_ns() ^ (uint64_t)getpid(), &sizes);
    upstream->channels.routes = config->routes;
    if (config->routes) {
        upstream->channels.is_by_symbol = is_by_symbol;
        upstream->channels.is_by_symbol_arg = (void *)(uintptr_t)config->routes;
    }
    timer(upstream, &upstream->throttle);
    timer(upstream, &upstream->sweep);
    timer(upstream, &upstream->refetch);
    timer(upstream, &upstream->more);
    uv_prepare_init(loop, &upstream->prepare);
    upstream->prepare.data = upstream;
    uv_prepare_start(&upstream->prepare, on_prepare);
    upstream_room_start(upstream);
    metrics_add(&fanout_time);
    upstream_outcome_export(upstream->outcome);
    return upstream;
}

void upstream_start(struct upstream *upstream)
{
    if (upstream->config.redis)
        upstream_redis_open(upstream);
}

void upstream_stop(struct upstream *upstream)
{
    upstream_redis_close(upstream);
    uv_close((uv_handle_t *)&upstream->throttle, NULL);
    uv_close((uv_handle_t *)&upstream->sweep, NULL);
    uv_close((uv_handle_t *)&upstream->refetch, NULL);
    uv_close((uv_handle_t *)&upstream->more, NULL);
    uv_close((uv_handle_t *)&upstream->prepare, NULL);
}

void upstream_free(struct upstream *upstream)
{
    if (!upstream)
        return;
    upstream_cache_close(upstream);
    channels_close(&upstream->channels);
    event_reader_free(upstream->local);
    free(upstream->idle);
    bytes_close(&upstream->name);
    bytes_close(&upstream->access);
    free(upstream);
}

struct upstream_stats upstream_stats(const struct upstream *upstream)
{
    return (struct upstream_stats){
        .channels = upstream->channels.by_name.count,
        .messages_redis = upstream_outcome_received(upstream->outcome),
        .messages_local = upstream->from_local,
        .messages_invalid = upstream->invalid + upstream->too_big,
        .redis_subscriptions =
            !upstream->sub ? 0 : redis_sub_wanted_count(upstream->sub),
        .redis_refused = (uint64_t)upstream->refused,
        .recovered = upstream->recovered,
    };
}
