#include "wsgate/ws/ws_handshake.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "common/http/http_tokens.h"

enum { KEY_LEN = 24, KEY_BYTES = 16, ACCEPT_LEN = 28 };

static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/* The base64 of 16 bytes. */
static bool key_ok(struct span key)
{
    unsigned char bytes[KEY_LEN];

    if (key.len != KEY_LEN || key.ptr[22] != '=' || key.ptr[23] != '=' ||
        memchr(key.ptr, '=', KEY_LEN) != key.ptr + 22)
        return false;
    /* 18: EVP counts the padding as bytes. */
    return EVP_DecodeBlock(bytes, (const unsigned char *)key.ptr, KEY_LEN) ==
           KEY_BYTES + 2;
}

/* Of the list that its client offers.  False: it is malformed. */
static bool agree(const struct http_request *req, const char *const *known,
                  const char **agreed)
{
    struct http_tokens t = http_tokens_of(req, "Sec-WebSocket-Protocol");
    struct span offered[WS_PROTOCOLS_MAX];
    unsigned n = 0;

    *agreed = NULL;
    while (n < WS_PROTOCOLS_MAX && http_tokens_next(&t, &offered[n])) {
        if (!http_tokens_valid(offered[n]))
            return false;
        for (unsigned i = 0; i < n; i++) {
            if (span_eq(offered[i], offered[n]))
                return false;
        }
        for (unsigned i = 0; known && known[i] && !*agreed; i++) {
            if (span_is(offered[n], known[i]))
                *agreed = known[i];
        }
        n++;
    }
    return n < WS_PROTOCOLS_MAX || !http_tokens_next(&t, &offered[0]);
}

int ws_handshake_check(const struct http_request *req,
                       const char *const *protocols, struct ws_handshake *out,
                       const char **why)
{
    struct ws_handshake shake = {
        .key = http_tokens_trim(http_header(req, "Sec-WebSocket-Key"))};

    if (!span_is(req->method, "GET")) {
        *why = "a WebSocket begins with GET";
        return 405;
    }
    if (!req->upgrade || !http_tokens_have(req, "Connection", "upgrade") ||
        !http_tokens_have(req, "Upgrade", "websocket")) {
        *why = "this is a WebSocket address";
        return 426;
    }
    if (!http_tokens_have(req, "Sec-WebSocket-Version", "13")) {
        *why = "only WebSocket version 13 is spoken here";
        return 426;
    }
    if (!key_ok(shake.key) ||
        http_tokens_lines(req, "Sec-WebSocket-Key") != 1) {
        *why = "Sec-WebSocket-Key is not the base64 of 16 bytes";
        return 400;
    }
    if (!agree(req, protocols, &shake.protocol)) {
        *why = "Sec-WebSocket-Protocol is not a list of up to 32 different "
               "tokens";
        return 400;
    }
    *out = shake;
    return 0;
}

void ws_handshake_add(struct bytes *out, const struct ws_handshake *shake)
{
    unsigned char text[KEY_LEN + sizeof magic - 1];
    unsigned char sha[SHA_DIGEST_LENGTH];
    unsigned char accept[ACCEPT_LEN + 1];

    memcpy(text, shake->key.ptr, KEY_LEN);
    memcpy(text + KEY_LEN, magic, sizeof magic - 1);
    SHA1(text, sizeof text, sha);
    EVP_EncodeBlock(accept, sha, sizeof sha);
    bytes_add_str(out, "HTTP/1.1 101 Switching Protocols\r\n"
                       "Upgrade: websocket\r\n"
                       "Connection: Upgrade\r\n"
                       "Sec-WebSocket-Accept: ");
    bytes_add(out, accept, ACCEPT_LEN);
    if (shake->protocol) {
        bytes_add_str(out, "\r\nSec-WebSocket-Protocol: ");
        bytes_add_str(out, shake->protocol);
    }
    bytes_add_str(out, "\r\n\r\n");
}
