#include "tickpub/input/simulator.h"

#include <math.h>
#include <stdlib.h>

#include "common/base/decimal.h"
#include "common/base/random_walk.h"

#define SECOND_NS 1e9
#define DAY_S 86400.0
/* Volatility is quoted for a year of trading hours, so that a price moves by a
 * tick or two a second, as on a screen in the daytime. */
#define YEAR_S (252 * 6.5 * 3600)

enum {
    LINE_MAX = 256, /* longest event, with a symbol of 64 bytes */
    TRADES_PERCENT = 35,
    RUN_PERCENT = 70, /* the next trade is on the same side */
    ODD_LOT_PERCENT = 20,
    QUIET_MAX_S = 60, /* a longer silence moves the price no further */
};

/* What a symbol starts from: price in units of 10^-scale. */
struct profile {
    const char *symbol;
    int64_t price;
    uint8_t scale;
    unsigned lot;
    double volatility; /* a year */
};

static const struct profile known[] = {
    {"AAPL", 18721, 2, 100, 0.28},       {"GOOGL", 14052, 2, 100, 0.30},
    {"MSFT", 37490, 2, 100, 0.26},       {"AMZN", 15334, 2, 100, 0.34},
    {"TSLA", 24850, 2, 100, 0.55},       {"NVDA", 49520, 2, 100, 0.50},
    {"META", 35110, 2, 100, 0.40},       {"NFLX", 48620, 2, 100, 0.38},
    {"SPY", 47565, 2, 100, 0.14},        {"QQQ", 40938, 2, 100, 0.18},
    {"BTCUSD", 4300050, 2, 1, 0.60},     {"BTCUSDT", 4300210, 2, 1, 0.60},
    {"ETHUSD", 229580, 2, 1, 0.70},      {"ETHUSDT", 229615, 2, 1, 0.70},
    {"EURUSD", 109524, 5, 1000, 0.07},   {"GBPUSD", 127116, 5, 1000, 0.08},
    {"USDJPY", 144382, 3, 1000, 0.09},   {"NIFTY", 2174165, 2, 50, 0.14},
    {"BANKNIFTY", 4829225, 2, 15, 0.18},
};

struct instrument {
    struct span symbol;
    uint8_t scale;
    unsigned lot;
    struct random_walk walk; /* of the middle of the spread, in ticks */
    double half_spread;      /* as a part of the price, 1 on average */
    bool buying;             /* side of the last trade */
    uint64_t trade_id;
    int64_t last_ns;
};

struct simulator {
    struct random random;
    double rate;
    unsigned count;
    struct instrument instruments[];
};

/* --- the market --- */

/* Of the mean: 1.4 at the ends of a UTC day, 0.8 in its middle. */
static double activity(int64_t time_ns)
{
    double day = (double)time_ns / SECOND_NS / DAY_S;
    double x = 2 * (day - floor(day)) - 1;

    return 0.8 + 0.6 * x * x;
}

/* Never seeded: an unknown symbol starts from the same price in every run.
 * Multiply and fold, eight bytes a step. */
static uint64_t hash_of(struct span symbol)
{
    uint64_t h = 0x9E3779B97F4A7C15u ^ symbol.len, word;

    for (size_t at = 0; at < symbol.len; at += sizeof word) {
        size_t left = symbol.len - at;

        word = 0;
        memcpy(&word, symbol.ptr + at, left < 8 ? left : 8);
        h = (h ^ word) * 0xD6E8FEB86659FD93u;
        h ^= h >> 32;
    }
    h *= 0xD6E8FEB86659FD93u;
    return h ^ (h >> 29);
}

static struct profile profile_of(struct span symbol)
{
    uint64_t hash = hash_of(symbol);

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (span_is(symbol, known[i].symbol))
            return known[i];
    }
    return (struct profile){
        .price = 1000 + (int64_t)(hash % 49000), /* 10.00 to 500.00 */
        .scale = 2,
        .lot = 100,
        .volatility = 0.20 + (double)((hash >> 32) % 40) / 100,
    };
}

struct simulator *simulator_new(const struct span *symbols, unsigned count,
                                double rate, uint64_t seed)
{
    struct simulator *s =
        mem_zero(sizeof *s + count * sizeof s->instruments[0]);

    s->rate = rate;
    s->count = count;
    s->random = random_seeded(seed);
    for (unsigned i = 0; i < count; i++) {
        struct profile p = profile_of(symbols[i]);

        s->instruments[i] = (struct instrument){
            .symbol = span_make(mem_str(symbols[i]), symbols[i].len),
            .scale = p.scale,
            .lot = p.lot,
            .walk =
                random_walk_start((double)p.price, p.volatility / sqrt(YEAR_S)),
            .half_spread = 5e-5,
        };
    }
    return s;
}

