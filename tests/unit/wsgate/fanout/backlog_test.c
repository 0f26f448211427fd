/* What becomes of a member that is behind: told, not done. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "wsgate/fanout/backlog.h"
#include "wsgate/fanout/fanout.h"

enum { LOG = 65536 };

struct client {
    struct member m; /* first */
    ssize_t takes;   /* at most, or -errno */
    struct bytes got;
};

struct world {
    struct fanout fanout;
    struct stream stream;
    struct client client;
};

static ssize_t take(struct member *m, const struct iovec *iov, unsigned n)
{
    struct client *c = (struct client *)(void *)m;
    size_t room = c->takes < 0 ? 0 : (size_t)c->takes, from = c->got.len;

    if (c->takes <= 0)
        return c->takes == 0 ? -EAGAIN : c->takes;
    for (unsigned i = 0; i < n && room > 0; i++) {
        size_t len = iov[i].iov_len < room ? iov[i].iov_len : room;

        bytes_add(&c->got, iov[i].iov_base, len);
        room -= len;
    }
    return (ssize_t)(c->got.len - from);
}

static void nothing(struct member *m, bool on)
{
    (void)m;
    (void)on;
}

/* backlog_send() decides nothing. */
static void never(struct member *m, enum fanout_lost why, int errnum)
{
    (void)m;
    (void)why;
    (void)errnum;
    fail();
}

static const struct fanout_io io = {
    .send = take, .want_writable = nothing, .lost = never};

static void start(struct world *w, bool all)
{
    static const struct fanout_limits limits = {.backlog_bytes = 100,
                                                .backlog_all_bytes = UINT64_MAX,
                                                .out_bytes = 1000};
    uint64_t key;

    memset(w, 0, sizeof *w);
    fanout_init(&w->fanout, LOG, &limits, &io);
    fanout_add_stream(&w->fanout, &w->stream, NULL);
    key = subscription_key(w->stream.id, all);
    fanout_subscribe(&w->fanout, &w->client.m, &key, 1);
}

static void stop(struct world *w)
{
    fanout_forget(&w->fanout, &w->client.m);
    fanout_remove_stream(&w->fanout, &w->stream);
    fanout_close(&w->fanout);
    bytes_close(&w->client.got);
}

static void publish(struct world *w, const char *frame, uint16_t type)
{
    size_t len = strlen(frame);

    memcpy(fanout_room(&w->fanout, len), frame, len);
    fanout_add(&w->fanout, &w->stream, type, 0, len, 0, len);
    fanout_flush(&w->fanout);
}

static enum backlog_outcome resume(struct world *w, ssize_t takes)
{
    int errnum = 0;
    enum backlog_outcome out;

    w->client.takes = takes;
    out = backlog_send(&w->fanout, &w->client.m, &errnum);
    assert_int_equal(errnum, out == BACKLOG_LOST ? (int)-takes : 0);
    return out;
}

static void assert_got(const struct world *w, const char *text)
{
    assert_true(span_is(bytes_span(&w->client.got), text));
}

static void what_is_cut_is_finished_first_and_the_rest_follows(void **state)
{
    struct world w;

    (void)state;
    start(&w, false);
    w.client.takes = 2;
    publish(&w, "first.", 1);
    publish(&w, "second.", 2);
    fanout_send(&w.fanout, &w.client.m, span_str("answer."));
    assert_int_equal(resume(&w, 0), BACKLOG_WAITS);
    assert_int_equal(resume(&w, 3), BACKLOG_WAITS);
    assert_got(&w, "first");
    assert_int_equal(resume(&w, 100), BACKLOG_DONE);
    assert_got(&w, "first.answer.second.");
    assert_int_equal(backlog_owed(&w.client.m), 0);
    assert_non_null(w.client.m.backlog); /* fanout.c ends it */
    stop(&w);
}

static void a_socket_that_fails_is_told_with_its_error(void **state)
{
    struct world w;

    (void)state;
    start(&w, false);
    publish(&w, "x", 1); /* nothing of it, so it is owed and not cut */
    assert_int_equal(resume(&w, -ECONNRESET), BACKLOG_LOST);
    fanout_send(&w.fanout, &w.client.m, span_str("answer"));
    assert_int_equal(resume(&w, -EPIPE), BACKLOG_LOST);
    assert_int_equal(backlog_owed(&w.client.m), 1);
    assert_non_null(w.client.m.group);
    stop(&w);
}

static void what_was_outdone_is_still_owed_when_it_is_done(void **state)
{
    struct world w;
    char frame[101];

    (void)state;
    start(&w, false);
    memset(frame, 'x', sizeof frame - 1);
    frame[sizeof frame - 1] = '\0';
    for (int i = 0; i < 3; i++)
        publish(&w, frame, 1);
    publish(&w, "newest", 1);
    assert_int_equal(resume(&w, 1000), BACKLOG_DONE);
    assert_got(&w, "newest");
    assert_int_equal(backlog_owed(&w.client.m), 3);
    stop(&w);
}

