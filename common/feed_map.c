#include "common/feed_map.h"

#include <stddef.h>

/*
 * Binance, spot and futures.  Streams as documented by the exchange; aggregate
 * trades keep how many trades they stand for.  bookTicker of the spot market
 * has neither kind nor time.
 */
static const struct feed_row binance_rows[] = {
    {.kind = "trade",
     .type = EVENT_TRADE,
     .member = {{.key = "s", .native = "symbol", .how = FEED_TEXT},
                {.key = "T", .native = "time", .how = FEED_TIME},
                {.key = "p", .native = "price", .how = FEED_DECIMAL},
                {.key = "q", .native = "size", .how = FEED_DECIMAL},
                {.key = "t", .native = "id", .how = FEED_ID},
                {.key = "m",
                 .native = "side",
                 .how = FEED_SELL_TRUE,
                 .optional = true}}},
    {.kind = "aggTrade",
     .type = EVENT_TRADE,
     .member = {{.key = "s", .native = "symbol", .how = FEED_TEXT},
                {.key = "T", .native = "time", .how = FEED_TIME},
                {.key = "p", .native = "price", .how = FEED_DECIMAL},
                {.key = "q", .native = "size", .how = FEED_DECIMAL},
                {.key = "a", .native = "id", .how = FEED_ID},
                {.key = "m",
                 .native = "side",
                 .how = FEED_SELL_TRUE,
                 .optional = true},
                {.key = "f",
                 .key2 = "l",
                 .native = "count",
                 .how = FEED_COUNT,
                 .optional = true}}},
    {.kind = "bookTicker",
     .type = EVENT_TICK,
     .member = {{.key = "s", .native = "symbol", .how = FEED_TEXT},
                {.key = "T", .native = "time", .how = FEED_TIME},
                {.key = "b", .native = "bid", .how = FEED_DECIMAL},
                {.key = "a", .native = "ask", .how = FEED_DECIMAL},
                {.key = "B",
                 .native = "bid_size",
                 .how = FEED_DECIMAL,
                 .optional = true},
                {.key = "A",
                 .native = "ask_size",
                 .how = FEED_DECIMAL,
                 .optional = true}}},
    {.kind = NULL,
     .type = EVENT_TICK,
     .member = {{.key = "u", .how = FEED_PRESENT},
                {.key = "s", .native = "symbol", .how = FEED_TEXT},
                {.native = "time", .how = FEED_RECEIVED},
                {.key = "b", .native = "bid", .how = FEED_DECIMAL},
                {.key = "a", .native = "ask", .how = FEED_DECIMAL},
                {.key = "B", .native = "bid_size", .how = FEED_DECIMAL},
                {.key = "A", .native = "ask_size", .how = FEED_DECIMAL}}},
    {.member = {{.how = 0}}},
};

const struct feed feed_table[] = {
    {.name = "binance",
     .kind_key = "e",
     .wrapper = "stream",
     .wrapped = "data",
     .row = binance_rows},
    {.name = NULL},
};
