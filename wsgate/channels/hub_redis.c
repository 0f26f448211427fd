/* The hub's side of Redis: two links, the probe, and cached messages. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/line.h"
#include "common/base/log.h"
#include "common/event/route.h"
#include "common/redis/instance.h"
#include "wsgate/channels/hub_internal.h"

/* How long --require-redis waits for a first connection. */
enum { REQUIRE_MS = 3000 };

static struct span prefixed(struct hub *hub, const char *more, struct span name)
{
    bytes_clear(&hub->name);
    bytes_add_str(&hub->name, hub->gate->redis_config.prefix);
    bytes_add_str(&hub->name, more);
    bytes_add_span(&hub->name, name);
    return bytes_span(&hub->name);
}

/* False: not one of ours. */
static bool strip(const struct hub *hub, struct span *name)
{
    size_t n = strlen(hub->gate->redis_config.prefix);

    if (!span_starts(*name, hub->gate->redis_config.prefix))
        return false;
    *name = span_make(name->ptr + n, name->len - n);
    return true;
}

bool hub_redis_is_up(const struct hub *hub)
{
    return hub->sub && redis_sub_state(hub->sub) == REDIS_READY;
}

/* --- cached messages --- */

struct fetch {
    struct hub *hub;
    struct feed *feed;
};

/*
 * last:{channel} holds the newest message of each type.  Types of which
 * something came since have newer ones here.  After an outage what is cached
 * may be what was missed: then it is told to everybody, unless a message came
 * since the subscription was confirmed, for that one may be newer.
 */
static void use_cached(struct hub *hub, struct feed *feed, struct span payload,
                       bool quiet)
{
    struct event_peek peek;
    struct span known = {NULL, 0};
    const struct channel *c = &feed->native.channel;
    struct span copy;
    uint16_t type;
    int64_t key;

    /* A copy, for room behind it. */
    bytes_clear(&hub->feeds.scratch);
    memset(bytes_reserve(&hub->feeds.scratch, payload.len + LINE_PAD), 0,
           payload.len + LINE_PAD);
    bytes_add_span(&hub->feeds.scratch, payload);
    copy = bytes_span(&hub->feeds.scratch);
    if (!event_peek(copy, &peek)) {
        hub->invalid++;
        return;
    }
    type = type_of(&hub->feeds.types, peek.type);
    key = peek.is_bar ? peek.bar_time_ms : 0;
    for (uint32_t i = 0; i < c->n_slots; i++) {
        if (c->slots[i].type == type && c->slots[i].key == key)
            known = channel_payload(&c->slots[i], &hub->gate->fan->log);
    }
    if (known.len == 0 && feed->seq == 0)
        channel_cache(&feed->native.channel, type, key, copy);
    else if (quiet && !span_eq(known, payload))
        hub_deliver(hub, feed, payload, false);
}

static void on_cached(void *arg, const struct redis_reply *reply)
{
    struct fetch *f = arg;
    struct hub *hub = f->hub;
    struct feed *feed = f->feed;
    bool quiet = feed->seq == feed->seq_confirmed;

    if (reply && reply->type == REDIS_ARRAY) {
        for (size_t i = 1; i < reply->count; i += 2) {
            if (reply->item[i].type == REDIS_STRING)
                use_cached(hub, feed, reply->item[i].str, quiet);
        }
    }
    if (feed->state == FEED_FETCHING)
        feed->state = FEED_LIVE;
    hub->settled = true;
    hub_release_feed(hub, feed);
    free(f);
    if (reply)
        hub_flush(hub); /* nothing may wait in the fan when a command comes */
}

