/*
 * model_redis.h -- the Redis of the model, in memory.
 *
 * Commands are carried out in the order in which a link wrote them, but when
 * the model says so; answers and messages lie here until the model delivers
 * them (model_conn.h), in pieces of any size.  So each link is first in, first
 * out, and two links overtake each other.
 */
#pragma once

#include "common/base/glob.h"
#include "common/base/line.h"
#include "common/redis/redis_conn.h"
#include "common/redis/redis_resp.h"
#include "tests/unit/wsgate/model/model_base.h"

enum {
    REDIS_ARGS_MAX = 64,
    REDIS_NAMES_MAX = 64,
    REDIS_NAME_MAX = 64,
    REDIS_KEYS_MAX = 64,
    REDIS_FIELDS_MAX = 16,
    REDIS_READ_MAX = 4,
    REDIS_MARKS_MAX = 16384,
    REDIS_DENIED_MAX = 8,
};

#define PREFIX "p:"

struct redis_name {
    bool pattern;
    bool told; /* its confirmation has been delivered */
    char text[REDIS_NAME_MAX];
};

enum redis_said { SAID_CONFIRMED, SAID_MESSAGE, SAID_READ };

/* Where in what a link says something of interest ends. */
struct redis_mark {
    uint64_t end;
    enum redis_said what;
    bool pattern;    /* confirmed, or by which it came */
    unsigned values; /* of a message, of a hash */
    uint32_t first;  /* of a message: its records are consecutive */
    uint32_t read[REDIS_READ_MAX];
    uint64_t connection; /* in which it was asked for */
    char text[REDIS_NAME_MAX];
};

struct redis_conn {
    uv_idle_t handle; /* for its close callback */
    struct redis_conn_events events;
    void *arg;
    struct redis_conn *next;
    uint64_t number;
    bool open, closed, subscribes;
    struct bytes asked, said;
    uint64_t asked_on; /* subscription connection of the gateway */
    uint64_t said_total, heard_total; /* bytes */
    unsigned n_names;
    struct redis_name names[REDIS_NAMES_MAX];
    struct redis_mark *marks; /* a ring */
    uint64_t first_mark, n_marks;
};

/* A hash: fields are types, values are payloads. */
struct redis_key {
    char name[REDIS_NAME_MAX];
    unsigned n;
    struct {
        char name[24];
        char *value; /* its memory is the key's */
        uint32_t record;
    } field[REDIS_FIELDS_MAX];
};

struct redis_data {
    unsigned n;
    struct redis_key key[REDIS_KEYS_MAX];
};

static struct redis_server {
    struct redis_conn *first;
    uint64_t conns;
    bool away, loading, readonly;
    struct redis_data data, saved;
    unsigned n_denied;
    char denied[REDIS_DENIED_MAX][REDIS_NAME_MAX]; /* globs of names */
    bool denied_pattern[REDIS_DENIED_MAX];
    /* A hash is read; a link has delivered that; a link with subscriptions ends.
     */
    void (*on_read)(struct redis_mark *m);
    void (*on_mark)(const struct redis_mark *m);
    void (*on_end)(void);
    uint64_t (*connection)(void); /* the gateway's present one */
} redis;

/* --- data --- */

static void redis_key_clear(struct redis_key *k)
{
    for (unsigned i = 0; i < k->n; i++)
        free(k->field[i].value);
    k->n = 0;
}

static void redis_data_clear(struct redis_data *d)
{
    for (unsigned i = 0; i < d->n; i++)
        redis_key_clear(&d->key[i]);
    d->n = 0;
}

static struct redis_key *redis_key_of(struct redis_data *d, const char *name,
                                      bool make)
{
    for (unsigned i = 0; i < d->n; i++) {
        if (strcmp(d->key[i].name, name) == 0)
            return &d->key[i];
    }
    if (!make)
        return NULL;
    assert_true(d->n < REDIS_KEYS_MAX);
    memset(&d->key[d->n], 0, sizeof d->key[0]);
    snprintf(d->key[d->n].name, REDIS_NAME_MAX, "%s", name);
    return &d->key[d->n++];
}

