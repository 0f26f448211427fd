/*
 * client_world.h -- a whole gateway and a few clients, for client_fuzz.c.
 *
 * The gateway is the real one, opened by wsgate_init() and ended by app_stop().
 * Its clients sit behind socket pairs, so that requests, frames, ends and resets
 * come as they do; what it sends over WebSocket goes through visitor_take() instead, which takes all of
 * it, some of it, nothing, or fails, and checks that only whole frames come.
 */
#pragma once

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "common/json/json.h"
#include "tests/fuzz/wsgate/client/client_hear.h"
#include "tests/fuzz/wsgate/client/fake_host.h"
#include "tests/fuzz/wsgate/client/fake_log.h"
#include "tests/fuzz/wsgate/client/fake_redis.h"
#include "wsgate/channels/upstream_internal.h"
#include "wsgate/client/clients.h"
#include "wsgate/client/stats.h"
#include "wsgate/ws/ws_frame.h"
#include "wsgate/wsgate.h"

enum { VISITORS = 4, STOP_STEP_MS = 20, STOP_STEPS = 200 };

struct visitor {
    int fd, theirs; /* -1: none */
    int fault;      /* errno of its next send; 0: none */
    size_t room;    /* what its socket takes */
    bool shaken, closed;
    struct bytes in;
    uint64_t id; /* of its client; 0: none yet */
    struct heard heard;
};

static struct world {
    struct options opts;
    struct app app;
    struct wsgate gate;
    struct visitor visitors[VISITORS];
    unsigned stop_steps; /* since the stop */
    bool by_itself;      /* Redis answers without being told */
    uint64_t told;       /* bytes of what on_activity was told */
} world;

/* --- what the gateway sends --- */

static void visitor_frame(struct visitor *p, unsigned opcode,
                          struct span payload)
{
    json_value *root;

    assert(!p->closed); /* nothing follows a close frame */
    p->closed = opcode == WS_OP_CLOSE;
    if (opcode != WS_OP_TEXT) {
        assert(opcode == WS_OP_CLOSE || opcode == WS_OP_PING ||
               opcode == WS_OP_PONG);
        assert(payload.len <= WS_CONTROL_MAX);
        return;
    }
    heard_text(&p->heard, payload);
    if (payload.len > 2048)
        return; /* the fuzzer's time is better spent elsewhere */
    root = json_read(payload, NULL);
    assert(root != NULL);
    json_free(root);
}

/* False: the rest of the next frame has to come first. */
static bool visitor_next(struct visitor *p)
{
    const unsigned char *at = (const unsigned char *)p->in.ptr;
    size_t head = 2, len;

    if (!p->shaken) {
        const char *end =
            p->in.len < 4 ? NULL : memmem(p->in.ptr, p->in.len, "\r\n\r\n", 4);
        if (!end)
            return false;
        p->shaken = true;
        bytes_drop(&p->in, (size_t)(end + 4 - p->in.ptr));
        return true;
    }
    if (p->in.len < 2)
        return false;
    assert((at[0] & 0x70) == 0 && at[0] & 0x80 && !(at[1] & 0x80));
    len = at[1];
    head = len == 126 ? 4 : len == 127 ? 10 : 2;
    if (p->in.len < head)
        return false;
    for (size_t i = 2; i < head; i++)
        len = i == 2 ? at[i] : len << 8 | at[i];
    if (p->in.len - head < len)
        return false;
    visitor_frame(p, at[0] & 15, span_make(p->in.ptr + head, len));
    bytes_drop(&p->in, head + len);
    return true;
}

static struct visitor *visitor_of(int theirs)
{
    for (int i = 0; i < VISITORS; i++)
        if (world.visitors[i].fd >= 0 && world.visitors[i].theirs == theirs)
            return &world.visitors[i];
    return NULL;
}

static ssize_t visitor_take(struct member *m, const struct iovec *iov,
                            unsigned n)
{
    struct visitor *p = visitor_of(m->fd);
    size_t sent = 0;

    assert(!node_of(struct client, m, m)->ended);
    if (!p)
        return -EPIPE;
    if (p->fault != 0)
        return -p->fault;
    if (p->room == 0)
        return -EAGAIN;
    for (unsigned i = 0; i < n && p->room > 0; i++) {
        size_t part = iov[i].iov_len < p->room ? iov[i].iov_len : p->room;
        bytes_add(&p->in, iov[i].iov_base, part);
        sent += part;
        p->room -= p->room == SIZE_MAX ? 0 : part;
    }
    while (visitor_next(p)) {
    }
    return (ssize_t)sent;
}

