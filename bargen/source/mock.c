#include "bargen/source/mock.h"

#include <stdlib.h>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/random_walk.h"

enum {
    HOUR_MS = 3600 * 1000,
    STEP_MS = 250,
    PAST_STEP_MS = 5000,
    PRICE_SCALE = 2, /* prices are hundredths */
    SIZE_MAX_LOTS = 50,
};

/* Of one second: about 3 % in a day. */
static const double VOLATILITY = 1e-4;

struct mock {
    struct source source;
    struct source_context to;
    struct mock_config config;
    uv_timer_t timer;
    struct random random;
    bool begun, paused;
    struct random_walk walks[]; /* one a symbol */
};

static void trade(struct mock *m, unsigned i, int64_t time_ms, double seconds)
{
    struct random_walk *walk = &m->walks[i];
    struct event ev = {.type = EVENT_TRADE,
                       .have = EVENT_HAS_TIME | EVENT_HAS_PRICE |
                               EVENT_HAS_SIZE | EVENT_HAS_SYMBOL,
                       .symbol = span_str(m->config.symbols[i]),
                       .time_ns = time_ms * NS_PER_MS};

    random_walk_step(walk, &m->random, seconds);
    ev.price = (struct decimal){(int64_t)(walk->price + 0.5), PRICE_SCALE};
    ev.size = (struct decimal){
        (int64_t)(random_draw(&m->random) % SIZE_MAX_LOTS) + 1, 0};
    engine_event(m->to.engine, &ev, clock_wall_ns());
}

static void on_timer(uv_timer_t *timer)
{
    struct mock *m = timer->data;
    int64_t now_ms = clock_wall_ms();

    if (m->paused)
        return;
    for (unsigned i = 0; i < m->config.n_symbols; i++)
        if (random_chance(&m->random, 50))
            trade(m, i, now_ms, 2 * STEP_MS / 1e3);
    m->to.events.on_drained(m->to.arg);
}

static void invent_past(struct mock *m)
{
    int64_t now_ms = clock_wall_ms();
    /* From a full hour, so that the same seed gives the same bars. */
    int64_t first_ms = (now_ms / HOUR_MS - MOCK_PAST_HOURS) * HOUR_MS;

    for (int64_t t = first_ms; t < now_ms; t += PAST_STEP_MS)
        for (unsigned i = 0; i < m->config.n_symbols; i++)
            trade(m, i, t, PAST_STEP_MS / 1e3);
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
    struct mock *m = mem_zero(sizeof *m + n * sizeof m->walks[0]);

    m->source = (struct source){&ops, m};
    m->to = *to;
    m->config = *config;
    m->random = random_seeded(config->seed);
    for (unsigned i = 0; i < n; i++)
        m->walks[i] = random_walk_start(
            5000 + (double)(random_draw(&m->random) % 45000), VOLATILITY);
    uv_timer_init(to->loop, &m->timer);
    m->timer.data = m;
    log_warn("mock", "symbols=%u why=\"these bars are invented\"", n);
    return &m->source;
}
