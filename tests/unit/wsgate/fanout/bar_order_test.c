/*
 * Bars against a model.  Messages of the open bar, of the next one and, late,
 * of those before come in random order; so do stalls and changes of
 * subscriptions and modes.  Whatever happens, of each stream `seq` ascends and
 * of each bar what is newer comes later; who waits for two bars in `latest`
 * gets the older one first; in `all` nothing is left out; the counters add up;
 * and in the end everybody has the newest of each bar.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wsgate/fanout/backlog.h"
#include "wsgate/fanout/bar_order.h"
#include "wsgate/fanout/fanout.h"

enum {
    STREAMS = 5,
    CLIENTS = 12,
    LOG = 65536,
    BARS = 4096,
    LATE_MAX = 4,  /* so many bars before the open one still change */
    CHECKED = 20,  /* of the last ones everybody has the newest */
    BEGINS = 0xbee /* a frame that says: the subscription begins here */
};

/* How a frame begins; the rest are zeros. */
struct content {
    uint32_t len, stream, bar, pad;
    uint64_t seq;    /* given anew in a run */
    uint64_t number; /* in the log */
    uint64_t copied; /* log's head when it was copied into a run, or 0 */
};

/* A frame that says what the client is shown of a stream: as a snapshot. */
struct beginning {
    struct content content;       /* bar: the open one */
    uint64_t newest[CHECKED + 1]; /* of it, and of those before */
    bool all;
};

struct client {
    struct member m;
    bool here, lost, writable_wanted;
    bool all, pattern, on[STREAMS];
    size_t room;
    struct bytes in;
    uint64_t seq[STREAMS];
    bool complete[STREAMS];         /* since it begins: nothing left out */
    uint64_t newest[STREAMS][BARS]; /* numbers */
    uint32_t latest[STREAMS];       /* bar that came */
    uint64_t sent_at[STREAMS];      /* log's head when it came, or 0 */
    uint64_t began_at;              /* sent_at of the frame that is cut */
};

struct world {
    struct fanout fanout;
    struct stream stream[STREAMS];
    struct stream_pattern pattern;
    struct client *client;
    uint64_t seq[STREAMS];
    uint32_t open[STREAMS]; /* bar */
    uint64_t newest[STREAMS][BARS];
    uint64_t turned; /* bars that came in another order than published */
    uint32_t x;
};

static struct world *world; /* for callbacks */

static uint32_t roll(struct world *w, uint32_t n)
{
    w->x = w->x * 1664525u + 1013904223u;
    return (w->x >> 8) % n;
}

static bool covers(const struct client *c, uint32_t stream)
{
    return c->on[stream] || c->pattern;
}

/* --- what a client sees --- */

static void begins(struct client *c, const char *frame)
{
    struct beginning f;
    uint32_t s, bar;

    memcpy(&f, frame, sizeof f);
    s = f.content.stream;
    bar = f.content.bar;
    c->seq[s] = f.content.seq;
    c->complete[s] = f.all && c->all;
    for (uint32_t i = 0; i <= CHECKED && i <= bar; i++)
        c->newest[s][bar - i] = f.newest[i];
    c->latest[s] = 0;
}

static void say_begins(struct world *w, struct client *c, uint32_t stream)
{
    uint32_t open = w->open[stream];
    struct beginning f = {.content = {.len = sizeof f,
                                      .stream = stream,
                                      .bar = open,
                                      .pad = BEGINS,
                                      .seq = w->seq[stream]},
                          .all = c->all};

    for (uint32_t i = 0; i <= CHECKED && i <= open; i++)
        f.newest[i] = w->newest[stream][open - i];
    fanout_send(&w->fanout, &c->m, span_make((const char *)&f, sizeof f));
}

static void got(struct client *c, const struct content *f, uint64_t began_at)
{
    uint32_t s = f->stream;

    assert_true(s < STREAMS && f->bar < BARS);
    assert_true(f->seq > c->seq[s]);
    if (c->complete[s])
        assert_int_equal(f->seq, c->seq[s] + 1);
    assert_true(f->number > c->newest[s][f->bar]);
    /* It was not there yet when the later bar was sent. */
    if (f->bar < c->latest[s] && c->sent_at[s] > 0 && !c->complete[s])
        assert_true(f->number >= c->sent_at[s]);
    c->seq[s] = f->seq;
    c->newest[s][f->bar] = f->number;
    if (f->bar >= c->latest[s]) {
        c->latest[s] = f->bar;
        c->sent_at[s] = f->copied > 0 ? f->copied : began_at;
    }
}

