#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "common/http/http_internal.h"

/* The nearest proxy wrote the last address of the last such header; anything
 * before it is the client's own claim. */
void http_forwarded_peer(const struct http_request *req, char text[48])
{
    struct span value = {NULL, 0};
    struct in6_addr address;
    char last[48];
    size_t from;

    for (unsigned i = 0; i < req->n_headers; i++)
        if (req->headers[i].name.len == 15 &&
            strncasecmp(req->headers[i].name.ptr, "X-Forwarded-For", 15) == 0)
            value = req->headers[i].value;
    while (value.len > 0 && value.ptr[value.len - 1] == ' ')
        value.len--;
    for (from = value.len; from > 0; from--)
        if (value.ptr[from - 1] == ',' || value.ptr[from - 1] == ' ')
            break;
    if (value.len == from || value.len - from >= sizeof last)
        return;
    memcpy(last, value.ptr + from, value.len - from);
    last[value.len - from] = '\0';
    if (inet_pton(AF_INET, last, &address) == 1 ||
        inet_pton(AF_INET6, last, &address) == 1)
        memcpy(text, last, sizeof last);
}
