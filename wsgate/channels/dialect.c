#include "wsgate/channels/dialect.h"

#include <assert.h>

#include "common/json/scan.h"
#include "wsgate/ws/ws_frame.h"

static char *put(char *at, const char *text, size_t len)
{
    memcpy(at, text, len);
    return at + len;
}

/* --- the older stock service --- */

static const char *const stock_channels[] = {
    "stock:price_updates", "stock:market_status", "stock:trading_alerts", NULL};

/* What is passed on; and what an object is that does not say its type, as the
 * stock service publishes them, by the channel that it came on. */
static const struct {
    const char *type, *channel;
} stock_types[] = {
    {"price_update", "stock:price_updates"},
    {"market_status", "stock:market_status"},
    {"trading_alert", "stock:trading_alerts"},
};

static bool is_object(struct span json)
{
    const char *end = json.ptr + json.len, *at = scan_space(json.ptr, end);

    return at < end && *at == '{';
}

/* NULL: nothing for a client of the stock service. */
static const char *stock_type_of(const struct dialect_message *m)
{
    bool untyped = m->type.len == 0 && is_object(m->payload);

    for (size_t i = 0; i < sizeof stock_types / sizeof *stock_types; i++) {
        if (span_is(m->type, stock_types[i].type) ||
            (untyped && span_is(m->channel, stock_types[i].channel)))
            return stock_types[i].type;
    }
    return NULL;
}

static bool stock_accepts(const struct dialect_message *m)
{
    return stock_type_of(m) != NULL;
}

static const char stock_type[] = "{\"type\":\"";
static const char stock_data[] = "\",\"data\":";
/* Both are equally long. */
static const char from_redis[] = ",\"source\":\"redis\"}";
static const char from_local[] = ",\"source\":\"local\"}";

#define LEN(literal) (sizeof(literal) - 1)

static size_t stock_len(const struct dialect_message *m)
{
    return LEN(stock_type) + strlen(stock_type_of(m)) + LEN(stock_data) +
           m->payload.len + LEN(from_redis);
}

static size_t stock_max(const struct dialect_message *m)
{
    return WS_HEAD_MAX + stock_len(m);
}

static size_t stock_frame(char *at, const struct dialect_message *m,
                          size_t *data_at)
{
    const char *type = stock_type_of(m);
    char *p = at + ws_text_head(at, stock_len(m));

    p = put(p, stock_type, LEN(stock_type));
    p = put(p, type, strlen(type));
    p = put(p, stock_data, LEN(stock_data));
    *data_at = (size_t)(p - at);
    p = put(p, m->payload.ptr, m->payload.len);
    p = put(p, m->local ? from_local : from_redis, LEN(from_redis));
    return (size_t)(p - at);
}

/* --- raw ticks --- */

static const char *const ticks_channels[] = {"market_data:*", NULL};

static bool ticks_accepts(const struct dialect_message *m)
{
    return span_is(m->type, "tick") || span_is(m->type, "trade");
}

static size_t ticks_max(const struct dialect_message *m)
{
    return WS_HEAD_MAX + m->payload.len;
}

static size_t ticks_frame(char *at, const struct dialect_message *m,
                          size_t *data_at)
{
    *data_at = ws_text_head(at, m->payload.len);
    put(at + *data_at, m->payload.ptr, m->payload.len);
    return *data_at + m->payload.len;
}

/* --- the table --- */

/* All say JSON; what the native one says besides has a version. */
static const char *const native_protocols[] = {"tickwire.v1", "json", NULL};
static const char *const plain_protocols[] = {"json", NULL};

static const struct dialect_row rows[DIALECTS] = {
    [DIALECT_NATIVE] = {.path = "/ws", .protocols = native_protocols},
    [DIALECT_STOCK] = {.path = "/api/v1/ws",
                       .protocols = plain_protocols,
                       .subscriptions = stock_channels,
                       .accepts = stock_accepts,
                       .max = stock_max,
                       .frame = stock_frame},
    [DIALECT_TICKS] = {.path = "/stream/ticks",
                       .protocols = plain_protocols,
                       .subscriptions = ticks_channels,
                       .accepts = ticks_accepts,
                       .max = ticks_max,
                       .frame = ticks_frame},
    [DIALECT_ECHO] = {.path = "/echo", .dev = true},
};

const struct dialect_row *dialect_row(enum dialect dialect)
{
    assert((unsigned)dialect < DIALECTS);
    return &rows[dialect];
}

bool dialect_of_path(struct span path, bool dev, enum dialect *dialect)
{
    while (path.len > 1 && path.ptr[0] == '/' && path.ptr[1] == '/') {
        path.ptr++;
        path.len--;
    }
    if (path.len > 1 && path.ptr[path.len - 1] == '/')
        path.len--;
    for (unsigned i = 0; i < DIALECTS; i++) {
        if (span_is(path, rows[i].path) && (dev || !rows[i].dev)) {
            *dialect = (enum dialect)i;
            return true;
        }
    }
    return false;
}
