#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "common/http/http_internal.h"

enum { READ_BYTES = 16384 };

/* --- watching --- */

static void on_socket(struct watch *w, int status, int events);

/* For these events; 0: none.  Only where it has to wait is it watched at all:
 * many a socket is answered, or taken, before that. */
static void watch(struct http_conn *conn, int events)
{
    if (!conn->watch.set) {
        if (events == 0)
            return;
        watch_open(&conn->watch, conn->server->watches, conn->fd);
    }
    if (!watch_for(&conn->watch, events, on_socket))
        http_conn_close(conn);
}

/* --- ending --- */

static void destroy(struct http_conn *conn)
{
    struct http_server *s = conn->server;

    bytes_close(&conn->out);
    free(conn);
    http_server_unref(s);
}

static void on_closed(struct watch *w)
{
    http_conn_unref(node_of(struct http_conn, watch, w));
}

/* The server forgets it; references keep the memory. */
static void detach(struct http_conn *conn)
{
    assert(conn->state != HTTP_GONE);
    http_bucket_leave(conn->server, conn->bucket, conn->state == HTTP_LINGER);
    conn->state = HTTP_GONE;
    conn->fd = -1;
    http_wait_end(conn);
    http_server_give_parse(conn->server, conn->parse);
    conn->parse = NULL;
    http_count_conn(conn->server, -1);
    if (conn->watch.set)
        watch_close(&conn->watch, on_closed);
    else
        http_conn_unref(conn);
}

void http_conn_close(struct http_conn *conn)
{
    int fd = conn->fd;

    if (conn->state == HTTP_GONE)
        return;
    detach(conn);
    close(fd);
}

void http_conn_take(struct http_conn *conn, struct span *early,
                    struct watch *socket)
{
    const struct http_parse *p = conn->current;

    assert(conn->state == HTTP_HANDLING && p);
    *early = span_make(p->buf.ptr + p->fed, p->buf.len - p->fed);
    if (conn->watch.set)
        watch_move(socket, &conn->watch);
    else
        watch_open(socket, conn->server->watches, conn->fd);
    conn->taken = true;
    detach(conn);
}

struct http_conn *http_conn_ref(struct http_conn *conn)
{
    conn->refs++;
    return conn;
}

void http_conn_unref(struct http_conn *conn)
{
    if (!conn)
        return;
    assert(conn->refs > 0);
    if (--conn->refs == 0)
        destroy(conn);
}

bool http_conn_open(const struct http_conn *conn)
{
    return conn->state == HTTP_HANDLING;
}

/* --- answering --- */

static void linger(struct http_conn *conn)
{
    /* Closing with unread bytes would send a reset, which can overtake the
     * answer: say that no more comes, and read for a moment. */
    conn->state = HTTP_LINGER;
    http_bucket_leaving(conn->bucket);
    http_server_give_parse(conn->server, conn->parse);
    conn->parse = NULL;
    shutdown(conn->fd, SHUT_WR);
    http_wait_for(conn, HTTP_WAIT_LINGER);
    watch(conn, UV_READABLE);
}

/* What comes next on a connection that is kept. */
static void wait_for_request(struct http_conn *conn)
{
    conn->state = HTTP_READING;
    http_wait_for(conn, conn->parse ? HTTP_WAIT_REQUEST : HTTP_WAIT_IDLE);
}

static void go_on(struct http_conn *conn);

static void after_answer(struct http_conn *conn)
{
    if (conn->keep_alive && !conn->server->closing) {
        wait_for_request(conn);
        if (!conn->serving)
            go_on(conn);
        return;
    }
    if (conn->abrupt)
        linger(conn);
    else
        http_conn_close(conn);
}

void http_conn_answered(struct http_conn *conn)
{
    if (conn->out.len == 0) {
        after_answer(conn);
        return;
    }
    conn->state = HTTP_WRITING;
    http_wait_for(conn, HTTP_WAIT_ANSWER);
    watch(conn, UV_WRITABLE);
}

static enum http_refused reason(int status)
{
    switch (status) {
    case 408:
        return HTTP_REFUSED_SLOW;
    case 413:
        return HTTP_REFUSED_BODY;
    case 414:
    case 431:
        return HTTP_REFUSED_HEAD;
    case 504:
        return HTTP_REFUSED_LATE;
    default:
        return HTTP_REFUSED_BAD;
    }
}

static void refuse_as(struct http_conn *conn, int status, enum http_refused why)
{
    char text[64];
    int n = snprintf(text, sizeof text, "%s\n", http_status_text(status));

    http_count_refused(why);
    conn->keep_alive = false;
    conn->abrupt = status != 429; /* whoever is at a limit is not seen out */
    if (conn->state == HTTP_READING)
        conn->head_only = false; /* that was the request before */
    conn->state = HTTP_HANDLING;
    http_respond(conn, status, "text/plain",
                 status == 429 ? "Retry-After: 1\r\n" : NULL,
                 span_make(text, (size_t)n));
}

static void refuse(struct http_conn *conn, int status)
{
    refuse_as(conn, status, reason(status));
}

void http_conn_late(struct http_conn *conn)
{
    bool partial = conn->parse && conn->parse->buf.len > 0;

    if (conn->state == HTTP_READING && partial) {
        refuse(conn, 408);
    } else if (conn->state == HTTP_HANDLING) {
        refuse(conn, 504);
    } else {
        if (conn->state == HTTP_WRITING)
            http_count_refused(HTTP_REFUSED_LATE);
        http_conn_close(conn);
    }
}

/* --- reading --- */

