#include "wsgate/ws/ws_handshake.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <strings.h>

#include "common/base/glob.h"

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

bool ws_origin_ok(struct span origin, struct span host,
                  const struct option_strs *allow_origin)
{
    static const char *const schemes[] = {"http://", "https://"};

    if (origin.len == 0)
        return true; /* not a browser */
    for (unsigned i = 0; i < allow_origin->count; i++) {
        if (glob_match(span_str(allow_origin->at[i]), origin))
            return true;
    }
    for (int i = 0; i < 2; i++) {
        size_t n = strlen(schemes[i]);
        if (span_starts(origin, schemes[i]) && origin.len - n == host.len &&
            strncasecmp(origin.ptr + n, host.ptr, host.len) == 0)
            return true;
    }
    return false;
}

int ws_handshake_check(const struct http_request *req,
                       const struct option_strs *allow_origin, const char **why)
{
    struct span upgrade;

    if (!span_is(req->method, "GET")) {
        *why = "a WebSocket begins with GET";
        return 405;
    }
    if (!span_is(http_header(req, "Sec-WebSocket-Version"), "13")) {
        *why = "only WebSocket version 13 is spoken here";
        return 426;
    }
    upgrade = http_header(req, "Upgrade");
    if (upgrade.len != 9 || strncasecmp(upgrade.ptr, "websocket", 9) != 0) {
        *why = "the only upgrade offered is websocket";
        return 400;
    }
    if (!key_ok(http_header(req, "Sec-WebSocket-Key"))) {
        *why = "Sec-WebSocket-Key is not the base64 of 16 bytes";
        return 400;
    }
    if (!ws_origin_ok(http_header(req, "Origin"), http_header(req, "Host"),
                      allow_origin)) {
        *why = "this origin is not allowed";
        return 403;
    }
    return 0;
}

void ws_handshake_add(struct bytes *out, struct span key)
{
    unsigned char text[KEY_LEN + sizeof magic - 1];
    unsigned char sha[SHA_DIGEST_LENGTH];
    unsigned char accept[ACCEPT_LEN + 1];

    memcpy(text, key.ptr, KEY_LEN);
    memcpy(text + KEY_LEN, magic, sizeof magic - 1);
    SHA1(text, sizeof text, sha);
    EVP_EncodeBlock(accept, sha, sizeof sha);
    bytes_add_str(out, "HTTP/1.1 101 Switching Protocols\r\n"
                       "Upgrade: websocket\r\n"
                       "Connection: Upgrade\r\n"
                       "Sec-WebSocket-Accept: ");
    bytes_add(out, accept, ACCEPT_LEN);
    bytes_add_str(out, "\r\n\r\n");
}
