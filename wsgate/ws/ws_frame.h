/*
 * ws_frame.h -- WebSocket frames from clients (RFC 6455, server side).
 *
 * wslay parses; its context (4 KiB) lives only while a frame or a fragmented
 * message is incomplete, so that a silent client costs nothing.  A
 * complete small frame in one read is decoded with a shared context.
 *
 * Pure: bytes in, calls out.
 *
 * Errors      ws_read() returns the close code that the bytes deserve
 * Limits      a message has at most max_message bytes (then 1009); a state
 *             holds one message, of which less than twice as much is allocated
 * Ownership   *state is NULL for a client in between messages; ws_state_free()
 *             when the client goes.  That may be inside fn: payload stays valid
 *             until it returns, nothing more is told, *state is not touched
 */
#pragma once

#include "common/base/bytes.h"
#include "common/base/span.h"

enum ws_kind { WS_TEXT, WS_PING, WS_PONG, WS_CLOSE, WS_BINARY };

enum {
    WS_CLOSE_NORMAL = 1000,
    WS_CLOSE_GOING_AWAY = 1001,
    WS_CLOSE_PROTOCOL = 1002,
    WS_CLOSE_UNSUPPORTED = 1003,
    WS_CLOSE_NONE = 1005,     /* the peer gave none; never sent */
    WS_CLOSE_ABNORMAL = 1006, /* no close frame; never sent */
    WS_CLOSE_BAD_DATA = 1007,
    WS_CLOSE_POLICY = 1008,
    WS_CLOSE_TOO_BIG = 1009,
    WS_CLOSE_TRY_LATER = 1013,
};

struct ws_state;
struct ws_pool; /* contexts to use again */

/* Without binary, a binary message is refused with 1003. */
struct ws_pool *ws_pool_new(size_t max_message, bool binary);
void ws_pool_free(struct ws_pool *pool);
void ws_state_free(struct ws_pool *pool, struct ws_state *state);

/* For WS_CLOSE the payload is the reason and code says which (WS_CLOSE_NONE:
 * none was given).  False: read no further. */
typedef bool ws_fn(void *arg, enum ws_kind kind, struct span payload,
                   uint16_t code);

/* 0, or a close code; *why is then a static text.  Where fn said to read no
 * further, *bytes is what was not looked at: to be given to the next call. */
uint16_t ws_read(struct ws_pool *pool, struct ws_state **state,
                 struct span *bytes, ws_fn *fn, void *arg, const char **why);

/* Bytes of frames that were begun, or not looked at yet, and are in the state. */
size_t ws_buffered(const struct ws_state *state);

/* One whole unmasked frame. */
void ws_frame_add(struct bytes *out, unsigned opcode, struct span payload);
void ws_close_add(struct bytes *out, uint16_t code, const char *reason);
/* A text frame whose length is not known yet: begin, append the text, end. */
size_t ws_text_begin(struct bytes *out);
void ws_text_end(struct bytes *out, size_t begun);
/* The head of a text frame of len bytes, written to at; its length. */
enum { WS_HEAD_MAX = 10, WS_CONTROL_MAX = 125 };
enum {
    WS_OP_TEXT = 1,
    WS_OP_BINARY = 2,
    WS_OP_CLOSE = 8,
    WS_OP_PING = 9,
    WS_OP_PONG = 10,
};
size_t ws_text_head(char *at, size_t len);
