#include "bargen/source/pubsub.h"

#include <stdlib.h>

#include "bargen/source/payload.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/redis/redis_sub.h"

struct pubsub {
    struct source source;
    struct source_context to;
    struct pubsub_config config;
    struct redis_sub *sub; /* NULL: not begun */
    struct payload payload;
    bool interrupted; /* something may have been said that we did not hear */
    bool live;
};

static bool pubsub_caught_up(const void *self)
{
    return ((const struct pubsub *)self)->live;
}

static const char *pubsub_fault(const void *self)
{
    return pubsub_caught_up(self) ? NULL : "not subscribed";
}

static void on_message(void *arg, struct span channel, struct span payload,
                       struct span pattern)
{
    struct pubsub *p = arg;

    (void)pattern;
    payload_take(&p->payload, p->to.engine, payload, channel, clock_wall_ns());
}

static void on_drained(void *arg)
{
    struct pubsub *p = arg;

    p->to.events.on_drained(p->to.arg);
}

static void on_live(void *arg)
{
    struct pubsub *p = arg;

    p->live = true;
    p->to.events.on_ready(p->to.arg);
    if (!p->interrupted)
        return;
    p->interrupted = false;
    if (p->to.engine->symbols.n == 0)
        return;
    log_warn("pubsub_gap", "why=\"nothing was heard for a while\"");
    engine_lost(p->to.engine, -1, clock_wall_ns());
    p->to.events.on_drained(p->to.arg);
}

static void on_down(void *arg, const char *why, bool refused)
{
    struct pubsub *p = arg;

    p->live = false;
    p->interrupted = true;
    p->to.events.on_down(p->to.arg, why, refused);
}

/* Nobody may have heard what was said while it changed hands. */
static void pubsub_shard(void *self, unsigned shard, bool ours)
{
    struct pubsub *p = self;

    if (ours && p->live)
        engine_lost(p->to.engine, (int)shard, clock_wall_ns());
}

static void want(struct pubsub *p, const char *symbol, bool pattern)
{
    static const char *const families[] = {"_excluded:", "market_data:"};
    struct bytes name;

    bytes_init(&name);
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        bytes_clear(&name);
        bytes_add_str(&name, p->config.redis->prefix);
        bytes_add_str(&name, families[i]);
        bytes_add_str(&name, symbol);
        redis_sub_want(p->sub, bytes_span(&name), pattern);
    }
    bytes_close(&name);
}

static void pubsub_resume(void *self)
{
    static const struct redis_sub_events events = {.on_message = on_message,
                                                   .on_live = on_live,
                                                   .on_down = on_down,
                                                   .on_drained = on_drained};
    struct pubsub *p = self;

    if (p->sub)
        return;
    p->sub = redis_sub_new(p->to.loop, p->config.redis, &events, p);
    for (unsigned i = 0; i < p->config.n_symbols; i++)
        want(p, p->config.symbols[i], false);
    if (p->config.n_symbols == 0)
        want(p, "*", true);
}

static void on_closed(void *arg)
{
    struct pubsub *p = arg;

    payload_close(&p->payload);
    free(p);
}

static void pubsub_close(void *self)
{
    struct pubsub *p = self;

    if (p->sub)
        redis_sub_close(p->sub, on_closed, p);
    else
        on_closed(p);
}

struct source *pubsub_new(const struct source_context *to,
                          const struct pubsub_config *config)
{
    static const struct source_ops ops = {.resume = pubsub_resume,
                                          .shard = pubsub_shard,
                                          .caught_up = pubsub_caught_up,
                                          .fault = pubsub_fault,
                                          .close = pubsub_close};
    struct pubsub *p = mem_zero(sizeof *p);

    p->source = (struct source){&ops, p};
    p->to = *to;
    p->config = *config;
    /* The state that was loaded is from before this process listened. */
    p->interrupted = true;
    payload_init(&p->payload, &config->rules);
    return &p->source;
}
