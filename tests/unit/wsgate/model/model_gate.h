/*
 * model_gate.h -- the gateway under test, and what can be seen of it from
 * within: each frame that it makes, what it holds of a channel.
 */
#pragma once

#include "common/base/log.h"
#include "common/event/route.h"
#include "tests/unit/wsgate/model/model_feed.h"
#include "wsgate/channels/message.h"
#include "wsgate/channels/upstream_internal.h"
#include "wsgate/client/clients.h"
#include "wsgate/client/notice.h"
#include "wsgate/client/stats.h"
#include "wsgate/client/subscribe.h"

enum { HELD_MAX = STREAM_KEYS_MAX, ISSUED_SLOTS = 40, EPOCH = 9 };

/* A slot of a channel as the gateway has it. */
struct held {
    uint32_t record;
    uint64_t frame; /* 0: only cached */
};

struct holding {
    unsigned n;
    struct held at[HELD_MAX];
};

/* What the gateway has made of a channel, in its present life. */
struct issue {
    char epoch[EPOCH];
    uint64_t *seqs; /* of its frames, ascending */
    size_t n, cap;
    unsigned n_slots;
    struct held slots[ISSUED_SLOTS]; /* the newest of each; oldest slot goes */
};

static struct gate {
    uv_loop_t loop;
    struct fanout fanout;
    struct redis_config redis;
    struct route_table *routes;
    struct upstream *upstream;
    struct clients *clients;
    struct watches *watches;
    uint64_t scanned; /* frames before this one */
    struct issue issues[CHANNELS];
    struct holding before[CHANNELS]; /* what it held then */
    uint64_t fills;
    uint64_t arrived_min, arrived_max; /* messages, values */
    bool (*has_wildcard)(int channel); /* does anybody, over it? */
    /* A frame that was not heard live. */
    void (*on_recovered)(int channel, uint32_t record);
} gate;

/* --- what it holds --- */

static struct channel *gate_channel(int c)
{
    return channels_find(upstream_channels(gate.upstream),
                         span_str(rows[c].name));
}

static void gate_holding(int c, struct holding *out)
{
    const struct channel *channel = gate_channel(c);

    out->n = 0;
    for (uint32_t i = 0; channel && i < channel->native.stream.n_keys; i++) {
        const struct conflation_key *k = &channel->native.stream.keys[i];
        uint32_t r = record_in(stream_payload(k, &gate.fanout.log));
        if (r > 0)
            out->at[out->n++] = (struct held){r, k->frame};
    }
}

static const struct held *holding_find(const struct holding *h,
                                       const struct record *slot)
{
    for (unsigned i = 0; i < h->n; i++) {
        if (same_slot(record_of(h->at[i].record), slot))
            return &h->at[i];
    }
    return NULL;
}

/* Of bars only the newest is shown to who comes. */
static bool holding_is_outdone(const struct holding *h, unsigned i)
{
    const struct record *r = record_of(h->at[i].record);

    for (unsigned k = 0; r->type == 'b' && k < h->n; k++) {
        if (record_of(h->at[k].record)->extra > r->extra)
            return true;
    }
    return false;
}

/* --- what it has made --- */

static void issue_slot(struct issue *is, struct held h)
{
    unsigned oldest = 0;

    for (unsigned i = 0; i < is->n_slots; i++) {
        if (same_slot(record_of(is->slots[i].record), record_of(h.record))) {
            is->slots[i] = h;
            return;
        }
        if (is->slots[i].frame < is->slots[oldest].frame)
            oldest = i;
    }
    if (is->n_slots < ISSUED_SLOTS)
        is->slots[is->n_slots++] = h;
    else
        is->slots[oldest] = h;
}

static void gate_issued(const struct channel *channel, uint64_t number)
{
    const struct frame *f = framelog_at(&gate.fanout.log, number);
    const char *bytes = framelog_bytes(&gate.fanout.log, f);
    int c = channel_named(channel->name);
    struct issue *is = &gate.issues[c];
    uint64_t seq =
        message_update_seq(span_make(bytes, f->len), channel->prefix);
    struct held h = {record_in(span_make(bytes + f->data_at, f->data_len)),
                     number};

    if (strcmp(is->epoch, channel->epoch) != 0) {
        is->n = is->n_slots = 0;
        snprintf(is->epoch, EPOCH, "%s", channel->epoch);
    }
    if (is->n == is->cap) {
        is->cap = is->cap * 2 + 256;
        is->seqs = mem_grow(is->seqs, is->cap * sizeof *is->seqs);
    }
    if (is->n > 0 && is->seqs[is->n - 1] >= seq)
        broken(CHECK_ORDER, NOBODY, c, "frame %" PRIu64 " after %" PRIu64, seq,
               is->seqs[is->n - 1]);
    is->seqs[is->n++] = seq;
    if (h.record == 0)
        return;
    if (!record_of(h.record)->arrived)
        gate.on_recovered(c, h.record);
    issue_slot(is, h);
    record_show(NOBODY, c, "issued", h.record);
}

