/*
 * Any header lines from behind a trusted proxy.  Lines are separated by '\n'
 * and begin with 'x' (X-Forwarded-For) or 'f' (Forwarded).  Whatever a client
 * has written, once the proxy has appended a line of its own that one counts;
 * and an address that was read and is not the proxy's is the only one that is.
 */
#include <stdlib.h>

#include "common/http/http_forwarded.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct http_networks trusted;

static void must(bool ok)
{
    if (!ok)
        abort();
}

static enum http_forwarded ask(const struct http_request *req,
                               const char *client)
{
    struct in6_addr proxy, got;
    struct span text = {NULL, 0};
    enum http_forwarded result;
    char shown[HTTP_ADDRESS_TEXT];

    http_address_plain(span_str("10.0.0.1"), &proxy);
    got = proxy;
    result = http_forwarded_client(req, &trusted, &got, &text);
    must(http_forwarded_name(result) != NULL);
    /* What stands is a proxy, unless the client was read. */
    must(result == HTTP_FORWARDED_READ || http_networks_have(&trusted, &got));
    must(result != HTTP_FORWARDED_NONE || memcmp(&got, &proxy, 16) == 0);
    for (size_t i = 0; i < text.len; i++)
        must(text.ptr[i] != '\n'); /* of one line; ASan reads it */
    if (client) {
        http_address_text(&got, shown);
        must(result == HTTP_FORWARDED_READ && strcmp(shown, client) == 0);
    }
    return result;
}

static void append(struct http_request *req, const char *name,
                   const char *value, const char *client)
{
    req->headers[req->n_headers++] =
        (struct http_header){span_str(name), span_str(value)};
    ask(req, client);
    req->n_headers--;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_request req = {.n_headers = 0};
    const char *at = (const char *)data, *end = at + size;
    bool any_x = false;

    if (trusted.count == 0)
        must(http_networks_add(&trusted, "10.0.0.0/8,fd00::/8", NULL));
    while (at < end && req.n_headers < HTTP_HEADERS_MAX - 2) {
        const char *nl = memchr(at, '\n', (size_t)(end - at));
        const char *stop = nl ? nl : end;
        bool x = stop > at && *at == 'x';

        if (stop > at)
            req.headers[req.n_headers++] = (struct http_header){
                span_str(x ? "x-forwarded-for" : "forwarded"),
                span_make(at + 1, (size_t)(stop - at) - 1)};
        any_x |= x;
        at = nl ? nl + 1 : end;
    }
    ask(&req, NULL);
    append(&req, "X-Forwarded-For", "192.0.2.1:80", "192.0.2.1");
    append(&req, "X-Forwarded-For", "192.0.2.1, 10.1.1.1", "192.0.2.1");
    if (!any_x)
        append(&req, "Forwarded",
               "for=\"[2001:db8::1]:80\";by=_x, for=10.1.1.1", "2001:db8::1");
    return 0;
}
