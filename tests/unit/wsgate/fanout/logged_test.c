/* Which streams have frames in the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wsgate/fanout/logged.h"

enum { STREAMS = 700, FRAMES = 10 * LOGGED_SECTION };

/* Each stream with a frame from `number` on is among the entries. */
static void assert_complete(const struct logged *l, const uint64_t *newest,
                            uint64_t number)
{
    bool seen[STREAMS] = {false};

    for (uint64_t i = logged_from(l, number); i < l->head; i++)
        seen[logged_stream(l, i)] = true;
    for (unsigned i = 0; i < STREAMS; i++)
        assert_true(newest[i] < number || seen[i]);
}

static void a_stream_is_noted_once_a_section(void **state)
{
    static struct stream streams[STREAMS];
    static uint64_t newest[STREAMS];
    struct logged l = {0};
    uint64_t number, tail = 1;

    (void)state;
    assert_int_equal(logged_from(&l, 1), l.head);
    for (unsigned i = 0; i < STREAMS; i++)
        stream_init(&streams[i], i, 1, NULL);
    for (number = 1; number < FRAMES; number++) {
        /* Half of them speak in the second half only. */
        unsigned at = (unsigned)(number * 7919 % STREAMS);

        if (number < FRAMES / 2)
            at /= 2;
        logged_note(&l, &streams[at], number, tail);
        newest[at] = number;
        /* The log holds three sections and a half. */
        if (number > LOGGED_SECTION * 7 / 2)
            tail = number - LOGGED_SECTION * 7 / 2;
        assert_true(l.head - l.tail <= 5 * STREAMS);
    }
    assert_complete(&l, newest, tail);
    assert_complete(&l, newest, FRAMES - LOGGED_SECTION);
    assert_complete(&l, newest, FRAMES - 1);
    assert_int_equal(logged_from(&l, FRAMES + LOGGED_SECTION), l.head);
    assert_true(l.head - logged_from(&l, FRAMES - 1) <= 2 * STREAMS);
    assert_true(l.tail > 0);
    logged_close(&l);
    for (unsigned i = 0; i < STREAMS; i++)
        stream_close(&streams[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_is_noted_once_a_section),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
