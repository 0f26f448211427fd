/*
 * interval_model.h -- one channel, clients that hear it at different intervals,
 * and what each of them must have heard by when.
 */
#pragma once

#include "tests/unit/wsgate/client_world.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/base/random.h"
#include "wsgate/channels/pattern.h"
#include "wsgate/client/snapshot.h"
#include "wsgate/fanout/hearing.h"

enum {
    HEARERS = 6,
    SLOW = 2, /* the first of them may stop reading */
    SLOTS = 24,
    NAMES_MAX = 4,
    LATE_MS = 100, /* a tick of the gateway's timer, and a step of ours */
};

/* The channel first, then wildcards over it, the narrowest first. */
static const char *const feeds[][NAMES_MAX] = {
    {"market_data:Q:X", "market_data:Q:*", "market_data:*:X", "market_data:*"},
    {"bars:A:5", "bars:A:*", "bars:*:5", "bars:*"},
    {"stock:price_updates", "stock:*"},
};

struct heard {
    unsigned n;       /* the newest message that it was told; 0: none */
    unsigned repeats; /* of that one, in snapshots */
};

struct subscription {
    bool had; /* as acknowledged */
    uint32_t interval_ms;
};

struct hearer {
    struct visitor *v; /* NULL: not here */
    bool reads;
    unsigned asked;
    uint64_t floor, last_update; /* of seq */
    uint64_t since_ms;           /* it has the channel */
    unsigned first, newest;      /* the next message then, and the newest bar */
    struct subscription subs[NAMES_MAX];
    struct heard heard[SLOTS];
};

static struct {
    struct client_world world;
    struct random random;
    uint64_t seed;
    unsigned step, n, n_names;
    const char *const *names;
    uint64_t due; /* message x client, as it must be counted */
    struct {
        unsigned n;
        uint64_t ms;
    } sent[SLOTS];
    struct hearer hearers[HEARERS];
    bool verbose;
} t;

static unsigned draw(unsigned n)
{
    return (unsigned)(random_draw(&t.random) % n);
}

static uint64_t now_ms(void)
{
    return (uint64_t)fake_mono_ns / 1000000;
}

__attribute__((format(printf, 2, 3))) static void say(const struct hearer *h,
                                                      const char *fmt, ...)
{
    va_list args;

    if (!t.verbose)
        return;
    printf("%5u %6" PRIu64 " %td  ", t.step, now_ms() % 1000000,
           h ? h - t.hearers : -1);
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    printf("\n");
}

#define MUST(cond, h, ...)                                                     \
    do {                                                                       \
        if (!(cond)) {                                                         \
            printf("seed %" PRIu64 " step %u hearer %td: ", t.seed, t.step,    \
                   (h)-t.hearers);                                             \
            printf(__VA_ARGS__);                                               \
            printf("\n");                                                      \
            fail();                                                            \
        }                                                                      \
    } while (0)

static bool is_bars(void)
{
    return t.names == feeds[1];
}

static struct channel *channel_of(void)
{
    return channels_find(upstream_channels(t.world.up.upstream),
                         span_str(t.names[0]));
}

/* How the gateway brings it the channel; NULL: not at all. */
static const struct view *view_of(const struct hearer *h)
{
    const struct channel *channel = channel_of();

    return h->v && channel
               ? snapshot_heard(upstream_channels(t.world.up.upstream),
                                h->v->client->m.group, channel)
               : NULL;
}

static bool has(const struct hearer *h)
{
    bool any = false;

    for (unsigned i = 0; i < t.n_names; i++)
        any |= h->subs[i].had;
    return any;
}

/* Of two as narrow as each other either may count. */
static uint32_t interval_of(const struct hearer *h)
{
    uint32_t interval = 0;

    if (h->subs[0].had)
        return h->subs[0].interval_ms;
    if (h->subs[1].had || h->subs[2].had) {
        for (unsigned i = 1; i < 3; i++) {
            if (h->subs[i].had && h->subs[i].interval_ms > interval)
                interval = h->subs[i].interval_ms;
        }
        return interval;
    }
    return h->subs[3].interval_ms;
}

/* --- what it reads --- */

