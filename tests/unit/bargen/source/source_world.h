/*
 * source_world.h -- one source between a server or a pipe and an engine; what
 * it says is counted.
 */
#pragma once

#include "tests/unit/bargen/engine_world.h"
/* cmocka.h has an assert of its own */
#include "bargen/source/source.h"
#include "tests/unit/common/redis/fake_redis.h"

struct world {
    struct fake fake;
    struct feed feed;
    struct source *source;
    unsigned drained, ready, down, refused, unreadable, ended;
    char why[256];
    struct err err;        /* of the end */
    struct bytes accepted; /* a line each */
    bool pause_in_accepted, pause_in_drained, close_in_drained,
        close_in_unreadable;
};

static struct world w;

static void world_close_source(void)
{
    source_close(w.source);
    w.source = NULL; /* any event from now on fails below */
}

static void world_on_drained(void *arg)
{
    assert_ptr_equal(arg, &w);
    assert_non_null(w.source);
    w.drained++;
    if (w.pause_in_drained)
        source_pause(w.source);
    if (w.close_in_drained)
        world_close_source();
}

static void world_on_ready(void *arg)
{
    (void)arg;
    assert_non_null(w.source);
    w.ready++;
}

static void world_on_down(void *arg, const char *why, bool refused)
{
    (void)arg;
    assert_non_null(w.source);
    w.down++;
    w.refused += refused;
    snprintf(w.why, sizeof w.why, "%s", why);
}

static void world_on_unreadable(void *arg, struct span why)
{
    (void)arg;
    assert_non_null(w.source);
    w.unreadable++;
    snprintf(w.why, sizeof w.why, "%.*s", SPAN_ARG(why));
    if (w.close_in_unreadable)
        world_close_source();
}

static void world_on_accepted(void *arg, struct span line)
{
    (void)arg;
    assert_non_null(w.source);
    bytes_add_span(&w.accepted, line);
    bytes_add_str(&w.accepted, "\n");
    if (w.pause_in_accepted)
        source_pause(w.source);
}

static void world_on_end(void *arg, const struct err *err)
{
    (void)arg;
    assert_non_null(w.source);
    w.ended++;
    if (err)
        w.err = *err;
    world_close_source();
}

/* What the constructors of sources want; the engine makes bars of a minute. */
static struct source_context world_open(const char *const *answers,
                                        unsigned shards)
{
    struct engine_config config = feed_config();

    memset(&w, 0, sizeof w);
    config.shards = shards;
    fake_start(&w.fake, answers);
    feed_open(&w.feed, config, "1");
    return (struct source_context){
        .loop = &w.fake.loop,
        .engine = &w.feed.engine,
        .events = {.on_drained = world_on_drained,
                   .on_ready = world_on_ready,
                   .on_down = world_on_down,
                   .on_unreadable = world_on_unreadable,
                   .on_accepted = world_on_accepted,
                   .on_end = world_on_end},
        .arg = &w};
}

static void world_close(void)
{
    if (w.source)
        world_close_source();
    fake_stop(&w.fake);
    feed_close(&w.feed);
    bytes_close(&w.accepted);
}

/* Whatever could happen by now has happened. */
static inline void world_settle(void)
{
    for (int i = 0; i < 50; i++)
        uv_run(&w.fake.loop, UV_RUN_NOWAIT);
}

/* Of the one symbol that the tests speak of. */
static inline const struct bar *world_open_bar(void)
{
    assert_int_equal(w.feed.engine.symbols.n, 1);
    return &w.feed.engine.symbols.all[0]->series[0].cur;
}

#define TRADE_AT "{\"type\":\"trade\",\"symbol\":\"X\",\"time\":"
/* Trades in one minute of 2025. */
#define TRADE(ID)                                                              \
    TRADE_AT "1756684800000,\"price\":10,\"size\":1,\"id\":\"" ID "\"}"