static void fetch_cached(struct hub *hub, struct feed *feed)
{
    struct fetch *f = mem_alloc(sizeof *f);
    struct span key = prefixed(hub, "last:", feed->name);

    *f = (struct fetch){.hub = hub, .feed = feed};
    feed->refs++;
    feed->state = FEED_FETCHING;
    if (redis_cmd_begin(hub->gate->redis, 2, on_cached, f)) {
        redis_cmd_str(hub->gate->redis, "HGETALL");
        redis_cmd_arg(hub->gate->redis, key.ptr, key.len);
        return;
    }
    on_cached(f, NULL); /* no command link now: no snapshot, but live */
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

static void on_message(void *arg, struct span channel, struct span payload,
                       struct span pattern)
{
    struct hub *hub = arg;
    struct feed *feed;

    if (redis_probe_heard(hub->probe, channel) || !strip(hub, &channel))
        return;
    if (pattern.len > 0 &&
        (!strip(hub, &pattern) || !is_pattern_of(pattern, channel)))
        return;
    feed = feeds_find(&hub->feeds, channel);
    if (pattern.len > 0) {
        if (feed && feed->wanted && feed->confirmed == hub->connection)
            return; /* it came by its name, just before */
        if (!feed) {
            if (!route_channel_ok(channel, false)) {
                hub->invalid++;
                return;
            }
            feed = hub_feed(hub, channel);
        }
    }
    if (!feed)
        return;
    hub->from_redis++;
    hub_deliver(hub, feed, payload, false);
}

static void on_confirmed(void *arg, struct span name, bool pattern)
{
    struct hub *hub = arg;
    struct feed *feed;

    if (!strip(hub, &name))
        return;
    if (pattern) {
        struct wild *w = feeds_find_wild(&hub->feeds, name);
        if (w) {
            w->confirmed = hub->connection;
            hub->settled = true;
        }
        return;
    }
    feed = feeds_find(&hub->feeds, name);
    if (!feed || !feed->wanted)
        return; /* the probe's, or given up meanwhile */
    feed->confirmed = hub->connection;
    feed->seq_confirmed = feed->seq;
    fetch_cached(hub, feed);
}

static void on_sub_live(void *arg)
{
    struct hub *hub = arg;

    hub->was_up = true;
    redis_probe_links_changed(hub->probe);
}

/* At start only: what was up once is waited for. */
static void give_up(struct hub *hub, const char *why, bool refused)
{
    struct wsgate *w = hub->gate;
    struct err err = {0};

    if (hub->was_up)
        return;
    if (refused)
        err_set(&err, ERR_REFUSED, "Redis at %s refuses us: %s",
                w->redis_config.display, why);
    else if (w->opts->app.require_redis &&
             uv_now(&w->app->loop) - hub->opened_ms >= REQUIRE_MS)
        err_set(&err, ERR_PEER, "%s is not there (--require-redis): %s",
                w->redis_config.display, why);
    if (err.code != ERR_NONE)
        app_fail(w->app, &err);
}

static void on_sub_down(void *arg, const char *why, bool refused)
{
    struct hub *hub = arg;

    give_up(hub, why, refused);
    hub->connection++; /* nothing is confirmed any more */
    hub->settled = true;
    if (hub->probe)
        redis_probe_links_changed(hub->probe);
}

static void on_drained(void *arg)
{
    hub_flush(arg);
}

/* The ACL forbids it: nothing will come, and waiting is no use. */
static void on_refused(void *arg, struct span name, bool pattern,
                       struct span why)
{
    (void)why;
    on_confirmed(arg, name, pattern);
}

static void on_cmd_ready(void *arg)
{
    struct hub *hub = arg;

    hub->was_up = true;
    redis_probe_links_changed(hub->probe);
}

static void on_cmd_down(void *arg, const char *why, bool refused)
{
    struct hub *hub = arg;

    give_up(hub, why, refused);
    if (hub->probe)
        redis_probe_links_changed(hub->probe);
}

static void on_upstream(void *arg, enum upstream now)
{
    struct hub *hub = arg;

    hub->events.on_upstream(hub->arg, now);
}

void hub_redis_want(struct hub *hub, struct span name, bool pattern)
{
    struct span full;

    if (!hub->sub)
        return;
    full = prefixed(hub, "", name);
    redis_sub_want(hub->sub, full, pattern);
    /* Given up and wanted again before Redis knew: no event will follow. */
    if (redis_sub_confirmed(hub->sub, full, pattern))
        on_confirmed(hub, full, pattern);
}

void hub_redis_unwant(struct hub *hub, struct span name, bool pattern)
{
    if (hub->sub)
        redis_sub_unwant(hub->sub, prefixed(hub, "", name), pattern);
}

/* For instance:wsgate:{id}. */
static void fill_instance(void *arg, struct bytes *json)
{
    const struct hub *hub = arg;
    struct gate_stats s;

    gate_stats(hub->gate, &s);
    bytes_printf(json,
                 ",\"clients\":%" PRIu64 ",\"subscriptions\":%" PRIu64
                 ",\"channels\":%" PRIu64 ",\"messages\":%" PRIu64
                 ",\"delivered\":%" PRIu64 ",\"conflated\":%" PRIu64
                 ",\"dropped\":%" PRIu64,
                 s.clients, s.subscriptions, s.channels,
                 s.messages_redis + s.messages_local, s.delivered, s.conflated,
                 s.dropped);
}

bool hub_redis_open(struct hub *hub, struct err *err)
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
    struct wsgate *w = hub->gate;

    if (w->opts->app.no_redis)
        return true;
    hub->opened_ms = uv_now(&w->app->loop);
    w->redis =
        redis_cmd_new(&w->app->loop, &w->redis_config, NULL, &cmd_events, hub);
    hub->sub = redis_sub_new(&w->app->loop, &w->redis_config, &sub_events, hub);
    hub->probe =
        redis_probe_new(&w->app->loop, w->redis, hub->sub, &w->redis_config,
                        w->app->instance, on_upstream, hub);
    hub->instance =
        instance_new(w->app, w->redis, &w->redis_config, fill_instance, hub);
    (void)err;
    return true;
}

void hub_redis_close(struct hub *hub)
{
    if (!hub->sub)
        return;
    redis_probe_close(hub->probe);
    instance_close(hub->instance);
    hub->instance = NULL;
    redis_sub_close(hub->sub, NULL, NULL);
    redis_cmd_close(hub->gate->redis, NULL, NULL);
    hub->probe = NULL;
    hub->sub = NULL;
    hub->gate->redis = NULL;
}

enum upstream hub_upstream(const struct hub *hub)
{
    /* Without Redis the pipe is all there is, and it is here. */
    if (hub->gate->opts->app.no_redis)
        return UPSTREAM_LIVE;
    return !hub->probe ? UPSTREAM_DOWN : redis_probe_state(hub->probe);
}
