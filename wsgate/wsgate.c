#include "wsgate/wsgate.h"

#include <sys/resource.h>

#include "common/base/log.h"
#include "wsgate/client/notice.h"
#include "wsgate/client/stats.h"
#include "wsgate/client/subscribe.h"
#include "wsgate/http/api.h"

enum {
    SPARE_FDS = 64,
    READY_REFUSED_MAX = 10,
    DRAIN_MARGIN_MS = 250, /* to close what is left, after the last client */
    ADMIN_CONNS_MAX = 64,
};

/* --- what the parts say --- */

/* At --listen a proxy of ours knows under which names there are browsers. */
static bool is_led_here(const struct wsgate *w, struct http_conn *conn,
                        const struct http_request *req)
{
    return http_conn_is_loopback(conn) && !w->door.proxied &&
           !ws_door_host_ok(&w->door, req);
}

/* For app.admit: what operators look at has no proxy in front of it. */
static bool admit(void *arg, struct http_conn *conn,
                  const struct http_request *req)
{
    struct wsgate *w = arg;

    if (!http_conn_is_loopback(conn) || ws_door_host_ok(&w->door, req))
        return true;
    ws_refusal_host(&w->refusals, conn, req);
    return false;
}

/* What is at --listen of the pages that are for operators. */
static enum api_status public_status(const struct options *o)
{
    if (o->public_status)
        return API_STATUS_FULL;
    return o->admin ? API_STATUS_NONE : API_STATUS_BRIEF;
}

/* An http_handler: WebSockets to the clients, the rest to the API.  Nothing,
 * not even a figure, for a browser that was led here under a foreign name. */
static void on_http(void *arg, struct http_conn *conn,
                    const struct http_request *req)
{
    struct wsgate *w = arg;
    enum dialect dialect;

    if (is_led_here(w, conn, req))
        ws_refusal_host(&w->refusals, conn, req);
    else if (dialect_of_path(req->path, w->opts->dev, &dialect))
        upgrade(w->clients, &w->upgrade, conn, req, dialect);
    else if (public_status(w->opts) == API_STATUS_NONE ||
             !app_http_page(w->app, conn, req))
        api_handle(w->api, conn, req);
}

static void add_name(void *arg, struct span name)
{
    json_write_span(arg, NULL, name);
}

/* For app.is_ready. */
static bool is_ready(void *arg, const char **why)
{
    const struct wsgate *w = arg;
    enum upstream_state now = upstream_state(w->upstream);

    if (now == UPSTREAM_LIVE)
        return true;
    *why = now == UPSTREAM_DOWN ? "upstream is down" : "upstream is stale";
    return false;
}

/* For app.ready_detail: what Redis refuses, though the gateway is ready. */
static void ready_detail(void *arg, struct json_writer *json)
{
    const struct wsgate *w = arg;
    const struct upstream_stats s = upstream_stats(w->upstream);

    json_write_str(json, "upstream",
                   upstream_name(upstream_state(w->upstream)));
    json_write_uint(json, "refused_count", s.redis_refused);
    json_write_array(json, "refused");
    upstream_each_refused(w->upstream, READY_REFUSED_MAX, add_name, json);
    json_write_array_end(json);
}

static void on_settled(void *arg)
{
    struct wsgate *w = arg;

    subscribe_check(w->clients);
}

static void on_upstream(void *arg, enum upstream_state now)
{
    struct wsgate *w = arg;

    /* With --require-redis ready is only said now. */
    if (now == UPSTREAM_LIVE)
        app_ready(w->app);
    heartbeat_upstream_changed(&w->heartbeat);
}

static void on_access(void *arg, struct span name, bool pattern, bool refused)
{
    struct wsgate *w = arg;

    notice_access(w->clients, name, pattern, refused);
}

static void on_no_room(void *arg, struct span pattern)
{
    struct wsgate *w = arg;

    notice_no_room(w->clients, pattern);
}

static void on_up(void *arg)
{
    struct wsgate *w = arg;

    app_redis_up(&w->link);
}

static void on_down(void *arg, const char *why, bool refused)
{
    struct wsgate *w = arg;

    app_redis_down(&w->link, why, refused);
}

