#include "wsgate/channels/dialect.h"

#include <assert.h>

#include "wsgate/ws/ws_frame.h"

static char *put(char *at, const char *text, size_t len)
{
    memcpy(at, text, len);
    return at + len;
}

/* --- the older stock service --- */

static const char *const stock_channels[] = {
    "stock:price_updates", "stock:market_status", "stock:trading_alerts", NULL};

static bool stock_accepts(const struct dialect_message *m)
{
    return span_is(m->type, "price_update") ||
           span_is(m->type, "trading_alert") ||
           span_is(m->type, "market_status");
}

static const char stock_type[] = "{\"type\":\"";
static const char stock_data[] = "\",\"data\":";
/* Both are equally long. */
static const char from_redis[] = ",\"source\":\"redis\"}";
static const char from_local[] = ",\"source\":\"local\"}";

#define LEN(literal) (sizeof(literal) - 1)

static size_t stock_len(const struct dialect_message *m)
{
    return LEN(stock_type) + m->type.len + LEN(stock_data) + m->payload.len +
           LEN(from_redis);
}

static size_t stock_max(const struct dialect_message *m)
{
    return WS_HEAD_MAX + stock_len(m);
}

static size_t stock_frame(char *at, const struct dialect_message *m,
                          size_t *data_at)
{
    char *p = at + ws_text_head(at, stock_len(m));

    p = put(p, stock_type, LEN(stock_type));
    p = put(p, m->type.ptr, m->type.len);
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

static const struct dialect_row rows[DIALECTS] = {
    [DIALECT_NATIVE] = {.path = "/ws"},
    [DIALECT_STOCK] = {.path = "/api/v1/ws",
                       .subscriptions = stock_channels,
                       .accepts = stock_accepts,
                       .max = stock_max,
                       .frame = stock_frame},
    [DIALECT_TICKS] = {.path = "/stream/ticks",
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
    for (unsigned i = 0; i < DIALECTS; i++) {
        if (span_is(path, rows[i].path) && (dev || !rows[i].dev)) {
            *dialect = (enum dialect)i;
            return true;
        }
    }
    return false;
}