static void call_handler(struct http_conn *conn, struct http_parse *p)
{
    struct http_server *s = conn->server;
    struct http_request req;
    int status = http_parse_request(p, &req);

    if (status != 0) {
        refuse(conn, status);
        return;
    }
    http_peer_request(conn, &req);
    conn->state = HTTP_HANDLING;
    s->handler(s->arg, conn, &req);
    if (conn->state == HTTP_HANDLING) { /* the answer comes later */
        http_wait_for(conn, HTTP_WAIT_ANSWER);
        watch(conn, 0);
    }
}

/* A whole request is in conn->parse.  It is held here while the handler runs:
 * its spans stay valid whatever becomes of the connection. */
static void dispatch(struct http_conn *conn)
{
    struct http_parse *p = conn->parse;

    http_count_request();
    conn->keep_alive = p->keep_alive;
    conn->abrupt = p->upgrade || p->fed < p->buf.len;
    conn->head_only = p->head_only;
    conn->parse = NULL;
    conn->current = p;
    call_handler(conn, p);
    conn->current = NULL;
    http_parse_next(p);
    if (p->buf.len > 0 && conn->state != HTTP_GONE &&
        conn->state != HTTP_LINGER)
        conn->parse = p; /* the next request, or part of it */
    else
        http_server_give_parse(conn->server, p);
    if (conn->state == HTTP_READING)
        wait_for_request(conn);
}

/* curl asks before it sends a body of more than a few KiB. */
static void proceed(struct http_conn *conn)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct http_parse *p = conn->parse;

    if (p->expects && p->head_done && p->body.len == 0) {
        p->expects = false;
        http_conn_write(conn, span_make(text, sizeof text - 1),
                        span_make("", 0));
    }
}

/* Of the connection; false: the rest has to come first, or it is refused. */
static bool begin(struct http_conn *conn)
{
    int status = http_peer_begin(conn);

    if (status > 0)
        refuse_as(conn, status,
                  status == 429 ? HTTP_REFUSED_ADDRESS : HTTP_REFUSED_PROXY);
    return status == 0;
}

/* True: a whole request is there. */
static bool parse(struct http_conn *conn)
{
    struct http_parse *p;

    if (conn->parse && !conn->begun && !begin(conn))
        return false;
    p = conn->parse;
    if (!p || p->fed == p->buf.len)
        return false;
    switch (http_parse_feed(p)) {
    case HTTP_PARSE_DONE:
        return true;
    case HTTP_PARSE_BAD:
        refuse(conn, p->refuse);
        return false;
    case HTTP_PARSE_MORE:
        break;
    }
    proceed(conn);
    return false;
}

/* After an answer: a request that came behind the answered one is for another
 * turn, and the socket is not read before that. */
static void go_on(struct http_conn *conn)
{
    if (parse(conn)) {
        conn->state = HTTP_QUEUED;
        watch(conn, 0);
        if (conn->state == HTTP_QUEUED)
            http_turn_wait(conn);
    } else if (conn->state == HTTP_READING) {
        watch(conn, UV_READABLE);
    }
}

void http_conn_serve(struct http_conn *conn)
{
    http_conn_ref(conn);
    conn->serving = true;
    dispatch(conn);
    conn->serving = false;
    if (conn->state == HTTP_READING)
        go_on(conn);
    http_conn_unref(conn);
}

/* Bytes came.  Where they are refused and the client has gone already, so has
 * the connection. */
static void look(struct http_conn *conn)
{
    http_conn_ref(conn);
    if (parse(conn)) {
        conn->state = HTTP_QUEUED;
        http_turn_take(conn);
    } else if (conn->state == HTTP_READING) {
        watch(conn, UV_READABLE);
    }
    http_conn_unref(conn);
}

/* Bytes that are there already; false: it is gone. */
static bool receive(struct http_conn *conn)
{
    struct http_parse *p = conn->parse;
    ssize_t n;

    if (!p)
        p = http_server_take_parse(conn->server);
    do
        n = recv(conn->fd, bytes_reserve(&p->buf, READ_BYTES), READ_BYTES, 0);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        p->buf.len += (size_t)n;
        conn->parse = p;
        if (conn->waiting == HTTP_WAIT_IDLE)
            http_wait_for(conn, HTTP_WAIT_REQUEST);
        return true;
    }
    if (!conn->parse)
        http_server_give_parse(conn->server, p);
    if (n < 0 && errno == EAGAIN)
        return true;
    http_conn_close(conn);
    return false;
}

/* What a refused client still sends is read and forgotten, one piece a turn.
 * The time bounds it, not a size: a client that sends all of a large body before
 * it looks at the answer would find its connection reset. */
static void discard(struct http_conn *conn)
{
    char waste[READ_BYTES];
    ssize_t n = recv(conn->fd, waste, sizeof waste, 0);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        http_conn_close(conn);
}

static void on_socket(struct watch *w, int status, int events)
{
    struct http_conn *conn = node_of(struct http_conn, watch, w);

    (void)events;
    if (status < 0) {
        http_conn_close(conn);
    } else if (conn->state == HTTP_READING) {
        if (receive(conn))
            look(conn);
    } else if (conn->state == HTTP_LINGER) {
        discard(conn);
    } else if (conn->state == HTTP_WRITING && http_conn_push(conn) &&
               conn->state != HTTP_GONE) {
        http_conn_answered(conn);
    }
}

void http_conn_start(struct http_server *s, int fd, const struct in6_addr *peer)
{
    struct http_conn *conn = mem_zero(sizeof *conn);

    conn->server = s;
    conn->fd = fd;
    conn->peer = *peer;
    conn->bucket = http_bucket_enter(s, peer);
    conn->refs = 1;
    conn->state = HTTP_READING;
    s->refs++;
    http_count_conn(s, 1);
    http_wait_for(conn, HTTP_WAIT_REQUEST);
    if (receive(conn))
        look(conn);
}
