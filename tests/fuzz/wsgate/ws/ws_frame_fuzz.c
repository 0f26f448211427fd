/*
 * WebSocket frames: the same bytes, cut in any way, give the same messages and
 * the same end; what comes as text is UTF-8 and within the bound.
 *
 * The first byte says how the rest is cut.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "wsgate/ws/ws_frame.h"
#include "wsgate/ws/ws_utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGE_MAX = 300 };

struct heard {
    struct bytes log;
    bool closed; /* what is behind a close frame is not read */
};

static bool on_frame(void *arg, enum ws_kind kind, struct span payload,
                     uint16_t code)
{
    struct heard *h = arg;

    if (kind == WS_TEXT)
        assert(ws_utf8_ok(payload) && payload.len <= MESSAGE_MAX);
    else
        assert(payload.len <= WS_CONTROL_MAX);
    bytes_printf(&h->log, "%d %u %zu:", (int)kind, code, payload.len);
    bytes_add_span(&h->log, payload);
    h->closed = kind == WS_CLOSE;
    return !h->closed;
}

static uint16_t channel(const uint8_t *data, size_t size, size_t step,
                        struct heard *h)
{
    struct ws_pool *pool = ws_pool_new(MESSAGE_MAX, false);
    struct ws_state *state = NULL;
    const char *why = NULL;
    uint16_t code = 0;

    for (size_t at = 0; at < size && code == 0 && !h->closed; at += step) {
        size_t n = size - at < step ? size - at : step;
        struct span in;
        char *part = malloc(n); /* exactly, so that reading past it is seen */
        assert(part != NULL);
        memcpy(part, data + at, n);
        in = span_make(part, n);
        code = ws_read(pool, &state, &in, on_frame, h, &why);
        free(part);
        assert((code != 0) == (why != NULL));
    }
    ws_state_free(pool, state);
    ws_pool_free(pool);
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct heard whole = {.closed = false}, parts = {.closed = false};
    uint16_t a;
    uint16_t b;

    if (size < 1)
        return 0;
    bytes_init(&whole.log);
    bytes_init(&parts.log);
    a = channel(data + 1, size - 1, size, &whole);
    b = channel(data + 1, size - 1, 1 + data[0] % 32, &parts);
    assert(a == b);
    assert(span_eq(bytes_span(&whole.log), bytes_span(&parts.log)));
    bytes_close(&whole.log);
    bytes_close(&parts.log);
    return 0;
}
