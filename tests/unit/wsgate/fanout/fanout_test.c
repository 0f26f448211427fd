/*
 * The fanout against a model.  Sockets are counters of room; messages, stalls,
 * subscriptions and departures come in random order.  Whatever happens: frames
 * arrive whole and in order, never twice, a client that reads again ends with
 * the newest of each key, and the counters add up.
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
#include "wsgate/fanout/fanout.h"

enum { STREAMS = 12, TYPES = 3, CLIENTS = 24, LOG = 65536, KEYS_MAX = 16 };

struct client {
    struct member m;
    bool here, lost, writable_wanted;
    enum fanout_lost why;
    size_t room;      /* what its socket takes */
    char in[1 << 18]; /* received, not yet parsed */
    size_t n_in;
    bool all;                        /* subscribes in mode `all` */
    bool on[STREAMS];                /* subscribed by name */
    bool pattern;                    /* subscribed to all streams at once */
    bool few;                        /* and to those of a narrower pattern */
    bool apart;                      /* the wide one leaves those out */
    uint64_t from[STREAMS];          /* seq when it subscribed */
    uint64_t seq[STREAMS];           /* last received */
    uint64_t newest[STREAMS][TYPES]; /* last received of that type */
    uint64_t got;
};

struct world {
    struct fanout fanout;
    struct stream stream[STREAMS];
    struct stream_pattern pattern, few;
    struct client *client;
    uint64_t seq[STREAMS];
    uint64_t newest[STREAMS][TYPES];
    uint32_t x;
    bool apart;
};

static uint32_t roll(struct world *w, uint32_t n)
{
    w->x = w->x * 1664525u + 1013904223u;
    return (w->x >> 8) % n;
}

#define client_of(member) ((struct client *)(void *)(member))

static bool is_of_few(uint32_t stream)
{
    return stream % 3 == 0;
}

static bool covers(const struct client *c, uint32_t stream)
{
    return c->on[stream] || (c->pattern && !(c->apart && is_of_few(stream))) ||
           (c->few && is_of_few(stream));
}

/* A frame is: u32 length, u32 stream, u32 type, u64 seq, padding; the special
 * stream 999 is an answer, 998 says that a subscription begins: its type is
 * the stream, its seq the last one before, and the newest of each type follow. */
static void got(struct client *c, const char *frame)
{
    uint32_t stream, type;
    uint64_t seq;

    memcpy(&stream, frame + 4, 4);
    memcpy(&type, frame + 8, 4);
    memcpy(&seq, frame + 12, 8);
    if (stream == 999)
        return;
    if (stream == 998) {
        c->from[type] = seq;
        memcpy(c->newest[type], frame + 20, sizeof c->newest[type]);
        return;
    }
    assert_true(stream < STREAMS && type < TYPES);
    assert_true(seq > c->from[stream]);
    assert_true(seq > c->seq[stream]); /* in order, never twice */
    if (c->all)
        assert_int_equal(seq,
                         (c->seq[stream] > c->from[stream] ? c->seq[stream]
                                                           : c->from[stream]) +
                             1);
    c->seq[stream] = seq;
    c->newest[stream][type] = seq;
    c->got++;
}

static void parse(struct client *c)
{
    size_t at = 0;
    uint32_t len;

    while (c->n_in - at >= 20) {
        memcpy(&len, c->in + at, 4);
        assert_in_range(len, 20, LOG / 4);
        if (c->n_in - at < len)
            break;
        for (uint32_t i = 44; i < len; i++)
            assert_int_equal(c->in[at + i], 'p');
        got(c, c->in + at);
        at += len;
    }
    memmove(c->in, c->in + at, c->n_in - at);
    c->n_in -= at;
}

