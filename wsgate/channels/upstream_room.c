/* Room for what is wanted: what nobody wants is forgotten, and who misses
 * something for want of room is told. */
#include "common/base/clock.h"
#include "wsgate/channels/upstream_internal.h"

enum {
    SWEEP_MS = 1000,
    SWEEP_CHANNELS = 8192, /* looked at in one sweep */
    ROOM_CHANNELS = 16,    /* looked at where there is no room */
};

/* --- channels --- */

/* What a pattern brings stays; its name stays subscribed too, if it was: then
 * nothing comes twice while one of them is given up. */
static bool is_wanted(struct upstream *upstream, struct upstream_channel *u)
{
    return channel_is_covered(&upstream->channels, &u->channel);
}

static void forget(struct upstream *upstream, struct upstream_channel *u)
{
    if (u->wanted) {
        upstream_redis_unwant(upstream, u->channel.name);
        upstream->n_named--;
    }
    upstream_taken_forget(u);
    upstream->refused -= u->access.refused;
    channels_remove(&upstream->channels, &u->channel);
}

/* The i-th of the idle ones: false, and another one is in its place. */
static bool stays_idle(struct upstream *upstream, uint32_t i, uint64_t before,
                       bool brought)
{
    struct upstream_channel *u = upstream->idle[i];
    bool used = u->refs > 0 || u->keep;

    if (!used &&
        (u->idle_mono_ms > before || (!brought && is_wanted(upstream, u))))
        return true;
    if (used)
        u->idle = false;
    else
        forget(upstream, u);
    upstream->idle[i] = upstream->idle[--upstream->n_idle];
    return false;
}

/* The next of them, in turn. */
static void sweep_channels(struct upstream *upstream, uint32_t most,
                           uint64_t before, bool brought)
{
    for (uint32_t n = upstream->n_idle < most ? upstream->n_idle : most; n > 0;
         n--) {
        if (upstream->idle_at >= upstream->n_idle)
            upstream->idle_at = 0;
        if (upstream->n_idle > 0 &&
            stays_idle(upstream, upstream->idle_at, before, brought))
            upstream->idle_at++;
    }
}

void upstream_room_channel(struct upstream *upstream, bool brought)
{
    size_t had = upstream->channels.by_name.count;

    upstream_flush(upstream);
    if (!brought)
        sweep_channels(upstream, ROOM_CHANNELS, UINT64_MAX, false);
    for (int i = 0; brought && i < ROOM_CHANNELS; i++) {
        sweep_channels(upstream, 1, UINT64_MAX, true);
        if (upstream->channels.by_name.count < had)
            break;
    }
}

/* --- patterns --- */

static void forget_pattern(struct upstream *upstream, struct pattern *p)
{
    struct upstream_pattern *u = upstream_pattern_of(p);

    upstream_redis_unwant_pattern(upstream, u);
    upstream->refused -= u->access.refused;
    channels_remove_pattern(&upstream->channels, p);
}

struct sweep {
    struct upstream *upstream;
    uint64_t before;
    struct upstream_pattern *oldest;
};

static void sweep_pattern(void *arg, struct node *n)
{
    struct sweep *s = arg;
    struct pattern *pattern = node_of(struct pattern, node, n);
    const struct upstream_pattern *u = upstream_pattern_of(pattern);

    if (u->refs == 0 && u->idle_mono_ms <= s->before)
        forget_pattern(s->upstream, pattern);
    else if (u->refs > 0)
        pattern_trim(&s->upstream->channels, pattern);
}

static void find_oldest(void *arg, struct node *n)
{
    struct sweep *s = arg;
    struct upstream_pattern *u =
        upstream_pattern_of(node_of(struct pattern, node, n));

    if (u->refs == 0 &&
        (!s->oldest || u->idle_mono_ms < s->oldest->idle_mono_ms))
        s->oldest = u;
}

void upstream_room_pattern(struct upstream *upstream)
{
    struct sweep s = {.upstream = upstream};

    upstream_flush(upstream);
    table_each(&upstream->channels.patterns, find_oldest, &s);
    if (s.oldest)
        forget_pattern(upstream, &s.oldest->pattern);
}

/* --- in time --- */

static void on_sweep(uv_timer_t *t)
{
    struct upstream *upstream = t->data;
    uint64_t now = clock_mono_ms();
    struct sweep s = {
        .upstream = upstream,
        .before = now < UPSTREAM_LINGER_MS ? 0 : now - UPSTREAM_LINGER_MS};

    upstream_flush(upstream);
    table_each(&upstream->channels.patterns, sweep_pattern, &s);
    sweep_channels(upstream, SWEEP_CHANNELS, s.before, false);
}

void upstream_room_start(struct upstream *upstream)
{
    uv_timer_start(&upstream->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
}

/* --- who misses something --- */

void upstream_room_none(struct upstream *upstream, const struct family *family,
                        struct span name)
{
    uint64_t now = clock_mono_ms();

    uint32_t n = patterns_matching(&upstream->channels, family, name);

    for (uint32_t i = 0; i < n; i++) {
        struct upstream_pattern *u =
            upstream_pattern_of(upstream->channels.matching[i]);

        if (u->no_room || u->refs == 0 ||
            (u->no_room_mono_ms > 0 &&
             now - u->no_room_mono_ms < UPSTREAM_TOLD_MS))
            continue;
        u->no_room = upstream->no_room = true;
    }
}

static void tell(void *arg, struct node *n)
{
    struct upstream *upstream = arg;
    struct upstream_pattern *u =
        upstream_pattern_of(node_of(struct pattern, node, n));

    if (!u->no_room)
        return;
    u->no_room = false;
    u->no_room_mono_ms = clock_mono_ms();
    log_warn("channels_full", "wildcard=%s channels=%u", LOG_Q(u->pattern.name),
             (unsigned)upstream->channels.by_name.count);
    if (upstream->events.on_no_room)
        upstream->events.on_no_room(upstream->arg, u->pattern.name);
}

void upstream_room_tell(struct upstream *upstream)
{
    upstream->no_room = false;
    table_each(&upstream->channels.patterns, tell, upstream);
}