static ssize_t take(struct member *m, const struct iovec *iov, unsigned n)
{
    struct client *c = (struct client *)(void *)m;
    uint64_t now = m->backlog ? world->fanout.log.head : 0;
    uint64_t began_at = c->in.len > 0 ? c->began_at : now;
    size_t sent = 0, at = 0;
    struct content f;

    assert_true(!c->lost || m->backlog); /* what was cut */
    if (c->room == 0)
        return -EAGAIN;
    for (unsigned i = 0; i < n && c->room > 0; i++) {
        size_t k = iov[i].iov_len < c->room ? iov[i].iov_len : c->room;

        bytes_add(&c->in, iov[i].iov_base, k);
        c->room -= k;
        sent += k;
    }
    for (; c->in.len - at >= sizeof f; at += f.len) {
        memcpy(&f, c->in.ptr + at, sizeof f);
        assert_in_range(f.len, sizeof f, 400);
        if (c->in.len - at < f.len)
            break;
        if (f.pad == BEGINS)
            begins(c, c->in.ptr + at);
        else
            got(c, &f, began_at);
        began_at = now;
    }
    c->began_at = began_at;
    bytes_drop(&c->in, at);
    return (ssize_t)sent;
}

static void want_writable(struct member *m, bool on)
{
    ((struct client *)(void *)m)->writable_wanted = on;
}

static void lost(struct member *m, enum fanout_lost why, int errnum)
{
    struct client *c = (struct client *)(void *)m;

    assert_int_equal(errnum, 0);
    assert_true(why == FANOUT_LOST_SLOW && c->all);
    c->lost = true;
}

static const struct fanout_io io = {
    .send = take, .want_writable = want_writable, .lost = lost};

static void renumber(struct bytes *out, const struct stream *s,
                     struct span frame, struct span other)
{
    struct content a, b;

    memcpy(&a, frame.ptr, sizeof a);
    memcpy(&b, other.ptr, sizeof b);
    assert_ptr_equal(s, &world->stream[a.stream]);
    assert_int_equal(a.stream, b.stream);
    if (a.seq != b.seq)
        world->turned++;
    a.seq = b.seq;
    a.copied = world->fanout.log.head;
    bytes_add(out, &a, sizeof a);
    bytes_add(out, frame.ptr + sizeof a, frame.len - sizeof a);
}

/* --- what happens --- */

static void publish(struct world *w, uint32_t stream, uint32_t bar)
{
    struct content f = {.len = (uint32_t)sizeof f + roll(w, 200),
                        .stream = stream,
                        .bar = bar,
                        .seq = ++w->seq[stream]};
    char *at = fanout_room(&w->fanout, f.len);

    f.number = w->fanout.log.head;
    memset(at, 0, f.len);
    memcpy(at, &f, sizeof f);
    w->newest[stream][bar] = f.number;
    assert_int_equal(fanout_add(&w->fanout, &w->stream[stream], 1, (int64_t)bar,
                                f.len, sizeof f, f.len - sizeof f),
                     f.number);
}

static void trade(struct world *w)
{
    uint32_t s = roll(w, STREAMS), late = roll(w, LATE_MAX);

    if (roll(w, 6) == 0 && w->open[s] + 1 < BARS)
        w->open[s]++;
    publish(w, s,
            roll(w, 3) == 0 && w->open[s] > late ? w->open[s] - late
                                                 : w->open[s]);
}

static void subscribe(struct world *w, struct client *c)
{
    uint64_t keys[STREAMS + 1];
    uint32_t n = 0;

    for (uint32_t i = 0; i < STREAMS; i++) {
        if (c->on[i])
            keys[n++] = subscription_key(w->stream[i].id, c->all);
    }
    if (c->pattern)
        keys[n++] = subscription_key(w->pattern.id, c->all);
    fanout_subscribe(&w->fanout, &c->m, keys, n);
}

