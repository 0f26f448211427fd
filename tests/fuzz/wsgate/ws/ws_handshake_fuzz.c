/*
 * Handshakes: whatever the request is, who is let in asked for it as RFC 6455
 * 4.2.1 says, from an origin that is allowed, and the answer is whole; who is
 * not is told why, with a status that fits.
 *
 * The first byte says which origins are allowed, the rest is the request.
 */
#include <assert.h>
#include <stdlib.h>
#include <strings.h>

#include "common/http/http_internal.h"
#include "wsgate/ws/ws_handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_base64(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c >= '0' && c <= '9') || c == '+' || c == '/';
}

/* 16 bytes are 22 digits and two signs. */
static bool is_key(struct span key)
{
    for (size_t i = 0; i < key.len; i++) {
        if (i < 22 ? !is_base64(key.ptr[i]) : key.ptr[i] != '=')
            return false;
    }
    return key.len == 24;
}

static bool has(struct span text, struct span word)
{
    for (size_t i = 0; i + word.len <= text.len; i++) {
        if (strncasecmp(text.ptr + i, word.ptr, word.len) == 0)
            return true;
    }
    return false;
}

/* What is the host of "host:port"? */
static struct span host_of(struct span text)
{
    while (text.len > 0 && text.ptr[text.len - 1] >= '0' &&
           text.ptr[text.len - 1] <= '9')
        text.len--;
    if (text.len > 0 && text.ptr[text.len - 1] == ':')
        text.len--;
    return text;
}

static void check_let_in(const struct http_request *req)
{
    struct span key = http_header(req, "Sec-WebSocket-Key");
    struct bytes out, again;

    assert(span_is(req->method, "GET"));
    assert(span_is(http_header(req, "Sec-WebSocket-Version"), "13"));
    assert(has(http_header(req, "Upgrade"), span_str("websocket")));
    assert(is_key(key));
    bytes_init(&out);
    bytes_init(&again);
    ws_handshake_add(&out, key);
    ws_handshake_add(&again, key);
    assert(span_eq(bytes_span(&out), bytes_span(&again)));
    assert(span_starts(bytes_span(&out), "HTTP/1.1 101 "));
    assert(out.len > 4 && memcmp(out.ptr + out.len - 4, "\r\n\r\n", 4) == 0);
    bytes_close(&out);
    bytes_close(&again);
}

/* Nobody is let in whose origin is not: that of the host, where no other is
 * named. */
static void check_origin(const struct http_request *req,
                         const struct option_strs *allowed)
{
    struct span origin = http_header(req, "Origin");

    assert(ws_origin_ok(origin, http_header(req, "Host"), allowed));
    if (origin.len > 0 && allowed->count == 0) {
        assert(has(origin, host_of(http_header(req, "Host"))));
    }
}

static void check(const struct http_request *req,
                  const struct option_strs *allowed)
{
    const char *why = NULL;
    int status = ws_handshake_check(req, allowed, &why);

    assert((status == 0) == !why);
    switch (status) {
    case 0:
        check_origin(req, allowed);
        check_let_in(req);
        break;
    case 400:
    case 426:
        break;
    case 403:
        assert(http_header(req, "Origin").len > 0);
        break;
    case 405:
        assert(!span_is(req->method, "GET"));
        break;
    default:
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct option_strs allowed = {
        .at = {"https://example.org", "https://*.example.org", "*://a*b*c:*"}};
    struct http_parse *p;

    if (size < 1)
        return 0;
    allowed.count = data[0] % 4;
    p = http_parse_new();
    bytes_add(&p->buf, data + 1, size - 1);
    while (http_parse_feed(p) == HTTP_PARSE_DONE) {
        struct http_request req = {.n_headers = 0};
        if (http_parse_request(p, &req) == 0)
            check(&req, &allowed);
        http_parse_next(p);
    }
    http_parse_free(p);
    return 0;
}
