#include "wsgate/client/stats.h"

#include <string.h>

#include "common/base/metrics.h"
#include "wsgate/channels/upstream.h"
#include "wsgate/fanout/fanout.h"

void stats_read(const struct clients *registry, struct stats *out)
{
    const struct fanout *fanout = registry->fanout;
    const struct fanout_counters *k = &fanout->counters;
    const struct upstream_stats up = upstream_stats(registry->upstream);

    *out = (struct stats){
        .clients = registry->count,
        .clients_total = registry->total,
        .clients_behind = fanout_slow_count(fanout),
        .subscriptions = registry->subscriptions,
        .channels = up.channels,
        .groups = fanout->groups.count,
        .messages_redis = up.messages_redis,
        .messages_local = up.messages_local,
        .messages_invalid = up.messages_invalid,
        .expected = k->expected,
        .delivered = k->delivered,
        .conflated = k->conflated,
        .dropped = k->dropped_closed + k->dropped_slow,
        .queued = fanout_queued(fanout),
        .bytes_sent = k->bytes,
        .bytes_received = registry->bytes_received,
        .commands = registry->commands,
        .redis_subscriptions = up.redis_subscriptions,
        .redis_refused = up.redis_refused,
        .recovered = up.recovered,
    };
}

/* Once a rendering: some of it is a walk over all groups. */
static const struct stats *rendered(const struct clients *all)
{
    static struct stats s;
    static const struct clients *of;
    static uint64_t rendering;

    if (of != all || rendering != metrics_rendering()) {
        stats_read(all, &s);
        of = all;
        rendering = metrics_rendering();
    }
    return &s;
}

/* Worked out when asked: nothing is counted twice on the hot path. */
#define READ(name, expression)                                                 \
    static uint64_t read_##name(void *arg)                                     \
    {                                                                          \
        const struct clients *all = arg;                                       \
        const struct stats *s = rendered(all);                                 \
        (void)s;                                                               \
        return (expression);                                                   \
    }

READ(clients, s->clients)
READ(clients_total, s->clients_total)
READ(behind, s->clients_behind)
READ(subscriptions, s->subscriptions)
READ(channels, s->channels)
READ(groups, s->groups)
READ(from_local, s->messages_local)
READ(invalid, s->messages_invalid)
READ(expected, s->expected)
READ(delivered, s->delivered)
READ(conflated_behind,
     s->conflated - upstream_channels(all->upstream)->throttled)
READ(conflated_interval, upstream_channels(all->upstream)->throttled)
READ(dropped_closed, all->fanout->counters.dropped_closed)
READ(dropped_slow, all->fanout->counters.dropped_slow)
READ(queued, s->queued)
READ(symbols_forgotten, all->fanout->counters.symbols_forgotten)
READ(bytes_sent, s->bytes_sent)
READ(bytes_received, s->bytes_received)
READ(commands, s->commands)
READ(sends, all->fanout->counters.sends)
READ(stalls, all->fanout->counters.stalls)
READ(redis_subscriptions, s->redis_subscriptions)
READ(redis_refused, s->redis_refused)
READ(recovered, s->recovered)
READ(upstream, upstream_state(all->upstream) == UPSTREAM_LIVE)

#define LABELLED(n, l, f, h)                                                   \
    {                                                                          \
        METRIC(COUNTER, "tickwire_wsgate_" n, l, h), .read = read_##f          \
    }
#define COUNTER(n, f, h) LABELLED(n, NULL, f, h)
#define GAUGE(n, f, h)                                                         \
    {                                                                          \
        METRIC(GAUGE, "tickwire_wsgate_" n, NULL, h), .read = read_##f         \
    }