static ssize_t take(struct member *m, const struct iovec *iov, unsigned n)
{
    struct client *c = client_of(m);
    size_t sent = 0;

    assert_false(c->lost);
    assert_true(n <= GROUP_IOV_MAX);
    if (c->room == 0)
        return -EAGAIN;
    for (unsigned i = 0; i < n && c->room > 0; i++) {
        size_t k = iov[i].iov_len < c->room ? iov[i].iov_len : c->room;
        const char *from = iov[i].iov_base;
        while (k > 0) {
            size_t part =
                sizeof c->in - c->n_in < k ? sizeof c->in - c->n_in : k;
            memcpy(c->in + c->n_in, from, part);
            c->n_in += part;
            parse(c);
            k -= part;
            from += part;
            c->room -= part;
            sent += part;
        }
    }
    return (ssize_t)sent;
}

static void want_writable(struct member *m, bool on)
{
    client_of(m)->writable_wanted = on;
}

static void lost(struct member *m, enum fanout_lost why, int errnum)
{
    (void)errnum;
    client_of(m)->lost = true;
    client_of(m)->why = why;
}

static const struct fanout_io io = {
    .send = take, .want_writable = want_writable, .lost = lost};

/* apart: the patterns are of two families. */
static struct world *world_of(uint32_t seed, struct fanout_limits limits,
                              bool apart)
{
    struct world *w = calloc(1, sizeof *w);

    w->x = seed;
    w->client = calloc(CLIENTS, sizeof *w->client);
    fanout_init(&w->fanout, LOG, &limits, &io);
    fanout_add_pattern(&w->fanout, &w->pattern, SUBSCRIPTION_RANK_MAX);
    fanout_add_pattern(&w->fanout, &w->few, 1);
    w->apart = apart;
    if (apart)
        w->few.family = &w->few;
    for (int i = 0; i < STREAMS; i++) {
        fanout_add_stream(&w->fanout, &w->stream[i], NULL);
        if (!apart || !is_of_few((uint32_t)i))
            stream_pattern_cover(&w->fanout, &w->pattern, &w->stream[i]);
        if (is_of_few((uint32_t)i))
            stream_pattern_cover(&w->fanout, &w->few, &w->stream[i]);
    }
    return w;
}

static struct world *world_new(uint32_t seed, struct fanout_limits limits)
{
    return world_of(seed, limits, false);
}

static void leave(struct world *w, struct client *c)
{
    bool lost_before;

    fanout_forget(&w->fanout, &c->m);
    lost_before = c->lost;
    memset(c, 0, sizeof *c);
    c->lost = lost_before;
}

static void world_free(struct world *w)
{
    for (int i = 0; i < CLIENTS; i++)
        leave(w, &w->client[i]);
    assert_int_equal(w->fanout.groups.count, 0);
    for (int i = 0; i < STREAMS; i++)
        fanout_remove_stream(&w->fanout, &w->stream[i]);
    fanout_remove_pattern(&w->fanout, &w->pattern);
    fanout_remove_pattern(&w->fanout, &w->few);
    fanout_close(&w->fanout);
    free(w->client);
    free(w);
}

