/*
 * fake_http.h -- the HTTP server of a fuzz target, and its clock.
 *
 * Takes the place of common/http.c, http_conn.c and http_response.c: a request
 * is made up, its socket is one end of a pair, an answer is only noted.  The
 * time of libuv and of common/clock.c goes on when the target says so.
 */
#ifndef TESTS_FUZZ_WSGATE_FAKE_HTTP_H
#define TESTS_FUZZ_WSGATE_FAKE_HTTP_H

#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/http.h"

/* --- the clock ------------------------------------------------------------ */

static int64_t fake_mono_ns;

int clock_gettime(clockid_t id, struct timespec *at)
{
    if (id != CLOCK_MONOTONIC && id != CLOCK_MONOTONIC_COARSE)
        return (int)syscall(SYS_clock_gettime, id, at);
    at->tv_sec = fake_mono_ns / 1000000000;
    at->tv_nsec = fake_mono_ns % 1000000000;
    return 0;
}

/* --- the server ----------------------------------------------------------- */

struct http_server {
    bool closed;
};

struct http_conn {
    int fd; /* -1: taken */
    struct span early;
    int status; /* of the answer; 0: none yet */
};

struct http_server *http_server_new(uv_loop_t *loop, const char *listen,
                                    const struct http_options *options,
                                    http_handler *handler, void *arg,
                                    struct err *err)
{
    static struct http_server server;

    (void)loop;
    (void)listen;
    (void)options;
    (void)handler;
    (void)arg;
    (void)err;
    server.closed = false;
    return &server;
}

unsigned http_server_port(const struct http_server *s)
{
    (void)s;
    return 8080;
}

void http_server_stop_accepting(struct http_server *s)
{
    (void)s;
}

void http_server_close(struct http_server *s)
{
    s->closed = true;
}

struct http_conn *http_conn_ref(struct http_conn *conn)
{
    return conn;
}

void http_conn_unref(struct http_conn *conn)
{
    (void)conn;
}

bool http_conn_open(const struct http_conn *conn)
{
    return conn->fd >= 0 && conn->status == 0;
}

int http_conn_take(struct http_conn *conn, struct span *early)
{
    int fd = conn->fd;

    *early = conn->early;
    conn->fd = -1;
    return fd;
}

void http_respond(struct http_conn *conn, int status, const char *type,
                  const char *extra, struct span body)
{
    (void)type;
    (void)extra;
    (void)body;
    conn->status = status;
}

void http_respond_json(struct http_conn *conn, int status, struct span json)
{
    http_respond(conn, status, NULL, NULL, json);
}

#endif
