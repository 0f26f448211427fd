/* Who is at the other end of a connection: its own address, or whom a trusted
 * proxy asks for. */

#include <inttypes.h>

#include "common/base/log.h"
#include "common/http/http_forwarded.h"
#include "common/http/http_internal.h"
#include "common/http/http_proxy.h"

enum { SAY_MS = 60000 };

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

static struct metric headers[] = {
    {METRIC(COUNTER, "tickwire_http_proxy_headers_total", "result=\"read\"",
            "PROXY headers of trusted proxies, by whether they name a client")},
    {METRIC(COUNTER, "tickwire_http_proxy_headers_total", "result=\"local\"",
            NULL)},
};
enum { HEADER_READ, HEADER_LOCAL };

void http_peer_export(void)
{
    metrics_add_all(forwarded, HTTP_FORWARDED_RESULTS);
    metrics_add_all(headers, sizeof headers / sizeof *headers);
}

/* Clients can cause these with each request: once a minute says enough.  True:
 * now, for *count of them. */
static bool may_say(const struct http_server *s, struct http_said *said,
                    uint64_t *count)
{
    uint64_t now_ms = uv_now(s->loop);

    said->count++;
    if (now_ms < said->again_ms)
        return false;
    *count = said->count;
    said->again_ms = now_ms + SAY_MS;
    said->count = 0;
    return true;
}

/* --- what a proxy says in a request --- */

static void say_unreadable(struct http_server *s, const struct in6_addr *stands,
                           enum http_forwarded result, struct span text)
{
    char proxy[HTTP_ADDRESS_TEXT];
    uint64_t count;

    if (!may_say(s, &s->unreadable, &count))
        return;
    http_address_text(stands, proxy);
    log_warn("forwarded_unreadable", "proxy=%s why=%s text=%s count=%" PRIu64,
             proxy, http_forwarded_name(result), LOG_Q(text), count);
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

/* --- what it says before the first --- */

static int refuse_proxy(struct http_conn *conn, const char *why)
{
    struct http_server *s = conn->server;
    char peer[HTTP_ADDRESS_TEXT];
    uint64_t count;

    if (may_say(s, &s->proxy_refused, &count)) {
        http_address_text(&conn->peer, peer);
        log_warn("proxy_header_refused", "peer=%s why=\"%s\" count=%" PRIu64,
                 peer, why, count);
    }
    return 400;
}

/* From here on the connection is this client's. */
static int become(struct http_conn *conn, const struct in6_addr *client)
{
    conn->peer = *client;
    if (!http_bucket_has_room(conn->server, client))
        return 429;
    conn->bucket = http_bucket_enter(conn->server, client);
    return 0;
}

static void take_off(struct http_conn *conn, size_t len)
{
    struct http_parse *p = conn->parse;

    bytes_drop(&p->buf, len);
    if (p->buf.len > 0)
        return;
    http_server_give_parse(conn->server, p);
    conn->parse = NULL; /* nothing has come of the request */
}

int http_peer_begin(struct http_conn *conn)
{
    bool trusted =
        http_networks_have(&conn->server->options.trust_proxy, &conn->peer);
    struct in6_addr client;
    size_t len = 0;
    enum http_proxy got =
        http_proxy_parse(bytes_span(&conn->parse->buf), &client, &len);

    if (got == HTTP_PROXY_MORE)
        return -1;
    conn->begun = true;
    if (got == HTTP_PROXY_ABSENT)
        return 0;
    if (!trusted)
        return refuse_proxy(conn, "not a trusted proxy");
    if (got == HTTP_PROXY_BAD)
        return refuse_proxy(conn, "malformed");
    take_off(conn, len);
    headers[got == HTTP_PROXY_READ ? HEADER_READ : HEADER_LOCAL].value++;
    return got == HTTP_PROXY_READ ? become(conn, &client) : 0;
}