static void redis_hset(struct redis_data *d, const char *key, const char *field,
                       struct span value, uint32_t record)
{
    struct redis_key *k = redis_key_of(d, key, true);
    unsigned i = 0;

    while (i < k->n && strcmp(k->field[i].name, field) != 0)
        i++;
    assert_true(i < REDIS_FIELDS_MAX);
    if (i == k->n) {
        k->n++;
        snprintf(k->field[i].name, sizeof k->field[i].name, "%s", field);
        k->field[i].value = NULL;
    }
    free(k->field[i].value);
    k->field[i].value = mem_str(value);
    k->field[i].record = record;
}

static void redis_data_copy(struct redis_data *to,
                            const struct redis_data *from)
{
    redis_data_clear(to);
    for (unsigned i = 0; i < from->n; i++) {
        for (unsigned f = 0; f < from->key[i].n; f++)
            redis_hset(to, from->key[i].name, from->key[i].field[f].name,
                       span_str(from->key[i].field[f].value),
                       from->key[i].field[f].record);
    }
}

/* --- what links say --- */

static void redis_mark(struct redis_conn *c, struct redis_mark m)
{
    assert_true(c->n_marks < REDIS_MARKS_MAX);
    m.end = c->said_total + c->said.len;
    c->marks[(c->first_mark + c->n_marks++) % REDIS_MARKS_MAX] = m;
}

static void redis_message(struct redis_conn *c, const struct redis_name *name,
                          struct span channel, struct span payload,
                          struct redis_mark m)
{
    resp_array(&c->said, name->pattern ? 4 : 3);
    resp_bulk_str(&c->said, name->pattern ? "pmessage" : "message");
    if (name->pattern)
        resp_bulk_str(&c->said, name->text);
    resp_bulk(&c->said, channel.ptr, channel.len);
    resp_bulk(&c->said, payload.ptr, payload.len);
    m.what = SAID_MESSAGE;
    m.pattern = name->pattern;
    snprintf(m.text, sizeof m.text, "%.*s", SPAN_ARG(channel));
    redis_mark(c, m);
}

/* To how many; names before patterns, as Redis does. */
static unsigned redis_publish(struct span channel, struct span payload,
                              unsigned values, uint32_t first)
{
    struct redis_mark m = {.values = values, .first = first};
    unsigned told = 0;

    for (struct redis_conn *c = redis.first; c; c = c->next) {
        for (unsigned i = 0; i < 2 * c->n_names; i++) {
            const struct redis_name *n = &c->names[i % c->n_names];
            if (n->pattern != (i >= c->n_names) ||
                (n->pattern ? !glob_match(span_str(n->text), channel)
                            : !span_is(channel, n->text)))
                continue;
            redis_message(c, n, channel, payload, m);
            told++;
        }
    }
    return told;
}

/* --- commands --- */

static bool redis_denies(struct span name, bool pattern)
{
    for (unsigned i = 0; i < redis.n_denied; i++) {
        if (redis.denied_pattern[i] == pattern &&
            glob_match(span_str(redis.denied[i]), name))
            return true;
    }
    return false;
}

static void redis_subscribe(struct redis_conn *c, const char *kind, bool on,
                            bool pattern, struct span name)
{
    struct redis_mark m = {.pattern = pattern};
    unsigned at = 0;

    while (at < c->n_names && (c->names[at].pattern != pattern ||
                               !span_is(name, c->names[at].text)))
        at++;
    if (!on && at < c->n_names)
        c->names[at] = c->names[--c->n_names];
    if (on && at == c->n_names) {
        assert_true(at < REDIS_NAMES_MAX && name.len < REDIS_NAME_MAX);
        c->names[c->n_names++] = (struct redis_name){.pattern = pattern};
        snprintf(c->names[at].text, REDIS_NAME_MAX, "%.*s", SPAN_ARG(name));
    }
    resp_array(&c->said, 3);
    resp_bulk_str(&c->said, kind);
    resp_bulk(&c->said, name.ptr, name.len);
    bytes_printf(&c->said, ":%u\r\n", c->n_names);
    snprintf(m.text, sizeof m.text, "%.*s", SPAN_ARG(name));
    if (on)
        redis_mark(c, m);
}

