#include "wsgate/ws/ws_frame.h"

#include <stdlib.h>
#include <wslay/wslay.h>

#include "wsgate/ws/ws_utf8.h"

enum { POOL_MAX = 64, KEEP_MESSAGE_BYTES = 4096 };

struct ws_state {
    struct ws_state *next; /* in the pool */
    wslay_frame_context_ptr ctx;
    struct span in;       /* what wslay has not taken yet */
    uint64_t fed, framed; /* bytes given to wslay; bytes of whole frames */
    uint64_t frame_got;   /* payload bytes of the present frame */
    struct bytes message; /* what came of it so far */
    size_t good;          /* of a text: bytes of it that are UTF-8 */
    enum ws_kind kind;    /* of it: text or binary */
    bool in_message;      /* a fragmented one has begun */
    bool busy;            /* ws_read() is at it, and may be in a callback */
    bool ended;           /* freed meanwhile: ws_read() does it at its end */
    char control[WS_CONTROL_MAX];
    size_t n_control;
};

struct ws_pool {
    struct ws_state *free;
    unsigned n_free;
    size_t max_message;
    bool binary;
};

static ssize_t on_recv(uint8_t *buf, size_t len, int flags, void *user_data)
{
    struct ws_state *s = user_data;
    size_t n = s->in.len < len ? s->in.len : len;

    (void)flags;
    memcpy(buf, s->in.ptr, n);
    s->in.ptr += n;
    s->in.len -= n;
    s->fed += n;
    return (ssize_t)n; /* 0 becomes WSLAY_ERR_WANT_READ */
}

static struct ws_state *state_new(struct ws_pool *pool)
{
    struct ws_state *s = pool->free;
    struct wslay_frame_callbacks callbacks;

    if (s) {
        pool->free = s->next;
        pool->n_free--;
        return s;
    }
    s = mem_zero(sizeof *s);
    bytes_init(&s->message);
    callbacks = (struct wslay_frame_callbacks){.recv_callback = on_recv};
    if (wslay_frame_context_init(&s->ctx, &callbacks, s) != 0) {
        free(s);
        return NULL;
    }
    return s;
}

static void state_end(struct ws_state *s)
{
    wslay_frame_context_free(s->ctx);
    bytes_close(&s->message);
    free(s);
}

struct ws_pool *ws_pool_new(size_t max_message, bool binary)
{
    struct ws_pool *pool = mem_zero(sizeof *pool);

    pool->max_message = max_message;
    pool->binary = binary;
    return pool;
}

void ws_pool_free(struct ws_pool *pool)
{
    if (!pool)
        return;
    while (pool->free) {
        struct ws_state *s = pool->free;
        pool->free = s->next;
        state_end(s);
    }
    free(pool);
}

void ws_state_free(struct ws_pool *pool, struct ws_state *state)
{
    (void)pool; /* its context is in the middle of something */
    if (!state)
        return;
    if (state->busy)
        state->ended = true;
    else
        state_end(state);
}

/* In between two messages, with nothing of the next one read. */
static bool is_idle(const struct ws_state *s)
{
    return !s->in_message && s->fed == s->framed;
}

static void state_done(struct ws_pool *pool, struct ws_state *s)
{
    if (pool->n_free >= POOL_MAX) {
        state_end(s);
        return;
    }
    bytes_clear(&s->message);
    if (s->message.cap > KEEP_MESSAGE_BYTES)
        bytes_close(&s->message);
    s->next = pool->free;
    pool->free = s;
    pool->n_free++;
}

static uint16_t bad(const char **why, uint16_t code, const char *text)
{
    *why = text;
    return code;
}