static void a_frame_of_all_that_left_the_log_cannot_be_made_good(void **state)
{
    struct world w;
    char frame[4001];

    (void)state;
    start(&w, true);
    memset(frame, 'x', sizeof frame - 1);
    frame[sizeof frame - 1] = '\0';
    for (int i = 0; i < 2 * LOG / 4000; i++)
        publish(&w, frame, 1);
    assert_int_equal(resume(&w, LOG), BACKLOG_TOO_OLD);
    assert_got(&w, "");
    stop(&w);
}

/* More streams than a member may have positions for: half of a pattern goes on,
 * half begins anew, and there is something of each of them. */
static void who_is_in_too_many_places_at_once_is_let_go(void **state)
{
    enum { STREAMS = 2 * START_SEQS_MAX + 8 };
    struct stream_pattern half, whole;
    struct stream *streams = calloc(STREAMS, sizeof *streams);
    uint64_t key;
    struct world w;

    (void)state;
    for (int more = 0; more < 2; more++) {
        uint32_t n = more ? STREAMS : STREAMS - 8;

        start(&w, false);
        fanout_add_pattern(&w.fanout, &half, 0);
        fanout_add_pattern(&w.fanout, &whole, 1);
        for (uint32_t i = 0; i < n; i++) {
            fanout_add_stream(&w.fanout, &streams[i], NULL);
            if (i % 2)
                stream_pattern_cover(&w.fanout, &half, &streams[i]);
            stream_pattern_cover(&w.fanout, &whole, &streams[i]);
        }
        key = subscription_key(half.id, false);
        fanout_subscribe(&w.fanout, &w.client.m, &key, 1);
        for (uint32_t i = 0; i < n; i++) {
            *fanout_room(&w.fanout, 1) = i % 2 ? 'o' : 'n';
            fanout_add(&w.fanout, &streams[i], 0, 0, 1, 0, 1);
        }
        fanout_flush(&w.fanout);
        key = subscription_key(whole.id, false);
        fanout_subscribe(&w.fanout, &w.client.m, &key, 1);
        assert_in_range(w.client.m.backlog->n_start_seqs,
                        more ? 0 : START_SEQS_MAX - 1,
                        more ? 0 : START_SEQS_MAX + 1);
        assert_int_equal(resume(&w, STREAMS),
                         more ? BACKLOG_TOO_OLD : BACKLOG_DONE);
        assert_int_equal(w.client.got.len, more ? 0 : n / 2);
        for (size_t i = 0; i < w.client.got.len; i++)
            assert_int_equal(w.client.got.ptr[i], 'o');
        assert_int_equal(backlog_owed(&w.client.m), more ? n / 2 : 0);
        fanout_forget(&w.fanout, &w.client.m);
        for (uint32_t i = 0; i < n; i++)
            fanout_remove_stream(&w.fanout, &streams[i]);
        fanout_remove_pattern(&w.fanout, &half);
        fanout_remove_pattern(&w.fanout, &whole);
        stop(&w);
    }
    free(streams);
}

/* Seconds of this process to send an answer of so many bytes, one KiB at a
 * time. */
static double answer_s(size_t len)
{
    struct timespec from, to;
    struct bytes answer = {0};
    struct world w;
    int errnum;

    start(&w, false);
    for (size_t i = 0; i < len; i += sizeof i)
        bytes_add(&answer, &i, sizeof i);
    w.client.takes = 0;
    fanout_send(&w.fanout, &w.client.m, bytes_span(&answer));
    w.client.takes = 1024;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    while (backlog_send(&w.fanout, &w.client.m, &errnum) == BACKLOG_WAITS) {
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    assert_int_equal(w.client.got.len, answer.len);
    assert_memory_equal(w.client.got.ptr, answer.ptr, answer.len);
    bytes_close(&answer);
    stop(&w);
    return (double)(to.tv_sec - from.tv_sec) +
           (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

static void
who_takes_a_long_answer_in_small_pieces_costs_no_square(void **state)
{
    double few, many;

    (void)state;
    few = answer_s(1 << 18);
    many = answer_s(1 << 23);
    print_message("256 KiB: %.6f s, 8 MiB: %.6f s\n", few, many);
    assert_true(many < 200 * few); /* 32 times as much */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_cut_is_finished_first_and_the_rest_follows),
        cmocka_unit_test(
            who_takes_a_long_answer_in_small_pieces_costs_no_square),
        cmocka_unit_test(a_socket_that_fails_is_told_with_its_error),
        cmocka_unit_test(what_was_outdone_is_still_owed_when_it_is_done),
        cmocka_unit_test(a_frame_of_all_that_left_the_log_cannot_be_made_good),
        cmocka_unit_test(who_is_in_too_many_places_at_once_is_let_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
