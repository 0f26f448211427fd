#include "wsgate/channels/hub.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/redis/redis_sub.h"
#include "wsgate/channels/hub_internal.h"

enum { THROTTLE_TICK_MS = 10, SWEEP_MS = 1000 };

static const uint64_t fanout_bounds[] = {50,     100,    250,    500,   1000,
                                         2500,   5000,   10000,  25000, 50000,
                                         100000, 250000, 1000000};
static uint64_t fanout_counts[sizeof fanout_bounds / sizeof *fanout_bounds + 1];
static struct metric fanout_time = {
    .name = "tickwire_wsgate_fanout_seconds",
    .help = "from the first message of a read to the last send of it",
    .kind = METRIC_HISTOGRAM,
    .bounds = fanout_bounds,
    .n_bounds = sizeof fanout_bounds / sizeof *fanout_bounds,
    .counts = fanout_counts,
    .scale = 1e-6};

struct feeds *hub_feeds(struct hub *hub)
{
    return &hub->feeds;
}

/* --- time and turns --- */

/* The clocks are read once for all messages of a read. */
void hub_begin_turn(struct hub *hub)
{
    if (hub->turn_ns == 0) {
        hub->turn_ns = clock_mono_ns();
        hub->now_ms = clock_wall_ms();
        hub->mono_ms = hub->turn_ns / 1000000;
    }
}

static void on_throttle(uv_timer_t *t);

void hub_flush(struct hub *hub)
{
    fan_flush(hub->gate->fan);
    if (hub->turn_ns != 0)
        metrics_observe(&fanout_time, (clock_mono_ns() - hub->turn_ns) / 1000);
    hub->turn_ns = 0;
    if (hub->feeds.waiting && !uv_is_active((uv_handle_t *)&hub->throttle))
        uv_timer_start(&hub->throttle, on_throttle, THROTTLE_TICK_MS,
                       THROTTLE_TICK_MS);
}

static void on_throttle(uv_timer_t *t)
{
    struct hub *hub = t->data;

    hub_begin_turn(hub);
    if (!feeds_send_due(&hub->feeds, hub->mono_ms))
        uv_timer_stop(t);
    hub_flush(hub);
}

/* Before the loop sleeps: whatever a callback left behind. */
static void on_prepare(uv_prepare_t *p)
{
    struct hub *hub = p->data;

    if (hub->gate->fan->dirty)
        hub_flush(hub);
    if (hub->settled) {
        hub->settled = false;
        hub->events.on_settled(hub->arg);
    }
}

/* --- messages --- */

static void count_bad(struct hub *hub, enum feed_result result,
                      const struct feed *feed)
{
    if (result == FEED_TOO_BIG) {
        hub->too_big++;
        log_warn("message_too_big", "channel=%s", feed->name.ptr);
    } else if (result == FEED_NOT_JSON) {
        hub->invalid++;
        log_warn("message_invalid", "channel=%s why=\"not JSON or not UTF-8\"",
                 feed->name.ptr);
    }
}

/* A payload is one JSON value, or several with line feeds between them. */
void hub_deliver(struct hub *hub, struct feed *feed, struct span payload,
                 bool local)
{
    struct feed_message m;
    const char *lf, *at = payload.ptr, *end = payload.ptr + payload.len;
    enum feed_result result;

    hub_begin_turn(hub);
    m = (struct feed_message){.payload = payload,
                              .now_ms = hub->now_ms,
                              .mono_ms = hub->mono_ms,
                              .local = local};
    result = feed_publish(&hub->feeds, feed, &m);
    if (result == FEED_OK)
        return;
    lf = memchr(payload.ptr, '\n', payload.len);
    if (!lf) {
        count_bad(hub, result, feed);
        return;
    }
    while (at < end) {
        const char *stop;

        lf = memchr(at, '\n', (size_t)(end - at));
        stop = lf ? lf : end;
        m.payload = span_make(at, (size_t)(stop - at));
        at = stop + 1;
        if (m.payload.len > 0 && m.payload.ptr[m.payload.len - 1] == '\r')
            m.payload.len--;
        if (m.payload.len == 0)
            continue;
        result = feed_publish(&hub->feeds, feed, &m);
        if (result != FEED_OK)
            count_bad(hub, result, feed);
    }
}

