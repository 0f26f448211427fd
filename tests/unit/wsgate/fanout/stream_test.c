#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* after those */
#include <cmocka.h>

#include "wsgate/fanout/stream.h"

/* Once wrote through a pointer to the keys that adding one had moved. */
static void payloads_cached_before_any_message_are_kept(void **state)
{
    struct framelog log = {0};
    struct stream c;

    (void)state;
    stream_init(&c, 1, 1, NULL);
    for (int64_t bar_time = 0; bar_time < 40; bar_time++)
        stream_cache(&c, 3, bar_time, span_str("payload"));
    assert_int_equal(c.n_keys, 40);
    for (uint32_t i = 0; i < c.n_keys; i++) {
        assert_non_null(c.keys[i].copy);
        assert_true(span_is(span_make(c.keys[i].copy->data, c.keys[i].data_len),
                            "payload"));
        assert_true(span_is(stream_payload(&c.keys[i], &log), "payload"));
    }
    stream_close(&c);
}

static void put(struct stream *s, int64_t part, uint64_t frame,
                uint64_t *forgotten)
{
    stream_set(s, stream_key(s, 3, part, forgotten), frame);
}

/* In order, none left out and none that gave way; returns how many. */
static uint32_t check_order(const struct stream *s, const uint64_t *frames,
                            uint64_t from)
{
    uint64_t before = 0;
    uint32_t n = 0;

    for (const struct conflation_key *k = stream_first(s, from); k;
         k = stream_next(s, k), n++) {
        assert_true(k->frame > before && k->frame >= from);
        assert_int_equal(k->frame, frames[k->part]);
        before = k->frame;
    }
    return n;
}

/* Whatever order they come in: those whose last frame is newest are held. */
static void of_too_many_symbols_the_oldest_give_way(void **state)
{
    enum { SYMBOLS = 20000, FRAMES = 200000 };
    uint64_t *frames = calloc(SYMBOLS, sizeof *frames), forgotten = 0;
    uint32_t x = 1, held = 0, recent;
    struct stream s;

    (void)state;
    stream_init(&s, 1, 1, NULL);
    s.by_symbol = true;
    for (uint64_t frame = 1; frame <= FRAMES; frame++) {
        uint32_t part;

        x = x * 1664525u + 1013904223u;
        /* Some often, some seldom. */
        part = (x >> 8) % (x >> 31 ? SYMBOLS : SYMBOLS / 8);
        put(&s, part, frame, &forgotten);
        frames[part] = frame;
        if (frame % 50000 == 0)
            assert_int_equal(check_order(&s, frames, 0), s.n_keys);
    }
    assert_int_equal(s.n_keys, STREAM_PARTS_MAX);
    assert_true(forgotten > SYMBOLS - STREAM_PARTS_MAX);
    for (int64_t part = 0; part < SYMBOLS; part++) {
        const struct conflation_key *k = stream_find(&s, 3, part);

        assert_null(stream_find(&s, 4, part));
        if (k) {
            held++;
            assert_int_equal(k->part, part);
            continue;
        }
        assert_true(frames[part] < stream_first(&s, 0)->frame);
    }
    assert_int_equal(held, STREAM_PARTS_MAX);
    recent = check_order(&s, frames, FRAMES - 100);
    assert_in_range(recent, 1, 101);
    assert_int_equal(stream_first(&s, FRAMES)->frame, FRAMES);
    assert_null(stream_first(&s, FRAMES + 1));
    stream_close(&s);
    free(frames);
}

static void
of_too_many_bars_the_oldest_gives_way_and_is_not_counted(void **state)
{
    uint64_t frames[201], forgotten = 0;
    struct stream s;

    (void)state;
    stream_init(&s, 1, 1, NULL);
    for (uint64_t i = 1; i <= 200; i++) {
        frames[i] = i;
        put(&s, (int64_t)i, i, &forgotten);
        assert_int_equal(check_order(&s, frames, 0),
                         i < STREAM_KEYS_MAX ? i : STREAM_KEYS_MAX);
    }
    assert_int_equal(forgotten, 0);
    assert_null(stream_find(&s, 3, 200 - STREAM_KEYS_MAX));
    assert_non_null(stream_find(&s, 3, 201 - STREAM_KEYS_MAX));
    stream_clear(&s);
    assert_null(stream_first(&s, 0));
    put(&s, 7, 201, NULL);
    assert_int_equal(s.n_keys, 1);
    stream_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(payloads_cached_before_any_message_are_kept),
        cmocka_unit_test(of_too_many_symbols_the_oldest_give_way),
        cmocka_unit_test(
            of_too_many_bars_the_oldest_gives_way_and_is_not_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
