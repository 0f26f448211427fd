/*
 * http_tokens.h -- the elements of a header that is a list.
 *
 * A list may stand in one line or be spread over several of the same name;
 * both mean the same (RFC 9110 5.3, 5.6.1).  Elements come without the blanks
 * around them; empty ones are passed over.  Quoted strings are not known here:
 * none of Connection, Upgrade and Sec-WebSocket-* has any.
 *
 * Pure.  Spans point into the request.
 */
#pragma once

#include "common/http/http.h"

struct http_tokens {
    const struct http_request *req;
    const char *name; /* of the header, in any case */
    struct span rest; /* of the present line */
    unsigned line;    /* the next one to look at */
};

struct http_tokens http_tokens_of(const struct http_request *req,
                                  const char *name);
/* False: there are no more. */
bool http_tokens_next(struct http_tokens *t, struct span *element);
/* Is it one of them?  In any case. */
bool http_tokens_have(const struct http_request *req, const char *name,
                      const char *token);
/* How many lines the request has of that name. */
unsigned http_tokens_lines(const struct http_request *req, const char *name);
/* RFC 9110 5.6.2: what names, methods and subprotocols are made of. */
bool http_tokens_valid(struct span token);
/* Without blanks at both ends. */
struct span http_tokens_trim(struct span text);
/* As ASCII, in any case. */
bool http_tokens_same(struct span a, struct span b);
