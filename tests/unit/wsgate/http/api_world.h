/*
 * api_world.h -- the API alone: a listener, a Redis that answers what it is
 * told, channels without clients, and figures of the test's own.
 */
#pragma once

#include <unistd.h>

#include "tests/unit/common/redis/fake_redis.h"
#include "wsgate/http/api.h"

struct world {
    struct fake fake;
    struct redis_cmd *redis; /* NULL: without */
    struct fanout fanout;
    struct channels channels;
    struct stats stats;
    enum upstream_state upstream;
    struct api *api;
    struct http_server *server, *admin;
    bool ready;
    /* The request under way. */
    uv_poll_t poll;
    bool done;
    struct bytes got;
};

static inline void world_on_ready(void *arg)
{
    struct world *w = arg;

    w->ready = true;
}

static inline void world_on_down(void *arg, const char *why, bool refused)
{
    (void)arg;
    (void)why;
    (void)refused;
}

static inline void world_stats(void *arg, struct stats *out)
{
    const struct world *w = arg;

    *out = w->stats;
}

static inline enum upstream_state world_upstream(void *arg)
{
    const struct world *w = arg;

    return w->upstream;
}

/* The status pages at an address of their own. */
static inline void world_on_admin(void *api, struct http_conn *conn,
                                  const struct http_request *req)
{
    if (!api_status_page(api, conn, req))
        http_respond(conn, 404, "text/plain", NULL, span_str("elsewhere\n"));
}

/* prefix NULL: without Redis. */
static inline void world_open_as(struct world *w, const char *prefix,
                                 enum api_status status)
{
    static const struct redis_cmd_events events = {.on_ready = world_on_ready,
                                                   .on_down = world_on_down};
    static const struct fanout_limits limits = {0};
    static const char *const greeting[] = {"+PONG\r\n", NULL};
    static const struct ws_door closed = {0};
    static struct ws_refusals refusals;
    struct err err = {0};
    struct api_config config = {.loop = &w->fake.loop,
                                .instance = "i1",
                                .redis_prefix = prefix ? prefix : "",
                                .redis_url = "redis://r:6379",
                                .web = "/no\"where",
                                .status = status,
                                .no_limit = true,
                                .door = &closed,
                                .refusals = &refusals,
                                .channels = &w->channels,
                                .stats = world_stats,
                                .upstream = world_upstream,
                                .arg = w};

    memset(w, 0, sizeof *w);
    w->upstream = UPSTREAM_LIVE;
    fake_start(&w->fake, greeting);
    fanout_init(&w->fanout, 65536, &limits, NULL);
    channels_init(&w->channels, &w->fanout, 1,
                  &(struct channel_sizes){sizeof(struct channel),
                                          sizeof(struct pattern),
                                          sizeof(struct family)});
    w->api = api_new(&config, &err);
    assert_non_null(w->api);
    if (prefix) {
        w->redis =
            redis_cmd_new(&w->fake.loop, &w->fake.config, NULL, &events, w);
        FAKE_RUN_UNTIL(&w->fake, w->ready);
    }
    api_connect(w->api, w->redis);
    w->server = http_server_new(&w->fake.loop, "127.0.0.1:0", NULL, api_handle,
                                w->api, &err);
    assert_non_null(w->server);
    w->admin = http_server_new(&w->fake.loop, "127.0.0.1:0", NULL,
                               world_on_admin, w->api, &err);
    assert_non_null(w->admin);
}

static inline void world_open(struct world *w, const char *prefix)
{
    world_open_as(w, prefix, API_STATUS_BRIEF);
}

static inline void world_close(struct world *w)
{
    api_stop(w->api);
    http_server_close(w->server);
    http_server_close(w->admin);
    if (w->redis)
        redis_cmd_close(w->redis, NULL, NULL);
    fake_stop(&w->fake);
    api_free(w->api);
    channels_close(&w->channels);
    fanout_close(&w->fanout);
    bytes_close(&w->got);
}

/* One message of a channel, as if it had come from upstream. */
static inline void world_publish(struct world *w, const char *channel,
                                 const char *payload)
{
    const struct channel_message m = {.payload = span_str(payload),
                                      .now_ms = 1700000000000};

    assert_int_equal(
        channel_publish(&w->channels,
                        channels_get(&w->channels, span_str(channel)), &m),
        CHANNEL_OK);
    fanout_flush(&w->fanout);
}

static inline void world_on_readable(uv_poll_t *poll, int status, int events)
{
    struct world *w = poll->data;
    char text[4096];
    ssize_t n;
    uv_os_fd_t fd;

    (void)events;
    assert_int_equal(status, 0);
    assert_int_equal(uv_fileno((uv_handle_t *)poll, &fd), 0);
    n = read(fd, text, sizeof text);
    if (n > 0) {
        bytes_add(&w->got, text, (size_t)n);
        return;
    }
    uv_poll_stop(poll);
    w->done = true;
}

static inline void world_on_closed(uv_handle_t *h)
{
    struct world *w = h->data;

    w->ready = true;
}

static inline const char *world_ask_at(struct world *w,
                                       const struct http_server *server,
                                       const char *method, const char *target)
{
    struct sockaddr_in at;
    char text[256];
    int fd, n = snprintf(text, sizeof text,
                         "%s %s HTTP/1.1\r\nHost: h\r\n"
                         "Connection: close\r\n\r\n",
                         method, target);

    uv_ip4_addr("127.0.0.1", (int)http_server_port(server), &at);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(write(fd, text, (size_t)n), n);
    bytes_clear(&w->got);
    w->done = w->ready = false;
    uv_poll_init(&w->fake.loop, &w->poll, fd);
    w->poll.data = w;
    uv_poll_start(&w->poll, UV_READABLE, world_on_readable);
    FAKE_RUN_UNTIL(&w->fake, w->done);
    uv_close((uv_handle_t *)&w->poll, world_on_closed);
    FAKE_RUN_UNTIL(&w->fake, w->ready);
    close(fd);
    bytes_add(&w->got, "", 1);
    return w->got.ptr;
}

/* The whole answer to a request, valid until the next. */
static inline const char *world_ask(struct world *w, const char *method,
                                    const char *target)
{
    return world_ask_at(w, w->server, method, target);
}

static inline const char *world_get(struct world *w, const char *target)
{
    return world_ask(w, "GET", target);
}

/* What Redis says to what it is asked from now on; forgets what it was. */
static inline void world_answers(struct world *w, const char *const *answers)
{
    w->fake.answers = answers;
    w->fake.at = 0;
    w->fake.commands = 0;
    bytes_clear(&w->fake.got);
}

/* Was Redis asked this?  As it stands on the wire. */
static inline bool world_asked(struct world *w, const char *wire)
{
    return memmem(w->fake.got.ptr, w->fake.got.len, wire, strlen(wire)) != NULL;
}

#define assert_status(TEXT, STATUS)                                            \
    assert_memory_equal(TEXT, "HTTP/1.1 " STATUS,                              \
                        sizeof("HTTP/1.1 " STATUS) - 1)

#define assert_body(TEXT, BODY)                                                \
    do {                                                                       \
        const char *body_ = strstr(TEXT, "\r\n\r\n");                          \
        assert_non_null(body_);                                                \
        assert_string_equal(body_ + 4, BODY);                                  \
    } while (0)
