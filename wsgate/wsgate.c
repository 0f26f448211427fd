#include "wsgate/wsgate.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/app/app_redis.h"
#include "common/base/bytes.h"
#include "common/base/log.h"
#include "common/base/table.h"
#include "wsgate/channels/message.h"
#include "wsgate/channels/stdio.h"
#include "wsgate/channels/upstream.h"
#include "wsgate/client/client.h"
#include "wsgate/client/close_count.h"
#include "wsgate/client/drain.h"
#include "wsgate/client/gate_metrics.h"
#include "wsgate/client/heartbeat.h"
#include "wsgate/client/session.h"
#include "wsgate/fanout/fanout.h"
#include "wsgate/http/api.h"
#include "wsgate/ws/ws_frame.h"
#include "wsgate/ws/ws_handshake.h"

enum { SPARE_FDS = 64 };

/* What only this file needs of the gateway. */
struct gate_parts {
    struct heartbeat heartbeat;
    struct drain drain;
    struct app_redis link; /* never opened with --no-redis */
};

/* --- WebSocket upgrades --- */

static bool dialect_of(struct span path, enum dialect *dialect)
{
    static const struct {
        const char *path;
        enum dialect dialect;
    } paths[] = {{"/ws", DIALECT_NATIVE},
                 {"/api/v1/ws", DIALECT_STOCK},
                 {"/stream/ticks", DIALECT_TICKS}};

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (span_is(path, paths[i].path)) {
            *dialect = paths[i].dialect;
            return true;
        }
    }
    return false;
}

static void refuse(struct http_conn *conn, int status, const char *why)
{
    const char *extra = status == 426   ? "Sec-WebSocket-Version: 13\r\n"
                                          "Upgrade: websocket\r\n"
                        : status == 405 ? "Allow: GET\r\n"
                                        : NULL;
    char text[128];
    int n = snprintf(text, sizeof text, "%s\n", why);

    http_respond(conn, status, "text/plain; charset=utf-8", extra,
                 span_make(text, (size_t)n));
}

/* A list that cannot be decoded counts as asked for, too: it is answered. */
static bool asks_to_subscribe(const struct http_request *req,
                              struct bytes *names)
{
    return http_query(req, "subscribe", names) ||
           (req->query.len > 0 &&
            memmem(req->query.ptr, req->query.len, "subscribe=", 10));
}

/* A browser cannot see the status of a refused handshake, but it sees a close
 * code: so the handshake is completed, and the close frame follows at once. */
static void turn_away(struct wsgate *w, struct http_conn *conn,
                      const struct http_request *req, const char *why)
{
    struct bytes *out = &w->clients->answers;
    struct span early;
    uint16_t code = w->app->stopping ? WS_CLOSE_GOING_AWAY : WS_CLOSE_TRY_LATER;
    int fd;

    bytes_clear(out);
    ws_handshake_add(out, http_header(req, "Sec-WebSocket-Key"));
    ws_close_add(out, code, why);
    fd = http_conn_take(conn, &early);
    /* A new socket has room for this; should it fail, the client is gone. */
    if (send(fd, out->ptr, out->len, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
        shutdown(fd, SHUT_WR);
    close(fd);
    bytes_clear(out);
    close_count(code);
}

static void upgrade(struct wsgate *w, struct http_conn *conn,
                    const struct http_request *req, enum dialect dialect)
{
    struct bytes *out = &w->clients->answers;
    struct bytes names;
    struct span early;
    const char *why = NULL;
    int status = req->upgrade
                     ? ws_handshake_check(req, &w->opts->allow_origin, &why)
                     : 426;
    bool subscribe;
    int fd;
    struct client *c;

    if (status != 0) {
        refuse(conn, status, why ? why : "this is a WebSocket");
        return;
    }
    if (!clients_admit(w->clients, req->peer, &why)) {
        turn_away(w, conn, req, why);
        return;
    }
    bytes_init(&names);
    subscribe = dialect == DIALECT_NATIVE && asks_to_subscribe(req, &names);
    bytes_clear(out);
    ws_handshake_add(out, http_header(req, "Sec-WebSocket-Key"));
    fd = http_conn_take(conn, &early);
    c = client_new(w->clients, fd, req->peer, dialect);
    if (c) {
        if (dialect == DIALECT_NATIVE)
            message_welcome(out, w->app->instance, w->opts->ping_ms,
                            w->opts->max_subscriptions, heartbeat_upstream(w));
        if (subscribe)
            session_subscribe_list(c, names.len > 0 ? bytes_span(&names)
                                                    : span_str(""));
        if (dialect != DIALECT_NATIVE)
            session_subscribe_dialect(c);
        client_send(c, bytes_span(out));
        bytes_clear(out);
        if (!c->ended)
            session_pump(c);
        if (!c->ended && early.len > 0)
            client_got(c, early);
    }
    bytes_close(&names);
}

void gate_http(void *wsgate, struct http_conn *conn,
               const struct http_request *req)
{
    struct wsgate *w = wsgate;
    enum dialect dialect;

    if (dialect_of(req->path, &dialect))
        upgrade(w, conn, req, dialect);
    else
        api_handle(w, conn, req);
}

/* --- life --- */

/* OpenSSL finds its algorithms at first use: some milliseconds and a megabyte
 * that the first client should not wait for. */
static void warm_up(void)
{
    struct bytes out;

    bytes_init(&out);
    ws_handshake_add(&out, span_str("dGhlIHNhbXBsZSBub25jZQ=="));
    bytes_close(&out);
}

static void raise_fd_limit(const struct options *o)
{
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r) != 0)
        return;
    if (r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
        getrlimit(RLIMIT_NOFILE, &r);
    }
    if (r.rlim_cur < (rlim_t)o->max_connections + SPARE_FDS)
        log_warn("fd_limit", "limit=%llu max_connections=%lld",
                 (unsigned long long)r.rlim_cur, (long long)o->max_connections);
}