/* --- topics --- */

static void add_idle(struct hub *hub, struct feed *feed)
{
    if (feed->idle)
        return;
    feed->idle = true;
    feed->idle_mono_ms = clock_mono_ms();
    if (hub->n_idle == hub->cap_idle) {
        hub->cap_idle = hub->cap_idle == 0 ? 64 : hub->cap_idle * 2;
        hub->idle = mem_grow(hub->idle, hub->cap_idle * sizeof *hub->idle);
    }
    hub->idle[hub->n_idle++] = feed;
}

struct feed *hub_feed(struct hub *hub, struct span name)
{
    struct feed *feed = feeds_find(&hub->feeds, name);

    if (!feed && (feed = feeds_get(&hub->feeds, name)) != NULL)
        add_idle(hub, feed);
    return feed;
}

static void release(struct hub *hub, struct feed *feed)
{
    if (--feed->refs == 0) {
        feed->idle_mono_ms = clock_mono_ms();
        add_idle(hub, feed);
    }
}

void hub_release_feed(struct hub *hub, struct feed *feed)
{
    release(hub, feed);
}

uint32_t hub_open(struct hub *hub, struct span name, enum view view,
                  uint32_t interval_ms)
{
    struct feed *feed;
    struct variant *v;

    if (name.ptr[name.len - 1] == '*') {
        struct wild *w = feeds_get_wild(&hub->feeds, name);
        struct wild_variant *wv =
            !w ? NULL : wild_variant(&hub->feeds, w, view, interval_ms);
        if (!wv)
            return HUB_NO_TOPIC;
        wv->refs++;
        w->refs++;
        if (!w->wanted) {
            w->wanted = true;
            hub_redis_want(hub, name, true);
        }
        w->idle = false;
        return wv->pattern.id;
    }
    feed = hub_feed(hub, name);
    v = !feed ? NULL : feed_variant(&hub->feeds, feed, view, interval_ms);
    if (!v && feed && feed->wild) {
        wild_trim(&hub->feeds, feed->wild);
        v = feed_variant(&hub->feeds, feed, view, interval_ms);
    }
    if (!v)
        return HUB_NO_TOPIC;
    v->refs++;
    feed->refs++;
    if (!feed->wanted) {
        feed->wanted = true;
        feed->state = FEED_NEW;
        hub_redis_want(hub, name, false);
    }
    return v->channel.id;
}

void hub_close(struct hub *hub, uint32_t topic)
{
    struct variant *v;

    if (topic & TOPIC_PATTERN) {
        struct wild_variant *wv = feeds_wild_of(&hub->feeds, topic);
        struct wild *w = wv->wild;
        wv->refs--;
        if (--w->refs == 0) {
            w->idle = true;
            w->idle_mono_ms = clock_mono_ms();
        }
        return;
    }
    v = feeds_variant_of(&hub->feeds, topic);
    v->refs--;
    release(hub, v->feed);
}

bool hub_is_settled(const struct hub *hub, uint32_t topic)
{
    const struct feed *feed;

    if (!hub_redis_is_up(hub))
        return true; /* nobody to wait for */
    if (topic & TOPIC_PATTERN)
        return feeds_wild_of(&hub->feeds, topic)->wild->confirmed ==
               hub->connection;
    feed = feeds_variant_of(&hub->feeds, topic)->feed;
    return feed->confirmed == hub->connection && feed->state == FEED_LIVE;
}