static void change(struct world *w, struct client *c)
{
    bool had[STREAMS], was_all = c->all;

    fanout_flush(&w->fanout);
    if (c->lost)
        return;
    for (uint32_t i = 0; i < STREAMS; i++)
        had[i] = c->here && covers(c, i);
    if (!c->here)
        c->room = 2000;
    c->here = true;
    c->on[roll(w, STREAMS)] ^= true;
    if (roll(w, 3) == 0)
        c->pattern = !c->pattern;
    if (roll(w, 3) == 0)
        c->all = !c->all;
    for (uint32_t i = 0; i < STREAMS; i++) {
        if (had[i] && c->all && !was_all)
            had[i] = false;
        if (covers(c, i) && !had[i])
            say_begins(w, c, i);
        if (was_all != c->all)
            c->sent_at[i] = c->began_at = 0; /* in the other mode */
        if (!c->all)
            c->complete[i] = false;
    }
    subscribe(w, c);
}

static void leave(struct world *w, struct client *c)
{
    fanout_forget(&w->fanout, &c->m);
    bytes_close(&c->in);
    memset(c, 0, sizeof *c);
}

static void step(struct world *w)
{
    struct client *c = &w->client[roll(w, CLIENTS)];

    switch (roll(w, 16)) {
    case 0:
        if (c->lost)
            leave(w, c);
        change(w, c);
        break;
    case 1:
        if (roll(w, 6) == 0)
            leave(w, c);
        break;
    case 2:
    case 3:
        fanout_flush(&w->fanout);
        break;
    case 4:
    case 5:
    case 6:
        c->room += roll(w, 2500);
        if (c->here && !c->lost && c->writable_wanted)
            fanout_resume(&w->fanout, &c->m);
        break;
    default:
        trade(w);
        break;
    }
}

static void sums_match(struct world *w)
{
    const struct fanout_counters *k = &w->fanout.counters;

    fanout_flush(&w->fanout);
    assert_int_equal(k->expected, k->delivered + k->conflated +
                                      k->dropped_closed + k->dropped_slow +
                                      fanout_queued(&w->fanout));
}

static void everyone_has_the_newest(struct world *w)
{
    for (int i = 0; i < CLIENTS; i++) {
        struct client *c = &w->client[i];

        while (c->here && !c->lost && c->writable_wanted) {
            c->room = 700;
            fanout_resume(&w->fanout, &c->m);
        }
        for (uint32_t s = 0; c->here && !c->lost && s < STREAMS; s++) {
            uint32_t open = w->open[s];

            for (uint32_t bar = open < CHECKED ? 0 : open - CHECKED;
                 covers(c, s) && bar <= open; bar++)
                assert_int_equal(c->newest[s][bar], w->newest[s][bar]);
        }
    }
}

static void start(uint32_t seed, struct fanout_limits limits)
{
    struct world *w = world = calloc(1, sizeof *w);

    w->x = seed;
    w->client = calloc(CLIENTS, sizeof *w->client);
    fanout_init(&w->fanout, LOG, &limits, &io);
    w->fanout.renumber = renumber;
    fanout_add_pattern(&w->fanout, &w->pattern, 0);
    for (int i = 0; i < STREAMS; i++) {
        fanout_add_stream(&w->fanout, &w->stream[i], NULL);
        w->open[i] = 1;
        stream_pattern_cover(&w->fanout, &w->pattern, &w->stream[i]);
    }
}

static void stop(void)
{
    struct world *w = world;

    for (int i = 0; i < CLIENTS; i++)
        leave(w, &w->client[i]);
    sums_match(w);
    for (int i = 0; i < STREAMS; i++)
        fanout_remove_stream(&w->fanout, &w->stream[i]);
    fanout_remove_pattern(&w->fanout, &w->pattern);
    fanout_close(&w->fanout);
    free(w->client);
    free(w);
}

static void bars_come_in_order_whatever_happens(void **state)
{
    uint64_t turned = 0, conflated = 0, slow = 0;

    (void)state;
    for (uint32_t seed = 1; seed <= 40; seed++) {
        /* Some conflate soon, some nearly never. */
        start(seed,
              (struct fanout_limits){seed % 2 ? 3000 : 40000, 20000, 1u << 20});
        for (int i = 0; i < 8000; i++) {
            step(world);
            if (i % 500 == 0)
                sums_match(world);
        }
        fanout_flush(&world->fanout);
        everyone_has_the_newest(world);
        sums_match(world);
        turned += world->turned;
        conflated += world->fanout.counters.conflated;
        slow += world->fanout.counters.dropped_slow;
        stop();
    }
    assert_true(turned > 1000 && conflated > 1000 && slow > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bars_come_in_order_whatever_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