static void publish(struct world *w, uint32_t stream, uint32_t type,
                    uint32_t len)
{
    char *at = fanout_room(&w->fanout, len);
    uint64_t seq = ++w->seq[stream];

    memset(at, 'p', len);
    memcpy(at, &len, 4);
    memcpy(at + 4, &stream, 4);
    memcpy(at + 8, &type, 4);
    memcpy(at + 12, &seq, 8);
    w->newest[stream][type] = seq;
    fanout_add(&w->fanout, &w->stream[stream], (uint16_t)type, 0, len, 20,
               len - 20);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void subscribe(struct world *w, struct client *c)
{
    uint64_t keys[KEYS_MAX];
    uint32_t n = 0;

    for (uint32_t i = 0; i < STREAMS; i++) {
        if (c->on[i])
            keys[n++] = subscription_key(w->stream[i].id, c->all);
    }
    if (c->pattern)
        keys[n++] = subscription_key(w->pattern.id, c->all);
    if (c->few)
        keys[n++] = subscription_key(w->few.id, c->all);
    qsort(keys, n, sizeof *keys, by_value);
    fanout_subscribe(&w->fanout, &c->m, keys, n);
}

static void say(struct world *w, struct client *c, uint32_t kind,
                uint32_t stream, uint64_t from)
{
    char frame[44];
    uint32_t len = sizeof frame;

    memcpy(frame, &len, 4);
    memcpy(frame + 4, &kind, 4);
    memcpy(frame + 8, &stream, 4);
    memcpy(frame + 12, &from, 8);
    memcpy(frame + 20, w->newest[stream], sizeof w->newest[stream]);
    if (!c->lost)
        fanout_send(&w->fanout, &c->m, span_make(frame, sizeof frame));
}

static void say_subscribed(struct world *w, struct client *c, uint32_t stream)
{
    say(w, c, 998, stream, w->seq[stream]);
}

static void change(struct world *w, struct client *c)
{
    bool had[STREAMS];

    fanout_flush(&w->fanout);
    if (c->lost)
        return;
    for (uint32_t i = 0; i < STREAMS; i++)
        had[i] = covers(c, i);
    if (!c->here) {
        c->here = true;
        c->apart = w->apart;
        c->all = roll(w, 4) == 0;
        c->room = 1000;
    }
    for (int k = 0; k < 3; k++) {
        uint32_t i = roll(w, STREAMS);
        c->on[i] = !c->on[i];
    }
    if (roll(w, 4) == 0)
        c->pattern = !c->pattern;
    if (roll(w, 4) == 0)
        c->few = !c->few;
    /* What it had goes on, whatever it comes by now; what is new begins. */
    for (uint32_t i = 0; i < STREAMS; i++) {
        if (covers(c, i) && !had[i])
            say_subscribed(w, c, i);
    }
    if (!c->lost)
        subscribe(w, c);
}

static void sums_match(struct world *w)
{
    const struct fanout_counters *k = &w->fanout.counters;

    fanout_flush(&w->fanout);
    assert_int_equal(k->expected, k->delivered + k->conflated +
                                      k->dropped_closed + k->dropped_slow +
                                      fanout_queued(&w->fanout));
}

static void lagging_is_cheap(const struct client *c)
{
    if (!c->m.backlog)
        return;
    assert_true(c->m.backlog->out.len <= BACKLOG_COPY_MAX + 4096);
    assert_true(c->m.backlog->n_start_seqs <= KEYS_MAX);
}

static void drain(struct world *w)
{
    fanout_flush(&w->fanout);
    for (int i = 0; i < CLIENTS; i++) {
        struct client *c = &w->client[i];
        while (c->here && !c->lost && c->writable_wanted) {
            c->room = 5000;
            fanout_resume(&w->fanout, &c->m);
        }
    }
}

static void everyone_has_the_newest(struct world *w)
{
    for (int i = 0; i < CLIENTS; i++) {
        struct client *c = &w->client[i];
        if (!c->here || c->lost)
            continue;
        assert_null(c->m.backlog);
        for (uint32_t k = 0; k < STREAMS; k++) {
            if (!covers(c, k))
                continue;
            for (int t = 0; t < TYPES; t++)
                assert_int_equal(c->newest[k][t], w->newest[k][t]);
        }
    }
}

static void step(struct world *w)
{
    struct client *c = &w->client[roll(w, CLIENTS)];
    char answer[40] = {0};
    uint32_t len = sizeof answer, stream = 999;

    switch (roll(w, 16)) {
    case 0:
        if (c->lost) {
            leave(w, c);
            c->lost = false;
        }
        change(w, c);
        break;
    case 1:
        if (roll(w, 4) == 0) {
            leave(w, c);
            c->lost = false;
        }
        break;
    case 2:
        fanout_flush(&w->fanout);
        break;
    case 3:
    case 4:
    case 5:
        c->room += roll(w, 3000);
        if (c->here && !c->lost && c->writable_wanted)
            fanout_resume(&w->fanout, &c->m);
        break;
    case 6:
        if (c->here && !c->lost) {
            memset(answer, 'p', sizeof answer);
            memcpy(answer, &len, 4);
            memcpy(answer + 4, &stream, 4);
            fanout_send(&w->fanout, &c->m, span_make(answer, sizeof answer));
        }
        break;
    case 7:
        if (roll(w, 8) == 0) /* a long frame */
            publish(w, roll(w, STREAMS), roll(w, TYPES), 5000 + roll(w, 9000));
        break;
    default:
        publish(w, roll(w, STREAMS), roll(w, TYPES), 20 + roll(w, 300));
        break;
    }
    lagging_is_cheap(c);
}

static void clients_that_stall_at_random_end_with_the_newest(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 40; seed++) {
        struct world *w = world_of(
            seed, (struct fanout_limits){2000, 1u << 20, 4096}, seed % 2);
        for (int i = 0; i < 8000; i++) {
            step(w);
            if (i % 500 == 0)
                sums_match(w);
        }
        drain(w);
        everyone_has_the_newest(w);
        sums_match(w);
        assert_true(w->fanout.counters.conflated > 0);
        world_free(w);
    }
}

