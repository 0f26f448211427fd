/*
 * A whole gateway: clients come, over WebSocket and plain HTTP, ask, stall,
 * break and go at any point, while messages, answers of Redis and the time go
 * on; then it is stopped.  Whatever happens: only whole frames are sent, nothing
 * after a close frame, nothing to a client that has ended, the seq of each
 * channel ascends, who has taken everything has heard the newest, the counters
 * add up, Redis is asked for what is wanted, the stop is in time, and nothing is
 * left.
 *
 * The first two bytes choose the limits, each that follows is a step with its
 * arguments behind it.
 */
#include "tests/fuzz/wsgate/client/client_send.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- requests --- */

#define UPGRADE                                                                \
    " HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"    \
    "Sec-WebSocket-Version: 13\r\n"                                            \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
#define PLAIN " HTTP/1.1\r\nHost: h\r\n\r\n"

static void connect_one(struct input *in)
{
    static const char *const paths[] = {"/ws", "/api/v1/ws", "/stream/ticks",
                                        "/ws"};
    static const char *const queries[] = {"", "?subscribe=market_data:A",
                                          "?subscribe=market_data:*,bars:A:1",
                                          "?subscribe=%zz"};
    struct visitor *p = take_visitor(in);
    unsigned how = take(in);
    struct bytes text;

    bytes_init(&text);
    bytes_printf(&text, "GET %s%s" UPGRADE, paths[how & 3],
                 queries[how >> 2 & 3]);
    if (how & 16)
        frame_add(&text, 0x80 | WS_OP_TEXT, span_str("{\"type\":\"ping\"}"));
    if (how & 32)
        frame_add(&text, 0x80 | WS_OP_CLOSE, span_str(""));
    visitor_connect(p, bytes_span(&text));
    bytes_close(&text);
}

/* The same request some times, perhaps not all of it. */
static void ask_http(struct input *in)
{
    static const char *const requests[] = {
        "GET /health" PLAIN,
        "GET /ready" PLAIN,
        "GET /metrics" PLAIN,
        "GET /api/v1/price/A" PLAIN,
        "GET /api/v1/bars/A/1?limit=3&from=1" PLAIN,
        "GET /api/v1/symbols" PLAIN,
        "GET /api/v1/ws/status" PLAIN,
        "GET /health/redis" PLAIN,
        "GET /api/v1/simulator/status" PLAIN,
        "GET /" PLAIN,
        "GET /ws" PLAIN,
        "POST /api/v1/symbols HTTP/1.1\r\nHost: h\r\nContent-Length: "
        "3\r\n\r\nabc",
        "GET /api/v1/price/A HTTP/1.1\r\n\r\n",
        "HEAD /api/v1/price/A HTTP/1.0\r\n\r\n",
        "GET /ws?subscribe=market_data:A" UPGRADE,
        "GET /api/v1/price/B HTTP/1.1\r\nHost: h\r\nExpect: "
        "100-continue\r\nContent-Length: 2\r\n\r\n",
    };
    struct visitor *p = take_visitor(in);
    unsigned how = take(in);
    struct bytes text;

    visitor_read(p);
    bytes_init(&text);
    for (unsigned i = 0; i <= (how >> 4 & 3); i++)
        bytes_add_str(&text, requests[how & 15]);
    if (how & 64)
        text.len -= 3;
    if (how & 128)
        visitor_write(p, bytes_span(&text));
    else
        visitor_connect(p, bytes_span(&text));
    bytes_close(&text);
}

/* What its socket does from now on. */
static void set_socket(struct input *in)
{
    static const size_t rooms[] = {0, 1, 7, 100, 1000, 5000, 70000, SIZE_MAX};
    struct visitor *p = take_visitor(in);
    unsigned how = take(in);

    p->room = rooms[how & 7];
    p->fault = (how >> 3) % 8 == 1   ? EPIPE
               : (how >> 3) % 8 == 2 ? ECONNRESET
                                     : 0;
}

/* --- what comes from Redis and from standard input --- */

static void add_payload(struct bytes *out, struct input *in)
{
    static const char *const heads[] = {
        "{\"type\":\"tick\",\"symbol\":\"A\"",
        "{\"type\":\"trade\",\"symbol\":\"A\"",
        "{\"type\":\"bar\",\"symbol\":\"A\",\"resolution\":\"1\",\"time\":"
        "1700000000000",
        "{\"type\":\"bar\",\"symbol\":\"A\",\"resolution\":\"1\",\"time\":"
        "1700000060000",
        "{\"type\":\"price_update\",\"symbol\":\"A\"",
        "{\"type\":\"trading_alert\",\"user_id\":\"7\"",
        "{\"type\":\"market_status\",\"is_open\":true",
        "{\"type\":\"tick\"}\n{\"type\":\"trade\",\"n\":1",
    };
    unsigned how = take(in);
    size_t pad = (size_t)(how >> 3) * (how >> 3) * 20;

    bytes_add_str(out, heads[how & 7]);
    bytes_add_str(out, ",\"pad\":\"");
    memset(bytes_reserve(out, pad), 'x', pad);
    out->len += pad;
    bytes_add_str(out, "\"");
    if ((how >> 3) != 31) /* else it is no JSON */
        bytes_add_str(out, "}");
}

