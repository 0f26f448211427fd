/*
 * Any bytes at the front of a connection: a verdict does not change with what
 * follows, and comes at the latest after HTTP_PROXY_MAX bytes.
 */
#include <stdlib.h>

#include "common/http/http_proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum http_proxy got = HTTP_PROXY_MORE, now;
    struct in6_addr client = {.s6_addr = {0}}, first = client;
    size_t len = 0, first_len = 0;

    if (size > 2 * HTTP_PROXY_MAX)
        return 0;
    for (size_t n = 0; n <= size; n++) {
        char *part = malloc(n + 1); /* so that ASan sees its end */
        memcpy(part, data, n);
        now = http_proxy_parse(span_make(part, n), &client, &len);
        free(part);
        must(now != HTTP_PROXY_MORE || n < HTTP_PROXY_MAX);
        if (got == HTTP_PROXY_MORE && now != HTTP_PROXY_MORE) {
            must(now == HTTP_PROXY_ABSENT || now == HTTP_PROXY_BAD || len == n);
            first = client;
            first_len = len;
        } else {
            must(got == now && len == first_len);
            must(memcmp(&client, &first, sizeof client) == 0);
        }
        got = now;
    }
    return 0;
}
