#include "common/http/http.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/http/http_internal.h"

enum {
    ACCEPTS_PER_TURN = 64,
    ACCEPT_TURN_NS = 1000000, /* others wait meanwhile */
    ACCEPT_PAUSE_MS = 100,    /* when descriptors or memory are out */
    TICK_MS = 250,            /* deadlines are kept to this */
    POOL_MAX = 32,
    TURN_AWAY_READS = 16,
};

static struct metric counts[] = {
    {METRIC(COUNTER, "tickwire_http_requests_total", NULL,
            "HTTP requests read")},
    {METRIC(COUNTER, "tickwire_http_accepted_total", NULL,
            "HTTP connections accepted")},
    {METRIC(GAUGE, "tickwire_http_connections", NULL,
            "HTTP connections open now (those taken by WebSocket are not)")},
    {METRIC(COUNTER, "tickwire_http_idle_closed_total", NULL,
            "Idle HTTP connections closed to make room for others")},
};
enum { REQUESTS, ACCEPTED, CONNECTIONS, IDLE_CLOSED };

#define REFUSED(why)                                                           \
    {                                                                          \
        METRIC(COUNTER, "tickwire_http_refused_total", "reason=\"" why "\"",   \
               "HTTP requests and connections refused, by reason")             \
    }
static struct metric refused[HTTP_REFUSED_KINDS] = {
    [HTTP_REFUSED_CONNS] = REFUSED("connections"),
    [HTTP_REFUSED_HEAD] = REFUSED("head_too_large"),
    [HTTP_REFUSED_BODY] = REFUSED("body_too_large"),
    [HTTP_REFUSED_SLOW] = REFUSED("slow_request"),
    [HTTP_REFUSED_BAD] = REFUSED("bad_request"),
    [HTTP_REFUSED_LATE] = REFUSED("late_answer"),
    [HTTP_REFUSED_FDS] = REFUSED("no_descriptors"),
    [HTTP_REFUSED_ADDRESS] = REFUSED("address"),
    [HTTP_REFUSED_PROXY] = REFUSED("proxy_header"),
};

void http_count_refused(enum http_refused why)
{
    refused[why].value++;
}

void http_count_conn(struct http_server *s, int change)
{
    s->n_conns += (unsigned)change;
    counts[CONNECTIONS].value += (uint64_t)(int64_t)change;
}

void http_count_request(void)
{
    counts[REQUESTS].value++;
}

/* --- parse states, kept for the next request --- */

struct http_parse *http_server_take_parse(struct http_server *s)
{
    struct http_parse *p = s->pool;

    if (!p)
        return http_parse_new();
    s->pool = p->next;
    s->n_pool--;
    p->next = NULL;
    return p;
}

void http_server_give_parse(struct http_server *s, struct http_parse *p)
{
    if (!p)
        return;
    if (s->n_pool == POOL_MAX || s->closing) {
        http_parse_free(p);
        return;
    }
    p->fed = p->buf.len;
    http_parse_next(p);
    p->next = s->pool;
    s->pool = p;
    s->n_pool++;
}

/* --- accepting --- */

static void peer_of(const struct sockaddr_storage *from, struct in6_addr *peer)
{
    *peer = (struct in6_addr){0};
    if (from->ss_family == AF_INET6) {
        *peer = ((const struct sockaddr_in6 *)from)->sin6_addr;
    } else if (from->ss_family == AF_INET) {
        peer->s6_addr[10] = peer->s6_addr[11] = 0xff;
        memcpy(&peer->s6_addr[12],
               &((const struct sockaddr_in *)from)->sin_addr, 4);
    }
}