struct span hub_topic_name(const struct hub *hub, uint32_t topic)
{
    return topic & TOPIC_PATTERN
               ? feeds_wild_of(&hub->feeds, topic)->wild->name
               : feeds_variant_of(&hub->feeds, topic)->feed->name;
}

uint32_t hub_topic_interval(const struct hub *hub, uint32_t topic)
{
    return topic & TOPIC_PATTERN
               ? feeds_wild_of(&hub->feeds, topic)->interval_ms
               : feeds_variant_of(&hub->feeds, topic)->interval_ms;
}

/* --- forgetting what nobody wants --- */

struct sweep {
    struct hub *hub;
    uint64_t before;
};

static void sweep_wild(void *arg, struct node *n)
{
    struct sweep *s = arg;
    struct wild *w = node_of(struct wild, node, n);

    if (w->refs > 0 || !w->idle || w->idle_mono_ms > s->before)
        return;
    if (w->wanted)
        hub_redis_unwant(s->hub, w->name, true);
    feeds_remove_wild(&s->hub->feeds, w);
}

static void on_sweep(uv_timer_t *t)
{
    struct hub *hub = t->data;
    uint64_t now = clock_mono_ms();
    struct sweep s = {.hub = hub,
                      .before = now < HUB_LINGER_MS ? 0 : now - HUB_LINGER_MS};
    uint32_t kept = 0;

    hub_flush(hub);
    table_each(&hub->feeds.wilds, sweep_wild, &s);
    for (uint32_t i = 0; i < hub->n_idle; i++) {
        struct feed *feed = hub->idle[i];
        /* What a pattern brings stays; its name stays subscribed too, if it
         * was: then nothing comes twice while one of them is given up. */
        if (feed->refs > 0 || feed->keep) {
            feed->idle = false;
        } else if (feed->wild || feed->idle_mono_ms > s.before) {
            hub->idle[kept++] = feed;
        } else {
            if (feed->wanted)
                hub_redis_unwant(hub, feed->name, false);
            feeds_remove(&hub->feeds, feed);
        }
    }
    hub->n_idle = kept;
}

/* --- life --- */

static void timer(struct hub *hub, uv_timer_t *t)
{
    uv_timer_init(&hub->gate->app->loop, t);
    t->data = hub;
}

bool hub_new(struct wsgate *w, const struct hub_events *events, void *arg,
             struct err *err)
{
    struct hub *hub = mem_zero(sizeof *hub);

    hub->gate = w;
    hub->events = *events;
    hub->arg = arg;
    hub->connection = 1;
    w->hub = hub;
    feeds_init(&hub->feeds, w->fan, clock_mono_ns() ^ (uint64_t)getpid());
    hub->feeds.is_public = hub_alert_is_public;
    timer(hub, &hub->throttle);
    timer(hub, &hub->sweep);
    uv_prepare_init(&w->app->loop, &hub->prepare);
    hub->prepare.data = hub;
    uv_prepare_start(&hub->prepare, on_prepare);
    uv_timer_start(&hub->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
    metrics_add(&fanout_time);
    return hub_redis_open(hub, err);
}

void hub_stop(struct hub *hub)
{
    hub_redis_close(hub);
    uv_close((uv_handle_t *)&hub->throttle, NULL);
    uv_close((uv_handle_t *)&hub->sweep, NULL);
    uv_close((uv_handle_t *)&hub->prepare, NULL);
}

void hub_free(struct hub *hub)
{
    if (!hub)
        return;
    feeds_close(&hub->feeds);
    free(hub->idle);
    bytes_close(&hub->name);
    free(hub);
}

void hub_stats(const struct hub *hub, struct gate_stats *out)
{
    out->channels = hub->feeds.by_name.count;
    out->messages_redis = hub->from_redis;
    out->messages_local = hub->from_local;
    out->messages_invalid = hub->invalid + hub->too_big;
    out->redis_subscriptions = !hub->sub ? 0 : redis_sub_wanted_count(hub->sub);
}