/* --- what clients do --- */

static void visitor_leave(struct visitor *p)
{
    if (p->fd >= 0)
        close(p->fd);
    p->fd = p->theirs = -1;
    bytes_close(&p->in);
}

/* Bytes for the gateway to read in its next turn, as far as they fit. */
static void visitor_write(struct visitor *p, struct span bytes)
{
    if (p->fd >= 0)
        (void)send(p->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* A connection on which these bytes have come already. */
static void visitor_connect(struct visitor *p, struct span bytes)
{
    struct in6_addr peer = {.s6_addr = {[10] = 0xff, 0xff, 192, 0, 2}};
    int ends[2];

    visitor_leave(p);
    if (world.app.stop_called)
        return; /* nobody accepts any more */
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                   ends) != 0)
        abort();
    for (int i = 0; i < VISITORS; i++)
        if (world.visitors[i].theirs == ends[1])
            world.visitors[i].theirs = -1; /* that client has gone */
    *p = (struct visitor){.fd = ends[0], .theirs = ends[1], .room = SIZE_MAX};
    bytes_init(&p->in);
    visitor_write(p, bytes);
    peer.s6_addr[15] = (uint8_t)(1 + (p - world.visitors) / 2);
    http_conn_start(world.gate.server, ends[1], &peer);
}

/* Of answers to HTTP, which take the real way. */
static void visitor_read(struct visitor *p)
{
    char waste[4096];

    while (p->fd >= 0 && recv(p->fd, waste, sizeof waste, 0) > 0) {
    }
}

/* One masked frame. */
static void frame_add(struct bytes *out, unsigned first, struct span payload)
{
    static const char mask[4] = {0x11, 0x52, (char)0x93, 0x04};
    char *at = bytes_reserve(out, payload.len + 14);
    size_t n = ws_text_head(at, payload.len);

    at[0] = (char)first;
    at[1] = (char)(at[1] | 0x80);
    memcpy(at + n, mask, 4);
    n += 4;
    for (size_t i = 0; i < payload.len; i++)
        at[n + i] = (char)(payload.ptr[i] ^ mask[i & 3]);
    out->len += n + payload.len;
}

/* --- time --- */

/* All that is open: connect, and say what lies there. */
static void redis_go_on(void)
{
    struct redis_conn *c, *next;

    for (c = fake_redis.first; c; c = next) {
        next = c->next;
        if (!c->closed)
            fake_open(c);
    }
    for (c = fake_redis.first; c; c = next) {
        next = c->next;
        fake_deliver(c, SIZE_MAX);
    }
}

/* Every message is accounted for, whenever the fanout is at rest. */
static void check_counters(void)
{
    struct stats s;

    if (world.gate.fanout.dirty)
        return;
    stats_read(world.gate.clients, &s);
    assert(s.expected == s.delivered + s.conflated + s.dropped + s.queued);
    assert(s.clients <= s.clients_total);
}

static struct visitor *visitor_with(uint64_t id)
{
    for (int i = 0; i < VISITORS; i++)
        if (world.visitors[i].fd >= 0 && world.visitors[i].id == id)
            return &world.visitors[i];
    return NULL;
}

static void check_heard_one(void *arg, struct client *c)
{
    struct visitor *p = visitor_of(c->m.fd);

    (void)arg;
    if (p && p->id == c->id)
        heard_check(&p->heard, c);
}

/* Who has taken all has the newest. */
static void check_heard(void)
{
    if (!world.gate.fanout.dirty)
        clients_each(world.gate.clients, check_heard_one, NULL);
}

static void count_wanted_channel(void *arg, struct node *n)
{
    *(size_t *)arg +=
        upstream_channel_of(node_of(struct channel, node, n))->wanted;
}

static void count_wanted_family(void *arg, struct node *n)
{
    *(size_t *)arg +=
        upstream_family_of(node_of(struct family, node, n))->wanted;
}