static void nothing_is_conflated_while_the_backlog_is_small(void **state)
{
    struct world *w =
        world_new(7, (struct fanout_limits){60000, 1u << 20, 4096});
    struct client *c = &w->client[0];

    (void)state;
    c->here = c->pattern = true;
    subscribe(w, c);
    for (int i = 0; i < 100; i++) {
        publish(w, roll(w, STREAMS), 0, 100);
        fanout_flush(&w->fanout);
        assert_true(c->writable_wanted);
    }
    drain(w);
    assert_int_equal(c->got, 100);
    assert_int_equal(w->fanout.counters.conflated, 0);
    world_free(w);
}

static void a_long_stall_costs_one_frame_per_key(void **state)
{
    struct world *w =
        world_new(7, (struct fanout_limits){2000, 1u << 20, 4096});
    struct client *c = &w->client[0], *reader = &w->client[1];

    (void)state;
    c->here = c->pattern = reader->here = reader->pattern = true;
    reader->room = SIZE_MAX;
    subscribe(w, c);
    subscribe(w, reader);
    for (int i = 0; i < 20000; i++) {
        publish(w, (uint32_t)i % STREAMS, (uint32_t)(i / STREAMS) % 2, 100);
        if (i % 10 == 0)
            fanout_flush(&w->fanout);
    }
    drain(w);
    assert_int_equal(c->got, STREAMS * 2);
    assert_int_equal(reader->got, 20000);
    everyone_has_the_newest(w);
    sums_match(w);
    world_free(w);
}

static void mode_all_is_lost_beyond_its_bound_and_not_before(void **state)
{
    struct world *w = world_new(7, (struct fanout_limits){2000, 20000, 4096});
    struct client *c = &w->client[0];

    (void)state;
    c->here = c->all = c->pattern = true;
    subscribe(w, c);
    for (int i = 0; i < 200; i++)
        publish(w, 3, 0, 100);
    fanout_flush(&w->fanout);
    assert_false(c->lost);
    publish(w, 3, 0, 100);
    fanout_flush(&w->fanout);
    assert_true(c->lost);
    assert_int_equal(c->why, FANOUT_LOST_SLOW);
    assert_int_equal(w->fanout.counters.dropped_slow, 201);
    sums_match(w);
    world_free(w);
}

static void who_is_lost_while_it_subscribes_is_in_no_group(void **state)
{
    struct world *w = world_new(7, (struct fanout_limits){2000, 2000, 4096});
    struct client *c = &w->client[0];

    (void)state;
    c->here = c->all = c->on[3] = true;
    subscribe(w, c);
    publish(w, 3, 0, 1500);
    fanout_flush(&w->fanout);
    assert_false(c->lost);
    publish(w, 3, 0, 1500); /* not flushed: too much for it */
    c->on[4] = true;
    subscribe(w, c);
    assert_true(c->lost);
    assert_null(c->m.group);
    sums_match(w);
    world_free(w);
}

