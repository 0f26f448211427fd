
#include "common/feed/feed_map.h"

/*
 * Binance, spot and futures.  Streams as documented by the exchange; aggregate
 * trades keep how many trades they stand for.  bookTicker of the spot market
 * has neither kind nor time.
 *
 * X of a futures trade is MARKET, or says that it was none: NA (price and
 * quantity are zero), INSURANCE_FUND and ADL, which are made at prices of their
 * own and are in none of the exchange's own bars.  Old aggregate trades of the
 * spot market with f and l of -1 have zeros, too.
 */
static const struct feed_row excluded_trade = {
    FEED_BECOMES(EVENT_TRADE_EXCLUDED, "trade_excluded"),
    .member = {{FEED_MEMBER("s", "symbol", FEED_TEXT)},
               {FEED_MEMBER("T", "time", FEED_TIME)},
               {FEED_MEMBER("t", "id", FEED_ID)},
               {FEED_MEMBER("X", "reason", FEED_TEXT), .optional = true},
               {FEED_MEMBER("p", "price", FEED_DECIMAL), .optional = true},
               {FEED_MEMBER("q", "size", FEED_DECIMAL), .optional = true},
               {FEED_MEMBER("m", "side", FEED_SELL_TRUE), .optional = true}}};
static const struct feed_row excluded_aggregate = {
    FEED_BECOMES(EVENT_TRADE_EXCLUDED, "trade_excluded"),
    .member = {{FEED_MEMBER("s", "symbol", FEED_TEXT)},
               {FEED_MEMBER("T", "time", FEED_TIME)},
               {FEED_MEMBER("a", "id", FEED_ID)},
               {FEED_MEMBER("X", "reason", FEED_TEXT), .optional = true},
               {FEED_MEMBER("p", "price", FEED_DECIMAL), .optional = true},
               {FEED_MEMBER("q", "size", FEED_DECIMAL), .optional = true},
               {FEED_MEMBER("m", "side", FEED_SELL_TRUE), .optional = true}}};

#define MARKET_ONLY(row)                                                       \
    .excluded = &(row), .market_key = "X", .market_word = "MARKET"

static const struct feed_row rows[] = {
    {FEED_KIND("trade"), FEED_BECOMES(EVENT_TRADE, "trade"),
     MARKET_ONLY(excluded_trade),
     .member = {{FEED_MEMBER("s", "symbol", FEED_TEXT)},
                {FEED_MEMBER("T", "time", FEED_TIME)},
                {FEED_MEMBER("p", "price", FEED_DECIMAL)},
                {FEED_MEMBER("q", "size", FEED_DECIMAL)},
                {FEED_MEMBER("t", "id", FEED_ID)},
                {FEED_MEMBER("m", "side", FEED_SELL_TRUE), .optional = true}}},
    {FEED_KIND("aggTrade"), FEED_BECOMES(EVENT_TRADE, "trade"),
     MARKET_ONLY(excluded_aggregate),
     .member = {{FEED_MEMBER("s", "symbol", FEED_TEXT)},
                {FEED_MEMBER("T", "time", FEED_TIME)},
                {FEED_MEMBER("p", "price", FEED_DECIMAL)},
                {FEED_MEMBER("q", "size", FEED_DECIMAL)},
                {FEED_MEMBER("a", "id", FEED_ID)},
                {FEED_MEMBER("m", "side", FEED_SELL_TRUE), .optional = true},
                {FEED_MEMBER("f", "count", FEED_COUNT), .key2 = "l",
                 .optional = true}}},
    {FEED_KIND("bookTicker"), FEED_BECOMES(EVENT_TICK, "tick"),
     .member = {{FEED_MEMBER("s", "symbol", FEED_TEXT)},
                {FEED_MEMBER("T", "time", FEED_TIME)},
                {FEED_MEMBER("b", "bid", FEED_DECIMAL)},
                {FEED_MEMBER("a", "ask", FEED_DECIMAL)},
                {FEED_MEMBER("B", "bid_size", FEED_DECIMAL), .optional = true},
                {FEED_MEMBER("A", "ask_size", FEED_DECIMAL),
                 .optional = true}}},
    {.kind = NULL,
     FEED_BECOMES(EVENT_TICK, "tick"),
     .member = {{.key = "u", .how = FEED_PRESENT},
                {FEED_MEMBER("s", "symbol", FEED_TEXT)},
                {FEED_NATIVE("time"), .how = FEED_RECEIVED},
                {FEED_MEMBER("b", "bid", FEED_DECIMAL)},
                {FEED_MEMBER("a", "ask", FEED_DECIMAL)},
                {FEED_MEMBER("B", "bid_size", FEED_DECIMAL)},
                {FEED_MEMBER("A", "ask_size", FEED_DECIMAL)}}},
    {.member = {{.how = 0}}},
};

const struct feed feed_binance = {.name = "binance",
                                  .kind_key = "e",
                                  .wrapper = "stream",
                                  .wrapped = "data",
                                  .row = rows};
