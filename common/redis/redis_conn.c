#include "common/redis/redis_conn.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/base/line.h"
#include "common/base/loopback.h"

enum {
    READ_BYTES = 64 * 1024,
    USER_TIMEOUT_MS = 10000, /* sent and not acknowledged */
    KEEPALIVE_IDLE_S = 5,
    KEEPALIVE_EVERY_S = 2,
    KEEPALIVE_COUNT = 3,
    ADDRESSES_MAX = 8,
};

/* A lookup cannot be stopped once a thread has it, so it may outlive its
 * connection. */
struct lookup {
    uv_getaddrinfo_t req;
    struct redis_conn *conn; /* NULL: nobody waits any more */
};

/* A handle cannot be used again before its close callback, so each address
 * gets its own. */
struct sock {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } u;
    uv_connect_t connecting;
    uv_write_t writing;
    struct redis_conn *conn;
};

struct redis_conn {
    uv_loop_t *loop;
    const struct redis_config *config;
    struct redis_conn_events events;
    void *arg;
    struct lookup *lookup;
    struct sockaddr_storage address[ADDRESSES_MAX];
    unsigned count, tried, first;
    struct sock *sock;
    unsigned handles; /* not closed yet, `failed` among them */
    bool closed;
    bool write_waits;
    struct bytes sent; /* what `writing` reads from */
    int error;         /* to be told by `failed` */
    const char *error_in;
    bool error_polled;
    uv_idle_t failed;
    char why[256];
    char buf[READ_BYTES + LINE_PAD];
};

/* --- failing --- */

static void lost(struct redis_conn *c, const char *what, int status)
{
    if (c->closed)
        return;
    snprintf(c->why, sizeof c->why, "%s: %s", what, uv_strerror(status));
    c->events.on_lost(c->arg, c->why);
}

static void on_failed(uv_idle_t *h)
{
    struct redis_conn *c = h->data;

    /* What Redis said before it closed lies in the socket still, and tells
     * more than "broken pipe": one poll first. */
    if (!c->error_polled) {
        c->error_polled = true;
        return;
    }
    uv_idle_stop(h);
    lost(c, c->error_in, c->error);
}

/* on_lost right away would surprise a caller that is queueing a command or
 * still inside redis_conn_new(). */
static void fail_later(struct redis_conn *c, const char *what, int status)
{
    c->error = status;
    c->error_in = what;
    uv_idle_start(&c->failed, on_failed);
}

static void free_if_closed(struct redis_conn *c)
{
    if (--c->handles > 0)
        return;
    bytes_close(&c->sent);
    c->events.on_closed(c->arg);
    free(c);
}

/* --- reading and writing --- */

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *buf)
{
    struct sock *s = h->data;

    (void)hint;
    *buf = uv_buf_init(s->conn->buf, READ_BYTES);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct sock *s = stream->data;
    struct redis_conn *c = s->conn;

    if (c->closed || n == 0)
        return;
    if (n == UV_EOF)
        c->events.on_lost(c->arg, "closed by Redis");
    else if (n < 0)
        lost(c, "read", (int)n);
    else
        c->events.on_bytes(c->arg, buf->base, (size_t)n);
}

/* Runs once per accepted write, with UV_ECANCELED before the socket's close
 * callback: the connection is always alive here. */
static void on_written(uv_write_t *req, int status)
{
    struct redis_conn *c = req->data;

    c->write_waits = false;
    bytes_clear(&c->sent);
    if (c->closed)
        return;
    if (status < 0)
        lost(c, "write", status);
    else
        c->events.on_written(c->arg);
}

void redis_conn_write(struct redis_conn *c, struct bytes *out)
{
    struct bytes empty = c->sent;
    uv_buf_t buf;
    int n;

    if (c->closed || c->write_waits || c->error != 0 || out->len == 0)
        return;
    buf = uv_buf_init(out->ptr, (unsigned)out->len);
    n = uv_try_write(&c->sock->u.stream, &buf, 1);
    if (n == UV_EAGAIN)
        n = 0;
    if (n < 0) {
        fail_later(c, "write", n);
        return;
    }
    if ((size_t)n == out->len) {
        bytes_clear(out);
        return;
    }
    c->sent = *out;
    *out = empty;
    buf = uv_buf_init(c->sent.ptr + n, (unsigned)(c->sent.len - (size_t)n));
    c->sock->writing.data = c;
    c->write_waits = true;
    n = uv_write(&c->sock->writing, &c->sock->u.stream, &buf, 1, on_written);
    if (n < 0) {
        c->write_waits = false;
        fail_later(c, "write", n);
    }
}

size_t redis_conn_unsent(const struct redis_conn *c)
{
    return c->write_waits ? uv_stream_get_write_queue_size(&c->sock->u.stream)
                          : 0;
}

/* --- connecting --- */

static void on_sock_closed(uv_handle_t *h)
{
    struct sock *s = h->data;
    struct redis_conn *c = s->conn;

    free(s);
    free_if_closed(c);
}

static void close_sock(struct redis_conn *c)
{
    if (c->sock)
        uv_close(&c->sock->u.handle, on_sock_closed);
    c->sock = NULL;
}

/* After an init that worked: from here on the handle wants a close. */
static void adopt_sock(struct redis_conn *c, struct sock *s)
{
    s->conn = c;
    s->u.handle.data = s;
    s->connecting.data = s;
    c->sock = s;
    c->handles++;
}