static void what_was_owed_as_latest_does_not_count_as_all(void **state)
{
    struct world *w = world_new(7, (struct fanout_limits){2000, 20000, 4096});
    struct client *c = &w->client[0];

    (void)state;
    c->here = c->on[3] = true;
    subscribe(w, c);
    for (int i = 0; i < 300; i++)
        publish(w, 3, 0, 100);
    fanout_flush(&w->fanout);
    assert_int_equal(backlog_owed_bytes(&c->m), 30000);
    c->all = true;
    say_subscribed(w, c, 3);
    subscribe(w, c);
    assert_int_equal(backlog_owed_all_bytes(&c->m), 0);
    for (int i = 0; i < 50; i++)
        publish(w, 3, 0, 100);
    fanout_flush(&w->fanout);
    assert_int_equal(backlog_owed_all_bytes(&c->m), 5000);
    while (c->writable_wanted) {
        c->room = 700;
        fanout_resume(&w->fanout, &c->m);
        assert_false(c->lost);
        publish(w, 3, 0, 100);
        fanout_flush(&w->fanout);
        if (c->seq[3] > 400)
            drain(w);
    }
    assert_in_range(c->seq[3], 351, w->seq[3]);
    sums_match(w);
    world_free(w);
}

static void mode_all_is_lost_when_the_log_has_gone_past_it(void **state)
{
    struct world *w =
        world_new(7, (struct fanout_limits){2000, 1u << 20, 4096});
    struct client *c = &w->client[0];

    (void)state;
    c->here = c->all = c->on[3] = true;
    subscribe(w, c);
    publish(w, 3, 0, 100);
    for (int i = 0; i < 2000; i++)
        publish(w, 4, 0, 100);
    drain(w);
    assert_true(c->lost);
    assert_int_equal(c->why, FANOUT_LOST_SLOW);
    sums_match(w);
    world_free(w);
}

/* Naming a channel of a wildcard once dropped what was owed of it. */
static void what_is_named_beside_its_pattern_goes_on_where_it_was(void **state)
{
    (void)state;
    for (int all = 0; all < 2; all++) {
        struct world *w =
            world_new(7, (struct fanout_limits){60000, 1u << 20, 4096});
        struct client *c = &w->client[0];

        c->here = c->pattern = true;
        c->all = all == 1;
        subscribe(w, c);
        for (uint32_t i = 0; i < 300; i++)
            publish(w, i % STREAMS, 0, 100);
        for (uint32_t i = 0; i < STREAMS; i += 2)
            c->on[i] = true;
        subscribe(w, c);
        c->pattern = false; /* the names alone */
        subscribe(w, c);
        c->pattern = true; /* and all of them again; six begin anew */
        for (uint32_t i = 1; i < STREAMS; i += 2)
            say_subscribed(w, c, i);
        subscribe(w, c);
        memset(c->on, 0, sizeof c->on);
        subscribe(w, c);
        for (uint32_t i = 0; i < 5 * STREAMS; i++)
            publish(w, i % STREAMS, 0, 100);
        drain(w);
        for (uint32_t i = 0; i < STREAMS; i++)
            assert_int_equal(c->seq[i], w->seq[i]);
        assert_int_equal(c->got, 150 + 5 * STREAMS);
        assert_int_equal(w->fanout.counters.conflated, 150);
        sums_match(w);
        world_free(w);
    }
}

static void what_becomes_all_while_it_is_owed_begins_at_the_head(void **state)
{
    struct world *w =
        world_new(7, (struct fanout_limits){60000, 1u << 20, 4096});
    struct client *c = &w->client[0];

    (void)state;
    c->here = c->pattern = true;
    subscribe(w, c);
    for (int i = 0; i < 10; i++)
        publish(w, 3, 0, 100);
    fanout_flush(&w->fanout);
    c->all = c->on[3] = true;
    say_subscribed(w, c, 3);
    subscribe(w, c);
    publish(w, 3, 0, 100);
    c->all = false; /* goes on: 11 is still owed */
    subscribe(w, c);
    publish(w, 3, 0, 100);
    drain(w);
    assert_int_equal(c->got, 2);
    assert_int_equal(c->seq[3], 12);
    sums_match(w);
    world_free(w);
}

