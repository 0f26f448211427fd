#include "common/event/event.h"

#include <assert.h>

static const char *const type_names[EVENT_TYPES] = {
    [EVENT_TICK] = "tick",
    [EVENT_TRADE] = "trade",
    [EVENT_TRADE_EXCLUDED] = "trade_excluded",
    [EVENT_ORDERBOOK] = "orderbook",
    [EVENT_BAR] = "bar",
    [EVENT_PRICE_UPDATE] = "price_update",
    [EVENT_MARKET_STATUS] = "market_status",
    [EVENT_TRADING_ALERT] = "trading_alert",
    [EVENT_EXECUTION] = "execution",
    [EVENT_ACCOUNT] = "account",
    [EVENT_POSITIONS] = "positions",
    [EVENT_OPTION_CHAIN] = "option_chain",
    [EVENT_IVDEX] = "ivdex",
    [EVENT_EXCHANGE] = "exchange",
};

static const char *const fault_texts[EVENT_FAULTS] = {
    [EVENT_OK] = "no fault",
    [EVENT_NOT_JSON] = "not JSON",
    [EVENT_NUL_BYTE] = "NUL byte",
    [EVENT_BAD_UTF8] = "invalid UTF-8",
    [EVENT_NOT_OBJECT] = "not a JSON object",
    [EVENT_DUPLICATE_KEY] = "the same key twice in one object",
    [EVENT_NO_TYPE] = "no type",
    [EVENT_UNKNOWN_TYPE] = "unknown type",
    [EVENT_NO_SYMBOL] = "no symbol",
    [EVENT_BAD_SYMBOL] =
        "symbol is not 1 to 64 letters, digits or ._/-@+# in quotes",
    [EVENT_NO_TIME] = "no time",
    [EVENT_BAD_TIME] = "time is not a Unix time between 1990 and 2255",
    [EVENT_TIME_IN_S] = "time looks like seconds (--time-unit s reads them)",
    [EVENT_TIME_IN_MS] =
        "time looks like milliseconds (--time-unit ms reads them)",
    [EVENT_TIME_IN_US] =
        "time looks like microseconds (--time-unit us reads them)",
    [EVENT_TIME_IN_NS] =
        "time looks like nanoseconds (--time-unit ns reads them)",
    [EVENT_FUTURE_TIME] = "time is in the future",
    [EVENT_NO_PRICE] = "no price",
    [EVENT_BAD_PRICE] = "price is not a number of at most 18 digits",
    [EVENT_LOW_PRICE] =
        "price is zero or negative (--allow-negative lets it pass)",
    [EVENT_BAD_SIZE] =
        "size is not a number, zero or more, of at most 18 digits",
    [EVENT_NO_ID] = "no trade id",
    [EVENT_BAD_NAME] =
        "a name that the channel needs is missing or cannot be part of it",
};

const char *event_fault_text(enum event_fault fault)
{
    assert((unsigned)fault < EVENT_FAULTS);
    return fault_texts[fault];
}

const char *event_type_name(enum event_type type)
{
    assert((unsigned)type < EVENT_TYPES);
    return type_names[type];
}

bool event_type_of(struct span name, enum event_type *out)
{
    if (name.len == 5 && memcmp(name.ptr, "trade", 5) == 0) {
        *out = EVENT_TRADE; /* the most, with ticks */
        return true;
    }
    for (unsigned i = 0; i < EVENT_TYPES; i++) {
        if (span_is(name, type_names[i])) {
            *out = (enum event_type)i;
            return true;
        }
    }
    return false;
}
