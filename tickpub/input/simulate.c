#include "tickpub/input/simulate.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/decimal.h"

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
    double volatility;  /* of one second */
    double mid;         /* in ticks */
    double heat;        /* volatility now, 1 on average */
    double half_spread; /* as a part of the price, 1 on average */
    bool buying;        /* side of the last trade */
    uint64_t trade_id;
    int64_t last_ns;
};

struct simulator {
    uint64_t state[4];
    double rate;
    unsigned count;
    struct instrument instruments[];
};

/* --- random numbers --- */

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static uint64_t rotated(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

static uint64_t draw(struct simulator *s)
{
    uint64_t *st = s->state;
    uint64_t result = rotated(st[1] * 5, 7) * 9;
    uint64_t t = st[1] << 17;

    st[2] ^= st[0];
    st[3] ^= st[1];
    st[1] ^= st[2];
    st[0] ^= st[3];
    st[2] ^= t;
    st[3] = rotated(st[3], 45);
    return result;
}

/* [0, 1) */
static double uniform(struct simulator *s)
{
    return (double)(draw(s) >> 11) * 0x1p-53;
}

static bool chance(struct simulator *s, unsigned percent)
{
    return draw(s) % 100 < percent;
}

/* Mean 0, variance 1: the sum of twelve uniforms of 21 bits.  Its tails end at
 * six; the wandering volatility makes the returns' tails fat enough. */
static double normal(struct simulator *s)
{
    uint64_t sum = 0;

    for (int i = 0; i < 4; i++) {
        uint64_t r = draw(s);

        sum += (r & 0x1FFFFF) + ((r >> 21) & 0x1FFFFF) + (r >> 43);
    }
    return (double)sum * 0x1p-21 - 6.0;
}

/* Mean 1. */
static double exponential(struct simulator *s)
{
    for (int whole = 0;; whole++) {
        double first = uniform(s), before = first;
        bool odd = true;

        for (;;) {
            double u = uniform(s);

            if (u >= before)
                break;
            before = u;
            odd = !odd;
        }
        if (odd)
            return whole + first;
    }
}

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
    for (int i = 0; i < 4; i++)
        s->state[i] = splitmix(&seed);
    for (unsigned i = 0; i < count; i++) {
        struct profile p = profile_of(symbols[i]);

        s->instruments[i] = (struct instrument){
            .symbol = span_make(mem_str(symbols[i]), symbols[i].len),
            .scale = p.scale,
            .lot = p.lot,
            .volatility = p.volatility / sqrt(YEAR_S),
            .mid = (double)p.price,
            .heat = 1,
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
    return (int64_t)(exponential(s) * SECOND_NS / s->rate / activity(time_ns));
}

static double between(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

static void walk(struct simulator *s, struct instrument *in, int64_t time_ns)
{
    double quiet_s = in->last_ns > 0
                         ? (double)(time_ns - in->last_ns) / SECOND_NS
                         : 1.0 / s->rate;
    double step;

    quiet_s = between(quiet_s, 0, QUIET_MAX_S);
    in->last_ns = time_ns;
    in->heat += 0.01 * (1 - in->heat) + 0.05 * sqrt(in->heat) * normal(s);
    in->heat = between(in->heat, 0.2, 4);
    step = in->volatility * in->heat * sqrt(quiet_s * activity(time_ns)) *
           normal(s);
    in->mid *= 1 + between(step, -0.05, 0.05);
    in->mid = between(in->mid, 2, 1e12);
}

/* bid < ask, both whole ticks above zero. */
static void quote(struct simulator *s, struct instrument *in, int64_t *bid,
                  int64_t *ask)
{
    double half = in->mid * in->half_spread * in->heat * (0.4 + uniform(s));
    int64_t low = (int64_t)floor(in->mid - half);
    int64_t high = (int64_t)ceil(in->mid + half);

    *bid = low > 1 ? low : 1;
    *ask = high > *bid ? high : *bid + 1;
}

static uint64_t trade_size(struct simulator *s, const struct instrument *in)
{
    uint64_t lots = 1 + (uint64_t)(exponential(s) * 2 * in->heat);

    if (in->lot > 1 && chance(s, ODD_LOT_PERCENT))
        return 1 + draw(s) % (in->lot - 1);
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
    if (!chance(s, RUN_PERCENT))
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
    struct instrument *in = &s->instruments[draw(s) % s->count];
    int64_t bid, ask;

    bytes_reserve(out, LINE_MAX);
    walk(s, in, time_ns);
    quote(s, in, &bid, &ask);
    if (chance(s, TRADES_PERCENT)) {
        add_trade(s, in, time_ns, bid, ask, out);
        return;
    }
    add_head(out, "{\"type\":\"tick\",\"symbol\":\"", in, time_ns);
    add_price(out, ",\"bid\":", bid, in->scale);
    add_price(out, ",\"ask\":", ask, in->scale);
    bytes_add_str(out, "}");
}
