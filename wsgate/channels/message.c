#include "wsgate/channels/message.h"

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

uint64_t message_update_seq(struct span frame, struct span prefix)
{
    unsigned len7 = frame.len < 2 ? 0 : (unsigned char)frame.ptr[1];
    size_t at = prefix.len + (len7 < 126 ? 2 : len7 == 126 ? 4 : 10);
    uint64_t seq = 0;

    for (; at < frame.len && frame.ptr[at] >= '0' && frame.ptr[at] <= '9'; at++)
        seq = seq * 10 + (uint64_t)(frame.ptr[at] - '0');
    return seq;
}

void message_update_renumber(struct bytes *out, struct span frame,
                             struct span prefix, uint64_t seq)
{
    unsigned len7 = frame.len < 2 ? 0 : (unsigned char)frame.ptr[1];
    size_t head = len7 < 126 ? 2 : len7 == 126 ? 4 : 10;
    size_t at = head + prefix.len, behind = at;
    char text[NUMBER_MAX], *s = digits(text + NUMBER_MAX, seq);
    size_t s_len = (size_t)(text + NUMBER_MAX - s);
    char *p;

    while (behind < frame.len && frame.ptr[behind] >= '0' &&
           frame.ptr[behind] <= '9')
        behind++;
    if (behind == at || memcmp(frame.ptr + head, prefix.ptr, prefix.len) != 0) {
        bytes_add_span(out, frame);
        return;
    }
    p = bytes_reserve(out, WS_HEAD_MAX + frame.len + NUMBER_MAX);
    out->len += ws_text_head(p, prefix.len + s_len + frame.len - behind);
    bytes_add_span(out, prefix);
    bytes_add(out, s, s_len);
    bytes_add(out, frame.ptr + behind, frame.len - behind);
}

static const char refused_code[] = "refused";

static struct message_frame frame_begin(struct bytes *out, const char *type)
{
    struct message_frame f = {.json = {.out = out},
                              .begun = ws_text_begin(out)};

    json_write_object(&f.json, NULL);
    json_write_str(&f.json, "type", type);
    return f;
}

static void frame_end(struct message_frame *f)
{
    json_write_object_end(&f->json);
    ws_text_end(f->json.out, f->begun);
}

void message_welcome(struct bytes *out, const char *instance, int64_t ping_ms,
                     int64_t max_subscriptions, const char *upstream)
{
    struct message_frame f = frame_begin(out, "welcome");

    json_write_str(&f.json, "instance", instance);
    json_write_str(&f.json, "version", TW_VERSION);
    json_write_int(&f.json, "ping_ms", ping_ms);
    json_write_int(&f.json, "max_subscriptions", max_subscriptions);
    json_write_str(&f.json, "upstream", upstream);
    frame_end(&f);
}

void message_snapshot(struct bytes *out, struct span channel, uint64_t seq,
                      struct span payload, int64_t time_ms, bool local)
{
    struct message_frame f = frame_begin(out, "snapshot");

    json_write_span(&f.json, "channel", channel);
    json_write_uint(&f.json, "seq", seq);
    json_write_raw(&f.json, "data", payload);
    json_write_int(&f.json, "timestamp", time_ms);
    json_write_str(&f.json, "source", local ? "local" : "redis");
    frame_end(&f);
}

void message_heartbeat(struct bytes *out, int64_t time_ms, const char *upstream)
{
    struct message_frame f = frame_begin(out, "heartbeat");

    json_write_int(&f.json, "time", time_ms);
    json_write_str(&f.json, "upstream", upstream);
    frame_end(&f);
}

void message_gap(struct bytes *out, struct span channel, struct span from,
                 const char *reason)
{
    struct message_frame f = frame_begin(out, "gap");

    json_write_span(&f.json, "channel", channel);
    json_write_span(&f.json, "from", from);
    json_write_str(&f.json, "reason", reason);
    frame_end(&f);
}

void message_bye(struct bytes *out, const char *reason, int64_t from_ms,
                 int64_t to_ms)
{
    struct message_frame f = frame_begin(out, "bye");

    json_write_str(&f.json, "reason", reason);
    json_write_array(&f.json, "retry_ms");
    json_write_int(&f.json, NULL, from_ms);
    json_write_int(&f.json, NULL, to_ms);
    json_write_array_end(&f.json);
    frame_end(&f);
}

static void add_id(struct json_writer *json, struct span id)
{
    if (id.len > 0)
        json_write_raw(json, "id", id);
}

void message_error(struct bytes *out, struct span id, const char *code,
                   const char *text, bool temporary)
{
    struct message_frame f = frame_begin(out, "error");

    add_id(&f.json, id);
    json_write_str(&f.json, "code", code);
    json_write_str(&f.json, "message", text);
    json_write_bool(&f.json, "temporary", temporary);
    frame_end(&f);
}

void message_trouble(struct bytes *out, struct span channel, const char *code,
                     const char *text)
{
    struct message_frame f = frame_begin(out, "error");

    json_write_span(&f.json, "channel", channel);
    json_write_str(&f.json, "code", code);
    json_write_str(&f.json, "message", text);
    json_write_bool(&f.json, "temporary", true);
    frame_end(&f);
}

void message_pong(struct bytes *out, struct span id, int64_t time_ms)
{
    struct message_frame f = frame_begin(out, "pong");

    add_id(&f.json, id);
    json_write_int(&f.json, "time", time_ms);
    frame_end(&f);
}

struct message_frame message_results_begin(struct bytes *out, const char *type,
                                           struct span id)
{
    struct message_frame f = frame_begin(out, type);

    add_id(&f.json, id);
    json_write_array(&f.json, "results");
    return f;
}

static void result(struct message_frame *f, struct span channel, bool ok)
{
    json_write_object(&f->json, NULL);
    json_write_span(&f->json, "channel", channel);
    json_write_bool(&f->json, "ok", ok);
}

void message_result_ok(struct message_frame *f, struct span channel,
                       struct span as, const char *epoch, uint64_t seq)
{
    result(f, channel, true);
    if (!span_eq(channel, as))
        json_write_span(&f->json, "as", as);
    if (epoch) {
        json_write_str(&f->json, "epoch", epoch);
        json_write_uint(&f->json, "seq", seq);
    }
    json_write_object_end(&f->json);
}

void message_result_bad(struct message_frame *f, struct span channel,
                        const char *code, const char *text)
{
    size_t before = f->json.out->len;

    if (f->refused >= MESSAGE_REFUSED_BYTES) {
        f->omitted++;
        return;
    }
    result(f, channel, false);
    json_write_str(&f->json, "code", code);
    json_write_str(&f->json, "message", text);
    if (strcmp(code, refused_code) == 0)
        json_write_bool(&f->json, "temporary", true);
    json_write_object_end(&f->json);
    f->refused += f->json.out->len - before;
}

void message_result_mode(struct message_frame *f, struct span channel, bool all,
                         int64_t interval_ms)
{
    result(f, channel, true);
    json_write_str(&f->json, "mode", all ? "all" : "latest");
    if (interval_ms > 0)
        json_write_int(&f->json, "interval_ms", interval_ms);
    json_write_object_end(&f->json);
}

void message_results_end(struct message_frame *f)
{
    json_write_array_end(&f->json);
    if (f->omitted > 0)
        json_write_uint(&f->json, "omitted", f->omitted);
    frame_end(f);
}
