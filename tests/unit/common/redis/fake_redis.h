/*
 * fake_redis.h -- a server on the test's own loop that answers what it is told.
 *
 * Commands are recognised by a "*" that begins a line; each gets the next of
 * `answers`, the last one for ever.  NULL: none.  Where on_read is set, that
 * answers instead, from what it finds in `got`.
 */
#pragma once

#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "common/base/bytes.h"
#include "common/redis/redis_config.h"

struct fake {
    uv_loop_t loop;
    uv_tcp_t listener;
    struct fake_conn *conn; /* the one accepted last */
    unsigned accepted, reads, commands;
    struct bytes got; /* since the connection was accepted */
    const char *const *answers;
    unsigned at;
    void (*on_read)(struct fake *f);
    bool hang_up; /* right after accept */
    bool stalled; /* reads nothing */
    uv_timer_t guard;
    struct redis_config config;
};

struct fake_conn {
    uv_tcp_t tcp;
    struct fake *fake;
    char buf[65536];
};

struct fake_write {
    uv_write_t req;
    char text[];
};

static inline void fake_written(uv_write_t *req, int status)
{
    (void)status;
    free(req->data);
}

static inline void fake_send(struct fake *f, const char *text)
{
    size_t n = strlen(text);
    struct fake_write *w = malloc(sizeof *w + n);
    uv_buf_t buf;

    if (!w || !f->conn) {
        free(w);
        return;
    }
    memcpy(w->text, text, n);
    w->req.data = w;
    buf = uv_buf_init(w->text, (unsigned)n);
    if (uv_write(&w->req, (uv_stream_t *)&f->conn->tcp, &buf, 1,
                 fake_written) != 0)
        free(w);
}

static inline void fake_conn_closed(uv_handle_t *h)
{
    free(h->data);
}

static inline void fake_hang_up(struct fake *f)
{
    if (f->conn)
        uv_close((uv_handle_t *)&f->conn->tcp, fake_conn_closed);
    f->conn = NULL;
}

static inline void fake_alloc(uv_handle_t *h, size_t hint, uv_buf_t *buf)
{
    struct fake_conn *c = h->data;

    (void)hint;
    *buf = uv_buf_init(c->buf, sizeof c->buf);
}

static inline void fake_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct fake_conn *c = s->data;
    struct fake *f = c->fake;

    if (n < 0) {
        if (f->conn == c)
            f->conn = NULL;
        uv_close((uv_handle_t *)s, fake_conn_closed);
        return;
    }
    f->reads++;
    if (f->on_read) {
        bytes_add(&f->got, buf->base, (size_t)n);
        f->on_read(f);
        return;
    }
    for (ssize_t i = 0; i < n; i++) {
        bool begins = f->got.len == 0 || f->got.ptr[f->got.len - 1] == '\n';

        bytes_add(&f->got, &buf->base[i], 1);
        if (buf->base[i] != '*' || !begins)
            continue;
        f->commands++;
        if (f->answers && f->answers[f->at]) {
            fake_send(f, f->answers[f->at]);
            if (f->answers[f->at + 1])
                f->at++;
        }
    }
}

static inline void fake_accept(uv_stream_t *listener, int status)
{
    struct fake *f = listener->data;
    struct fake_conn *c = calloc(1, sizeof *c);

    assert(status == 0 && c);
    c->fake = f;
    uv_tcp_init(&f->loop, &c->tcp);
    c->tcp.data = c;
    uv_accept(listener, (uv_stream_t *)&c->tcp);
    uv_tcp_nodelay(&c->tcp, 1);
    f->conn = c;
    f->accepted++;
    f->at = 0;
    bytes_clear(&f->got);
    if (f->hang_up)
        fake_hang_up(f);
    else if (!f->stalled)
        uv_read_start((uv_stream_t *)&c->tcp, fake_alloc, fake_read);
}

static inline void fake_too_long(uv_timer_t *t)
{
    (void)t;
    fprintf(stderr, "the test takes too long\n");
    abort();
}

static inline void fake_start(struct fake *f, const char *const *answers)
{
    struct sockaddr_in a;
    int len = sizeof a;

    memset(f, 0, sizeof *f);
    f->answers = answers;
    uv_loop_init(&f->loop);
    uv_tcp_init(&f->loop, &f->listener);
    f->listener.data = f;
    uv_ip4_addr("127.0.0.1", 0, &a);
    uv_tcp_bind(&f->listener, (struct sockaddr *)&a, 0);
    assert(uv_listen((uv_stream_t *)&f->listener, 8, fake_accept) == 0);
    uv_tcp_getsockname(&f->listener, (struct sockaddr *)&a, &len);
    uv_timer_init(&f->loop, &f->guard);
    uv_timer_start(&f->guard, fake_too_long, 20000, 0);
    f->config.port = ntohs(a.sin_port);
    snprintf(f->config.host, sizeof f->config.host, "127.0.0.1");
    f->config.retry_base_ms = 1;
    f->config.retry_max_ms = 10;
    f->config.connect_timeout_ms = 2000;
    f->config.idle_ping_ms = f->config.pong_timeout_ms = 3000;
}

/* Runs until nothing is left: a handle of the link that stays open would be
 * seen by the guard. */
static inline void fake_stop(struct fake *f)
{
    fake_hang_up(f);
    if (!uv_is_closing((uv_handle_t *)&f->listener))
        uv_close((uv_handle_t *)&f->listener, NULL);
    uv_unref((uv_handle_t *)&f->guard);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&f->guard, NULL);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert(uv_loop_close(&f->loop) == 0);
    bytes_close(&f->got);
}

#define FAKE_RUN_UNTIL(F, CONDITION)                                           \
    do {                                                                       \
        uv_run(&(F)->loop, UV_RUN_ONCE);                                       \
    } while (!(CONDITION))
