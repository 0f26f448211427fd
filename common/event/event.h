/*
 * event.h -- one market event, read from one JSON object.
 *
 * event_read_strict() accepts exactly the objects that a conforming JSON
 * parser accepts (RFC 8259, UTF-8 checked, duplicate keys refused at every
 * level) and that are a valid event as docs/messages.md has it.  Lines are
 * scanned in place.  As in jansson \u0000 is refused, and so is what is nested
 * more than 2048 deep.
 *
 * Units       time_ns nanoseconds since the Unix epoch, UTC (on the wire:
 * `time`, milliseconds, optionally with a fraction); prices and sizes exact
 * Quotes      a side that is missing, null or zero is no price: the event does
 *             not have it.  Where the rules allow negative prices, a zero
 *             beside a negative side is one
 * Ownership   spans point into the line that was read or, where a text had
 *             escapes, into the event's own store; both end with either
 * Errors      enum event_fault with the byte column (from 1) where it was seen
 */
#pragma once

#include "common/base/decimal.h"
#include "common/base/span.h"

enum {
    EVENT_NAME_MAX = 64, /* of a symbol, account id, resolution, ... */
};

enum event_type {
    EVENT_TICK,
    EVENT_TRADE,
    EVENT_TRADE_EXCLUDED, /* used up a trade id, but is no trade */
    EVENT_ORDERBOOK,
    EVENT_BAR,
    EVENT_PRICE_UPDATE,
    EVENT_MARKET_STATUS,
    EVENT_TRADING_ALERT,
    EVENT_EXECUTION,
    EVENT_ACCOUNT,
    EVENT_POSITIONS,
    EVENT_OPTION_CHAIN,
    EVENT_IVDEX,
    EVENT_EXCHANGE,
    EVENT_TYPES, /* how many */
};

/* Bits of event.have. */
enum {
    EVENT_HAS_TIME = 1,
    EVENT_HAS_BID = 2,
    EVENT_HAS_ASK = 4,
    EVENT_HAS_PRICE = 8,
    EVENT_HAS_SIZE = 16,
    EVENT_HAS_ID = 32,
    EVENT_HAS_SIDE = 64,
    EVENT_HAS_SEQ = 128,
    EVENT_HAS_SRC = 256,
    EVENT_HAS_SYMBOL = 512,
};

struct event {
    enum event_type type;
    unsigned have;
    struct span text; /* the object, from { to } */
    struct span symbol;
    int64_t time_ns;
    struct decimal bid, ask, price, size;
    struct span id;   /* trade id without quotes: a string or a number */
    struct span side; /* without quotes */
    struct span src;  /* publisher run, see docs/messages.md */
    uint64_t seq;
    /* Names that routes use; empty where the event has none; the resolution of
     * a bar is D where the event says 1D.  Each is 1 to
     * EVENT_NAME_MAX of letters, digits and ._/-@+#: no colon, which parts
     * channel names, and no *, which is a wildcard there. */
    struct span account_id, user_id, expiry, resolution, exchange_event;
    char store[256]; /* what those names point into */
};

enum event_fault {
    EVENT_OK,
    EVENT_NOT_JSON,
    EVENT_NUL_BYTE,
    EVENT_BAD_UTF8,
    EVENT_NOT_OBJECT,
    EVENT_DUPLICATE_KEY,
    EVENT_NO_TYPE,
    EVENT_UNKNOWN_TYPE,
    EVENT_NO_SYMBOL,
    EVENT_BAD_SYMBOL,
    EVENT_NO_TIME,
    EVENT_BAD_TIME,  /* not a number, or not one of 1990 to 2255 */
    EVENT_TIME_IN_S, /* nor that, but it would be in seconds, ... */
    EVENT_TIME_IN_MS,
    EVENT_TIME_IN_US,
    EVENT_TIME_IN_NS,
    EVENT_FUTURE_TIME, /* set by callers that know the time of day */
    EVENT_NO_PRICE,
    EVENT_BAD_PRICE, /* no number, more than 18 digits */
    EVENT_LOW_PRICE, /* zero or negative, which the rules do not allow */
    EVENT_BAD_SIZE,  /* negative, no number, more than 18 digits */
    EVENT_NO_ID,     /* of a trade that was left out */
    EVENT_BAD_NAME,  /* account_id, expiry, ... missing or unusable */
    EVENT_FAULTS,
};

/* What `time` counts, and the time of a bar. */
enum event_unit {
    EVENT_UNIT_MS,
    EVENT_UNIT_S,
    EVENT_UNIT_US,
    EVENT_UNIT_NS,
};
#define EVENT_UNIT_CHOICES "ms|s|us|ns"

/* What a source may write besides what every one may; zeroed: nothing. */
struct event_rules {
    enum event_unit unit;
    bool allow_negative; /* prices of zero and below */
};

/* At least LINE_PAD readable bytes must follow the line (any values).  For
 * many lines of one source event_reader.h is twice as fast. */
enum event_fault event_read_strict(struct span line, struct event *ev,
                                   unsigned *column);
/* The same by other rules.  The event's text is the line's, whose times are in
 * the unit of the rules: see event_unit.h. */
enum event_fault event_read_by(const struct event_rules *rules,
                               struct span line, struct event *ev,
                               unsigned *column);
/* Why this line is not a JSON object: not JSON, NUL byte, UTF-8, or another
 * value.  EVENT_OK where it is one. */
enum event_fault event_syntax(struct span line, unsigned *column);
/* A sentence for people: "price is zero or negative". */
const char *event_fault_text(enum event_fault fault);

const char *event_type_name(enum event_type type);
bool event_type_of(struct span name, enum event_type *out);

/* What the gateway must know about a payload that anybody may have published.
 * Any valid JSON value passes, also one that names a member twice (the last
 * one counts, as in JavaScript); members are looked for at the top level. */
struct event_peek {
    struct span type;   /* empty where there is none */
    struct span symbol; /* as written, without quotes */
    bool is_bar;        /* type "bar" with an object member "bar" */
    int64_t bar_time_ms;
    bool bar_final;
};

/* False: not exactly one valid JSON value, with UTF-8 checked. */
bool event_peek(struct span payload, struct event_peek *out);
