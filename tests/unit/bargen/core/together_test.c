/*
 * Inputs wait before they go into the bars of several resolutions.  Whatever
 * comes between, what is issued is what is issued where none waits.
 */
#include "tests/unit/bargen/engine_world.h"

enum { EVENTS = 2000, STREAMS = 200 };

static uint64_t seed;

/* splitmix64: the same streams in every run */
static int64_t draw(int64_t below)
{
    uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (int64_t)((z ^ z >> 31) % (uint64_t)below);
}

/* Mostly of one form; sums of some do not fit 128 bits. */
static struct decimal number(bool odd)
{
    if (!odd)
        return (struct decimal){10000 + draw(200), 2};
    return (struct decimal){1 + draw(decimal_pow10[1 + draw(17)]),
                            (uint8_t)draw(19)};
}

struct stream {
    int64_t now_ms;
    uint64_t seq;
    int odd; /* one in that many numbers is */
    int late;
};

static struct event next_event(struct stream *s, bool quotes)
{
    int64_t back_ms = draw(s->late) ? 0 : draw(draw(4) ? 2000 : 200000);
    struct event ev;

    s->now_ms += draw(10) ? draw(300) : draw(20000);
    if (quotes) {
        ev = feed_tick_event("X", s->now_ms - back_ms, "1", "1");
        ev.bid = number(draw(s->odd) == 0);
        ev.ask = number(draw(s->odd) == 0);
    } else {
        ev = feed_trade_event("X", s->now_ms - back_ms, "1",
                              draw(20) ? "1" : NULL, NULL);
        ev.price = number(draw(s->odd) == 0);
        ev.size = draw(30) ? number(draw(s->odd) == 0) : (struct decimal){0, 0};
    }
    s->seq += draw(100) ? 1 : 3;
    ev.src = span_str("run");
    ev.seq = s->seq - (draw(150) ? 0 : 2);
    ev.have |= EVENT_HAS_SRC | EVENT_HAS_SEQ;
    return ev;
}

static void feed_both(struct feed *waits, struct feed *settles,
                      const struct event *ev, int64_t now_ms)
{
    struct feed *const both[] = {waits, settles};
    int64_t what = draw(60);

    for (unsigned i = 0; i < 2; i++) {
        struct engine *e = &both[i]->engine;

        (void)engine_event(e, ev, now_ms * MS);
        if (what < 10) {
            engine_update(e, 0, (uint64_t)now_ms);
            engine_clean(e, 0);
        } else if (what == 10) {
            engine_wake(e, now_ms * MS);
        } else if (what == 11) {
            engine_lost(e, -1, now_ms * MS);
        }
    }
    if (settles->engine.symbols.n > 0)
        symbol_settle(settles->engine.symbols.all[0]);
}

static unsigned run(bool fill, const char *resolutions)
{
    struct feed waits, settles;
    struct engine_config config = feed_config();
    struct stream s = {.now_ms = T0 + draw(86400000),
                       .odd = 1 + (int)draw(40),
                       .late = 2 + (int)draw(60)};
    int64_t quotes = draw(2) ? draw(EVENTS) : 0;
    unsigned waited = 0;

    config.fill = fill;
    feed_open(&waits, config, resolutions);
    feed_open(&settles, config, resolutions);
    for (int i = 0; i < EVENTS; i++) {
        struct event ev = next_event(&s, i < quotes);

        feed_both(&waits, &settles, &ev, s.now_ms);
        waited += waits.engine.symbols.all[0]->tip.count > 0;
    }
    engine_finish(&waits.engine);
    engine_finish(&settles.engine);
    assert_true(waits.text.len > 0);
    assert_int_equal(waits.text.len, settles.text.len);
    assert_memory_equal(waits.text.ptr, settles.text.ptr, waits.text.len);
    feed_close(&waits);
    feed_close(&settles);
    return waited;
}

static void what_waits_changes_no_bar(void **state)
{
    unsigned waited = 0;

    (void)state;
    for (unsigned i = 1; i <= STREAMS; i++) {
        seed = i;
        /* Not from the finest on, and not each within the next. */
        waited += run(i % 2, i % 4 < 2 ? "5 5S D 1 3" : "1 5");
    }
    assert_true(waited > STREAMS * EVENTS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_waits_changes_no_bar),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
