/*
 * engine_world.h -- drive an engine from a test: events in, issued bars remembered.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bargen/core/engine.h"
#include "bargen/core/message.h"

#define MS NS_PER_MS
#define MINUTE_MS INT64_C(60000)
/* 2025-09-01 00:00 UTC, a Monday and the first of a month. */
#define T0 INT64_C(1756684800000)

struct issued {
    char symbol[16];
    char resolution[RESOLUTION_NAME_MAX];
    struct bar bar;
    enum bar_issue how;
};

struct feed {
    struct engine engine;
    struct resolution resolutions[8];
    struct issued *at;
    unsigned n, cap;
    struct bytes text; /* every message, a line each */
};

static void feed_issue(void *arg, struct symbol *sym,
                       const struct resolution *r, const struct bar *bar,
                       enum bar_issue how)
{
    struct feed *f = arg;
    struct issued *i;

    if (f->n == f->cap) {
        f->cap = f->cap ? f->cap * 2 : 64;
        f->at = mem_grow(f->at, f->cap * sizeof *f->at);
    }
    i = &f->at[f->n++];
    memset(i, 0, sizeof *i);
    memcpy(i->symbol, sym->name.ptr, sym->name.len);
    memcpy(i->resolution, r->name, sizeof i->resolution);
    i->bar = *bar;
    i->how = how;
    message_bar(&f->text, sym->name, r, bar, how, NULL);
    bytes_add_str(&f->text, "\n");
}

static inline struct engine_config feed_config(void)
{
    return (struct engine_config){.n_resolutions = 1,
                                  .grace_ns = 250 * MS,
                                  .correction_ns = 60000 * MS,
                                  .ahead_ns = 5000 * MS,
                                  .sequence = true,
                                  .track = true,
                                  .shards = 1};
}

/* names: "1 5 D". */
static inline void feed_open(struct feed *f, struct engine_config config,
                             const char *names)
{
    unsigned n = 0;

    *f = (struct feed){.n = 0};
    while (*names) {
        size_t len = strcspn(names, " ");

        assert_int_equal(
            resolution_parse(span_make(names, len), &f->resolutions[n++]),
            RESOLUTION_OK);
        names += len;
        names += *names == ' ';
    }
    config.resolutions = f->resolutions;
    config.n_resolutions = n;
    config.sink = (struct bar_sink){feed_issue, f};
    bytes_init(&f->text);
    engine_init(&f->engine, &config);
}

static inline void feed_close(struct feed *f)
{
    engine_close(&f->engine);
    free(f->at);
    bytes_close(&f->text);
}

static inline struct decimal feed_decimal(const char *text)
{
    struct decimal d = {0, 0};

    assert_true(decimal_parse(span_str(text), &d));
    return d;
}

static inline struct event feed_trade_event(const char *symbol, int64_t time_ms,
                                            const char *price, const char *size,
                                            const char *id)
{
    struct event ev = {.type = EVENT_TRADE,
                       .symbol = span_str(symbol),
                       .time_ns = time_ms * MS,
                       .price = feed_decimal(price),
                       .have = EVENT_HAS_TIME | EVENT_HAS_PRICE};

    if (size) {
        ev.size = feed_decimal(size);
        ev.have |= EVENT_HAS_SIZE;
    }
    if (id) {
        ev.id = span_str(id);
        ev.have |= EVENT_HAS_ID;
    }
    return ev;
}

/* Old data: it arrives a year after its time. */
static inline enum engine_verdict feed_trade(struct feed *f, int64_t time_ms,
                                             const char *price,
                                             const char *size, const char *id)
{
    struct event ev = feed_trade_event("X", time_ms, price, size, id);

    return engine_event(&f->engine, &ev, (T0 + 365 * 1440 * MINUTE_MS) * MS);
}

/* As it happens. */
static inline enum engine_verdict feed_live(struct feed *f, int64_t time_ms,
                                            const char *price, const char *size,
                                            const char *id)
{
    struct event ev = feed_trade_event("X", time_ms, price, size, id);

    return engine_event(&f->engine, &ev, time_ms * MS);
}

static inline struct event feed_tick_event(const char *symbol, int64_t time_ms,
                                           const char *bid, const char *ask)
{
    return (struct event){.type = EVENT_TICK,
                          .symbol = span_str(symbol),
                          .time_ns = time_ms * MS,
                          .bid = feed_decimal(bid),
                          .ask = feed_decimal(ask),
                          .have =
                              EVENT_HAS_TIME | EVENT_HAS_BID | EVENT_HAS_ASK};
}

static inline enum engine_verdict feed_tick(struct feed *f, int64_t time_ms,
                                            const char *bid, const char *ask)
{
    struct event ev = feed_tick_event("X", time_ms, bid, ask);

    return engine_event(&f->engine, &ev, (T0 + 365 * 1440 * MINUTE_MS) * MS);
}

/* The newest issue of a final bar; its bar.end_ns is 0 where there is none. */
static inline const struct issued *
feed_final(const struct feed *f, const char *resolution, int64_t start_ms)
{
    static const struct issued none;

    for (unsigned i = f->n; i > 0; i--)
        if (f->at[i - 1].how == BAR_FINAL &&
            strcmp(f->at[i - 1].resolution, resolution) == 0 &&
            f->at[i - 1].bar.start_ns == start_ms * MS)
            return &f->at[i - 1];
    return &none;
}

static inline unsigned feed_count(const struct feed *f, enum bar_issue how)
{
    unsigned n = 0;

    for (unsigned i = 0; i < f->n; i++)
        n += f->at[i].how == how;
    return n;
}

/* "open high low close volume count" */
static inline void feed_assert_bar(const struct issued *i, const char *want)
{
    char got[256], t[4][DECIMAL_TEXT_MAX], v[DECIMAL_SUM_TEXT_MAX];
    struct decimal_sum volume = bar_volume(&i->bar);

    assert_true(i->bar.end_ns > 0);
    decimal_format(i->bar.open, t[0]);
    decimal_format(i->bar.high, t[1]);
    decimal_format(i->bar.low, t[2]);
    decimal_format(i->bar.close, t[3]);
    decimal_sum_format(&volume, v);
    snprintf(got, sizeof got, "%s %s %s %s %s %d", t[0], t[1], t[2], t[3], v,
             (int)i->bar.count);
    assert_string_equal(got, want);
}
