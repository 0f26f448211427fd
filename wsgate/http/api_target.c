#include "wsgate/http/api_target.h"

#include "common/event/channel_name.h"
#include "common/event/resolution.h"

static const struct {
    const char *path;
    enum api_endpoint endpoint;
} plain[] = {
    {"/health/redis", API_REDIS_STATUS},
    {"/api/v1/ws/status", API_WS_STATUS},
    {"/api/v1/redis/status", API_REDIS_STATUS},
    {"/api/v1/simulator/status", API_SIMULATOR_STATUS},
    {"/api/v1/symbols", API_SYMBOLS},
    {"/api/v1/dev/redis/publish-test", API_PUBLISH_TEST},
};

#define PRICE "/api/v1/price/"
#define BARS "/api/v1/bars/"

static bool symbol_ok(struct span s)
{
    return s.len <= API_SYMBOL_MAX && channel_name_part_ok(s);
}

bool api_number(struct span text, int64_t min, int64_t max, int64_t *out)
{
    bool minus = text.len > 0 && text.ptr[0] == '-';
    uint64_t digits;
    int64_t value;

    if (text.len == 0)
        return false; /* of no address either */
    if (!span_number(span_make(text.ptr + minus, text.len - minus), 18,
                     &digits))
        return false;
    value = (int64_t)digits;
    if (minus)
        value = -value;
    if (value < min || value > max)
        return false;
    *out = value;
    return true;
}

static struct span after(struct span path, const char *head)
{
    size_t n = strlen(head);

    return span_make(path.ptr + n, path.len - n);
}

static void copy(char *to, struct span from)
{
    memcpy(to, from.ptr, from.len);
    to[from.len] = '\0';
}

static enum api_found read_price(struct span symbol, struct api_target *out)
{
    if (!symbol_ok(symbol))
        return API_BAD_SYMBOL;
    out->endpoint = API_PRICE;
    copy(out->symbol, symbol);
    return API_FOUND;
}

static enum api_found read_bars(struct span rest, struct api_target *out)
{
    struct span symbol = {rest.ptr, rest.len};
    struct resolution r;

    while (symbol.len > 0 && symbol.ptr[symbol.len - 1] != '/')
        symbol.len--;
    if (symbol.len == 0)
        return API_UNKNOWN;
    rest = span_make(rest.ptr + symbol.len, rest.len - symbol.len);
    symbol.len--;
    if (!symbol_ok(symbol))
        return API_BAD_SYMBOL;
    if (resolution_parse(rest, &r) != RESOLUTION_OK)
        return API_BAD_RESOLUTION;
    out->endpoint = API_BARS;
    copy(out->symbol, symbol);
    copy(out->resolution, span_str(r.name));
    return API_FOUND;
}

enum api_found api_target_read(struct span path, struct api_target *out)
{
    struct api_target found = {0};
    enum api_found how = API_UNKNOWN;

    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (span_is(path, plain[i].path)) {
            found.endpoint = plain[i].endpoint;
            how = API_FOUND;
        }
    if (span_starts(path, PRICE) && path.len > strlen(PRICE))
        how = read_price(after(path, PRICE), &found);
    else if (span_starts(path, BARS) && path.len > strlen(BARS))
        how = read_bars(after(path, BARS), &found);
    if (how == API_FOUND)
        *out = found;
    return how;
}

bool api_target_channel(const struct api_target *t, struct bytes *out)
{
    if (t->endpoint != API_PRICE && t->endpoint != API_BARS)
        return false;
    bytes_add_str(out, t->endpoint == API_PRICE ? "market_data:" : "bars:");
    bytes_add_str(out, t->symbol);
    if (t->endpoint == API_BARS) {
        bytes_add_str(out, ":");
        bytes_add_str(out, t->resolution);
    }
    return true;
}