static void on_settled(void *arg)
{
    struct wsgate *w = arg;

    session_check_pending(w->clients);
}

static void on_upstream(void *arg, enum upstream_state now)
{
    struct wsgate *w = arg;

    /* With --require-redis ready is only said now. */
    if (now == UPSTREAM_LIVE)
        app_ready(w->app);
    heartbeat_upstream_changed(&w->parts->heartbeat);
}

static void on_up(void *arg)
{
    struct wsgate *w = arg;

    app_redis_up(&w->parts->link);
}

static void on_down(void *arg, const char *why, bool refused)
{
    struct wsgate *w = arg;

    app_redis_down(&w->parts->link, why, refused);
}

/* For instance:wsgate:{id}. */
static void on_fill(void *arg, struct json_writer *json)
{
    struct gate_stats s;

    gate_stats(arg, &s);
    json_write_uint(json, "clients", s.clients);
    json_write_uint(json, "subscriptions", s.subscriptions);
    json_write_uint(json, "channels", s.channels);
    json_write_uint(json, "messages", s.messages_redis + s.messages_local);
    json_write_uint(json, "delivered", s.delivered);
    json_write_uint(json, "conflated", s.conflated);
    json_write_uint(json, "dropped", s.dropped);
}

static struct upstream *new_upstream(struct wsgate *w)
{
    static const struct upstream_events events = {.on_settled = on_settled,
                                                  .on_upstream = on_upstream,
                                                  .on_up = on_up,
                                                  .on_down = on_down,
                                                  .fill = on_fill};
    const struct upstream_config config = {
        .redis = w->opts->app.no_redis ? NULL : &w->redis_config,
        .self = {w->app->tool, w->app->instance, w->app->started_ms},
        .routes = w->routes};

    return upstream_new(&w->app->loop, &config, w->fanout, &events, w);
}

static bool listen_now(struct wsgate *w, struct err *err)
{
    const struct options *o = w->opts;
    const struct http_options http = {
        .max_conns = (unsigned)o->max_connections,
        .reuse_port = o->reuse_port,
        .trust_proxy = o->trust_proxy,
        .backlog = 4096,
    };
    struct err cause = {0};

    w->server =
        http_server_new(&w->app->loop, o->listen, &http, gate_http, w, &cause);
    if (!w->server)
        return err_set(err, cause.code, "--listen: %s", cause.text);
    return true;
}

/* The start failed: what is open already is closed while the app ends. */
static bool give_up(struct wsgate *w)
{
    if (w->server)
        http_server_close(w->server);
    api_stop(w);
    stdio_stop(w);
    return false;
}

bool gate_open(struct wsgate *w, struct app *app, const struct options *opts,
               struct err *err)
{
    const struct fanout_limits limits = {
        .backlog_bytes = (uint64_t)opts->backlog_bytes,
        .backlog_all_bytes = (uint64_t)opts->backlog_all_bytes,
        .out_bytes = CLIENT_OUT_BYTES};