/* For instance:wsgate:{id}. */
static void on_fill(void *arg, struct json_writer *json)
{
    const struct wsgate *w = arg;
    struct stats s;

    stats_read(w->clients, &s);
    json_write_uint(json, "clients", s.clients);
    json_write_uint(json, "subscriptions", s.subscriptions);
    json_write_uint(json, "channels", s.channels);
    json_write_uint(json, "messages", s.messages_redis + s.messages_local);
    json_write_uint(json, "delivered", s.delivered);
    json_write_uint(json, "conflated", s.conflated);
    json_write_uint(json, "dropped", s.dropped);
}

static void read_stats(void *arg, struct stats *out)
{
    const struct wsgate *w = arg;

    stats_read(w->clients, out);
}

static enum upstream_state read_upstream(void *arg)
{
    const struct wsgate *w = arg;

    return upstream_state(w->upstream);
}

/* --- life --- */

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

static struct upstream *new_upstream(struct wsgate *w)
{
    static const struct upstream_events events = {.on_settled = on_settled,
                                                  .on_upstream = on_upstream,
                                                  .on_access = on_access,
                                                  .on_no_room = on_no_room,
                                                  .on_up = on_up,
                                                  .on_down = on_down,
                                                  .fill = on_fill};
    const struct upstream_config config = {
        .redis = w->opts->app.no_redis ? NULL : &w->redis_config,
        .self = {w->app->tool, w->app->instance, w->app->started_ms},
        .routes = w->routes};

    return upstream_new(&w->app->loop, &config, &w->fanout, &events, w);
}

static struct clients *new_clients(struct wsgate *w)
{
    const struct options *o = w->opts;
    const struct clients_options options = {
        .max_connections = o->max_connections,
        .max_per_address = o->max_per_address,
        .max_subscriptions = o->max_subscriptions,
        .max_address_subscriptions = o->max_address_subscriptions,
        .allowance = {.rate = o->command_rate,
                      .burst = o->command_burst,
                      .max_message_bytes = o->max_message_bytes},
        .notsent_bytes = o->notsent_bytes,
        .sndbuf_bytes = o->sndbuf_bytes,
        .confirm_ms = o->confirm_ms,
        .routes = w->routes};

    return clients_new(&w->app->loop, &options, w->upstream, &w->fanout,
                       o->write_stdout ? stdio_activity : NULL, &w->stdio);
}

/* What cannot fail, and does nothing before the loop runs. */
static void make_parts(struct wsgate *w)
{
    const struct options *o = w->opts;
    const struct fanout_limits limits = {
        .backlog_bytes = (uint64_t)o->backlog_bytes,
        .backlog_all_bytes = (uint64_t)o->backlog_all_bytes,
        .out_bytes = CLIENT_OUT_BYTES};

    fanout_init(&w->fanout, (size_t)o->log_bytes, &limits, NULL);
    w->upstream = new_upstream(w);
    w->clients = new_clients(w);
    w->upgrade = (struct upgrade_options){.door = &w->door,
                                          .refusals = &w->refusals,
                                          .instance = w->app->instance,
                                          .ping_ms = o->ping_ms};
    heartbeat_open(&w->heartbeat, w->clients, o->ping_ms, o->heartbeat_ms);
    stats_export(w->clients);
    ws_refusal_export();
}

static bool listen_now(struct wsgate *w, struct err *err)
{
    const struct options *o = w->opts;
    const struct http_options http = {
        .max_conns = (unsigned)o->max_connections,
        .max_per_address = (unsigned)o->max_per_address,
        .reuse_port = o->reuse_port,
        .trust_proxy = o->trust_proxy,
        .backlog = 4096,
    };
    struct err cause = {0};

    w->server =
        http_server_new(&w->app->loop, o->listen, &http, on_http, w, &cause);
    if (!w->server)
        return err_set(err, cause.code, "--listen: %s", cause.text);
    w->door.proxied = o->trust_proxy.count > 0;
    return true;
}

static bool open_api(struct wsgate *w, struct err *err)
{
    const struct options *o = w->opts;
    const struct api_config config = {.loop = &w->app->loop,
                                      .instance = w->app->instance,
                                      .redis_prefix = w->redis_config.prefix,
                                      .redis_url = w->redis_config.display,
                                      .web = o->web,
                                      .limit = o->api_limit,
                                      .status = public_status(o),
                                      .no_limit = o->no_limit,
                                      .dev = o->dev,
                                      .door = &w->door,
                                      .refusals = &w->refusals,
                                      .channels =
                                          upstream_channels(w->upstream),
                                      .stats = read_stats,
                                      .upstream = read_upstream,
                                      .arg = w};

    w->api = api_new(&config, err);
    if (!w->api)
        return false;
    w->app->health = api_health;
    w->app->health_arg = w->api;
    w->app->page = api_status_page;
    w->app->page_arg = w->api;
    return true;
}

