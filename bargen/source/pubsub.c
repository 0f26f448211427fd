#include "bargen/source/pubsub.h"

#include <stdlib.h>

#include "bargen/bargen.h"
#include "bargen/source/payload.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/redis/redis_sub.h"

struct pubsub {
    struct bargen *b;
    struct redis_sub *sub;
    struct payload payload;
    bool interrupted; /* something may have been said that we did not hear */
    bool live, closing;
};

bool pubsub_ready(const struct pubsub *p)
{
    return p->live && !p->closing;
}

static void on_message(void *arg, struct span channel, struct span payload,
                       struct span pattern)
{
    struct pubsub *p = arg;

    (void)channel; /* the event names its symbol itself */
    (void)pattern;
    payload_take(&p->payload, &p->b->engine, payload, clock_wall_ns());
}

static void on_drained(void *arg)
{
    struct pubsub *p = arg;

    bargen_flush(p->b);
}

static void on_live(void *arg)
{
    struct pubsub *p = arg;

    p->live = true;
    bargen_source_ready(p->b);
    if (!p->interrupted)
        return;
    p->interrupted = false;
    if (p->b->engine.symbols.n == 0)
        return;
    log_warn("pubsub_gap", "why=\"nothing was heard for a while\"");
    engine_lost(&p->b->engine, -1, clock_wall_ns());
    bargen_flush(p->b);
}

static void on_down(void *arg, const char *why, bool refused)
{
    struct pubsub *p = arg;

    /* The store's link says the same. */
    if (!p->b->store)
        bargen_redis_down(p->b, why, refused);
    p->live = false;
    p->interrupted = true;
}

static void want(struct pubsub *p, const char *symbol, bool pattern)
{
    struct bytes name;

    bytes_init(&name);
    bytes_add_str(&name, p->b->redis.prefix);
    bytes_add_str(&name, "market_data:");
    bytes_add_str(&name, symbol);
    redis_sub_want(p->sub, bytes_span(&name), pattern);
    bytes_close(&name);
}

struct pubsub *pubsub_new(struct bargen *b)
{
    struct pubsub *p = mem_zero(sizeof *p);
    struct redis_sub_events events = {.on_message = on_message,
                                      .on_live = on_live,
                                      .on_down = on_down,
                                      .on_drained = on_drained};

    p->b = b;
    /* The state that was loaded is from before this process listened. */
    p->interrupted = true;
    payload_init(&p->payload);
    p->sub = redis_sub_new(&b->app->loop, &b->redis, &events, p);
    for (unsigned i = 0; i < b->opts->n_names; i++)
        want(p, b->opts->names[i], false);
    if (b->opts->n_names == 0)
        want(p, "*", true);
    return p;
}

static void on_closed(void *arg)
{
    struct pubsub *p = arg;

    payload_close(&p->payload);
    free(p);
}

void pubsub_close(struct pubsub *p)
{
    if (!p || p->closing)
        return;
    p->closing = true;
    redis_sub_close(p->sub, on_closed, p);
}