/* Above a bound: one attempt to say so, and away. */
static void turn_away(int fd, enum http_refused why)
{
    static const char full[] =
        "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n"
        "Retry-After: 1\r\nX-Content-Type-Options: nosniff\r\n"
        "Cache-Control: no-store\r\nContent-Length: 0\r\n\r\n";
    static const char address[] =
        "HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\n"
        "Retry-After: 1\r\nX-Content-Type-Options: nosniff\r\n"
        "Cache-Control: no-store\r\nContent-Type: text/plain\r\n"
        "Content-Length: 40\r\n\r\ntoo many connections from this address\r\n";
    bool is_full = why == HTTP_REFUSED_CONNS;
    char waste[16384];

    http_count_refused(why);
    (void)send(fd, is_full ? full : address,
               (is_full ? sizeof full : sizeof address) - 1, MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    /* Unread bytes turn the close into a reset.  There is no place to wait for
     * those that still come; they find the answer and its end sent. */
    for (int i = 0; i < TURN_AWAY_READS; i++) {
        if (recv(fd, waste, sizeof waste, 0) <= 0)
            break;
    }
    close(fd);
}

static void on_connection(uv_poll_t *handle, int status, int events);

/* The connection that is idle for longest gives way; false: none is idle, but
 * for those that were in use a moment ago. */
static bool make_room(struct http_server *s)
{
    struct http_link *idle = &s->waits[HTTP_WAIT_IDLE];
    struct http_conn *first = (struct http_conn *)idle->next;
    uint64_t now_ms = uv_now(s->loop);

    if (idle->next == idle ||
        first->deadline_ms > now_ms + HTTP_IDLE_MS - HTTP_SPARE_MS)
        return false;
    http_conn_close(first);
    counts[IDLE_CLOSED].value++;
    return true;
}

/* The ones that wait stay in the kernel's queue meanwhile. */
static void pause_accepting(struct http_server *s)
{
    http_count_refused(HTTP_REFUSED_FDS);
    uv_poll_stop(&s->listener);
    s->accept_again_ms = uv_now(s->loop) + ACCEPT_PAUSE_MS;
    if (!s->options.background)
        uv_ref((uv_handle_t *)&s->timer); /* in the listener's place */
}

static bool accept_one(struct http_server *s)
{
    struct sockaddr_storage from = {0};
    socklen_t size = sizeof from;
    struct in6_addr peer;
    int fd = accept4(s->fd, (struct sockaddr *)&from, &size,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        if (errno == EMFILE && make_room(s))
            return true;
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
            errno == ENOMEM)
            pause_accepting(s);
        /* ECONNABORTED and the like are one client's; the next may be well. */
        return errno == EINTR || errno == ECONNABORTED || errno == EPROTO;
    }
    counts[ACCEPTED].value++;
    peer_of(&from, &peer);
    if (!http_bucket_has_room(s, &peer))
        turn_away(fd, HTTP_REFUSED_ADDRESS);
    else if (s->n_conns >= s->options.max_conns && !make_room(s))
        turn_away(fd, HTTP_REFUSED_CONNS);
    else
        http_conn_start(s, fd, &peer);
    return true;
}

static void on_connection(uv_poll_t *handle, int status, int events)
{
    struct http_server *s = handle->data;
    uint64_t end_ns = uv_hrtime() + ACCEPT_TURN_NS;

    (void)status;
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN && s->accepting; i++)
        if (!accept_one(s) || uv_hrtime() > end_ns)
            return;
}

/* --- the time --- */

static void on_tick(uv_timer_t *timer)
{
    struct http_server *s = timer->data;
    uint64_t now_ms = uv_now(s->loop);

    http_wait_tick(s);
    if (s->accept_again_ms != 0 && now_ms >= s->accept_again_ms &&
        s->accepting) {
        s->accept_again_ms = 0;
        uv_unref((uv_handle_t *)&s->timer);
        uv_poll_start(&s->listener, UV_READABLE, on_connection);
    }
}

/* --- beginning and end --- */

void http_server_unref(struct http_server *s)
{
    if (--s->refs > 0)
        return;
    bytes_close(&s->scratch);
    table_close(&s->buckets);
    free(s);
}

