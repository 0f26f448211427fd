/*
 * Any bytes from a client: never a crash, never more kept than the bounds say,
 * and the same requests whether they come whole or in pieces.  The first byte
 * is the size of the pieces.
 */
#include <stdlib.h>

#include "common/http/http_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KEPT_MAX = HTTP_HEAD_MAX + HTTP_BODY_MAX + 128 * 1024, DONE_MAX = 64 };

static void add(struct bytes *out, struct span s)
{
    bytes_printf(out, "%zu:", s.len);
    bytes_add_span(out, s);
}

static void note(struct bytes *out, struct http_parse *p)
{
    struct http_request req;
    struct bytes value;
    int status = http_parse_request(p, &req);

    bytes_printf(out, "(%d", status);
    if (status == 0) {
        add(out, req.method);
        add(out, req.path);
        add(out, req.query);
        add(out, req.body);
        for (unsigned i = 0; i < req.n_headers; i++) {
            add(out, req.headers[i].name);
            add(out, req.headers[i].value);
        }
        bytes_init(&value);
        if (http_query(&req, "a", &value))
            add(out, bytes_span(&value));
        bytes_close(&value);
    }
    bytes_add_str(out, ")");
}

static void run(struct bytes *out, const char *text, size_t size, size_t piece)
{
    struct http_parse *p = http_parse_new();
    unsigned done = 0;

    for (size_t at = 0; at < size && done < DONE_MAX;) {
        size_t n = size - at < piece ? size - at : piece;
        enum http_parse_result got;

        bytes_add(&p->buf, text + at, n);
        at += n;
        while ((got = http_parse_feed(p)) == HTTP_PARSE_DONE) {
            note(out, p);
            http_parse_next(p);
            /* Here, before a look at what follows, which may not be there yet:
             * both runs must end at the same byte. */
            if (++done == DONE_MAX)
                break;
        }
        if (got == HTTP_PARSE_BAD) {
            bytes_add_str(out, "bad");
            break;
        }
        if (piece < 4096 && p->buf.len > KEPT_MAX)
            abort();
    }
    http_parse_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes whole, pieces;

    if (size < 1)
        return 0;
    bytes_init(&whole);
    bytes_init(&pieces);
    run(&whole, (const char *)data + 1, size - 1, size);
    run(&pieces, (const char *)data + 1, size - 1, (size_t)data[0] + 1);
    if (!span_eq(bytes_span(&whole), bytes_span(&pieces)))
        abort();
    bytes_close(&whole);
    bytes_close(&pieces);
    return 0;
}