/* It stays to the end of the drain, and keeps nothing waiting for it. */
static bool open_admin(struct wsgate *w, struct err *err)
{
    static const struct http_options options = {.max_conns = ADMIN_CONNS_MAX,
                                                .background = true};
    struct err cause = {0};

    if (!w->opts->admin)
        return true;
    w->admin = http_server_new(&w->app->loop, w->opts->admin, &options,
                               app_http_handle, w->app, &cause);
    if (!w->admin)
        return err_set(err, cause.code, "--admin: %s", cause.text);
    return true;
}

static bool open_pipes(struct wsgate *w, struct err *err)
{
    const struct stdio_options options = {.read = w->opts->read_stdin,
                                          .write = w->opts->write_stdout,
                                          .linger = w->opts->linger,
                                          .max_line_bytes =
                                              w->opts->max_line_bytes};

    return stdio_open(&w->stdio, w->app, w->upstream, &options, err);
}

static void close_parts(void *arg)
{
    struct wsgate *w = arg;

    stdio_stop(&w->stdio);
    heartbeat_stop(&w->heartbeat);
    clients_stop(w->clients);
    api_stop(w->api);
    http_server_close(w->server);
    http_server_close(w->admin);
    upstream_stop(w->upstream);
}

/* The last goodbye is said just before --drain is over, and is answered.  With
 * the default that is 4.75 s. */
static uint64_t stop_ms(const struct options *o)
{
    uint64_t ms = (uint64_t)o->drain_ms + CLIENT_CLOSE_MS / 2 + DRAIN_MARGIN_MS;

    return ms > APP_DRAIN_MS ? ms : APP_DRAIN_MS;
}

static void reload(void *arg)
{
    const struct wsgate *w = arg;

    api_reload(w->api);
}

bool wsgate_init(struct wsgate *w, struct app *app, const struct options *opts,
                 struct err *err)
{
    w->app = app;
    w->opts = opts;
    if (!ws_door_init(&w->door, &opts->allow_origin, &opts->allow_host, err) ||
        !app_redis_config(app, &w->redis_config, err) ||
        !(w->routes = route_table_new(NULL, err)))
        return false;
    /* It only reads, but for its own entry and what clients used up. */
    w->redis_config.replica_ok = true;
    make_parts(w);
    if (!listen_now(w, err) || !open_api(w, err) || !open_admin(w, err) ||
        !open_pipes(w, err)) {
        close_parts(w); /* while the app ends */
        return false;
    }
    if (!opts->app.no_redis)
        app_redis_open(&w->link, app, w->redis_config.display);
    upstream_start(w->upstream);
    raise_fd_limit(opts); /* now: a start that fails says only why */
    upgrade_warm_up();
    api_connect(w->api, upstream_redis(w->upstream));
    app->drain_ms = stop_ms(opts);
    app->admit = admit;
    app->admit_arg = w;
    app->is_ready = is_ready;
    app->ready_detail = ready_detail;
    app->ready_arg = w;
    app->on_reload = reload;
    log_info("listening", "address=%s port=%u", opts->listen,
             http_server_port(w->server));
    if (w->admin)
        log_info("listening", "address=%s port=%u for=admin", opts->admin,
                 http_server_port(w->admin));
    if (!opts->app.require_redis)
        app_ready(app);
    return true;
}

void wsgate_stop(void *wsgate)
{
    struct wsgate *w = wsgate;

    app_redis_close(&w->link); /* not required any more */
    stdio_stop_input(&w->stdio);
    upstream_flush(w->upstream);
    http_server_stop_accepting(w->server);
    drain_begin(&w->drain, w->clients, w->opts->drain_ms, close_parts, w);
}

void wsgate_close(struct wsgate *w)
{
    if (w->clients) { /* all parts were made */
        heartbeat_free(&w->heartbeat);
        upstream_free(w->upstream);
        clients_free(w->clients);
        fanout_close(&w->fanout);
    }
    api_free(w->api);
    route_table_free(w->routes);
    *w = (struct wsgate){0};
}