    w->app = app;
    w->opts = opts;
    w->parts = mem_zero(sizeof *w->parts);
    if (!app_redis_config(app, &w->redis_config, err) ||
        !(w->routes = route_table_new(NULL, err)))
        return false;
    if (!listen_now(w, err) || !api_open(w, err) || !stdio_open(w, err))
        return give_up(w);
    w->fanout = mem_zero(sizeof *w->fanout);
    fanout_init(w->fanout, (size_t)opts->log_bytes, &limits, NULL);
    clients_new(w);
    w->parts->heartbeat.gate = w;
    heartbeat_open(&w->parts->heartbeat, w);
    gate_metrics_open(w);
    if (!opts->app.no_redis)
        app_redis_open(&w->parts->link, app, w->redis_config.display);
    w->upstream = new_upstream(w);
    upstream_start(w->upstream);
    w->redis = upstream_redis(w->upstream);
    raise_fd_limit(opts); /* now: a start that fails says only why */
    warm_up();
    api_connect(w);
    app->is_ready = gate_is_ready;
    app->ready_arg = w;
    log_info("listening", "address=%s port=%u", opts->listen,
             http_server_port(w->server));
    if (!opts->app.require_redis)
        app_ready(app);
    return true;
}

static void on_drained(void *arg)
{
    struct wsgate *w = arg;

    stdio_stop(w);
    heartbeat_stop(&w->parts->heartbeat);
    clients_stop(w->clients);
    api_stop(w);
    http_server_close(w->server);
    upstream_stop(w->upstream);
    w->redis = NULL;
}

void gate_stop(void *wsgate)
{
    struct wsgate *w = wsgate;

    app_redis_close(&w->parts->link); /* not required any more */
    stdio_stop_input(w);
    upstream_flush(w->upstream);
    http_server_stop_accepting(w->server);
    drain_begin(&w->parts->drain, w, on_drained, w);
}

bool gate_is_ready(void *wsgate, const char **why)
{
    const struct wsgate *w = wsgate;

    if (!w->opts->app.no_redis && gate_upstream(w) != UPSTREAM_LIVE)
        *why = gate_upstream(w) == UPSTREAM_DOWN ? "upstream is down"
                                                 : "upstream is stale";
    else
        return true;
    return false;
}

void gate_free(struct wsgate *w)
{
    if (w->parts)
        heartbeat_free(&w->parts->heartbeat);
    upstream_free(w->upstream);
    clients_free(w->clients);
    if (w->fanout)
        fanout_close(w->fanout);
    free(w->fanout);
    if (w->stdio)
        stdio_free(w);
    if (w->api)
        api_free(w);
    route_table_free(w->routes);
    free(w->parts);
    *w = (struct wsgate){0};
}

/* --- for the shells --- */

enum upstream_state gate_upstream(const struct wsgate *w)
{
    return upstream_state(w->upstream);
}

void gate_stats(const struct wsgate *w, struct gate_stats *out)
{
    const struct fanout_counters *k = &w->fanout->counters;
    const struct upstream_stats up = upstream_stats(w->upstream);

    *out = (struct gate_stats){
        .clients = w->clients->count,
        .clients_total = w->clients->total,
        .clients_behind = fanout_slow_count(w->fanout),
        .subscriptions = w->clients->subscriptions,
        .groups = w->fanout->groups.count,
        .expected = k->expected,
        .delivered = k->delivered,
        .conflated = k->conflated,
        .dropped = k->dropped_closed + k->dropped_slow,
        .queued = fanout_queued(w->fanout),
        .bytes_sent = k->bytes,
        .bytes_received = w->clients->bytes_received,
        .commands = w->clients->commands,
        .channels = up.channels,
        .messages_redis = up.messages_redis,
        .messages_local = up.messages_local,
        .messages_invalid = up.messages_invalid,
        .redis_subscriptions = up.redis_subscriptions,
    };
}

struct each_channel {
    void (*fn)(void *arg, const struct gate_channel *c);
    void *arg;
};

static void on_channel(void *arg, struct node *n)
{
    const struct each_channel *each = arg;
    const struct channel *channel = node_of(struct channel, node, n);
    struct gate_channel c = {.name = channel->name,
                             .epoch = channel->epoch,
                             .seq = channel->seq,
                             .clients = channel->refs,
                             .last_ms = channel->last_ms};

    each->fn(each->arg, &c);
}

void gate_each_channel(const struct wsgate *w,
                       void (*fn)(void *arg, const struct gate_channel *c),
                       void *arg)
{
    struct each_channel each = {fn, arg};

    table_each(&upstream_channels(w->upstream)->by_name, on_channel, &each);
}

void gate_each_latest(const struct wsgate *w, struct span name,
                      void (*fn)(void *arg, struct span type,
                                 struct span payload),
                      void *arg)
{
    const struct channels *cs = upstream_channels(w->upstream);
    const struct channel *channel = channels_find(cs, name);

    for (uint32_t i = 0; channel && i < channel->native.stream.n_keys; i++) {
        const struct conflation_key *s = &channel->native.stream.keys[i];
        struct span payload = stream_payload(s, &w->fanout->log);
        if (payload.len > 0)
            fn(arg, type_name(&cs->types, s->type), payload);
    }
}
