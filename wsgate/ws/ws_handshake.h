/*
 * ws_handshake.h -- may this request become a WebSocket, and the answer.
 *
 * Pure: headers in, status and text out.
 *
 * Source      RFC 6455 section 4.2; origins: wsgate(1), --allow-origin
 */
#pragma once

#include "common/app/option.h"
#include "common/base/bytes.h"
#include "common/http/http.h"

/* 0, or the HTTP status to refuse with: 400 bad key, 403 origin, 405 method,
 * 426 version; *why is a static text. */
int ws_handshake_check(const struct http_request *req,
                       const struct option_strs *allow_origin,
                       const char **why);
/* The 101 response. */
void ws_handshake_add(struct bytes *out, struct span key);
/* Same host, or a pattern matches ('*' stands for any run of characters). */
bool ws_origin_ok(struct span origin, struct span host,
                  const struct option_strs *allow_origin);
