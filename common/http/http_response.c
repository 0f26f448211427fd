#include <errno.h>
#include <stdio.h>
#include <sys/uio.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/http/http_internal.h"

const char *http_status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } texts[] = {
        {200, "OK"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {426, "Upgrade Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };

    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].status == status)
            return texts[i].text;
    return "Status";
}

/* RFC 7231 7.1.1.1, made once a second. */
static const char *date_now(struct http_server *s)
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed",
                                    "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr",
                                       "May", "Jun", "Jul", "Aug",
                                       "Sep", "Oct", "Nov", "Dec"};
    int64_t now_s = clock_wall_ms() / 1000;
    time_t seconds = (time_t)now_s;
    struct tm t;

    if (now_s == s->date_s)
        return s->date;
    s->date_s = now_s;
    gmtime_r(&seconds, &t);
    snprintf(s->date, sizeof s->date, "%s, %02d %s %04d %02d:%02d:%02d GMT",
             days[t.tm_wday], t.tm_mday % 100, months[t.tm_mon],
             (t.tm_year + 1900) % 10000, t.tm_hour % 100, t.tm_min % 100,
             t.tm_sec % 100);
    return s->date;
}

/* 0: the socket takes no more; -1: the client is gone. */
static ssize_t send_some(int fd, struct iovec *parts, int n)
{
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)n};
    ssize_t done;

    do
        done = sendmsg(fd, &message, MSG_NOSIGNAL);
    while (done < 0 && errno == EINTR);
    if (done < 0 && (errno == EAGAIN || errno == ENOBUFS))
        return 0;
    return done;
}

void http_conn_write(struct http_conn *conn, struct span head, struct span body)
{
    struct iovec parts[2] = {
        {(void *)(uintptr_t)head.ptr, head.len},
        {(void *)(uintptr_t)body.ptr, body.len},
    };
    ssize_t n = 0;
    size_t done;

    if (conn->out.len == 0)
        n = send_some(conn->fd, parts, body.len > 0 ? 2 : 1);
    if (n < 0) {
        http_conn_close(conn);
        return;
    }
    done = (size_t)n;
    if (done < head.len) {
        bytes_add(&conn->out, head.ptr + done, head.len - done);
        done = head.len;
    }
    done -= head.len;
    if (done < body.len)
        bytes_add(&conn->out, body.ptr + done, body.len - done);
}

bool http_conn_push(struct http_conn *conn)
{
    while (conn->sent < conn->out.len) {
        struct iovec part = {conn->out.ptr + conn->sent,
                             conn->out.len - conn->sent};
        ssize_t n = send_some(conn->fd, &part, 1);
        if (n == 0)
            return false;
        if (n < 0) {
            http_conn_close(conn);
            return true;
        }
        conn->sent += (size_t)n;
    }
    bytes_close(&conn->out); /* an idle connection owns no buffer */
    conn->sent = 0;
    return true;
}

/* Ends the line before.  No printf: a fifth of the time of a short answer. */
static void field(struct bytes *head, const char *name, const char *value)
{
    bytes_add_str(head, "\r\n");
    bytes_add_str(head, name);
    bytes_add_str(head, value);
}

void http_respond(struct http_conn *conn, int status, const char *type,
                  const char *extra, struct span body)
{
    struct http_server *s = conn->server;
    struct bytes *head = &s->scratch;
    bool bodyless = status == 204 || status == 304;

    if (conn->state != HTTP_HANDLING)
        return; /* it went away, or got its 504, while the answer was made */
    bytes_clear(head);
    bytes_add_str(head, "HTTP/1.1 ");
    bytes_add_int(head, status);
    bytes_add_str(head, " ");
    bytes_add_str(head, http_status_text(status));
    field(head, "Date: ", date_now(s));
    field(head, "Connection: ",
          conn->keep_alive && !s->closing ? "keep-alive" : "close");
    if (type)
        field(head, "Content-Type: ", type);
    if (!bodyless) {
        field(head, "Content-Length: ", "");
        bytes_add_int(head, (int64_t)body.len);
    }
    field(head, "X-Content-Type-Options: ", "nosniff");
    if (!extra || !strstr(extra, "Cache-Control: "))
        field(head, "Cache-Control: ", "no-store");
    bytes_add_str(head, "\r\n");
    if (extra)
        bytes_add_str(head, extra);
    bytes_add(head, "\r\n", 2);
    if (conn->head_only || bodyless)
        body.len = 0;
    http_conn_write(conn, bytes_span(head), body);
    if (conn->state != HTTP_GONE)
        http_conn_answered(conn);
}

void http_finish(struct http_conn *conn, struct span last)
{
    if (conn->state != HTTP_HANDLING)
        return;
    conn->keep_alive = false;
    conn->abrupt = true;
    http_conn_write(conn, last, span_make("", 0));
    if (conn->state != HTTP_GONE)
        http_conn_answered(conn);
}

void http_respond_json(struct http_conn *conn, int status, struct span json)
{
    http_respond(conn, status, "application/json", NULL, json);
}
