/*
 * What a connection waits for is the list that it is in: for its client or its
 * answer until a deadline, or, with a whole request in hand, for its turn
 * (http_turn.c).
 */
#include "common/http/http_internal.h"

bool http_wait_is_empty(const struct http_link *list)
{
    return list->next == list;
}

void http_wait_end(struct http_conn *conn)
{
    if (!conn->link.next)
        return;
    conn->link.prev->next = conn->link.next;
    conn->link.next->prev = conn->link.prev;
    conn->link.next = conn->link.prev = NULL;
}

void http_wait_append(struct http_conn *conn, enum http_wait kind)
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

    http_wait_append(conn, kind);
    conn->deadline_ms = uv_now(conn->server->loop) + wait_ms[kind];
}

void http_wait_tick(struct http_server *s)
{
    uint64_t now_ms = uv_now(s->loop);

    for (int i = 0; i < HTTP_WAIT_TIMED; i++) {
        struct http_link *list = &s->waits[i];

        while (!s->closing && !http_wait_is_empty(list)) {
            struct http_conn *conn = (struct http_conn *)list->next;

            if (conn->deadline_ms > now_ms)
                break;
            http_conn_late(conn);
        }
    }
}

void http_wait_init(struct http_server *s)
{
    for (int i = 0; i < HTTP_WAITS; i++)
        s->waits[i].prev = s->waits[i].next = &s->waits[i];
}
