/*
 * fake_cmd.h -- redis_cmd.h without a Redis: the test says what is answered.
 *
 * Every command is kept as a line of its words, with '&' for a line feed in
 * them, until the test takes it; its callback is due until fake_answer() or
 * fake_lose().  Include it in one file of a program.
 */
#pragma once

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/redis/redis_cmd.h"

enum { FAKE_COMMANDS_MAX = 100000 };

struct redis_cmd {
    struct redis_cmd_events events;
    void *arg;
    bool ready, full;
    size_t full_from;    /* full after so many commands, too; 0: no bound */
    unsigned words_left; /* of the command that is being put together */
    struct bytes text;
    char *sent[FAKE_COMMANDS_MAX]; /* all, answered or not */
    size_t n_sent, answered;       /* of this connection: from answered on */
    struct redis_pending pending;
};

/* The one that the code under test made last. */
static struct redis_cmd *fake;

struct redis_cmd *redis_cmd_new(uv_loop_t *loop,
                                const struct redis_config *config,
                                const struct redis_cmd_limits *limits,
                                const struct redis_cmd_events *events,
                                void *arg)
{
    (void)loop, (void)config, (void)limits;
    fake = mem_zero(sizeof *fake);
    fake->events = *events;
    fake->arg = arg;
    return fake;
}

bool redis_cmd_ready(const struct redis_cmd *c)
{
    return c->ready;
}

bool redis_cmd_full(const struct redis_cmd *c)
{
    return c->ready &&
           (c->full || (c->full_from > 0 && c->n_sent >= c->full_from));
}

bool redis_cmd_begin(struct redis_cmd *c, unsigned argc, redis_reply_fn *fn,
                     void *arg)
{
    assert(c->words_left == 0);
    if (!c->ready)
        return false;
    c->words_left = argc;
    redis_pending_add(&c->pending, fn, arg, 1);
    return true;
}

void redis_cmd_arg(struct redis_cmd *c, const void *data, size_t len)
{
    size_t at;

    if (c->words_left == 0)
        return; /* its redis_cmd_begin() returned false */
    if (c->text.len > 0)
        bytes_add(&c->text, " ", 1);
    at = c->text.len;
    bytes_add(&c->text, data, len);
    for (; at < c->text.len; at++) {
        if (c->text.ptr[at] == '\n')
            c->text.ptr[at] = '&';
    }
    if (--c->words_left > 0)
        return;
    assert(c->n_sent < FAKE_COMMANDS_MAX);
    c->sent[c->n_sent++] = mem_str(bytes_span(&c->text));
    bytes_clear(&c->text);
}

void redis_cmd_str(struct redis_cmd *c, const char *text)
{
    redis_cmd_arg(c, text, strlen(text));
}

void redis_cmd_int(struct redis_cmd *c, int64_t value)
{
    char text[24];

    snprintf(text, sizeof text, "%lld", (long long)value);
    redis_cmd_str(c, text);
}

bool redis_cmd_argv(struct redis_cmd *c, redis_reply_fn *fn, void *arg,
                    const char *const *words)
{
    unsigned n = 0;

    while (words[n])
        n++;
    if (!redis_cmd_begin(c, n, fn, arg))
        return false;
    for (unsigned i = 0; i < n; i++)
        redis_cmd_str(c, words[i]);
    return true;
}

bool redis_cmd_raw(struct redis_cmd *c, const void *resp, size_t len,
                   unsigned n_commands, redis_reply_fn *fn, void *arg)
{
    const char *p = resp, *end = p + len;
    char *next;

    if (!c->ready)
        return false;
    for (unsigned i = 0; i < n_commands; i++) {
        unsigned words;

        assert(p < end && *p == '*');
        words = (unsigned)strtoul(p + 1, &next, 10);
        redis_cmd_begin(c, words, fn, arg);
        for (p = next + 2; words > 0; words--) {
            size_t n;

            assert(p < end && *p == '$');
            n = strtoul(p + 1, &next, 10);
            redis_cmd_arg(c, next + 2, n);
            p = next + 2 + n + 2;
        }
    }
    assert(p == end); /* as many commands as were announced */
    return true;
}

void redis_cmd_close(struct redis_cmd *c, void (*done)(void *arg), void *arg)
{
    struct redis_waiter w;

    c->ready = false;
    while (redis_pending_take(&c->pending, &w))
        w.fn(w.arg, NULL);
    redis_pending_close(&c->pending);
    bytes_close(&c->text);
    for (size_t i = 0; i < c->n_sent; i++)
        free(c->sent[i]);
    free(c);
    fake = NULL;
    done(arg);
}

/* --- what a test does to it --- */

/* Redis answers the next command: "+OK", or an error: "-OOM ...". */
static inline void fake_answer(const char *text)
{
    struct redis_reply reply = {.type = *text == '-' ? REDIS_ERROR_REPLY
                                                     : REDIS_STATUS,
                                .str = span_str(text + 1)};
    struct redis_waiter w;

    assert(redis_pending_take(&fake->pending, &w));
    fake->answered++;
    w.fn(w.arg, &reply);
}

/* Command by command, those that the answers cause too. */
static inline void fake_answer_all(void)
{
    while (fake->pending.count > 0)
        fake_answer("+OK");
}

static inline void fake_connect(void)
{
    fake->ready = true;
    fake->answered = fake->n_sent;
    fake->events.on_ready(fake->arg);
}

static inline void fake_lose(void)
{
    struct redis_waiter w;

    fake->ready = false;
    while (redis_pending_take(&fake->pending, &w))
        w.fn(w.arg, NULL);
    fake->events.on_down(fake->arg, "lost", false);
}

/* How many commands that were ever sent have this in them. */
static inline unsigned fake_count(const char *text)
{
    unsigned n = 0;

    for (size_t i = 0; i < fake->n_sent; i++)
        n += strstr(fake->sent[i], text) != NULL;
    return n;
}

/* Answer what comes before the next command that has this in it, which has to
 * be there. */
static inline void fake_answer_up_to(const char *text)
{
    while (fake->answered < fake->n_sent &&
           !strstr(fake->sent[fake->answered], text))
        fake_answer("+OK");
    assert(fake->answered < fake->n_sent);
}