/* What the head of a frame alone says. */
static uint16_t check_head(const struct ws_pool *pool, const struct ws_state *s,
                           const struct wslay_frame_iocb *io, const char **why)
{
    if (!io->mask)
        return bad(why, WS_CLOSE_PROTOCOL, "frame is not masked");
    if (io->rsv != 0)
        return bad(why, WS_CLOSE_PROTOCOL, "reserved bit is set");
    if (wslay_is_ctrl_frame(io->opcode)) {
        if (io->opcode > WSLAY_PONG)
            return bad(why, WS_CLOSE_PROTOCOL, "unknown opcode");
        return 0;
    }
    if (io->opcode > WSLAY_BINARY_FRAME)
        return bad(why, WS_CLOSE_PROTOCOL, "unknown opcode");
    if (io->opcode == WSLAY_BINARY_FRAME && !pool->binary)
        return bad(why, WS_CLOSE_UNSUPPORTED, "binary where text is due");
    if ((io->opcode == WSLAY_CONTINUATION_FRAME) != s->in_message)
        return bad(why, WS_CLOSE_PROTOCOL,
                   s->in_message ? "message begins within another"
                                 : "continuation of nothing");
    if (io->payload_length > pool->max_message ||
        s->message.len + io->payload_length - s->frame_got > pool->max_message)
        return bad(why, WS_CLOSE_TOO_BIG, "message is too big");
    return 0;
}

static bool close_code_ok(unsigned code)
{
    return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 &&
            code != 1006) ||
           (code >= 3000 && code <= 4999);
}

static uint16_t got_close(struct span payload, ws_fn *fn, void *arg,
                          const char **why, bool *go_on)
{
    unsigned code = WS_CLOSE_NONE;

    if (payload.len == 1)
        return bad(why, WS_CLOSE_PROTOCOL, "close code is cut");
    if (payload.len >= 2) {
        code = (unsigned)((unsigned char)payload.ptr[0] << 8 |
                          (unsigned char)payload.ptr[1]);
        payload = span_make(payload.ptr + 2, payload.len - 2);
        if (!close_code_ok(code))
            return bad(why, WS_CLOSE_PROTOCOL, "close code is not valid");
        if (!ws_utf8_ok(payload))
            return bad(why, WS_CLOSE_BAD_DATA, "invalid UTF-8");
    }
    *go_on = fn(arg, WS_CLOSE, payload, (uint16_t)code);
    return 0;
}

static uint16_t got_control(unsigned opcode, struct span payload, ws_fn *fn,
                            void *arg, const char **why, bool *go_on)
{
    if (opcode == WSLAY_CONNECTION_CLOSE)
        return got_close(payload, fn, arg, why, go_on);
    *go_on = fn(arg, opcode == WSLAY_PING ? WS_PING : WS_PONG, payload, 0);
    return 0;
}

static uint16_t got_message(struct ws_state *s, struct span data, ws_fn *fn,
                            void *arg, const char **why, bool *go_on)
{
    size_t good = s->good;

    s->in_message = false;
    s->good = 0;
    if (s->kind == WS_TEXT &&
        !(ws_utf8_begins(data, &good) && good == data.len))
        return bad(why, WS_CLOSE_BAD_DATA, "invalid UTF-8");
    *go_on = fn(arg, s->kind, data, 0);
    bytes_clear(&s->message);
    return 0;
}

/* False: a text that cannot become UTF-8 any more. */
static bool add_part(struct ws_state *s, struct span part)
{
    bytes_add_span(&s->message, part);
    return s->kind != WS_TEXT ||
           ws_utf8_begins(bytes_span(&s->message), &s->good);
}

static uint64_t frame_size(const struct wslay_frame_iocb *io)
{
    uint64_t n = io->payload_length;

    return n + 6 + (n < 126 ? 0 : n < 65536 ? 2 : 8);
}