static struct metric table[] = {
    GAUGE("connections", clients, "WebSocket connections"),
    COUNTER("connections_total", clients_total,
            "WebSocket connections since the start"),
    GAUGE("connections_behind", behind,
          "connections that wait for their socket"),
    GAUGE("subscriptions", subscriptions, "of all connections"),
    GAUGE("channels", channels, "channels that are known"),
    GAUGE("groups", groups, "sets of equal subscriptions"),
    LABELLED("messages_total", "source=\"local\"", from_local,
             "messages received"),
    COUNTER("messages_invalid_total", invalid,
            "messages that were not forwarded: not JSON, not UTF-8, too big"),
    COUNTER("messages_expected_total", expected,
            "messages times the connections subscribed to them"),
    COUNTER("messages_delivered_total", delivered, "taken by sockets"),
    LABELLED("messages_conflated_total", "reason=\"behind\"", conflated_behind,
             "outdone by a newer one before they were sent"),
    LABELLED("messages_conflated_total", "reason=\"interval\"",
             conflated_interval,
             "outdone by a newer one before they were sent"),
    LABELLED("messages_dropped_total", "reason=\"closed\"", dropped_closed,
             "owed to connections that went"),
    LABELLED("messages_dropped_total", "reason=\"slow\"", dropped_slow,
             "owed to connections that went"),
    GAUGE("messages_queued", queued, "owed to connections that are behind"),
    COUNTER("symbols_forgotten_total", symbols_forgotten,
            "newest messages that gave way: over 16384 symbols on a channel"),
    COUNTER("sent_bytes_total", bytes_sent, "to WebSocket connections"),
    COUNTER("received_bytes_total", bytes_received,
            "from WebSocket connections"),
    COUNTER("commands_total", commands, "messages from clients"),
    COUNTER("sends_total", sends, "send calls"),
    COUNTER("stalls_total", stalls, "times that a connection fell behind"),
    GAUGE("redis_subscriptions", redis_subscriptions,
          "channels and patterns subscribed to in Redis"),
    GAUGE("redis_subscriptions_refused", redis_refused,
          "channels and patterns that Redis refuses (ACL)"),
    COUNTER("messages_recovered_total", recovered,
            "cached messages told after an outage"),
    GAUGE("upstream_live", upstream, "1 while messages come from Redis"),
};

static const uint64_t bounds[] = {1024,   4096,    16384,   65536,
                                  262144, 1048576, 16777216};
static uint64_t counts[sizeof bounds / sizeof *bounds + 1];
static struct metric backlog = {
    METRIC(HISTOGRAM, "tickwire_wsgate_backlog_bytes", NULL,
           "what a connection was owed when its socket took more"),
    .bounds = bounds, .n_bounds = sizeof bounds / sizeof *bounds,
    .counts = counts};

#define CODE(n)                                                                \
    {                                                                          \
        METRIC(COUNTER, "tickwire_wsgate_closes_total", "code=\"" #n "\"",     \
               "connections that ended, by close code")                        \
    }

static const uint16_t codes[] = {1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008,
                                 1009, 1011, 1013, 4000, 4100, 4101, 4102, 0};
static struct metric closes[] = {
    CODE(1000), CODE(1001), CODE(1002), CODE(1003), CODE(1005), CODE(1006),
    CODE(1007), CODE(1008), CODE(1009), CODE(1011), CODE(1013), CODE(4000),
    CODE(4100), CODE(4101), CODE(4102), CODE(other)};

enum { CODES = sizeof codes / sizeof codes[0] };

void stats_close(uint16_t code)
{
    unsigned i = 0;

    while (i < CODES - 1 && codes[i] != code)
        i++;
    closes[i].value++;
}

void stats_backlog(uint64_t bytes)
{
    metrics_observe(&backlog, bytes);
}

#define REFUSED(code)                                                          \
    {                                                                          \
        METRIC(COUNTER, "tickwire_wsgate_refused_total", "code=\"" code "\"",  \
               "commands, and channels in them, that were refused")            \
    }

static const char *const refusals[] = {
    "bad_request",    "bad_channel", "forbidden",   "too_many", "refused",
    "not_subscribed", "cancelled",   "unsupported", "no_room"};
static struct metric refused[] = {
    REFUSED("bad_request"), REFUSED("bad_channel"), REFUSED("forbidden"),
    REFUSED("too_many"),    REFUSED("refused"),     REFUSED("not_subscribed"),
    REFUSED("cancelled"),   REFUSED("unsupported"), REFUSED("no_room"),
};

enum { REFUSALS = sizeof refusals / sizeof *refusals };

void stats_refused(const char *code)
{
    for (unsigned i = 0; i < REFUSALS; i++) {
        if (strcmp(refusals[i], code) == 0) {
            refused[i].value++;
            return;
        }
    }
}

void stats_export(struct clients *registry)
{
    unsigned n = sizeof table / sizeof *table;

    for (unsigned i = 0; i < n; i++)
        table[i].arg = registry;
    metrics_add_all(table, n);
    metrics_add(&backlog);
    metrics_add_all(closes, CODES);
    metrics_add_all(refused, REFUSALS);
}