static void set_option(int fd, int level, int name, int value)
{
    /* Best effort: the PING of the link finds the same faults, later. */
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

static void set_tcp_options(uv_tcp_t *tcp)
{
    uv_os_fd_t fd;

    if (uv_fileno((uv_handle_t *)tcp, &fd) != 0)
        return;
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_EVERY_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
}

static void connect_next(struct redis_conn *c);

static void on_connect(uv_connect_t *req, int status)
{
    struct sock *s = req->data;
    struct redis_conn *c = s->conn;

    if (c->closed || c->sock != s)
        return;
    if (status == 0)
        status = uv_read_start(&s->u.stream, on_alloc, on_read);
    if (status == 0)
        c->events.on_open(c->arg);
    else if (c->tried < c->count)
        connect_next(c);
    else
        lost(c, "connect", status);
}

static void connect_next(struct redis_conn *c)
{
    const struct sockaddr *address =
        (const struct sockaddr *)&c->address[(c->first + c->tried) % c->count];
    struct sock *s = mem_zero(sizeof *s);
    int rc;

    close_sock(c);
    c->tried++;
    /* With the family the socket exists now and takes its options before it
     * connects. */
    rc = uv_tcp_init_ex(c->loop, &s->u.tcp, address->sa_family);
    if (rc != 0) {
        free(s);
        fail_later(c, "socket", rc);
        return;
    }
    adopt_sock(c, s);
    set_tcp_options(&s->u.tcp);
    rc = uv_tcp_connect(&s->connecting, &s->u.tcp, address, on_connect);
    if (rc != 0)
        fail_later(c, "connect", rc);
}

static void connect_path(struct redis_conn *c)
{
    struct sock *s = mem_zero(sizeof *s);
    int rc = uv_pipe_init(c->loop, &s->u.pipe, 0);

    if (rc != 0) {
        free(s);
        fail_later(c, "socket", rc);
        return;
    }
    adopt_sock(c, s);
    uv_pipe_connect(&s->connecting, &s->u.pipe, c->config->path, on_connect);
}

/* --- resolving --- */

static void keep_address(struct redis_conn *c, const struct sockaddr *a,
                         size_t len)
{
    if (c->count < ADDRESSES_MAX && len <= sizeof c->address[0])
        memcpy(&c->address[c->count++], a, len);
}

static void on_resolved(uv_getaddrinfo_t *req, int status,
                        struct addrinfo *found)
{
    struct lookup *lookup = req->data;
    struct redis_conn *c = lookup->conn;

    free(lookup);
    if (c) {
        c->lookup = NULL;
        for (struct addrinfo *a = found; a; a = a->ai_next)
            keep_address(c, a->ai_addr, a->ai_addrlen);
    }
    uv_freeaddrinfo(found);
    if (!c)
        return;
    if (status != 0 || c->count == 0) {
        lost(c, "resolve", status != 0 ? status : UV_EAI_NODATA);
        return;
    }
    c->events.on_resolved(c->arg);
    if (!c->closed)
        connect_next(c);
}

static void resolve(struct redis_conn *c)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct lookup *lookup = mem_zero(sizeof *lookup);
    char port[8];
    int rc;

    snprintf(port, sizeof port, "%u", c->config->port);
    lookup->conn = c;
    lookup->req.data = lookup;
    /* Without a name, the loopback addresses are what is found. */
    rc = uv_getaddrinfo(c->loop, &lookup->req, on_resolved,
                        loopback_name(c->config->host) ? NULL : c->config->host,
                        port, &hints);
    if (rc != 0) {
        free(lookup);
        fail_later(c, "resolve", rc);
        return;
    }
    c->lookup = lookup;
}

static bool numeric_host(struct redis_conn *c)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } a;

    if (uv_ip4_addr(c->config->host, c->config->port, &a.v4) == 0)
        keep_address(c, &a.any, sizeof a.v4);
    else if (uv_ip6_addr(c->config->host, c->config->port, &a.v6) == 0)
        keep_address(c, &a.any, sizeof a.v6);
    return c->count > 0;
}

struct redis_conn *redis_conn_new(uv_loop_t *loop,
                                  const struct redis_config *config,
                                  unsigned first,
                                  const struct redis_conn_events *events,
                                  void *arg)
{
    struct redis_conn *c = mem_zero(sizeof *c);

    c->loop = loop;
    c->config = config;
    c->first = first;
    c->events = *events;
    c->arg = arg;
    uv_idle_init(loop, &c->failed);
    c->failed.data = c;
    c->handles = 1;
    if (config->path[0] != '\0')
        connect_path(c);
    else if (numeric_host(c))
        connect_next(c);
    else
        resolve(c);
    return c;
}

bool redis_conn_resolving(const struct redis_conn *c)
{
    return c->lookup != NULL;
}

static void on_idle_closed(uv_handle_t *h)
{
    free_if_closed(h->data);
}

void redis_conn_close(struct redis_conn *c)
{
    if (!c || c->closed)
        return;
    c->closed = true;
    if (c->lookup) {
        c->lookup->conn = NULL;
        uv_cancel((uv_req_t *)&c->lookup->req);
        c->lookup = NULL;
    }
    close_sock(c);
    uv_close((uv_handle_t *)&c->failed, on_idle_closed);
}