static void publish(struct input *in, bool local)
{
    struct span name = span_str(take_name(in));
    struct bytes payload, line;
    struct err err = {0};
    unsigned column;

    bytes_init(&payload);
    bytes_init(&line);
    add_payload(&payload, in);
    for (unsigned n = 1 + take(in) % 8; n > 0; n--) {
        if (!local) {
            fake_publish(name, bytes_span(&payload));
            continue;
        }
        bytes_clear(&line);
        bytes_printf(&line, "{\"channel\":\"%.*s\",\"data\":", SPAN_ARG(name));
        bytes_add_span(&line, bytes_span(&payload));
        bytes_add_str(&line, "}");
        memset(bytes_reserve(&line, 64), 0, 64);
        (void)upstream_publish_local(world.gate.upstream, bytes_span(&line),
                                     &column, &err);
    }
    if (local)
        upstream_flush(world.gate.upstream);
    bytes_close(&payload);
    bytes_close(&line);
}

static void do_redis(struct input *in)
{
    unsigned how = take(in);
    struct redis_conn *c = fake_conn(how >> 6);

    if (!c)
        return;
    switch (how & 7) {
    case 0:
    case 1:
        fake_open(c);
        break;
    case 2:
        fake_deliver(c, 1 + (how >> 3 & 7) * 9);
        break;
    case 3:
    case 4:
        fake_deliver(c, SIZE_MAX);
        break;
    case 5:
        fake_lose(c);
        break;
    case 6:
        fake_block(c, how & 8);
        break;
    default:
        fake_redis.cache = (how >> 3 & 7) % FAKE_CACHES;
        fake_redis.denies = how >> 6 == 3;
        break;
    }
}

/* --- steps --- */

static void step(struct input *in)
{
    static const unsigned waits_ms[] = {1, 10, 50, 100, 250, 1000, 3000, 6000};
    unsigned what = take(in);

    switch (what % 16) {
    case 0:
        connect_one(in);
        break;
    case 1:
    case 2:
    case 3:
        say_command(in);
        break;
    case 4:
        say_frame(in);
        break;
    case 5:
        visitor_write(take_visitor(in), take_bytes(in, 255));
        break;
    case 6:
        say_close(in);
        break;
    case 7:
        visitor_leave(take_visitor(in));
        break;
    case 8:
        set_socket(in);
        break;
    case 9:
        world_turn();
        break;
    case 10:
        ask_http(in);
        break;
    case 11:
        world_wait(waits_ms[what >> 4 & 7]);
        break;
    case 12:
        do_redis(in);
        break;
    case 13:
        publish(in, false);
        break;
    case 14:
        publish(in, true);
        break;
    default:
        if (take(in) == 's')
            app_stop(&world.app);
        break;
    }
}

static void set_limits(struct input *in, uint64_t *out_bytes)
{
    static const uint64_t outs[] = {1024, 4096, 65536, CLIENT_OUT_BYTES};
    unsigned how = take(in), more = take(in);

    *out_bytes = outs[how & 3];
    world.opts = (struct options){
        .app = {.ready_fd = -1,
                .redis = "redis://127.0.0.1:1",
                .prefix = how & 4 ? "p:" : "",
                .no_redis = (how >> 3 & 7) == 7},
        .listen = "127.0.0.1:0",
        .web = "/nonexistent",
        .max_connections = how & 64 ? 2 : 100,
        .max_per_address = more & 1 ? 1 : 100,
        .max_subscriptions = more & 2 ? 4 : 1024,
        .max_address_subscriptions = more & 8 ? 5 : 1024,
        .max_message_bytes = 65536,
        .command_rate = 20,
        .command_burst = more & 4 ? 5 : 200,
        .backlog_bytes = more & 8 ? 4096 : 65536,
        .backlog_all_bytes = more & 16 ? 4096 : 65536,
        .log_bytes = more & 32 ? 65536 : 262144,
        .ping_ms = 6000,
        .heartbeat_ms = 1000,
        .drain_ms = 1000,
        .confirm_ms = more & 64 ? 0 : 1000,
        .max_line_bytes = 65536,
        .no_limit = !(more & 128),
        .api_limit = "5/60s",
    };
    world.by_itself = how & 128;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, data + size};
    uint64_t out_bytes;

    memset(&world, 0, sizeof world);
    set_limits(&in, &out_bytes);
    world_begin();
    world.gate.fanout.limits.out_bytes = out_bytes;
    while (in.at < in.end)
        step(&in);
    world_end();
    return 0;
}
