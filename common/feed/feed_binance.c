#include <stddef.h>

#include "common/feed/feed_map.h"

/*
 * Binance, spot and futures.  Streams as documented by the exchange; aggregate
 * trades keep how many trades they stand for.  bookTicker of the spot market
 * has neither kind nor time.
 */
static const struct feed_row rows[] = {
    {FEED_KIND("trade"), FEED_BECOMES(EVENT_TRADE, "trade"),
     .member = {{.key = "s", FEED_NATIVE("symbol"), .how = FEED_TEXT},
                {.key = "T", FEED_NATIVE("time"), .how = FEED_TIME},
                {.key = "p", FEED_NATIVE("price"), .how = FEED_DECIMAL},
                {.key = "q", FEED_NATIVE("size"), .how = FEED_DECIMAL},
                {.key = "t", FEED_NATIVE("id"), .how = FEED_ID},
                {.key = "m",
                 FEED_NATIVE("side"),
                 .how = FEED_SELL_TRUE,
                 .optional = true}}},
    {FEED_KIND("aggTrade"), FEED_BECOMES(EVENT_TRADE, "trade"),
     .member = {{.key = "s", FEED_NATIVE("symbol"), .how = FEED_TEXT},
                {.key = "T", FEED_NATIVE("time"), .how = FEED_TIME},
                {.key = "p", FEED_NATIVE("price"), .how = FEED_DECIMAL},
                {.key = "q", FEED_NATIVE("size"), .how = FEED_DECIMAL},
                {.key = "a", FEED_NATIVE("id"), .how = FEED_ID},
                {.key = "m",
                 FEED_NATIVE("side"),
                 .how = FEED_SELL_TRUE,
                 .optional = true},
                {.key = "f",
                 .key2 = "l",
                 FEED_NATIVE("count"),
                 .how = FEED_COUNT,
                 .optional = true}}},
    {FEED_KIND("bookTicker"), FEED_BECOMES(EVENT_TICK, "tick"),
     .member = {{.key = "s", FEED_NATIVE("symbol"), .how = FEED_TEXT},
                {.key = "T", FEED_NATIVE("time"), .how = FEED_TIME},
                {.key = "b", FEED_NATIVE("bid"), .how = FEED_DECIMAL},
                {.key = "a", FEED_NATIVE("ask"), .how = FEED_DECIMAL},
                {.key = "B",
                 FEED_NATIVE("bid_size"),
                 .how = FEED_DECIMAL,
                 .optional = true},
                {.key = "A",
                 FEED_NATIVE("ask_size"),
                 .how = FEED_DECIMAL,
                 .optional = true}}},
    {.kind = NULL,
     FEED_BECOMES(EVENT_TICK, "tick"),
     .member = {{.key = "u", .how = FEED_PRESENT},
                {.key = "s", FEED_NATIVE("symbol"), .how = FEED_TEXT},
                {FEED_NATIVE("time"), .how = FEED_RECEIVED},
                {.key = "b", FEED_NATIVE("bid"), .how = FEED_DECIMAL},
                {.key = "a", FEED_NATIVE("ask"), .how = FEED_DECIMAL},
                {.key = "B", FEED_NATIVE("bid_size"), .how = FEED_DECIMAL},
                {.key = "A", FEED_NATIVE("ask_size"), .how = FEED_DECIMAL}}},
    {.member = {{.how = 0}}},
};

const struct feed feed_binance = {.name = "binance",
                                  .kind_key = "e",
                                  .wrapper = "stream",
                                  .wrapped = "data",
                                  .row = rows};
