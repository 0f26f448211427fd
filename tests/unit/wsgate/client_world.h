/*
 * client_world.h -- clients behind socket pairs, on an upstream_world.h.
 *
 *   struct visitor *v = visitor_come(w, "192.0.2.1", DIALECT_NATIVE);
 *   visitor_say(v, "{\"type\":\"ping\"}");
 *   visitor_hear(v)   (all texts so far, a line each)
 */
#pragma once

#include "tests/unit/wsgate/upstream_world.h"

#include <sys/socket.h>

#include "wsgate/client/clients.h"
#include "wsgate/client/notice.h"
#include "wsgate/client/subscribe.h"
#include "wsgate/ws/ws_frame.h"

enum { VISITORS_MAX = 128 };

struct visitor {
    int fd;
    struct client *client; /* dangles once that has gone */
    struct bytes in;       /* not yet a whole frame */
    struct bytes text;     /* of text frames, a line each */
    unsigned pings, pongs, binaries;
    uint16_t close_code; /* 0: no close frame has come */
    bool ended;          /* the gateway closed the socket */
};

struct client_world {
    struct upstream_world up; /* first */
    struct clients *clients;
    struct watches *watches;
    struct visitor visitors[VISITORS_MAX];
    unsigned n;
    struct bytes activity;  /* a line each */
    int64_t subscribing_ns; /* what it takes; the clock goes on by so much */
};

static void world_activity(void *arg, const struct activity *a)
{
    static const char *const actions[] = {"connect", "subscribe", "unsubscribe",
                                          "disconnect"};
    struct client_world *w = arg;

    if (a->action == ACTIVITY_SUBSCRIBE)
        fake_mono_ns += w->subscribing_ns;
    bytes_printf(&w->activity, "%s %.*s %.*s %d\n", actions[a->action],
                 SPAN_ARG(a->channel), SPAN_ARG(a->mode),
                 a->action == ACTIVITY_DISCONNECT ? a->close_code
                                                  : (int)a->interval_ms);
}

static void world_access(void *arg, struct span name, bool pattern,
                         bool refused)
{
    notice_access(((struct client_world *)arg)->clients, name, pattern,
                  refused);
}

static void world_no_room(void *arg, struct span pattern)
{
    notice_no_room(((struct client_world *)arg)->clients, pattern);
}

static void world_check(void *arg)
{
    subscribe_check(((struct client_world *)arg)->clients);
}

static inline void client_world_open(struct client_world *w, bool redis,
                                     const struct clients_options *options)
{
    struct clients_options o = *options;

    memset(w, 0, sizeof *w);
    upstream_world_open(&w->up, redis, NULL);
    w->up.on_access = world_access;
    w->up.on_no_room = world_no_room;
    o.routes = w->up.routes;
    w->clients = clients_new(&w->up.loop, &o, w->up.upstream, &w->up.fanout,
                             world_activity, w);
    assert_non_null(w->watches = watches_new(&w->up.loop, false));
    w->up.on_settled = world_check;
    w->up.on_settled_arg = w;
    if (redis)
        world_redis(&w->up);
}

static inline struct clients_options world_options(void)
{
    return (struct clients_options){
        .max_connections = 100,
        .max_per_address = 100,
        .max_subscriptions = 100,
        .max_address_subscriptions = 1000,
        .allowance = {.rate = 20, .burst = 100, .max_message_bytes = 65536},
        .confirm_ms = 1000};
}

static inline struct visitor *
visitor_come(struct client_world *w, const char *address, enum dialect dialect)
{
    struct visitor *v = &w->visitors[w->n++];
    struct watch socket;
    int ends[2];

    assert_true(w->n <= VISITORS_MAX);
    assert_int_equal(socketpair(AF_UNIX,
                                SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                                ends),
                     0);
    *v = (struct visitor){.fd = ends[0]};
    watch_open(&socket, w->watches, ends[1]);
    v->client = client_new(w->clients, &socket, address, dialect);
    assert_non_null(v->client);
    return v;
}

/* One masked frame, with a mask that changes nothing. */
static inline void visitor_send(struct client_world *w, struct visitor *v,
                                unsigned opcode, struct span payload)
{
    struct bytes frame = {0};
    char *at = bytes_reserve(&frame, payload.len + 14);
    size_t n = ws_text_head(at, payload.len);

    at[0] = (char)(0x80 | opcode);
    at[1] = (char)(at[1] | 0x80);
    memset(at + n, 0, 4);
    if (payload.len > 0)
        memcpy(at + n + 4, payload.ptr, payload.len);
    frame.len = n + 4 + payload.len;
    assert_int_equal(send(v->fd, frame.ptr, frame.len, MSG_NOSIGNAL),
                     frame.len);
    bytes_close(&frame);
    world_turn(&w->up);
}

