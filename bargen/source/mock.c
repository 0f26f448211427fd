#include "bargen/source/mock.h"

#include <stdlib.h>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/log.h"

enum {
    HOUR_MS = 3600 * 1000,
    STEP_MS = 250,
    PAST_STEP_MS = 5000,
    PRICE_SCALE = 2,
    SPREAD = 21,      /* a step moves the price by up to 10 hundredths */
    PRICE_MIN = 1000, /* in hundredths */
    SIZE_MAX_LOTS = 50,
};

struct mock {
    struct source source;
    struct source_context to;
    struct mock_config config;
    uv_timer_t timer;
    uint64_t random;
    bool begun, paused;
    int64_t prices[]; /* of each symbol, in hundredths */
};

/* xorshift64*: reproducible everywhere. */
static uint64_t draw(struct mock *m)
{
    m->random ^= m->random >> 12;
    m->random ^= m->random << 25;
    m->random ^= m->random >> 27;
    return m->random * UINT64_C(2685821657736338717) >> 16;
}

static void trade(struct mock *m, unsigned i, int64_t time_ms)
{
    struct event ev = {.type = EVENT_TRADE,
                       .have = EVENT_HAS_TIME | EVENT_HAS_PRICE |
                               EVENT_HAS_SIZE | EVENT_HAS_SYMBOL,
                       .symbol = span_str(m->config.symbols[i]),
                       .time_ns = time_ms * NS_PER_MS};

    m->prices[i] += (int64_t)(draw(m) % SPREAD) - SPREAD / 2;
    if (m->prices[i] < PRICE_MIN)
        m->prices[i] = PRICE_MIN;
    ev.price = (struct decimal){m->prices[i], PRICE_SCALE};
    ev.size = (struct decimal){(int64_t)(draw(m) % SIZE_MAX_LOTS) + 1, 0};
    engine_event(m->to.engine, &ev, clock_wall_ns());
}

static void on_timer(uv_timer_t *timer)
{
    struct mock *m = timer->data;
    int64_t now_ms = clock_wall_ms();

    if (m->paused)
        return;
    for (unsigned i = 0; i < m->config.n_symbols; i++)
        if (draw(m) % 2 == 0)
            trade(m, i, now_ms);
    m->to.events.on_drained(m->to.arg);
}

static void invent_past(struct mock *m)
{
    int64_t now_ms = clock_wall_ms();
    /* From a full hour, so that the same seed gives the same bars. */
    int64_t first_ms = (now_ms / HOUR_MS - MOCK_PAST_HOURS) * HOUR_MS;

    for (int64_t t = first_ms; t < now_ms; t += PAST_STEP_MS)
        for (unsigned i = 0; i < m->config.n_symbols; i++)
            trade(m, i, t);
    m->to.events.on_drained(m->to.arg);
}

static void mock_pause(void *self)
{
    ((struct mock *)self)->paused = true;
}

static void mock_resume(void *self)
{
    struct mock *m = self;

    m->paused = false;
    if (m->begun)
        return;
    m->begun = true;
    uv_timer_start(&m->timer, on_timer, STEP_MS, STEP_MS);
    invent_past(m);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void mock_close(void *self)
{
    uv_close((uv_handle_t *)&((struct mock *)self)->timer, on_closed);
}

struct source *mock_new(const struct source_context *to,
                        const struct mock_config *config)
{
    static const struct source_ops ops = {
        .pause = mock_pause, .resume = mock_resume, .close = mock_close};
    unsigned n = config->n_symbols;
    struct mock *m = mem_zero(sizeof *m + n * sizeof m->prices[0]);

    m->source = (struct source){&ops, m};
    m->to = *to;
    m->config = *config;
    m->random = config->seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    for (unsigned i = 0; i < n; i++)
        m->prices[i] = 5000 + (int64_t)(draw(m) % 45000);
    uv_timer_init(to->loop, &m->timer);
    m->timer.data = m;
    log_warn("mock", "symbols=%u why=\"these bars are invented\"", n);
    return &m->source;
}
