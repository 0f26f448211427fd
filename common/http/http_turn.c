/*
 * What requests may take of a turn of the loop.
 *
 * A request that takes the socket (an upgrade) is let in as long as the turn has
 * HTTP_TURN_US left, all others share HTTP_PLAIN_US of that: a page can be asked
 * for again and again, and nothing is lost if it comes a turn later.  An address
 * has HTTP_SLICE_US for them; what it took beyond is made up for in the next
 * turns, as the last request is served to its end.
 */
#include "common/base/clock.h"
#include "common/http/http_internal.h"

enum {
    TURN_NS = HTTP_TURN_US * 1000,
    PLAIN_NS = HTTP_PLAIN_US * 1000,
    SLICE_NS = HTTP_SLICE_US * 1000,
};

static void begin_turn(struct http_server *s)
{
    s->turn++;
    s->turn_ns = s->plain_ns = 0;
}

/* Each turn forgives one slice of what the address has used. */
static bool has_slice(const struct http_server *s, struct http_bucket *b)
{
    uint64_t turns;

    if (!b)
        return true;
    turns = s->turn - b->turn;
    b->turn = s->turn;
    b->used_ns -= turns > b->used_ns / SLICE_NS ? b->used_ns : turns * SLICE_NS;
    return b->used_ns < SLICE_NS;
}

static bool has_time(const struct http_server *s, bool upgrade)
{
    return s->turn_ns < TURN_NS && (upgrade || s->plain_ns < PLAIN_NS);
}

static void serve(struct http_conn *conn)
{
    struct http_server *s = conn->server;
    struct http_bucket *b = conn->bucket;
    uint64_t start_ns = clock_mono_ns(), took_ns;

    s->refs++;
    http_conn_ref(conn);
    http_bucket_hold(b);
    http_conn_serve(conn);
    took_ns = clock_mono_ns() - start_ns;
    s->turn_ns += took_ns;
    if (!conn->taken) {
        s->plain_ns += took_ns;
        if (b)
            b->used_ns += took_ns;
    }
    http_bucket_leave(s, b, false);
    http_conn_unref(conn);
    http_server_unref(s);
}

/* All that waited when the round began are served before one of them comes
 * again. */
static void serve_round(struct http_server *s, enum http_wait round,
                        enum http_wait next)
{
    struct http_link *from = &s->waits[next], *to = &s->waits[round];

    if (http_wait_is_empty(to) && !http_wait_is_empty(from)) {
        *to = *from;
        to->next->prev = to->prev->next = to;
        from->next = from->prev = from;
    }
    while (!s->closing && !http_wait_is_empty(to) &&
           has_time(s, round == HTTP_WAIT_UPGRADE_ROUND)) {
        struct http_conn *conn = (struct http_conn *)to->next;
        if (has_slice(s, conn->bucket))
            serve(conn);
        else
            http_wait_append(conn, next);
    }
}

static void on_idle(uv_idle_t *idle)
{
    struct http_server *s = idle->data;

    begin_turn(s);
    serve_round(s, HTTP_WAIT_ROUND, HTTP_WAIT_TURN);
    serve_round(s, HTTP_WAIT_UPGRADE_ROUND, HTTP_WAIT_UPGRADE_TURN);
    for (int i = HTTP_WAIT_TIMED; i < HTTP_WAITS; i++) {
        if (!http_wait_is_empty(&s->waits[i]))
            return;
    }
    if (!s->closing)
        uv_idle_stop(idle);
}

/* Where some waited, the turn has begun with them. */
static void on_prepare(uv_prepare_t *prepare)
{
    struct http_server *s = prepare->data;

    if (!uv_is_active((uv_handle_t *)&s->turns))
        begin_turn(s);
}

void http_turn_take(struct http_conn *conn)
{
    struct http_server *s = conn->server;

    if (has_time(s, conn->parse->upgrade) && has_slice(s, conn->bucket))
        serve(conn);
    else
        http_turn_wait(conn);
}

void http_turn_wait(struct http_conn *conn)
{
    http_wait_append(conn, conn->parse->upgrade ? HTTP_WAIT_UPGRADE_TURN
                                                : HTTP_WAIT_TURN);
    uv_idle_start(&conn->server->turns, on_idle); /* no wait in the poll */
}

void http_turn_init(struct http_server *s)
{
    s->turns.data = s->turn_begins.data = s;
    uv_idle_init(s->loop, &s->turns);
    uv_prepare_init(s->loop, &s->turn_begins);
    uv_prepare_start(&s->turn_begins, on_prepare);
    uv_unref((uv_handle_t *)&s->turn_begins);
    if (s->options.background)
        uv_unref((uv_handle_t *)&s->turns);
}
