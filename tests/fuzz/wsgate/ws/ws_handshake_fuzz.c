/*
 * Handshakes: whatever the request is, who is let in asked for it as RFC 6455
 * 4.2.1 says, from an origin and under a host that are allowed, and the answer is
 * whole; who is not is told why, with a status that fits.
 *
 * The first byte says which origins are allowed, the rest is the request.
 */
#include <assert.h>
#include <stdlib.h>
#include <strings.h>

#include "common/http/http_internal.h"
#include "common/http/http_tokens.h"
#include "wsgate/ws/ws_door.h"
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

static const char *const protocols[] = {"tickwire.v1", "json", NULL};

static void check_shake(const struct http_request *req,
                        const struct ws_handshake *shake)
{
    struct bytes out, again;

    assert(span_is(req->method, "GET"));
    assert(http_tokens_have(req, "Sec-WebSocket-Version", "13"));
    assert(http_tokens_have(req, "Upgrade", "websocket"));
    assert(is_key(shake->key));
    assert(!shake->protocol ||
           http_tokens_have(req, "Sec-WebSocket-Protocol", shake->protocol));
    bytes_init(&out);
    bytes_init(&again);
    ws_handshake_add(&out, shake);
    ws_handshake_add(&again, shake);
    assert(span_eq(bytes_span(&out), bytes_span(&again)));
    assert(span_starts(bytes_span(&out), "HTTP/1.1 101 "));
    assert(out.len > 4 && memcmp(out.ptr + out.len - 4, "\r\n\r\n", 4) == 0);
    bytes_close(&out);
    bytes_close(&again);
}

/* Nobody is let in whose origin is not: that of the host, or one below
 * example.org, or localhost. */
static void check_origin(const struct http_request *req)
{
    struct span origin = http_tokens_trim(http_header(req, "Origin"));
    struct span host = host_of(http_tokens_trim(http_header(req, "Host")));

    assert(http_tokens_lines(req, "Origin") <= 1);
    if (origin.len == 0)
        return;
    assert(!memchr(origin.ptr, '@', origin.len) &&
           !memchr(origin.ptr, '?', origin.len) &&
           !memchr(origin.ptr, ' ', origin.len));
    if ((host.len > 0 && host.ptr[0] == '[') ||
        memchr(origin.ptr, '[', origin.len))
        return; /* by value, not by text */
    if (host.len > 0 && host.ptr[host.len - 1] == '.')
        host.len--;
    origin = host_of(origin);
    if (origin.len > 0 && origin.ptr[origin.len - 1] == '.')
        origin.len--;
    assert(
        (host.len > 0 && origin.len > host.len &&
         has(span_make(origin.ptr + origin.len - host.len, host.len), host)) ||
        (origin.len > 11 && has(span_make(origin.ptr + origin.len - 11, 11),
                                span_str("example.org"))) ||
        http_tokens_same(origin, span_str("http://localhost")));
}

/* What a browser may ask for on loopback has a name that cannot be led here. */
static void check_host(const struct http_request *req)
{
    struct http_host host;

    if (http_tokens_lines(req, "Origin") == 0)
        return;
    assert(http_host_read(http_tokens_trim(http_header(req, "Host")), &host));
    assert(http_host_is_loopback(&host) ||
           (host.name.len >= 11 &&
            has(span_make(host.name.ptr + host.name.len - 11, 11),
                span_str("example.org"))));
}

static void check(const struct http_request *req, const struct ws_door *door)
{
    struct ws_handshake shake;
    const char *why = NULL;
    int status = ws_handshake_check(req, protocols, &shake, &why);

    assert((status == 0) == !why);
    assert(status == 0 || status == 400 || status == 405 || status == 426);
    if (status == 0)
        check_shake(req, &shake);
    if (status == 405)
        assert(!span_is(req->method, "GET"));
    if (ws_door_origin_ok(door, req))
        check_origin(req);
    if (ws_door_host_ok(door, req))
        check_host(req);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct option_strs none;
    struct option_strs allowed = {.at = {"https://example.org",
                                         "https://*.example.org",
                                         "http://localhost:*"}};
    struct ws_door door;
    struct http_parse *p;

    if (size < 1)
        return 0;
    allowed.count = data[0] % 4;
    if (!ws_door_init(&door, &allowed, &none, NULL))
        abort();
    p = http_parse_new();
    bytes_add(&p->buf, data + 1, size - 1);
    while (http_parse_feed(p) == HTTP_PARSE_DONE) {
        struct http_request req = {.n_headers = 0};
        if (http_parse_request(p, &req) == 0)
            check(&req, &door);
        http_parse_next(p);
    }
    http_parse_free(p);
    return 0;
}
