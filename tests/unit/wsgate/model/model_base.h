/*
 * model_base.h -- chance, time and what has happened, for the model.
 *
 * All chance comes from one generator, or first from the bytes of a fuzzer, and
 * both clocks stand until the model moves them, so that a seed or those bytes
 * say everything.  Takes the place of common/base/clock.c, clock_gettime(2) where
 * it is asked for the time since the start, getrandom(2) and getpid(2).
 */
#pragma once

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* A fuzz target has its own. */
#ifndef assert_true
#include <cmocka.h>
#endif

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/random.h"

/* What is checked; each can be switched off (model_test.c, --skip). */
enum model_check {
    CHECK_ORDER,    /* ack, snapshot, updates; seq ascends */
    CHECK_OLDER,    /* no older message of a slot after a newer one */
    CHECK_TWICE,    /* no message twice */
    CHECK_WINDOW,   /* but where a wildcard needs it: HSET, then PUBLISH */
    CHECK_LOST,     /* none is lost to those who are told all */
    CHECK_NEWS,     /* no cached message as news but after an outage */
    CHECK_KNOWN,    /* what is known reaches everybody */
    CHECK_ANEW,     /* also what was owed when a subscription changed */
    CHECK_FETCHED,  /* what Redis remembers becomes known */
    CHECK_REFUSED,  /* refused and granted again, and told so */
    CHECK_PRIVATE,  /* nobody hears what is somebody's own */
    CHECK_FRAMES,   /* each frame has one outcome for each subscriber */
    CHECK_MESSAGES, /* each message from Redis has one outcome */
    CHECK_FAMILIES, /* bars:* and the like bring all that they stand for */
    CHECK_SYMBOLS,  /* a slot of stock:price_updates is one symbol's */
    CHECKS,
};

static const char *const check_names[CHECKS] = {
    "order",   "older",  "twice",    "window",   "lost",
    "news",    "known",  "anew",     "fetched",  "refused",
    "private", "frames", "messages", "families", "symbols"};

enum { TRACE_MAX = 8192, TRACE_TEXT = 180, TRACE_SHOWN = 60 };
#define NOBODY (-1)

struct trace_line {
    uint64_t step;
    int client, channel; /* NOBODY: it concerns all */
    char text[TRACE_TEXT];
};

static struct model {
    struct random random;
    const uint8_t *at, *end; /* of chance, before that of the generator */
    int64_t mono_ns;
    uint64_t seed, step;
    unsigned skipped; /* bits: checks that are not made */
    bool verbose;
    struct trace_line trace[TRACE_MAX];
    uint64_t traced;
    void (*show_client)(int client, int channel);
    char failed[400]; /* empty: nothing did */
} model;

static inline int64_t model_wall_ns(void)
{
    return INT64_C(1700000000) * 1000000000 + model.mono_ns;
}

int64_t clock_wall_ms(void)
{
    return model_wall_ns() / 1000000;
}

int64_t clock_wall_ns(void)
{
    return model_wall_ns();
}

uint64_t clock_mono_ns(void)
{
    return (uint64_t)model.mono_ns;
}

/* libuv's.  The time of day is left to those who watch the test. */
int clock_gettime(clockid_t id, struct timespec *at)
{
    if (id != CLOCK_MONOTONIC && id != CLOCK_MONOTONIC_COARSE)
        return (int)syscall(SYS_clock_gettime, id, at);
    at->tv_sec = model.mono_ns / 1000000000;
    at->tv_nsec = model.mono_ns % 1000000000;
    return 0;
}

ssize_t getrandom(void *buf, size_t len, unsigned flags)
{
    (void)flags;
    for (size_t i = 0; i < len; i++)
        ((unsigned char *)buf)[i] = (unsigned char)random_draw(&model.random);
    return (ssize_t)len;
}

pid_t getpid(void)
{
    return 4242;
}

static inline int64_t model_now_ms(void)
{
    return clock_wall_ms();
}

/* 0 .. n - 1 */
static inline unsigned draw(unsigned n)
{
    uint32_t taken = 0;

    if (model.at == model.end)
        return (unsigned)(random_draw(&model.random) % n);
    for (unsigned most = n - 1; most > 0 && model.at < model.end; most >>= 8)
        taken = taken << 8 | *model.at++;
    return taken % n;
}

static inline bool chance(unsigned percent)
{
    return draw(100) < percent;
}

__attribute__((format(printf, 3, 4))) static inline void
trace(int client, int channel, const char *fmt, ...)
{
    struct trace_line *t = &model.trace[model.traced++ % TRACE_MAX];
    va_list args;

    t->step = model.step;
    t->client = client;
    t->channel = channel;
    va_start(args, fmt);
    vsnprintf(t->text, sizeof t->text, fmt, args);
    va_end(args);
    if (model.verbose)
        printf("%6" PRIu64 " %3d %3d  %s\n", t->step, client, channel, t->text);
}

/* The last lines about this client and channel. */
static void trace_print(int client, int channel)
{
    uint64_t from = model.traced > TRACE_MAX ? model.traced - TRACE_MAX : 0;
    uint64_t shown[TRACE_SHOWN];
    unsigned n = 0;

    for (uint64_t i = model.traced; i-- > from && n < TRACE_SHOWN;) {
        const struct trace_line *t = &model.trace[i % TRACE_MAX];
        if ((t->client == NOBODY || t->client == client) &&
            (t->channel == NOBODY || channel == NOBODY ||
             t->channel == channel))
            shown[n++] = i;
    }
    while (n-- > 0) {
        const struct trace_line *t = &model.trace[shown[n] % TRACE_MAX];
        printf("  step %-6" PRIu64 " %s\n", t->step, t->text);
    }
}

/* The first failure counts; the run ends with it. */
__attribute__((format(printf, 4, 5))) static void
broken(enum model_check check, int client, int channel, const char *fmt, ...)
{
    char what[300];
    va_list args;

    if (model.failed[0] || check == CHECKS || (model.skipped >> check & 1))
        return;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    snprintf(model.failed, sizeof model.failed,
             "seed %" PRIu64 " step %" PRIu64 ": %s: client %d: %s", model.seed,
             model.step, check_names[check], client, what);
    printf("what happened before, about this client and channel:\n");
    trace_print(client, channel);
    if (client != NOBODY)
        model.show_client(client, channel);
    printf("%s\n", model.failed);
}