static inline void visitor_say(struct client_world *w, struct visitor *v,
                               const char *text)
{
    visitor_send(w, v, WS_OP_TEXT, span_str(text));
}

static inline bool visitor_frame(struct visitor *v)
{
    const unsigned char *at = (const unsigned char *)v->in.ptr;
    size_t head, len;

    if (v->in.len < 2)
        return false;
    len = at[1];
    head = len == 126 ? 4 : len == 127 ? 10 : 2;
    if (v->in.len < head)
        return false;
    for (size_t i = 2; i < head; i++)
        len = i == 2 ? at[i] : len << 8 | at[i];
    if (v->in.len < head + len)
        return false;
    assert_int_equal(v->close_code, 0); /* nothing follows a close frame */
    switch (at[0] & 15) {
    case WS_OP_TEXT:
        bytes_add(&v->text, v->in.ptr + head, len);
        bytes_add_str(&v->text, "\n");
        break;
    case WS_OP_CLOSE:
        v->close_code = (uint16_t)(at[head] << 8 | at[head + 1]);
        break;
    case WS_OP_PING:
        v->pings++;
        break;
    case WS_OP_BINARY:
        v->binaries++;
        break;
    default:
        v->pongs++;
        break;
    }
    bytes_drop(&v->in, head + len);
    return true;
}

static inline void visitor_read(struct visitor *v)
{
    char buf[4096];
    ssize_t n;

    while ((n = recv(v->fd, buf, sizeof buf, 0)) > 0)
        bytes_add(&v->in, buf, (size_t)n);
    v->ended = v->ended || n == 0;
    while (visitor_frame(v)) {
    }
}

/* All texts that it was sent, a line each; valid until the next. */
static inline const char *visitor_hear(struct visitor *v)
{
    visitor_read(v);
    bytes_add(&v->text, "", 1);
    v->text.len--;
    return v->text.ptr;
}

/* From now on only what follows. */
static inline void visitor_forget(struct visitor *v)
{
    visitor_read(v);
    bytes_clear(&v->text);
}

static inline unsigned visitor_count(struct visitor *v, const char *text)
{
    unsigned n = 0;

    for (const char *at = visitor_hear(v); (at = strstr(at, text)); at++)
        n++;
    return n;
}

/* channels: JSON texts with commas between them. */
static inline void visitor_subscribe(struct client_world *w, struct visitor *v,
                                     const char *channels)
{
    struct bytes text = {0};

    bytes_printf(&text, "{\"type\":\"subscribe\",\"channels\":[%s]}%c",
                 channels, '\0');
    visitor_say(w, v, text.ptr);
    bytes_close(&text);
}

/* These texts are in what was heard, in this order. */
static inline void visitor_order(struct visitor *v, const char *const *texts)
{
    const char *at = visitor_hear(v);

    for (; *texts; texts++) {
        const char *found = strstr(at, *texts);
        if (!found)
            fail_msg("no '%s' in '%s'", *texts, at);
        at = found + 1;
    }
}

#define ORDER(v, ...) visitor_order(v, (const char *const[]){__VA_ARGS__, NULL})

static inline const char *world_activities(struct client_world *w)
{
    bytes_add(&w->activity, "", 1);
    w->activity.len--;
    return w->activity.ptr;
}

static inline void visitor_leave(struct visitor *v)
{
    if (v->fd >= 0)
        close(v->fd);
    v->fd = -1;
}

/* Everybody leaves; nothing may be left of them. */
static inline void client_world_close(struct client_world *w)
{
    for (unsigned i = 0; i < w->n; i++)
        visitor_leave(&w->visitors[i]);
    for (int i = 0; i < 4; i++)
        world_turn(&w->up);
    assert_int_equal(w->clients->count, 0);
    assert_int_equal(w->clients->subscriptions, 0);
    assert_null(w->clients->pending);
    assert_int_equal(w->clients->peers.count, 0);
    clients_stop(w->clients);
    watches_unref(w->watches);
    upstream_world_close(&w->up);
    clients_free(w->clients);
    fanout_close(&w->up.fanout);
    for (unsigned i = 0; i < w->n; i++) {
        bytes_close(&w->visitors[i].in);
        bytes_close(&w->visitors[i].text);
    }
    bytes_close(&w->activity);
}