static void read_told(struct hearer *h, bool update, uint64_t seq,
                      unsigned slot, unsigned n)
{
    struct heard *was = &h->heard[slot];

    say(h, "%s %" PRIu64 " slot %u n %u", update ? "update" : "snapshot", seq,
        slot, n);
    MUST(has(h), h, "slot %u n %u was not asked for", slot, n);
    MUST(update ? seq > h->floor : seq >= h->floor, h,
         "seq %" PRIu64 " after %" PRIu64, seq, h->floor);
    MUST(n > was->n || (!update && n == was->n), h,
         "slot %u: n %u after %u (%s)", slot, n, was->n,
         update ? "update" : "snapshot");
    was->repeats = n == was->n ? was->repeats + 1 : 0;
    MUST(was->repeats <= h->asked, h, "slot %u: n %u shown again", slot, n);
    was->n = n;
    h->floor = seq;
    if (update)
        h->last_update = seq;
}

static uint64_t number_at(const char *line, const char *key)
{
    const char *at = strstr(line, key);

    return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static void read_answer(struct hearer *h, const char *line)
{
    bool on = strstr(line, "\"type\":\"subscribed\"") != NULL;
    uint64_t id = number_at(line, "\"id\":"), seq = number_at(line, "\"seq\":");
    struct subscription *s = &h->subs[id % NAMES_MAX];

    say(h, "%s", line);
    if (!strstr(line, "\"ok\":true"))
        return;
    if (on && !has(h))
        h->floor = h->last_update = 0;
    MUST(!on || id % NAMES_MAX != 0 || seq >= h->last_update, h,
         "acknowledged with %" PRIu64 " after %" PRIu64, seq, h->last_update);
    if (on && seq > h->floor)
        h->floor = seq;
    s->had = on;
    s->interval_ms = on ? (uint32_t)(id / NAMES_MAX) : 0;
    if (!has(h))
        memset(h->heard, 0, sizeof h->heard);
}

static void read_line(struct hearer *h, const char *line)
{
    bool update = strncmp(line, "{\"type\":\"update\"", 16) == 0;

    if (update || strncmp(line, "{\"type\":\"snapshot\"", 18) == 0)
        read_told(h, update, number_at(line, "\"seq\":"),
                  (unsigned)number_at(line, "\"slot\":"),
                  (unsigned)number_at(line, "\"n\":"));
    else if (strstr(line, "subscribed\""))
        read_answer(h, line);
}

static void read_all(struct hearer *h)
{
    char *text, *next;

    if (!h->v || !h->reads)
        return;
    (void)visitor_hear(h->v);
    for (text = h->v->text.ptr; *text; text = next) {
        char *end = strchr(text, '\n');

        *end = '\0';
        next = end + 1;
        read_line(h, text);
    }
    bytes_clear(&h->v->text);
}

/* --- what it must have read by now --- */

static unsigned newest_bar(void)
{
    unsigned slot = SLOTS;

    while (slot > 0 && t.sent[slot - 1].n == 0)
        slot--;
    return slot - 1;
}

static void check_known(const struct hearer *h)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        uint64_t since = t.sent[i].ms;

        if (t.sent[i].n == 0)
            continue;
        if (t.sent[i].n < h->first) {
            since = h->since_ms;
            /* Of bars a snapshot has the newest. */
            if (is_bars() && i != h->newest)
                continue;
        }
        if (now_ms() >= since + interval_of(h) + LATE_MS)
            MUST(h->heard[i].n == t.sent[i].n, h,
                 "slot %u: has n %u, not %u of %" PRIu64 " ms ago", i,
                 h->heard[i].n, t.sent[i].n, now_ms() - t.sent[i].ms);
    }
}

/* What waits is due, and not counted yet. */
static uint64_t held(void)
{
    struct channel *channel = channel_of();
    uint64_t n = 0;

    for (struct view *v = channel ? channel->native.next : NULL; v;
         v = v->next) {
        if (view_held(v) > 0)
            n += (uint64_t)view_held(v) *
                 hearing_members(&t.world.up.fanout, &v->stream);
    }
    return n;
}

static void check_counters(void)
{
    const struct fanout *f = &t.world.up.fanout;
    const struct fanout_counters *k = &f->counters;

    assert_int_equal(k->expected, k->delivered + k->conflated +
                                      k->dropped_closed + k->dropped_slow +
                                      fanout_queued(f));
    MUST(k->expected + held() == t.due, &t.hearers[0],
         "%" PRIu64 " are counted, %" PRIu64 " wait, %" PRIu64 " were due",
         k->expected, held(), t.due);
}

static void turn(void)
{
    for (int i = 0; i < 3; i++)
        world_turn(&t.world.up);
    for (int i = 0; i < HEARERS; i++) {
        struct hearer *h = &t.hearers[i];

        read_all(h);
        if (i >= SLOW && has(h))
            check_known(h);
    }
    check_counters();
}
