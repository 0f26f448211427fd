/*
 * ws_handshake.h -- may this request become a WebSocket, and the answer.
 *
 * Connection, Upgrade, Sec-WebSocket-Version and Sec-WebSocket-Protocol are
 * lists, in one line or several.  Who may connect is the door's affair
 * (ws_door.h).
 *
 * Pure: headers in, status and text out.
 *
 * Bounds      WS_PROTOCOLS_MAX subprotocols may be offered
 * Source      RFC 6455 4.2, 11.3; RFC 9110 7.8 (Upgrade is a list)
 */
#pragma once

#include "common/base/bytes.h"
#include "common/http/http.h"

enum { WS_PROTOCOLS_MAX = 32 };

/* Points into the request and the protocols. */
struct ws_handshake {
    struct span key;
    const char *protocol; /* NULL: none was agreed on */
};

/* 0, or the HTTP status to refuse with: 400 bad key or subprotocols, 405
 * method, 426 no upgrade to WebSocket 13; *why is a static text.  protocols
 * ends with NULL (NULL: none are known); the client's first that is one of them
 * is agreed on. */
int ws_handshake_check(const struct http_request *req,
                       const char *const *protocols, struct ws_handshake *out,
                       const char **why);
/* The 101 response. */
void ws_handshake_add(struct bytes *out, const struct ws_handshake *shake);
