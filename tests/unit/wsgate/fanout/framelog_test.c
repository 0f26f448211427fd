/* The shared log: what was written can be read until it had to leave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "wsgate/fanout/framelog.h"

struct seen {
    uint64_t next;     /* number that must be evicted next */
    uint64_t expected; /* how many were written */
    const struct framelog *log;
};

static void fill(char *at, uint64_t number, size_t len)
{
    for (size_t i = 0; i < len; i++)
        at[i] = (char)(number * 31 + i);
}

static void check(const char *at, uint64_t number, size_t len)
{
    for (size_t i = 0; i < len; i++)
        assert_int_equal(at[i], (char)(number * 31 + i));
}

/* Whoever is told of an eviction must still see the bytes. */
static void on_evict(void *arg, uint64_t number, const struct frame *f)
{
    struct seen *seen = arg;

    assert_int_equal(number, seen->next++);
    check(framelog_bytes(seen->log, f), number, f->len);
}

static void frames_survive_until_their_bytes_are_needed(void **state)
{
    struct framelog log;
    struct seen seen = {.next = 1, .log = &log};
    uint32_t x = 1;

    (void)state;
    framelog_init(&log, 4096, on_evict, &seen);
    for (uint64_t number = 1; number < 20000; number++) {
        size_t len;
        char *at;

        x = x * 1664525u + 1013904223u;
        len = 2 + (x >> 16) % (framelog_max(&log) - 2);
        if (number % 3 == 0)
            len = 2 + len % 40; /* many small ones: descriptors run out */
        at = framelog_reserve(&log, len);
        assert_true(at >= log.bytes && at + len <= log.bytes + log.size);
        fill(at, number, len);
        assert_int_equal(
            framelog_commit(&log, len, (struct frame){.stream = 7}), number);
        for (uint64_t n = log.tail; n < log.head; n++) {
            const struct frame *f = framelog_at(&log, n);
            check(framelog_bytes(&log, f), n, f->len);
        }
        assert_true(log.head - log.tail <= log.n_frames);
        assert_true(log.head - log.tail >= 2 || number < 2);
    }
    framelog_close(&log);
}

static void a_reserve_may_be_larger_than_what_is_committed(void **state)
{
    struct framelog log;

    (void)state;
    framelog_init(&log, 4096, NULL, NULL);
    for (uint64_t n = 1; n < 1000; n++) {
        fill(framelog_reserve(&log, 1000), n, 100);
        framelog_commit(&log, 100, (struct frame){0});
    }
    for (uint64_t n = log.tail; n < log.head; n++)
        check(framelog_bytes(&log, framelog_at(&log, n)), n, 100);
    assert_true(framelog_has(&log, log.head - 1));
    assert_false(framelog_has(&log, log.head));
    assert_false(framelog_has(&log, log.tail - 1));
    framelog_close(&log);
}

static void the_size_is_a_power_of_two(void **state)
{
    struct framelog log;

    (void)state;
    framelog_init(&log, 5000, NULL, NULL);
    assert_int_equal(log.size, 8192);
    framelog_close(&log);
    framelog_init(&log, 1, NULL, NULL);
    assert_int_equal(log.size, 4096);
    framelog_close(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_survive_until_their_bytes_are_needed),
        cmocka_unit_test(a_reserve_may_be_larger_than_what_is_committed),
        cmocka_unit_test(the_size_is_a_power_of_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