/* A part of a frame's payload, perhaps all of it. */
static uint16_t got_part(struct ws_pool *pool, struct ws_state *s,
                         const struct wslay_frame_iocb *io, ws_fn *fn,
                         void *arg, const char **why, bool *go_on)
{
    struct span part = span_make((const char *)io->data, io->data_length);
    uint16_t code = s->frame_got == 0 ? check_head(pool, s, io, why) : 0;
    bool control = wslay_is_ctrl_frame(io->opcode);
    bool whole_at_once;
    bool frame_done;
    bool alone;

    if (code != 0)
        return code;
    whole_at_once = part.len == io->payload_length;
    s->frame_got += part.len;
    frame_done = s->frame_got == io->payload_length;
    if (frame_done) {
        s->framed += frame_size(io);
        s->frame_got = 0;
    }
    if (control) {
        if (!whole_at_once) {
            memcpy(s->control + s->n_control, part.ptr, part.len);
            s->n_control += part.len;
            part = span_make(s->control, s->n_control);
        }
        if (!frame_done)
            return 0;
        s->n_control = 0;
        return got_control(io->opcode, part, fn, arg, why, go_on);
    }
    if (!s->in_message)
        s->kind = io->opcode == WSLAY_BINARY_FRAME ? WS_BINARY : WS_TEXT;
    alone = !s->in_message && io->fin && whole_at_once;
    if (!alone && !add_part(s, part))
        return bad(why, WS_CLOSE_BAD_DATA, "invalid UTF-8");
    if (!frame_done || !io->fin) {
        if (frame_done)
            s->in_message = true;
        return 0;
    }
    return got_message(s, alone ? part : bytes_span(&s->message), fn, arg, why,
                       go_on);
}

uint16_t ws_read(struct ws_pool *pool, struct ws_state **state,
                 struct span *bytes, ws_fn *fn, void *arg, const char **why)
{
    struct ws_state *s = *state ? *state : state_new(pool);
    uint16_t code = 0;
    bool go_on = true;

    if (!s)
        return bad(why, WS_CLOSE_TRY_LATER, "out of memory");
    *state = s;
    s->in = *bytes;
    s->busy = true;
    while (go_on && code == 0 && !s->ended) {
        struct wslay_frame_iocb io = {0};
        ssize_t n = wslay_frame_recv(s->ctx, &io);
        if (n == WSLAY_ERR_WANT_READ)
            break;
        if (n < 0)
            code = bad(why, WS_CLOSE_PROTOCOL, "malformed frame");
        else
            code = got_part(pool, s, &io, fn, arg, why, &go_on);
    }
    s->busy = false;
    *bytes = s->in;
    if (s->ended) { /* and so may be who has *state */
        state_end(s);
        return 0;
    }
    if (code == 0 && go_on && is_idle(s)) {
        *state = NULL;
        state_done(pool, s);
    }
    return code;
}

size_t ws_buffered(const struct ws_state *state)
{
    return !state ? 0 : (size_t)(state->fed - state->framed);
}

size_t ws_text_head(char *at, size_t len)
{
    at[0] = (char)(0x80 | WS_OP_TEXT);
    if (len < 126) {
        at[1] = (char)len;
        return 2;
    }
    if (len < 65536) {
        at[1] = 126;
        at[2] = (char)(len >> 8);
        at[3] = (char)len;
        return 4;
    }
    at[1] = 127;
    for (int i = 0; i < 8; i++)
        at[2 + i] = (char)((uint64_t)len >> (56 - 8 * i));
    return 10;
}

void ws_frame_add(struct bytes *out, unsigned opcode, struct span payload)
{
    char *at = bytes_reserve(out, WS_HEAD_MAX + payload.len);
    size_t head = ws_text_head(at, payload.len);

    at[0] = (char)(0x80 | opcode);
    out->len += head;
    bytes_add_span(out, payload);
}

void ws_close_add(struct bytes *out, uint16_t code, const char *reason)
{
    char payload[WS_CONTROL_MAX];
    struct span text = span_str(reason);

    if (text.len > sizeof payload - 2)
        text.len = sizeof payload - 2;
    payload[0] = (char)(code >> 8);
    payload[1] = (char)code;
    memcpy(payload + 2, text.ptr, text.len);
    ws_frame_add(out, WS_OP_CLOSE, span_make(payload, text.len + 2));
}

size_t ws_text_begin(struct bytes *out)
{
    size_t begun = out->len;

    (void)bytes_reserve(out, WS_HEAD_MAX);
    out->len += WS_HEAD_MAX;
    return begun;
}

void ws_text_end(struct bytes *out, size_t begun)
{
    size_t len = out->len - begun - WS_HEAD_MAX;
    size_t head = ws_text_head(out->ptr + begun, len);

    memmove(out->ptr + begun + head, out->ptr + begun + WS_HEAD_MAX, len);
    out->len = begun + head + len;
}
