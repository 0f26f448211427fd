/*
 * client_send.h -- the input of client_fuzz.c, and what its clients say.
 */
#pragma once

#include "tests/fuzz/wsgate/client/client_world.h"

struct input {
    const uint8_t *at, *end;
};

static unsigned take(struct input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

static struct span take_bytes(struct input *in, size_t max)
{
    size_t n = take(in), left = (size_t)(in->end - in->at);
    const uint8_t *at = in->at;

    n = n < max ? n : max;
    n = n < left ? n : left;
    in->at += n;
    return span_make((const char *)at, n);
}

static struct visitor *take_visitor(struct input *in)
{
    return &world.visitors[take(in) % VISITORS];
}

static const char *const names[] = {
    "market_data:A", "market_data:B",
    "market_data:*", "bars:A:1",
    "bars:A:*",      "stock:price_updates",
    "stock:*",       "stock:trading_alerts",
    "executions:7",  "_probe:0123456789abcdef",
    "no name",       "orderbook:A",
    "bars:B:5",      "exchange:error",
    "market_data:C", "market_data:",
};

static const char *take_name(struct input *in)
{
    return names[take(in) % (sizeof names / sizeof *names)];
}

/* --- what clients say --- */

static void add_channels(struct bytes *text, struct input *in, unsigned n)
{
    bytes_add_str(text, ",\"channels\":[");
    for (unsigned i = 0; i < n; i++) {
        bytes_add_str(text, i > 0 ? ",\"" : "\"");
        bytes_add_str(text, take_name(in));
        bytes_add_str(text, "\"");
    }
    bytes_add_str(text, "]");
}

/* Each of these is kept apart: of as many as a channel may have, and more. */
static unsigned take_interval(struct input *in)
{
    unsigned k = take(in) % 40;

    return k < 20 ? 50 * (k + 1) : 500 * (k - 17);
}

static void add_subscribe(struct bytes *text, struct input *in)
{
    static const char *const modes[] = {
        "", ",\"mode\":\"latest\"", ",\"mode\":\"all\"", ",\"interval_ms\":"};
    unsigned how = take(in);

    bytes_add_str(text, "{\"type\":\"subscribe\"");
    bytes_add_str(text, modes[how & 3]);
    if ((how & 3) == 3)
        bytes_add_int(text, take_interval(in));
    if (how & 4)
        bytes_add_str(text, ",\"snapshot\":false");
    if (how & 8)
        bytes_add_str(text, ",\"since\":{\"market_data:A\":\"0-1\"}");
    add_channels(text, in, 1 + (how >> 4) % 8);
    bytes_add_str(text, "}");
}

/* An answer much longer than the question. */
static void add_many(struct bytes *text, unsigned n)
{
    bytes_add_str(text, "{\"type\":\"unsubscribe\",\"channels\":[0");
    for (unsigned i = 0; i < n; i++)
        bytes_add_str(text, ",0");
    bytes_add_str(text, "]}");
}

static void add_command(struct bytes *text, struct input *in)
{
    unsigned what = take(in);

    switch (what % 8) {
    case 0:
    case 1:
        add_subscribe(text, in);
        break;
    case 2:
        bytes_add_str(text, "{\"type\":\"unsubscribe\",\"id\":1");
        add_channels(text, in, 1 + (what >> 3) % 8);
        bytes_add_str(text, "}");
        break;
    case 3:
        bytes_add_str(text, "{\"type\":\"list\",\"id\":\"x\"}");
        break;
    case 4:
        bytes_add_str(text, "{\"type\":\"ping\",\"id\":2}");
        break;
    case 5:
        bytes_add_str(text, "{\"type\":\"auth\",\"token\":\"x\"}");
        break;
    case 6:
        add_many(text, (what >> 3) * 132);
        break;
    default:
        bytes_add_str(text, "{");
        break;
    }
}

/* The same command some times, whole or in two frames with one between. */
static void say_command(struct input *in)
{
    struct visitor *p = take_visitor(in);
    unsigned how = take(in);
    struct bytes text, frames;

    bytes_init(&text);
    bytes_init(&frames);
    add_command(&text, in);
    for (unsigned i = 0; i <= (how & 15); i++) {
        if (how & 16) {
            size_t half = text.len / 2;
            frame_add(&frames, WS_OP_TEXT, span_make(text.ptr, half));
            frame_add(&frames, 0x80 | WS_OP_PING, span_str("between"));
            frame_add(&frames, 0x80,
                      span_make(text.ptr + half, text.len - half));
        } else {
            frame_add(&frames, 0x80 | WS_OP_TEXT, bytes_span(&text));
        }
    }
    visitor_write(p, bytes_span(&frames));
    bytes_close(&text);
    bytes_close(&frames);
}

static void say_frame(struct input *in)
{
    struct visitor *p = take_visitor(in);
    unsigned first = take(in);
    struct bytes frame;

    bytes_init(&frame);
    frame_add(&frame, first, take_bytes(in, 255));
    visitor_write(p, bytes_span(&frame));
    bytes_close(&frame);
}

static void say_close(struct input *in)
{
    struct visitor *p = take_visitor(in);
    struct bytes frame;

    bytes_init(&frame);
    frame_add(&frame, 0x80 | WS_OP_CLOSE, span_make("\x03\xe8why", 5));
    visitor_write(p, bytes_span(&frame));
    bytes_close(&frame);
}