void simulator_free(struct simulator *s)
{
    if (!s)
        return;
    for (unsigned i = 0; i < s->count; i++)
        free((void *)(uintptr_t)s->instruments[i].symbol.ptr);
    free(s);
}

int64_t simulator_gap_ns(struct simulator *s, int64_t time_ns)
{
    return (int64_t)(random_exponential(&s->random) * SECOND_NS / s->rate /
                     activity(time_ns));
}

static void walk(struct simulator *s, struct instrument *in, int64_t time_ns)
{
    double quiet_s = in->last_ns > 0
                         ? (double)(time_ns - in->last_ns) / SECOND_NS
                         : 1.0 / s->rate;

    quiet_s = quiet_s < 0 ? 0 : quiet_s > QUIET_MAX_S ? QUIET_MAX_S : quiet_s;
    in->last_ns = time_ns;
    random_walk_step(&in->walk, &s->random, quiet_s * activity(time_ns));
}

/* bid < ask, both whole ticks above zero. */
static void quote(struct simulator *s, struct instrument *in, int64_t *bid,
                  int64_t *ask)
{
    double half = in->walk.price * in->half_spread * in->walk.heat *
                  (0.4 + random_uniform(&s->random));
    int64_t low = (int64_t)floor(in->walk.price - half);
    int64_t high = (int64_t)ceil(in->walk.price + half);

    *bid = low > 1 ? low : 1;
    *ask = high > *bid ? high : *bid + 1;
}

static uint64_t trade_size(struct simulator *s, const struct instrument *in)
{
    uint64_t lots =
        1 + (uint64_t)(random_exponential(&s->random) * 2 * in->walk.heat);

    if (in->lot > 1 && random_chance(&s->random, ODD_LOT_PERCENT))
        return 1 + random_draw(&s->random) % (in->lot - 1);
    return lots * in->lot;
}

static void add_price(struct bytes *out, const char *member, int64_t ticks,
                      uint8_t scale)
{
    char text[DECIMAL_TEXT_MAX];
    unsigned n =
        decimal_format((struct decimal){.mant = ticks, .scale = scale}, text);

    bytes_add_str(out, member);
    bytes_add(out, text, n);
}

static void add_head(struct bytes *out, const char *type,
                     const struct instrument *in, int64_t time_ns)
{
    bytes_add_str(out, type);
    bytes_add_span(out, in->symbol);
    bytes_add_str(out, "\",\"time\":");
    bytes_add_int(out, time_ns / 1000000);
}

static void add_trade(struct simulator *s, struct instrument *in,
                      int64_t time_ns, int64_t bid, int64_t ask,
                      struct bytes *out)
{
    if (!random_chance(&s->random, RUN_PERCENT))
        in->buying = !in->buying;
    add_head(out, "{\"type\":\"trade\",\"symbol\":\"", in, time_ns);
    add_price(out, ",\"price\":", in->buying ? ask : bid, in->scale);
    bytes_add_str(out, ",\"size\":");
    bytes_add_int(out, (int64_t)trade_size(s, in));
    bytes_add_str(out, ",\"id\":\"");
    bytes_add_int(out, (int64_t)++in->trade_id);
    bytes_add_str(out, in->buying ? "\",\"side\":\"buy\"}"
                                  : "\",\"side\":\"sell\"}");
}

void simulator_event(struct simulator *s, int64_t time_ns, struct bytes *out)
{
    struct instrument *in = &s->instruments[random_draw(&s->random) % s->count];
    int64_t bid, ask;

    bytes_reserve(out, LINE_MAX);
    walk(s, in, time_ns);
    quote(s, in, &bid, &ask);
    if (random_chance(&s->random, TRADES_PERCENT)) {
        add_trade(s, in, time_ns, bid, ask, out);
        return;
    }
    add_head(out, "{\"type\":\"tick\",\"symbol\":\"", in, time_ns);
    add_price(out, ",\"bid\":", bid, in->scale);
    add_price(out, ",\"ask\":", ask, in->scale);
    bytes_add_str(out, "}");
}