static void on_handle_closed(uv_handle_t *handle)
{
    http_server_unref(handle->data);
}

static bool is_loopback(int fd)
{
    struct sockaddr_storage at = {0};
    socklen_t size = sizeof at;
    struct in6_addr address;

    if (getsockname(fd, (struct sockaddr *)&at, &size) != 0)
        return false;
    peer_of(&at, &address);
    return IN6_IS_ADDR_LOOPBACK(&address) ||
           (IN6_IS_ADDR_V4MAPPED(&address) && address.s6_addr[12] == 127);
}

static void start(struct http_server *s)
{
    http_wait_init(s);
    http_turn_init(s);
    s->listener.data = s->timer.data = s;
    uv_timer_init(s->loop, &s->timer);
    uv_timer_start(&s->timer, on_tick, TICK_MS, TICK_MS);
    uv_poll_start(&s->listener, UV_READABLE, on_connection);
    /* The listener decides whether the loop goes on; the clock never does. */
    uv_unref((uv_handle_t *)&s->timer);
    if (s->options.background)
        uv_unref((uv_handle_t *)&s->listener);
    s->refs = 4;
    s->loopback = is_loopback(s->fd);
    s->accepting = true;
}

/* What has to be watched; the errno of what is not. */
static int open_watches(struct http_server *s)
{
    int status;

    s->watches = watches_new(s->loop, s->options.background);
    if (!s->watches)
        return errno;
    status = uv_poll_init(s->loop, &s->listener, s->fd);
    if (status != 0)
        watches_unref(s->watches);
    return -status;
}

struct http_server *http_server_new(uv_loop_t *loop, const char *listen,
                                    const struct http_options *options,
                                    http_handler *handler, void *arg,
                                    struct err *err)
{
    static const struct http_options none;
    struct http_server *s = mem_zero(sizeof *s);
    int errnum;

    s->loop = loop;
    s->options = options ? *options : none;
    if (s->options.max_conns == 0)
        s->options.max_conns = HTTP_CONN_MAX;
    http_bucket_init(&s->buckets);
    s->handler = handler;
    s->arg = arg;
    s->fd = http_listen_open(listen, &s->options, &s->port, err);
    if (s->fd < 0) {
        free(s);
        return NULL;
    }
    errnum = open_watches(s);
    if (errnum != 0) {
        err_errno(err, ERR_SYSTEM, errnum, "%s", listen);
        close(s->fd);
        free(s);
        return NULL;
    }
    start(s);
    metrics_add_all(counts, sizeof counts / sizeof counts[0]);
    metrics_add_all(refused, HTTP_REFUSED_KINDS);
    http_peer_export();
    return s;
}

unsigned http_server_port(const struct http_server *s)
{
    return s->port;
}

bool http_conn_is_loopback(const struct http_conn *conn)
{
    return conn->server->loopback;
}

void http_server_stop_accepting(struct http_server *s)
{
    if (!s->accepting)
        return;
    s->accepting = false;
    uv_unref((uv_handle_t *)&s->timer); /* no pause to come back from */
    uv_close((uv_handle_t *)&s->listener, on_handle_closed);
    close(s->fd);
    s->fd = -1;
}

void http_server_close(struct http_server *s)
{
    if (!s || s->closing)
        return;
    http_server_stop_accepting(s);
    s->closing = true;
    for (int i = 0; i < HTTP_WAITS; i++)
        while (s->waits[i].next != &s->waits[i])
            http_conn_close((struct http_conn *)s->waits[i].next);
    watches_unref(s->watches);
    while (s->pool)
        http_parse_free(http_server_take_parse(s));
    uv_close((uv_handle_t *)&s->turns, on_handle_closed);
    uv_close((uv_handle_t *)&s->turn_begins, on_handle_closed);
    uv_close((uv_handle_t *)&s->timer, on_handle_closed);
}
