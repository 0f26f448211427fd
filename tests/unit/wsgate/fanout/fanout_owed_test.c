/* What it costs to ask what a client is owed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/base/bytes.h"
#include "wsgate/fanout/fanout.h"

enum { STREAMS = 1024, LOG = 1 << 22, LEN = 32 };

static ssize_t io_send(struct member *m, const struct iovec *iov, unsigned n)
{
    (void)m;
    (void)iov;
    (void)n;
    return -EAGAIN;
}

static void io_want_writable(struct member *m, bool on)
{
    (void)m;
    (void)on;
}

static void io_lost(struct member *m, enum fanout_lost why, int errnum)
{
    (void)m;
    (void)why;
    (void)errnum;
}

static const struct fanout_io io = {
    .send = io_send, .want_writable = io_want_writable, .lost = io_lost};

static void publish(struct fanout *f, struct stream *s)
{
    memset(fanout_room(f, LEN), 'p', LEN);
    fanout_add(f, s, 0, 0, LEN, 0, LEN);
}

/* Of this process: others have their turn meanwhile. */
static double cpu_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A client that does not read asks for a thousand channels again; what it is
 * owed of each stands behind all that others got meanwhile. */
static void a_thousand_streams_cost_one_walk_of_the_log(void **state)
{
    struct fanout_limits limits = {1 << 20, 1 << 20, 1 << 20};
    struct stream *streams = mem_zero((STREAMS + 1) * sizeof *streams);
    uint64_t *keys = mem_zero(STREAMS * sizeof *keys);
    struct member m = {.fd = -1};
    struct fanout f;
    bool evicted;
    double begin, first, all;

    (void)state;
    fanout_init(&f, LOG, &limits, &io);
    for (uint32_t i = 0; i <= STREAMS; i++)
        fanout_add_stream(&f, &streams[i], NULL);
    for (uint32_t i = 0; i < STREAMS; i++)
        keys[i] = subscription_key(streams[i].id, true);
    fanout_subscribe(&f, &m, keys, STREAMS);
    publish(&f, &streams[0]);
    fanout_flush(&f);
    for (size_t i = 0; i < f.log.n_frames - 2 * STREAMS; i++)
        publish(&f, &streams[STREAMS]);
    for (uint32_t i = 1; i < STREAMS; i++)
        publish(&f, &streams[i]);
    fanout_flush(&f);
    begin = cpu_s();
    assert_int_equal(fanout_first_owed(&f, &m, &streams[1], &evicted),
                     f.log.head - STREAMS + 1);
    first = cpu_s() - begin;
    for (uint32_t i = 1; i < STREAMS; i++)
        assert_int_equal(fanout_first_owed(&f, &m, &streams[i], &evicted),
                         f.log.head - STREAMS + i);
    all = cpu_s() - begin;
    print_message("the first %.6f s, all %.6f s\n", first, all);
    assert_true(all < 100 * first);
    fanout_forget(&f, &m);
    for (uint32_t i = 0; i <= STREAMS; i++)
        fanout_remove_stream(&f, &streams[i]);
    fanout_close(&f);
    free(streams);
    free(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thousand_streams_cost_one_walk_of_the_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
