/*
 * What a connection waits for is the list that it is in: for its client or its
 * answer until a deadline, or, with a whole request in hand, for its turn.
 */
#include "common/base/clock.h"
#include "common/http/http_internal.h"

static bool is_empty(const struct http_link *list)
{
    return list->next == list;
}

/* --- until a deadline --- */

void http_wait_end(struct http_conn *conn)
{
    if (!conn->link.next)
        return;
    conn->link.prev->next = conn->link.next;
    conn->link.next->prev = conn->link.prev;
    conn->link.next = conn->link.prev = NULL;
}

static void append(struct http_conn *conn, enum http_wait kind)
{
    struct http_link *list = &conn->server->waits[kind];

    http_wait_end(conn);
    conn->waiting = kind;
    conn->link.prev = list->prev;
    conn->link.next = list;
    list->prev->next = &conn->link;
    list->prev = &conn->link;
}

void http_wait_for(struct http_conn *conn, enum http_wait kind)
{
    static const unsigned wait_ms[HTTP_WAIT_TIMED] = {
        [HTTP_WAIT_REQUEST] = HTTP_REQUEST_MS,
        [HTTP_WAIT_IDLE] = HTTP_IDLE_MS,
        [HTTP_WAIT_ANSWER] = HTTP_ANSWER_MS,
        [HTTP_WAIT_LINGER] = HTTP_LINGER_MS,
    };

    append(conn, kind);
    conn->deadline_ms = uv_now(conn->server->loop) + wait_ms[kind];
}

void http_wait_tick(struct http_server *s)
{
    uint64_t now_ms = uv_now(s->loop);

    for (int i = 0; i < HTTP_WAIT_TIMED; i++) {
        struct http_link *list = &s->waits[i];

        while (!s->closing && !is_empty(list)) {
            struct http_conn *conn = (struct http_conn *)list->next;

            if (conn->deadline_ms > now_ms)
                break;
            http_conn_late(conn);
        }
    }
}

/* --- for a turn --- */

bool http_turn_left(struct http_server *s)
{
    uint64_t now_ms = uv_now(s->loop);

    /* The loop's clock stands still within a turn. */
    if (now_ms != s->turn_ms) {
        s->turn_ms = now_ms;
        s->turn_ns = 0;
    }
    return s->turn_ns < (uint64_t)HTTP_TURN_US * 1000;
}

static void serve(struct http_conn *conn)
{
    struct http_server *s = conn->server;
    uint64_t start_ns = clock_mono_ns();

    s->refs++;
    http_conn_serve(conn);
    s->turn_ns += clock_mono_ns() - start_ns;
    http_server_unref(s);
}

/* All that waited when the round began are served before one of them comes
 * again. */
static void begin_round(struct http_server *s)
{
    struct http_link *from = &s->waits[HTTP_WAIT_TURN];
    struct http_link *to = &s->waits[HTTP_WAIT_ROUND];

    if (is_empty(from))
        return;
    *to = *from;
    to->next->prev = to->prev->next = to;
    from->next = from->prev = from;
}

static void on_turn(uv_idle_t *idle)
{
    struct http_server *s = idle->data;
    struct http_link *round = &s->waits[HTTP_WAIT_ROUND];

    if (is_empty(round))
        begin_round(s);
    while (!s->closing && !is_empty(round) && http_turn_left(s))
        serve((struct http_conn *)round->next);
    if (!s->closing && is_empty(round) && is_empty(&s->waits[HTTP_WAIT_TURN]))
        uv_idle_stop(idle);
}

void http_turn_take(struct http_conn *conn)
{
    if (http_turn_left(conn->server))
        serve(conn);
    else
        http_turn_wait(conn);
}

void http_turn_wait(struct http_conn *conn)
{
    append(conn, HTTP_WAIT_TURN);
    uv_idle_start(&conn->server->turns, on_turn); /* no wait in the poll */
}

void http_turn_init(struct http_server *s)
{
    for (int i = 0; i < HTTP_WAITS; i++)
        s->waits[i].prev = s->waits[i].next = &s->waits[i];
    s->turns.data = s;
    uv_idle_init(s->loop, &s->turns);
    if (s->options.background)
        uv_unref((uv_handle_t *)&s->turns);
}