/* Redis is asked for what the upstream wants and for the probe, whatever clients
 * took and gave up. */
static void check_wanted(void)
{
    const struct upstream *upstream = world.gate.upstream;
    size_t wanted = 1;

    if (!upstream || !upstream->sub)
        return;
    table_each(&upstream->channels.by_name, count_wanted_channel, &wanted);
    table_each(&upstream->channels.families, count_wanted_family, &wanted);
    assert(redis_sub_wanted_count(upstream->sub) == wanted);
}

static void world_turn(void)
{
    if (world.by_itself)
        redis_go_on();
    uv_run(&world.app.loop, UV_RUN_NOWAIT);
    check_counters();
    check_heard();
    check_wanted();
}

/* While it stops in small steps: the app would else lose patience. */
static void world_wait(unsigned ms)
{
    if (world.app.stopping) {
        if (++world.stop_steps > STOP_STEPS)
            return;
        ms = ms < STOP_STEP_MS ? ms : STOP_STEP_MS;
    }
    fake_mono_ns += (int64_t)ms * 1000000;
    world_turn();
}

/* --- beginning and end --- */

static void note_client(void *arg, struct client *c)
{
    struct visitor *p = visitor_of(c->m.fd);

    if (p && c->id == *(const uint64_t *)arg)
        p->id = c->id;
}

/* As --stdout does: reads everything that it is told. */
static void on_activity(void *arg, const struct activity *a)
{
    struct world *w = arg;
    uint64_t id = a->client;
    struct visitor *p;

    if (a->action == ACTIVITY_CONNECT)
        clients_each(w->gate.clients, note_client, &id);
    p = visitor_with(id);
    if (p && a->action != ACTIVITY_DISCONNECT)
        p->heard.since = w->gate.fanout.log.head;

    w->told += a->action + strlen(a->peer) + a->channel.len;
    for (size_t i = 0; i < a->channel.len; i++)
        w->told += (unsigned char)a->channel.ptr[i];
    if (a->close_why)
        w->told += strlen(a->close_why);
}

static void world_begin(void)
{
    /* The gateway's own, but for the send. */
    static struct fanout_io io;
    struct err err = {0};

    fake_mono_ns = INT64_C(1000000000000);
    fake_redis.cache = FAKE_CACHE_EMPTY;
    fake_redis.denies = false;
    for (int i = 0; i < VISITORS; i++)
        world.visitors[i] = (struct visitor){.fd = -1, .theirs = -1};
    if (uv_loop_init(&world.app.loop) != 0)
        abort();
    world.app.tool = "wsgate";
    world.app.opts = &world.opts.app;
    world.app.on_stop = wsgate_stop;
    world.app.arg = &world.gate;
    memcpy(world.app.instance, "0123456789abcdef", 17);
    uv_timer_init(&world.app.loop, &world.app.stop);
    world.app.stop.data = &world.app;
    uv_unref((uv_handle_t *)&world.app.stop);
    if (!wsgate_init(&world.gate, &world.app, &world.opts, &err))
        abort();
    io = client_io;
    io.send = visitor_take;
    world.gate.fanout.io = &io;
    world.gate.clients->on_activity = on_activity;
    world.gate.clients->on_activity_arg = &world;
}

/* Whatever state it is in, it stops in time and leaves nothing behind. */
static void world_end(void)
{
    int status;

    app_stop(&world.app);
    while (world.stop_steps <= STOP_STEPS && uv_loop_alive(&world.app.loop))
        world_wait(STOP_STEP_MS);
    assert(!uv_loop_alive(&world.app.loop));
    assert(world.gate.clients->count == 0);
    assert(world.gate.clients->subscriptions == 0);
    assert(!world.gate.clients->pending);
    assert(world.gate.clients->peers.count == 0);
    assert(world.gate.fanout.groups.count == 0);
    assert(!fake_redis.first);
    uv_close((uv_handle_t *)&world.app.stop, NULL);
    uv_run(&world.app.loop, UV_RUN_NOWAIT);
    status = uv_loop_close(&world.app.loop);
    assert(status == 0);
    wsgate_close(&world.gate);
    metrics_page_close(&world.app.metrics);
    for (int i = 0; i < VISITORS; i++)
        visitor_leave(&world.visitors[i]);
}
