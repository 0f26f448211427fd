#include "tests/tools/load/attack.h"

#include <stdlib.h>

enum {
    MESSAGE_MAX = 65536, /* what a message may have */
    NAMES = 1024,        /* channels that a client may have */
    SINCE = 48 * 1024,
    PIPELINED = 100,
    HEAD = 1 << 20,
};

static uint64_t counter; /* makes names that were never there */

static void text_frame(struct bytes *out, struct bytes *text)
{
    peer_add_frame(out, PEER_TEXT, bytes_span(text));
    bytes_close(text);
}

static void text_message(struct bytes *out, const char *text)
{
    peer_add_frame(out, PEER_TEXT, span_str(text));
}

static void fill(struct bytes *out, char with, size_t n)
{
    memset(bytes_reserve(out, n), with, n);
    out->len += n;
}

/* --- subscribing --- */

/* One short name as often as there is room, beside a position of 48 KB. */
static void doubles(struct attack_conn *c, struct bytes *out)
{
    struct bytes text;
    bool since = c->turn % 2 == 0;
    size_t end = since ? MESSAGE_MAX - SINCE - 100 : MESSAGE_MAX - 100;

    bytes_init(&text);
    bytes_add_str(&text, "{\"type\":\"subscribe\",\"channels\":[\"a:b\"");
    while (text.len < end)
        bytes_add_str(&text, ",\"a:b\"");
    bytes_add_str(&text, "]");
    if (since) {
        bytes_add_str(&text, ",\"since\":{\"a:b\":\"");
        fill(&text, '9', SINCE);
        bytes_add_str(&text, "\"}");
    }
    bytes_add_str(&text, "}");
    text_frame(out, &text);
}

static void ones(struct attack_conn *c, struct bytes *out)
{
    struct bytes text;

    (void)c;
    bytes_init(&text);
    bytes_add_str(&text, "{\"type\":\"subscribe\",\"channels\":[1");
    while (text.len < MESSAGE_MAX - 10)
        bytes_add_str(&text, ",1");
    bytes_add_str(&text, "]}");
    text_frame(out, &text);
}

/* Names that nobody has, until the table of channels is full. */
static void names(struct attack_conn *c, struct bytes *out)
{
    struct bytes text;

    (void)c;
    bytes_init(&text);
    bytes_add_str(&text, "{\"type\":\"subscribe\",\"channels\":[");
    for (unsigned i = 0; i < 3 * NAMES; i++)
        bytes_printf(&text, "%s\"orderbook:%llx\"", i > 0 ? "," : "",
                     (unsigned long long)counter++);
    bytes_add_str(&text, "]}");
    text_frame(out, &text);
}

/* Wildcards that linger when they are given up. */
static void wildcards(struct attack_conn *c, struct bytes *out)
{
    struct bytes text;
    bool takes = c->turn % 2 == 0;
    uint64_t first = counter += takes ? 32 : 0;

    bytes_init(&text);
    bytes_printf(&text, "{\"type\":\"%s\",\"channels\":[",
                 takes ? "subscribe" : "unsubscribe");
    for (unsigned i = 0; i < 32; i++)
        bytes_printf(&text, "%s\"market_data:*:%llx\"", i > 0 ? "," : "",
                     (unsigned long long)(first - i));
    bytes_add_str(&text, "]}");
    text_frame(out, &text);
}

/* Every interval there is, on the channels that others have. */
static void intervals(struct attack_conn *c, struct bytes *out)
{
    struct bytes text;
    unsigned ms = c->turn % 40;

    bytes_init(&text);
    ms = ms < 19 ? 50 + 50 * ms : ms < 37 ? 1000 + 500 * (ms - 19) : 10000;
    bytes_printf(&text,
                 "{\"type\":\"subscribe\",\"interval_ms\":%u,\"channels\":"
                 "[\"market_data:*\",\"bars:*:%u\",\"stock:price_updates\"",
                 ms, c->turn % 60 + 1);
    for (unsigned i = 0; i < 100; i++)
        bytes_printf(&text, ",\"market_data:S%u\"", i);
    bytes_add_str(&text, "]}");
    text_frame(out, &text);
}