static bool redis_subscribes(struct redis_conn *c, const struct span *args,
                             unsigned n)
{
    static const struct {
        const char *word, *kind;
        bool on, pattern;
    } kinds[] = {{"SUBSCRIBE", "subscribe", true, false},
                 {"PSUBSCRIBE", "psubscribe", true, true},
                 {"UNSUBSCRIBE", "unsubscribe", false, false},
                 {"PUNSUBSCRIBE", "punsubscribe", false, true}};
    bool pattern;

    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        if (!span_is(args[0], kinds[k].word))
            continue;
        pattern = kinds[k].pattern;
        c->subscribes = true;
        for (unsigned i = 1; kinds[k].on && i < n; i++) {
            if (redis_denies(args[i], pattern)) {
                bytes_add_str(&c->said, "-NOPERM not this one\r\n");
                return true; /* nor those beside it */
            }
        }
        for (unsigned i = 1; i < n; i++)
            redis_subscribe(c, kinds[k].kind, kinds[k].on, pattern, args[i]);
        return true;
    }
    return false;
}

static void redis_hgetall(struct redis_conn *c, struct span name)
{
    struct redis_mark m = {.what = SAID_READ};
    const struct redis_key *k;

    snprintf(m.text, sizeof m.text, "%.*s", SPAN_ARG(name));
    k = redis_key_of(&redis.data, m.text, false);
    m.values = !k ? 0 : k->n;
    assert_true(m.values <= REDIS_READ_MAX);
    resp_array(&c->said, !k ? 0 : 2 * k->n);
    for (unsigned i = 0; k && i < k->n; i++) {
        resp_bulk_str(&c->said, k->field[i].name);
        resp_bulk_str(&c->said, k->field[i].value);
        m.read[i] = k->field[i].record;
    }
    m.connection = c->asked_on;
    redis.on_read(&m);
    redis_mark(c, m);
}

static void redis_command(struct redis_conn *c, const struct span *args,
                          unsigned n)
{
    if (redis_subscribes(c, args, n))
        return;
    if (span_is(args[0], "PING") && c->n_names > 0) {
        bytes_add_str(&c->said, "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    } else if (span_is(args[0], "PING") && !redis.loading) {
        bytes_add_str(&c->said, "+PONG\r\n");
    } else if (span_is(args[0], "PUBLISH") && n == 3) {
        unsigned told = redis_publish(args[1], args[2], 0, 0);
        bytes_printf(&c->said, ":%u\r\n", told);
    } else if (redis.loading &&
               (span_is(args[0], "HGETALL") || span_is(args[0], "PING"))) {
        bytes_add_str(&c->said, "-LOADING Redis is loading the dataset\r\n");
    } else if (span_is(args[0], "HGETALL")) {
        redis_hgetall(c, args[1]);
    } else if (redis.readonly && span_is(args[0], "SET")) {
        bytes_add_str(&c->said, "-READONLY You can't write here\r\n");
    } else {
        bytes_add_str(&c->said, "+OK\r\n");
    }
}

static const char *redis_number(const char *at, char mark, unsigned *n)
{
    assert_true(*at == mark);
    *n = (unsigned)strtoul(at + 1, NULL, 10);
    return strchr(at, '\n') + 1;
}

/* Carries out what the link asked. */
static void redis_work(struct redis_conn *c)
{
    struct bytes asked = c->asked;
    const char *at = asked.ptr, *end = !at ? NULL : at + asked.len;
    struct span args[REDIS_ARGS_MAX];
    unsigned n, len;

    if (asked.len == 0)
        return;
    bytes_init(&c->asked);
    while (at < end) {
        at = redis_number(at, '*', &n);
        assert_true(n > 0 && n <= REDIS_ARGS_MAX);
        for (unsigned i = 0; i < n; i++) {
            at = redis_number(at, '$', &len);
            args[i] = span_make(at, len);
            at += len + 2;
        }
        redis_command(c, args, n);
    }
    bytes_close(&asked);
}
