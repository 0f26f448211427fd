/*
 * request_text.h -- a request of header lines that a test writes down.
 */
#pragma once

#include "common/http/http.h"

/* "Name: value\n" each; spans point into the text, which must stay. */
static inline struct http_request request_text(const char *lines)
{
    struct http_request req = {.method = span_str("GET"),
                               .path = span_str("/ws"),
                               .peer = "127.0.0.1"};

    while (*lines != '\0' && req.n_headers < HTTP_HEADERS_MAX) {
        const char *colon = strchr(lines, ':'), *end = strchr(lines, '\n');
        struct http_header *h = &req.headers[req.n_headers++];

        h->name = span_make(lines, (size_t)(colon - lines));
        colon += colon[1] == ' ' ? 2 : 1;
        h->value = span_make(colon, (size_t)(end - colon));
        lines = end + 1;
    }
    return req;
}