/* As fast as a client may without being closed for it. */
static void toggle(struct attack_conn *c, struct bytes *out)
{
    text_message(out,
                 c->turn % 2 == 0
                     ? "{\"type\":\"subscribe\",\"channels\":[\"market_data:"
                       "*\",\"market_data:S1\",\"bars:*:5\"]}"
                     : "{\"type\":\"unsubscribe\",\"channels\":[\"market_"
                       "data:*\",\"market_data:S1\",\"bars:*:5\"]}");
}

/* --- HTTP --- */

static void pipelined(struct bytes *out, const char *path)
{
    for (unsigned i = 0; i < PIPELINED; i++)
        bytes_printf(out, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", path);
}

static void metrics(struct attack_conn *c, struct bytes *out)
{
    (void)c;
    pipelined(out, "/metrics");
}

static void scans(struct attack_conn *c, struct bytes *out)
{
    pipelined(out, c->turn % 2 == 0 ? "/api/v1/symbols"
                                    : "/api/v1/simulator/status");
}

/* Held open, and asked for something now and then so that it stays. */
static void idle(struct attack_conn *c, struct bytes *out)
{
    (void)c;
    bytes_add_str(out, "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
}

/* Comes and goes: with nothing, half a request, a whole one. */
static void churn(struct attack_conn *c, struct bytes *out)
{
    static const char *const said[] = {
        "", "GET / HT", "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"};

    bytes_add_str(out, said[c->turn % 4]);
}

static void bad_requests(struct attack_conn *c, struct bytes *out)
{
    static const char *const said[] = {
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
        "Content-Length: 5\r\n\r\nabcde",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
        "Content-Length: 4\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "ffffffffffffffff\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "GET / HTTP/9.9\r\n\r\n",
        "\r\n\r\n\r\n\r\n",
        "GET  /  HTTP/1.1\r\n",
        "GET /\x01\x02 HTTP/1.1\r\nA\r\n\r\n",
        "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
    };

    bytes_add_str(out, said[c->turn % (sizeof said / sizeof said[0])]);
}

/* One header, a byte at a time. */
static void loris(struct attack_conn *c, struct bytes *out)
{
    static const char head[] = "GET / HTTP/1.1\r\nX-Slow: ";
    char byte = c->turn < sizeof head - 1 ? head[c->turn] : 'a';

    bytes_add(out, &byte, 1);
}

static void big_heads(struct attack_conn *c, struct bytes *out)
{
    (void)c;
    bytes_add_str(out, "GET / HTTP/1.1\r\nHost: a\r\nX-Big: ");
    fill(out, 'x', HEAD);
    bytes_add_str(out, "\r\n\r\n");
}

/* --- frames --- */

static void bad_frames(struct attack_conn *c, struct bytes *out)
{
    static const unsigned char said[][8] = {
        {0xf1, 0x81, 0, 0, 0, 0, 'a'},  /* reserved bits */
        {0x81, 0x01, 'a'},              /* no mask */
        {0x83, 0x81, 0, 0, 0, 0, 'a'},  /* no such opcode */
        {0x09, 0x81, 0, 0, 0, 0, 'a'},  /* a control frame in fragments */
        {0x80, 0x81, 0, 0, 0, 0, 'a'},  /* goes on with nothing */
        {0x81, 0x81, 0, 0, 0, 0, 0xff}, /* not UTF-8 */
        {0x82, 0x81, 0, 0, 0, 0, 'a'},  /* binary */
        {0x88, 0x81, 0, 0, 0, 0, 'a'},  /* a close code of one byte */
        {0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff}, /* endless */
    };

    bytes_add(out, said[c->turn % (sizeof said / sizeof said[0])],
              sizeof said[0]);
}

static void requests_of_no_kind(struct attack_conn *c, struct bytes *out)
{
    static const char *const said[] = {"ping", "{", "[]", "{\"type\":1}",
                                       "{\"type\":\"subscribe\"}"};

    for (unsigned i = 0; i < 5; i++)
        text_message(out, said[(c->turn + i) % 5]);
}

static void resets(struct attack_conn *c, struct bytes *out)
{
    (void)c;
    text_message(out, "{\"type\":\"subscribe\",\"channels\":[\"market_data:*\","
                      "\"stock:price_updates\",\"bars:*\"]}");
}

/* Subscribes to all there is, then reads little or nothing. */
static void does_not_read(struct attack_conn *c, struct bytes *out)
{
    text_message(out, c->turn == 0
                          ? "{\"type\":\"subscribe\",\"channels\":[\"market_"
                            "data:*\",\"stock:price_updates\",\"bars:*\"]}"
                          : "{\"type\":\"list\"}");
}

/* A message that never ends, a byte or nothing a frame. */
static void fragments(struct attack_conn *c, struct bytes *out)
{
    static const unsigned char first[] = {0x01, 0x80, 0, 0, 0, 0},
                               empty[] = {0x00, 0x80, 0, 0, 0, 0},
                               one[] = {0x00, 0x81, 0, 0, 0, 0, 'a'};

    if (c->turn == 0)
        bytes_add(out, first, sizeof first);
    for (unsigned i = 0; i < 2000; i++) {
        if (c->turn % 2 == 0)
            bytes_add(out, one, sizeof one);
        else
            bytes_add(out, empty, sizeof empty);
    }
}

static void pings(struct attack_conn *c, struct bytes *out)
{
    (void)c;
    for (unsigned i = 0; i < 2000; i++)
        peer_add_frame(out, PEER_PING, span_str("attacker"));
}

const struct attack_kind attack_kinds[ATTACK_KINDS] = {
    {"doubled names", "/ws", 8, 20, ATTACK_READS_ALL, false, doubles,
     ATTACK_STAYS},
    {"channels of numbers", "/ws", 8, 20, ATTACK_READS_ALL, false, ones,
     ATTACK_STAYS},
    {"new names", "/ws", 70, 40, ATTACK_READS_ALL, false, names, ATTACK_STAYS},
    {"new wildcards", "/ws", 32, 100, ATTACK_READS_ALL, false, wildcards,
     ATTACK_STAYS},
    {"new intervals", "/ws", 8, 40, ATTACK_READS_ALL, false, intervals,
     ATTACK_STAYS},
    {"subscribe, unsubscribe", "/ws", 50, 800, ATTACK_READS_ALL, false, toggle,
     ATTACK_STAYS},
    {"pipelined /metrics", NULL, 20, 40, ATTACK_READS_ALL, false, metrics,
     ATTACK_STAYS},
    {"pipelined scans", NULL, 45, 45, ATTACK_READS_ALL, false, scans,
     ATTACK_STAYS},
    {"idle keep-alive", NULL, 3000, 1000, ATTACK_READS_ALL, false, idle,
     ATTACK_STAYS},
    {"connects", NULL, 200, 1667, ATTACK_READS_ALL, true, churn, ATTACK_RESETS},
    {"bad requests", NULL, 50, 200, ATTACK_READS_ALL, true, bad_requests,
     ATTACK_LEAVES},
    {"slow headers", NULL, 200, 400, ATTACK_READS_ALL, false, loris,
     ATTACK_STAYS},
    {"1 MB headers", NULL, 20, 20, ATTACK_READS_ALL, true, big_heads,
     ATTACK_LEAVES},
    {"bad frames", "/ws", 50, 100, ATTACK_READS_ALL, true, bad_frames,
     ATTACK_LEAVES},
    {"requests of no kind", "/ws", 50, 100, ATTACK_READS_ALL, true,
     requests_of_no_kind, ATTACK_HALF},
    {"resets", "/ws", 50, 100, ATTACK_READS_ALL, true, resets, ATTACK_RESETS},
    {"readers at 0 B/s", "/ws", 50, 20, ATTACK_READS_NOTHING, false,
     does_not_read, ATTACK_STAYS},
    {"readers at 1 KB/s", "/ws", 50, 20, ATTACK_READS_DRIP, false,
     does_not_read, ATTACK_STAYS},
    {"fragments", "/ws", 8, 40, ATTACK_READS_ALL, false, fragments,
     ATTACK_STAYS},
    {"pings", "/ws", 8, 40, ATTACK_READS_ALL, false, pings, ATTACK_STAYS},
};
