#include "wsgate/channels/message.h"

#include <inttypes.h>

#include "wsgate/ws/ws_frame.h"

/* Decimal digits, backwards from end; where they begin. */
static char *digits(char *end, uint64_t value)
{
    do {
        *--end = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return end;
}

static char *put(char *at, const char *text, size_t len)
{
    memcpy(at, text, len);
    return at + len;
}

#define PUT(at, literal) put(at, literal, sizeof(literal) - 1)

void message_prefix(struct bytes *out, struct span channel)
{
    bytes_add_str(out, "{\"type\":\"update\",\"channel\":\"");
    bytes_add_span(out, channel);
    bytes_add_str(out, "\",\"seq\":");
}

static const char data_key[] = ",\"data\":";
static const char time_key[] = ",\"timestamp\":";
static const char from_redis[] = ",\"source\":\"redis\"}";
static const char from_local[] = ",\"source\":\"local\"}";

enum { NUMBER_MAX = 20 };

size_t message_update_max(struct span prefix, struct span payload)
{
    return WS_HEAD_MAX + prefix.len + NUMBER_MAX + sizeof data_key +
           payload.len + sizeof time_key + NUMBER_MAX + sizeof from_redis;
}

size_t message_update(char *at, struct span prefix, uint64_t seq,
                      struct span payload, int64_t time_ms, bool local,
                      size_t *data_at)
{
    char seq_text[NUMBER_MAX], time_text[NUMBER_MAX];
    char *s = digits(seq_text + NUMBER_MAX, seq);
    char *t = digits(time_text + NUMBER_MAX, (uint64_t)time_ms);
    size_t s_len = (size_t)(seq_text + NUMBER_MAX - s);
    size_t t_len = (size_t)(time_text + NUMBER_MAX - t);
    /* Both tails are equally long. */
    size_t len = prefix.len + s_len + (sizeof data_key - 1) + payload.len +
                 (sizeof time_key - 1) + t_len + (sizeof from_redis - 1);
    char *p = at + ws_text_head(at, len);

    p = put(p, prefix.ptr, prefix.len);
    p = put(p, s, s_len);
    p = PUT(p, data_key);
    *data_at = (size_t)(p - at);
    p = put(p, payload.ptr, payload.len);
    p = PUT(p, time_key);
    p = put(p, t, t_len);
    p = local ? PUT(p, from_local) : PUT(p, from_redis);
    return (size_t)(p - at);
}

static const char stock_type[] = "{\"type\":\"";
static const char stock_data[] = "\",\"data\":";

size_t message_stock_max(struct span type, struct span payload)
{
    return WS_HEAD_MAX + sizeof stock_type + type.len + sizeof stock_data +
           payload.len + sizeof from_redis;
}

size_t message_stock(char *at, struct span type, struct span payload,
                     bool local, size_t *data_at)
{
    size_t len = (sizeof stock_type - 1) + type.len + (sizeof stock_data - 1) +
                 payload.len + (sizeof from_redis - 1);
    char *p = at + ws_text_head(at, len);

    p = PUT(p, stock_type);
    p = put(p, type.ptr, type.len);
    p = PUT(p, stock_data);
    *data_at = (size_t)(p - at);
    p = put(p, payload.ptr, payload.len);
    p = local ? PUT(p, from_local) : PUT(p, from_redis);
    return (size_t)(p - at);
}

size_t message_raw(char *at, struct span payload, size_t *data_at)
{
    *data_at = ws_text_head(at, payload.len);
    memcpy(at + *data_at, payload.ptr, payload.len);
    return *data_at + payload.len;
}

void message_welcome(struct bytes *out, const char *instance, int64_t ping_ms,
                     int64_t max_subscriptions, const char *upstream)
{
    size_t begun = ws_text_begin(out);

    bytes_printf(out,
                 "{\"type\":\"welcome\",\"instance\":\"%s\",\"version\":\"%s\","
                 "\"ping_ms\":%" PRId64 ",\"max_subscriptions\":%" PRId64
                 ",\"upstream\":\"%s\"}",
                 instance, TW_VERSION, ping_ms, max_subscriptions, upstream);
    ws_text_end(out, begun);
}

void message_snapshot(struct bytes *out, struct span channel, uint64_t seq,
                      struct span payload, int64_t time_ms, bool local)
{
    size_t begun = ws_text_begin(out);

    bytes_add_str(out, "{\"type\":\"snapshot\",\"channel\":\"");
    bytes_add_span(out, channel);
    bytes_add_str(out, "\",\"seq\":");
    bytes_add_int(out, (int64_t)seq);
    bytes_add_str(out, data_key);
    bytes_add_span(out, payload);
    bytes_add_str(out, time_key);
    bytes_add_int(out, time_ms);
    bytes_add_str(out, local ? from_local : from_redis);
    ws_text_end(out, begun);
}

void message_heartbeat(struct bytes *out, int64_t time_ms, const char *upstream)
{
    size_t begun = ws_text_begin(out);

    bytes_printf(out,
                 "{\"type\":\"heartbeat\",\"time\":%" PRId64
                 ",\"upstream\":\"%s\"}",
                 time_ms, upstream);
    ws_text_end(out, begun);
}

void message_gap(struct bytes *out, struct span channel, struct span from,
                 const char *reason)
{
    size_t begun = ws_text_begin(out);

    bytes_add_str(out, "{\"type\":\"gap\",\"channel\":\"");
    bytes_add_span(out, channel);
    bytes_add_str(out, "\",\"from\":");
    bytes_add_json(out, from);
    bytes_printf(out, ",\"reason\":\"%s\"}", reason);
    ws_text_end(out, begun);
}

void message_bye(struct bytes *out, const char *reason, int64_t from_ms,
                 int64_t to_ms)
{
    size_t begun = ws_text_begin(out);

    bytes_printf(out,
                 "{\"type\":\"bye\",\"reason\":\"%s\",\"retry_ms\":[%" PRId64
                 ",%" PRId64 "]}",
                 reason, from_ms, to_ms);
    ws_text_end(out, begun);
}

static void add_id(struct bytes *out, struct span id)
{
    if (id.len > 0) {
        bytes_add_str(out, ",\"id\":");
        bytes_add_span(out, id);
    }
}

void message_error(struct bytes *out, struct span id, const char *code,
                   const char *text, bool temporary)
{
    size_t begun = ws_text_begin(out);

    bytes_add_str(out, "{\"type\":\"error\"");
    add_id(out, id);
    bytes_printf(out, ",\"code\":\"%s\",\"message\":", code);
    bytes_add_json(out, span_str(text));
    bytes_add_str(out,
                  temporary ? ",\"temporary\":true}" : ",\"temporary\":false}");
    ws_text_end(out, begun);
}

void message_pong(struct bytes *out, struct span id, int64_t time_ms)
{
    size_t begun = ws_text_begin(out);

    bytes_add_str(out, "{\"type\":\"pong\"");
    add_id(out, id);
    bytes_printf(out, ",\"time\":%" PRId64 "}", time_ms);
    ws_text_end(out, begun);
}

struct message_results message_results_begin(struct bytes *out,
                                             const char *type, struct span id)
{
    struct message_results r = {.out = out, .begun = ws_text_begin(out)};

    bytes_printf(out, "{\"type\":\"%s\"", type);
    add_id(out, id);
    bytes_add_str(out, ",\"results\":[");
    return r;
}

static void result(struct message_results *r, struct span channel, bool ok)
{
    bytes_add_str(r->out, r->any ? ",{\"channel\":" : "{\"channel\":");
    bytes_add_json(r->out, channel);
    bytes_add_str(r->out, ok ? ",\"ok\":true" : ",\"ok\":false");
    r->any = true;
}

void message_result_ok(struct message_results *r, struct span channel,
                       const char *epoch, uint64_t seq)
{
    result(r, channel, true);
    if (epoch)
        bytes_printf(r->out, ",\"epoch\":\"%s\",\"seq\":%" PRIu64, epoch, seq);
    bytes_add_str(r->out, "}");
}

void message_result_bad(struct message_results *r, struct span channel,
                        const char *code, const char *text)
{
    result(r, channel, false);
    bytes_printf(r->out, ",\"code\":\"%s\",\"message\":", code);
    bytes_add_json(r->out, span_str(text));
    bytes_add_str(r->out, "}");
}

void message_result_mode(struct message_results *r, struct span channel,
                         bool all, int64_t interval_ms)
{
    result(r, channel, true);
    bytes_add_str(r->out, all ? ",\"mode\":\"all\"" : ",\"mode\":\"latest\"");
    if (interval_ms > 0)
        bytes_printf(r->out, ",\"interval_ms\":%" PRId64, interval_ms);
    bytes_add_str(r->out, "}");
}

void message_results_end(struct message_results *r)
{
    bytes_add_str(r->out, "]}");
    ws_text_end(r->out, r->begun);
}