static uint64_t first_owed(struct world *w, const struct client *c,
                           uint32_t stream, bool evicted)
{
    bool is_evicted = !evicted;
    uint64_t number =
        fanout_first_owed(&w->fanout, &c->m, &w->stream[stream], &is_evicted);
    struct span frame = fanout_frame(&w->fanout, &w->stream[stream], number);
    uint64_t seq = 0;

    assert_int_equal(is_evicted, evicted);
    if (number == 0)
        assert_int_equal(frame.len, 0);
    if (frame.len > 0)
        memcpy(&seq, frame.ptr + 12, 8);
    return seq;
}

static void the_first_owed_frame_is_the_next_that_is_sent(void **state)
{
    (void)state;
    for (int all = 0; all < 2; all++) {
        struct world *w =
            world_new(7, (struct fanout_limits){3000, 1u << 20, 4096});
        struct client *c = &w->client[0];

        c->here = c->on[3] = c->on[4] = true;
        c->all = all == 1;
        subscribe(w, c);
        assert_int_equal(first_owed(w, c, 3, false), 0);
        for (uint32_t i = 0; i < 20; i++)
            publish(w, 3, i % 2, 100);
        fanout_flush(&w->fanout);
        assert_int_equal(first_owed(w, c, 3, false), 1);
        assert_int_equal(first_owed(w, c, 4, false), 0);
        assert_int_equal(first_owed(w, c, 5, false), 0);
        c->room = 250; /* two, and half of the third */
        fanout_resume(&w->fanout, &c->m);
        assert_int_equal(first_owed(w, c, 3, false), 4);
        c->on[5] = true;
        publish(w, 5, 0, 100);
        subscribe(w, c);
        assert_int_equal(first_owed(w, c, 5, false), 0);
        for (uint32_t i = 0; i < 20; i++)
            publish(w, 5, 0, 100);
        fanout_flush(&w->fanout);
        /* Too much to send it all. */
        assert_int_equal(first_owed(w, c, 3, false), c->all ? 4 : 19);
        assert_int_equal(first_owed(w, c, 5, false), c->all ? 2 : 21);
        for (uint32_t i = 0; i < 2000; i++)
            publish(w, 6, 0, 100);
        fanout_flush(&w->fanout);
        assert_int_equal(first_owed(w, c, 3, true), c->all ? 20 : 19);
        world_free(w);
    }
}

static void final_bars_are_kept_beside_the_open_one(void **state)
{
    struct world *w = world_new(7, (struct fanout_limits){500, 1u << 20, 4096});
    struct client *c = &w->client[0];
    uint32_t len = 60, stream = 0, type = 0;

    (void)state;
    c->here = c->on[0] = true;
    subscribe(w, c);
    /* Three updates of each of 100 bars. */
    for (uint64_t i = 1; i <= 300; i++) {
        char *at = fanout_room(&w->fanout, len);
        memset(at, 'p', len);
        memcpy(at, &len, 4);
        memcpy(at + 4, &stream, 4);
        memcpy(at + 8, &type, 4);
        memcpy(at + 12, &i, 8);
        fanout_add(&w->fanout, &w->stream[0], 0, (int64_t)(i - 1) / 3 + 1, len,
                   20, len - 20);
    }
    drain(w);
    assert_int_equal(c->got, STREAM_KEYS_MAX); /* the last 64 bars, once */
    assert_int_equal(c->seq[0], 300);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_that_stall_at_random_end_with_the_newest),
        cmocka_unit_test(nothing_is_conflated_while_the_backlog_is_small),
        cmocka_unit_test(a_long_stall_costs_one_frame_per_key),
        cmocka_unit_test(mode_all_is_lost_beyond_its_bound_and_not_before),
        cmocka_unit_test(who_is_lost_while_it_subscribes_is_in_no_group),
        cmocka_unit_test(what_was_owed_as_latest_does_not_count_as_all),
        cmocka_unit_test(mode_all_is_lost_when_the_log_has_gone_past_it),
        cmocka_unit_test(what_is_named_beside_its_pattern_goes_on_where_it_was),
        cmocka_unit_test(what_becomes_all_while_it_is_owed_begins_at_the_head),
        cmocka_unit_test(the_first_owed_frame_is_the_next_that_is_sent),
        cmocka_unit_test(final_bars_are_kept_beside_the_open_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
