/*
 * redis_words.h -- the commands that a fake Redis was sent, one after the other.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/span.h"
#include "tests/unit/common/redis/fake_redis.h"

enum { WORDS_MAX = 16 };

struct words {
    unsigned conn; /* the connection that they came on */
    size_t at;     /* of the next, in what came on it */
    struct span word[WORDS_MAX];
    int n;
};

static inline bool words_are(const struct words *w, int i, const char *text)
{
    return i < w->n && span_is(w->word[i], text);
}

/* False: the next one is not there yet, or not whole. */
static inline bool words_next(struct fake *f, struct words *w)
{
    const char *at, *end;
    int n = 0, used = 0;

    if (w->conn != f->accepted)
        *w = (struct words){.conn = f->accepted};
    bytes_add(&f->got, "", 1); /* for sscanf() */
    f->got.len--;
    at = f->got.ptr + w->at;
    end = f->got.ptr + f->got.len;
    if (!memchr(at, '\n', (size_t)(end - at)) ||
        sscanf(at, "*%d\r\n%n", &n, &used) != 1)
        return false;
    assert_in_range(n, 1, WORDS_MAX);
    at += used;
    for (int i = 0; i < n; i++) {
        size_t size;

        if (!memchr(at, '\n', (size_t)(end - at)) ||
            sscanf(at, "$%zu%n", &size, &used) != 1 ||
            (size_t)(end - at) < (size_t)used + 2 + size + 2)
            return false;
        at += used + 2;
        w->word[i] = span_make(at, size);
        at += size + 2;
    }
    w->n = n;
    w->at = (size_t)(at - f->got.ptr);
    return true;
}

/* A bulk string. */
static inline void words_reply(struct fake *f, const char *text)
{
    char reply[512];

    snprintf(reply, sizeof reply, "$%zu\r\n%s\r\n", strlen(text), text);
    fake_send(f, reply);
}

static inline void words_reply_count(struct fake *f, unsigned n)
{
    char reply[24];

    snprintf(reply, sizeof reply, "*%u\r\n", n);
    fake_send(f, reply);
}

static inline void words_reply_time(struct fake *f, int64_t ms)
{
    char reply[64];

    snprintf(reply, sizeof reply, "*2\r\n$10\r\n%010lld\r\n$6\r\n%06lld\r\n",
             (long long)(ms / 1000), (long long)(ms % 1000 * 1000));
    fake_send(f, reply);
}