/* The frames that were made since the last time. */
static void gate_scan(void)
{
    const struct framelog *log = &gate.fanout.log;
    uint64_t fills = upstream_fills(gate.upstream);

    if (gate.scanned == log->head && gate.fills == fills)
        return;
    gate.fills = fills;
    assert_true(gate.scanned >= log->tail);
    for (; gate.scanned < log->head; gate.scanned++) {
        uint32_t id = framelog_at(log, gate.scanned)->stream;
        const struct stream *s = gate.fanout.streams[id];
        if (s && s->root == s)
            gate_issued(((const struct view *)s)->channel, gate.scanned);
    }
    for (int c = 0; c < CHANNELS; c++)
        gate_holding(c, &gate.before[c]);
}

/* Of the frame before that one; 0: it is the first. */
static uint64_t issue_before(const struct issue *is, uint64_t seq)
{
    size_t lo = 0, hi = is->n;

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (is->seqs[mid] < seq)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo == 0 ? 0 : is->seqs[lo - 1];
}

/* --- counters --- */

static uint64_t gate_outcomes(void)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < OUTCOMES; i++)
        sum += gate.upstream->outcome[i];
    return sum;
}

static void gate_check_counters(void)
{
    uint64_t outcomes = gate_outcomes();
    struct stats s;

    if (outcomes < gate.arrived_min || outcomes > gate.arrived_max)
        broken(CHECK_MESSAGES, NOBODY, NOBODY,
               "%" PRIu64 " outcomes of %" PRIu64 " messages, %" PRIu64
               " values",
               outcomes, gate.arrived_min, gate.arrived_max);
    gate.arrived_min = gate.arrived_max = outcomes;
    if (gate.fanout.dirty)
        return;
    stats_read(gate.clients, &s);
    if (s.expected != s.delivered + s.conflated + s.dropped + s.queued)
        broken(CHECK_FRAMES, NOBODY, NOBODY,
               "expected %" PRIu64 ", delivered %" PRIu64 ", conflated %" PRIu64
               ", dropped %" PRIu64 ", queued %" PRIu64,
               s.expected, s.delivered, s.conflated, s.dropped, s.queued);
}

/* --- beginning and end --- */

static void on_settled(void *arg)
{
    (void)arg;
    subscribe_check(gate.clients);
}

static void on_access(void *arg, struct span name, bool pattern, bool refused)
{
    (void)arg;
    trace(NOBODY, NOBODY, "%.*s%s is %s", SPAN_ARG(name),
          pattern ? " (pattern)" : "", refused ? "refused" : "granted");
    notice_access(gate.clients, name, pattern, refused);
}

static void on_upstream(void *arg, enum upstream_state now)
{
    (void)arg;
    trace(NOBODY, NOBODY, "upstream is %d", (int)now);
}

static void on_link_up(void *arg)
{
    (void)arg;
}

static void on_link_down(void *arg, const char *why, bool refused)
{
    (void)arg;
    (void)refused;
    trace(NOBODY, NOBODY, "link down: %s", why);
}

static void gate_open(activity_fn *on_activity)
{
    static const struct upstream_events events = {.on_settled = on_settled,
                                                  .on_access = on_access,
                                                  .on_upstream = on_upstream,
                                                  .on_up = on_link_up,
                                                  .on_down = on_link_down};
    struct fanout_limits limits = {.backlog_bytes = 1000u << draw(5),
                                   .backlog_all_bytes = 4000u << draw(5),
                                   .out_bytes = 1 << 20};
    struct clients_options options = {
        .max_connections = 100,
        .max_per_address = 100,
        .max_subscriptions = 100,
        .max_address_subscriptions = 100000,
        .allowance = {.rate = 1000, .burst = 1000, .max_message_bytes = 65536},
        .confirm_ms = 500 * (1 + draw(4))};
    struct upstream_config config = {.self = {"wsgate", "0123456789abcdef", 1}};
    struct err err = {0};

    memset(&gate, 0, sizeof gate);
    log_init("wsgate", LOG_LEVEL_ERROR);
    assert_int_equal(uv_loop_init(&gate.loop), 0);
    assert_true(
        redis_config_read(&gate.redis, "redis://127.0.0.1:1", PREFIX, &err));
    gate.redis.replica_ok = true;
    assert_non_null(gate.routes = route_table_new(NULL, &err));
    fanout_init(&gate.fanout, 65536u << draw(3), &limits, NULL);
    gate.scanned = gate.fanout.log.head;
    config.redis = &gate.redis;
    config.routes = gate.routes;
    options.routes = gate.routes;
    gate.upstream =
        upstream_new(&gate.loop, &config, &gate.fanout, &events, NULL);
    upstream_start(gate.upstream);
    assert_non_null(gate.watches = watches_new(&gate.loop, false));
    gate.clients = clients_new(&gate.loop, &options, gate.upstream,
                               &gate.fanout, on_activity, NULL);
}

/* All clients have left. */
static void gate_close(void)
{
    clients_stop(gate.clients);
    watches_unref(gate.watches);
    upstream_stop(gate.upstream);
    for (int i = 0; i < 8 && uv_loop_alive(&gate.loop); i++)
        uv_run(&gate.loop, UV_RUN_NOWAIT);
    assert_int_equal(uv_loop_close(&gate.loop), 0);
    upstream_free(gate.upstream);
    clients_free(gate.clients);
    fanout_close(&gate.fanout);
    route_table_free(gate.routes);
    for (unsigned c = 0; c < CHANNELS; c++)
        free(gate.issues[c].seqs);
}
