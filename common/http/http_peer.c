/* Who is at the other end of a connection: its own address, or whom a trusted
 * proxy asks for. */

#include <inttypes.h>

#include "common/base/log.h"
#include "common/http/http_forwarded.h"
#include "common/http/http_internal.h"

enum { UNREADABLE_LOG_MS = 60000 };

#define RESULT(result, help)                                                   \
    {                                                                          \
        METRIC(COUNTER, "tickwire_http_forwarded_total",                       \
               "result=\"" result "\"", help)                                  \
    }
static struct metric forwarded[HTTP_FORWARDED_RESULTS] = {
    [HTTP_FORWARDED_NONE] =
        RESULT("none", "Requests of trusted proxies, by what became of the "
                       "client's address in X-Forwarded-For or Forwarded"),
    [HTTP_FORWARDED_READ] = RESULT("read", NULL),
    [HTTP_FORWARDED_WITHHELD] = RESULT("withheld", NULL),
    [HTTP_FORWARDED_MISSING] = RESULT("missing", NULL),
    [HTTP_FORWARDED_MALFORMED] = RESULT("malformed", NULL),
};

void http_peer_export(void)
{
    metrics_add_all(forwarded, HTTP_FORWARDED_RESULTS);
}

/* A client behind a proxy can cause this with each request: once a minute says
 * enough. */
static void say_unreadable(struct http_server *s, const struct in6_addr *stands,
                           enum http_forwarded result, struct span text)
{
    uint64_t now_ms = uv_now(s->loop);
    char peer[HTTP_ADDRESS_TEXT];

    s->unreadable++;
    if (now_ms < s->unreadable_ms)
        return;
    http_address_text(stands, peer);
    log_warn("forwarded_unreadable", "proxy=%s why=%s text=%s count=%" PRIu64,
             peer, http_forwarded_name(result), LOG_Q(text), s->unreadable);
    s->unreadable_ms = now_ms + UNREADABLE_LOG_MS;
    s->unreadable = 0;
}

/* By a trusted proxy; *client is its own address so far. */
static void read_forwarded(struct http_conn *conn,
                           const struct http_request *req,
                           struct in6_addr *client)
{
    struct http_server *s = conn->server;
    struct span text = {NULL, 0};
    enum http_forwarded got =
        http_forwarded_client(req, &s->options.trust_proxy, client, &text);

    forwarded[got].value++;
    if (got != HTTP_FORWARDED_NONE && got != HTTP_FORWARDED_READ)
        say_unreadable(s, client, got, text);
}

void http_peer_request(struct http_conn *conn, struct http_request *req)
{
    struct in6_addr client = conn->peer;

    if (http_networks_have(&conn->server->options.trust_proxy, &client))
        read_forwarded(conn, req, &client);
    http_address_text(&client, req->peer);
    if (http_address_is_ip4(&client))
        memcpy(req->bucket, req->peer, sizeof req->bucket);
    else
        http_address_bucket_text(&client, req->bucket);
}
