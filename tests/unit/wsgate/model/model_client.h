/*
 * model_client.h -- the clients: their sockets, and what is remembered of each
 * channel that they hear.
 */
#pragma once

#include <sys/socket.h>

#include "common/json/json.h"
#include "tests/unit/wsgate/model/model_cover.h"
#include "wsgate/ws/ws_frame.h"

enum {
    VISITORS = 10,
    FAST = 3, /* the first of them always read at once */
    WILDCARDS = 12,
    NAMES = CHANNELS + WILDCARDS,
    REQUESTS = 64,
    TAKES = 256,
    TOLD_MAX = 64,
    NEEDS_MAX = 64,
};
#define POS_UNKNOWN UINT64_MAX

static const char *const wildcards[WILDCARDS] = {
    "market_data:*", "bars:*:5",          "bars:A:*",     "bars:*",
    "stock:*",       "orderbook:*",       "executions:*", "alerts:*",
    "prod:*",        "prod:executions:*", "_notes:*",     "bars:B:*"};

/* Of one slot of a channel, as this client was told it. */
struct last_told {
    uint32_t record;
    bool update;
    uint64_t repeats; /* of messages of the slot that were shown again */
    bool seen;        /* since the client hears the channel */
};

/* A channel, as one client hears it. */
struct ear {
    /* As far as it has read. */
    uint64_t floor;       /* the highest seq so far */
    uint64_t last_update; /* its seq */
    uint64_t pos;         /* all frames up to here were told */
    uint64_t asked;       /* answers about it */
    char epoch[EPOCH];    /* that `told` is of */
    unsigned n_told;
    struct last_told told[TOLD_MAX];
    /* As the gateway has it. */
    uint64_t from; /* frame since which it is subscribed; 0: it is not */
    uint64_t anew; /* frame at which the subscription last changed */
    bool waits;    /* for what Redis remembers */
    unsigned n_needs;
    uint32_t needs[NEEDS_MAX]; /* records that it must hear, or newer */
};

struct subscription {
    bool had, all, refused; /* as far as it has read */
    uint32_t interval_ms;
    bool given; /* as the gateway has it */
};

/* The gateway took a subscription over; the answer has not been read yet. */
struct take {
    unsigned name;
    uint64_t seqs[CHANNELS];
    char epochs[CHANNELS][EPOCH];
};

struct asked {
    bool all;
    uint32_t interval_ms;
};

struct visitor {
    int fd; /* -1: not here */
    bool fast, closed;
    struct client *client;
    uint64_t id, requests;
    size_t room; /* what its socket takes */
    struct bytes in;
    struct asked asked[REQUESTS];
    struct take takes[TAKES]; /* a ring */
    unsigned first_take, n_takes;
    struct subscription subs[NAMES];
    struct ear heard[CHANNELS];
};

static struct visitor visitors[VISITORS];

static inline int number_of(const struct visitor *v)
{
    return (int)(v - visitors);
}

static inline const char *name_of(unsigned name)
{
    return name < CHANNELS ? rows[name].name : wildcards[name - CHANNELS];
}

static int name_number(struct span name)
{
    for (unsigned i = 0; i < NAMES; i++) {
        if (span_is(name, name_of(i)))
            return (int)i;
    }
    return -1;
}

/* docs/protocol.md: * is one whole part, a bare family:* all the rest. */
static bool stands_for(const char *pattern, const char *name)
{
    const char *colon = strchr(pattern, ':');

    if (colon && strcmp(colon, ":*") == 0)
        return strncmp(pattern, name, (size_t)(colon - pattern) + 1) == 0;
    while (*pattern && *name) {
        if (*pattern == '*') {
            pattern++;
            name += strcspn(name, ":");
        } else if (*pattern++ != *name++) {
            return false;
        }
    }
    return *pattern == *name;
}

static bool covers(unsigned name, int channel)
{
    return name < CHANNELS ? (int)name == channel
                           : stands_for(name_of(name), rows[channel].name);
}

/* --- what the gateway gives --- */

static void note_needs(struct ear *h, int c)
{
    struct holding held;

    gate_holding(c, &held);
    h->n_needs = 0;
    for (unsigned i = 0; i < held.n; i++) {
        if (!holding_is_outdone(&held, i))
            h->needs[h->n_needs++] = held.at[i].record;
    }
}

/* Redis has said what it remembers: who waited for that must hear it. */
static void visitors_wait(void)
{
    for (int i = 0; i < VISITORS; i++) {
        for (int c = 0; visitors[i].fd >= 0 && c < CHANNELS; c++) {
            struct ear *h = &visitors[i].heard[c];
            if (!h->waits || !gate_channel(c) ||
                !upstream_is_fetched(gate.upstream, gate_channel(c)))
                continue;
            h->waits = false;
            note_needs(h, c);
        }
    }
}

/* How many of its subscriptions bring the channel. */
static unsigned given(const struct visitor *v, int c)
{
    unsigned n = 0;

    for (unsigned i = 0; i < NAMES; i++)
        n += v->subs[i].given && covers(i, c);
    return n;
}

static bool has_wildcard(int c)
{
    for (int i = 0; i < VISITORS; i++) {
        for (unsigned k = CHANNELS; visitors[i].fd >= 0 && k < NAMES; k++) {
            if (visitors[i].subs[k].given && covers(k, c))
                return true;
        }
    }
    return false;
}

static void take_channel(struct visitor *v, struct take *t, unsigned name,
                         int c)
{
    const struct channel *channel = gate_channel(c);
    struct ear *h = &v->heard[c];

    t->seqs[c] = channel ? channel->seq : 0;
    snprintf(t->epochs[c], EPOCH, "%s", channel ? channel->epoch : "");
    if (given(v, c) == 0) {
        h->from = gate.fanout.log.head;
        h->waits = false;
        h->n_needs = 0;
        for (unsigned i = 0; i < h->n_told; i++)
            h->told[i].seen = false;
        note_needs(h, c);
    }
    h->anew = gate.fanout.log.head;
    if (name < CHANNELS && !upstream_is_fetched(gate.upstream, channel))
        h->waits = true;
}

/* Until when there were two subscriptions to the channel. */
static uint64_t shared_until[CHANNELS];

/* Before one of them gives something up. */
static void note_shared(void)
{
    for (int c = 0; c < CHANNELS; c++) {
        unsigned n = 0;
        for (int i = 0; i < VISITORS; i++)
            n += visitors[i].fd < 0 ? 0 : given(&visitors[i], c);
        if (n > 1)
            shared_until[c] = model.step;
    }
}

static void gave_up(struct visitor *v, unsigned name)
{
    v->subs[name].given = false;
    for (int c = 0; c < CHANNELS; c++) {
        if (!covers(name, c))
            continue;
        v->heard[c].anew = gate.fanout.log.head;
        if (given(v, c) == 0)
            v->heard[c].from = 0;
        if (name < CHANNELS)
            v->heard[c].waits = false;
    }
}

static void on_activity(void *arg, const struct activity *a)
{
    int name = name_number(a->channel);
    struct visitor *v = NULL;

    (void)arg;
    for (int i = 0; i < VISITORS; i++) {
        if (visitors[i].fd >= 0 && visitors[i].id == a->client)
            v = &visitors[i];
    }
    if (v && a->action == ACTIVITY_DISCONNECT)
        v->client = NULL;
    if (!v || name < 0)
        return;
    trace(number_of(v), NOBODY, "%s %s",
          a->action == ACTIVITY_SUBSCRIBE ? "is given" : "gives up",
          name_of((unsigned)name));
    if (a->action == ACTIVITY_UNSUBSCRIBE) {
        note_shared();
        gave_up(v, (unsigned)name);
    } else if (a->action == ACTIVITY_SUBSCRIBE) {
        struct take *t = &v->takes[(v->first_take + v->n_takes++) % TAKES];
        assert_true(v->n_takes <= TAKES);
        memset(t, 0, sizeof *t);
        t->name = (unsigned)name;
        for (int c = 0; c < CHANNELS; c++) {
            if (covers(t->name, c))
                take_channel(v, t, t->name, c);
        }
        v->subs[name].given = true;
    }
}

/* What it has, for people. */
static void show_client(int client, int channel)
{
    for (unsigned i = 0; i < NAMES; i++) {
        const struct subscription *s = &visitors[client].subs[i];
        if ((s->had || s->given) && (channel == NOBODY || covers(i, channel)))
            printf("  it has %s%s%s, every %u ms%s\n", name_of(i),
                   s->had ? s->all ? ", all" : ", latest" : ", not answered",
                   s->given ? "" : ", given up", s->interval_ms,
                   s->refused ? ", refused" : "");
    }
}

/* --- sockets --- */

static ssize_t on_send(struct member *m, const struct iovec *iov, unsigned n)
{
    struct visitor *v = NULL;
    size_t sent = 0;

    for (int i = 0; i < VISITORS; i++) {
        if (visitors[i].fd >= 0 && visitors[i].client &&
            &visitors[i].client->m == m)
            v = &visitors[i];
    }
    if (!v)
        return -EPIPE;
    if (v->room == 0)
        return -EAGAIN;
    for (unsigned i = 0; i < n && v->room > 0; i++) {
        size_t part = iov[i].iov_len < v->room ? iov[i].iov_len : v->room;
        bytes_add(&v->in, iov[i].iov_base, part);
        sent += part;
        v->room -= v->room == SIZE_MAX ? 0 : part;
    }
    return (ssize_t)sent;
}

/* After clients_new(): the gateway's own, but for the send. */
static void visitors_open(void)
{
    static struct fanout_io io;

    io = client_io;
    io.send = on_send;
    memset(shared_until, 0, sizeof shared_until);
    gate.has_wildcard = has_wildcard;
    model.show_client = show_client;
    gate.fanout.io = &io;
    for (int i = 0; i < VISITORS; i++) {
        memset(&visitors[i], 0, sizeof visitors[i]);
        visitors[i].fd = -1;
    }
}

static void visitor_come(struct visitor *v)
{
    struct watch socket;
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX,
                                SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                                ends),
                     0);
    memset(v, 0, sizeof *v);
    v->fd = ends[0];
    v->fast = number_of(v) < FAST;
    v->room = SIZE_MAX;
    watch_open(&socket, gate.watches, ends[1]);
    v->client = client_new(gate.clients, &socket, "192.0.2.1", DIALECT_NATIVE);
    assert_non_null(v->client);
    v->id = v->client->id;
    trace(number_of(v), NOBODY, "comes");
}

static void visitor_leave(struct visitor *v)
{
    if (v->fd < 0)
        return;
    trace(number_of(v), NOBODY, "leaves");
    note_shared();
    close(v->fd);
    v->fd = -1;
    bytes_close(&v->in);
}
