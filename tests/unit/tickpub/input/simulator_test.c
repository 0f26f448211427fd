#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "common/base/line.h"
#include "common/event/event.h"
#include "tickpub/input/simulator.h"

#define START_NS (INT64_C(1705575045123) * 1000000)

enum { SYMBOLS = 4, EVENTS = 20000 };

static const struct span symbols[SYMBOLS] = {
    {"AAPL", 4}, {"GOOGL", 5}, {"EURUSD", 6}, {"ZZZ", 3}};

/* All events of a run, one a line, and the time of the last. */
static int64_t simulated(uint64_t seed, double rate, unsigned events,
                         struct bytes *out)
{
    struct simulator *s = simulator_new(symbols, SYMBOLS, rate, seed);
    int64_t time_ns = START_NS;

    for (unsigned i = 0; i < events; i++) {
        simulator_event(s, time_ns, out);
        bytes_add(out, "\n", 1);
        time_ns += simulator_gap_ns(s, time_ns);
    }
    simulator_free(s);
    return time_ns;
}

static void the_same_seed_gives_the_same_bytes(void **state)
{
    struct bytes a, b;

    (void)state;
    bytes_init(&a);
    bytes_init(&b);
    simulated(42, 200, EVENTS, &a);
    simulated(42, 200, EVENTS, &b);
    assert_true(span_eq(bytes_span(&a), bytes_span(&b)));
    bytes_clear(&b);
    simulated(43, 200, EVENTS, &b);
    assert_false(span_eq(bytes_span(&a), bytes_span(&b)));
    bytes_close(&a);
    bytes_close(&b);
}

/* FNV-1a */
static uint64_t hash_of(struct span s)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)s.ptr[i]) * UINT64_C(0x100000001b3);
    return h;
}

/* Whoever kept a seed keeps the market that it stands for. */
static void a_seed_gives_the_bytes_that_it_always_gave(void **state)
{
    struct bytes text;

    (void)state;
    bytes_init(&text);
    simulated(42, 200, EVENTS, &text);
    assert_int_equal(hash_of(bytes_span(&text)), UINT64_C(0xf0fb469b07739139));
    bytes_close(&text);
}

struct last {
    int64_t id;
    int64_t price; /* ticks */
    unsigned trades, quotes, moves;
};

static unsigned index_of(struct span symbol)
{
    for (unsigned i = 0; i < SYMBOLS; i++) {
        if (span_eq(symbols[i], symbol))
            return i;
    }
    fail_msg("'%.*s' was not asked for", SPAN_ARG(symbol));
    return 0;
}

static int64_t number(struct span text)
{
    int64_t n = 0;

    for (size_t i = 0; i < text.len; i++)
        n = n * 10 + (text.ptr[i] - '0');
    return n;
}

static void check_event(const struct event *ev, struct last *last)
{
    assert_true(ev->time_ns >= START_NS - 1000000);
    if (ev->type == EVENT_TICK) {
        last->quotes++;
        assert_true(ev->bid.mant > 0);
        assert_true(decimal_cmp(ev->bid, ev->ask) < 0);
        last->moves += ev->bid.mant != last->price;
        last->price = ev->bid.mant;
    } else {
        assert_int_equal(ev->type, EVENT_TRADE);
        last->trades++;
        assert_true(ev->price.mant > 0);
        assert_true(ev->size.mant > 0);
        assert_int_equal(number(ev->id), last->id + 1);
        last->id++;
        assert_true(span_is(ev->side, "buy") || span_is(ev->side, "sell"));
    }
}

static void every_event_is_valid_and_looks_like_a_market(void **state)
{
    struct last last[SYMBOLS] = {0};
    struct bytes all;
    struct span rest;

    (void)state;
    bytes_init(&all);
    simulated(42, 200, EVENTS, &all);
    bytes_reserve(&all, LINE_PAD);
    rest = bytes_span(&all);
    while (rest.len > 0) {
        const char *lf = memchr(rest.ptr, '\n', rest.len);
        struct span line = {rest.ptr, (size_t)(lf - rest.ptr)};
        struct event ev;
        unsigned column;

        if (event_read_strict(line, &ev, &column) != EVENT_OK)
            fail_msg("column %u of %.*s", column, SPAN_ARG(line));
        check_event(&ev, &last[index_of(ev.symbol)]);
        rest.ptr = lf + 1;
        rest.len -= line.len + 1;
    }
    for (unsigned i = 0; i < SYMBOLS; i++) {
        assert_true(last[i].trades > EVENTS / SYMBOLS / 5);
        assert_true(last[i].quotes > EVENTS / SYMBOLS / 3);
        assert_true(last[i].moves > last[i].quotes / 20);
    }
    bytes_close(&all);
}

static void the_rate_is_what_was_asked_for(void **state)
{
    struct bytes all;
    double seconds;

    (void)state;
    bytes_init(&all);
    /* 20 a second for 1.7 million events: a whole day, whose curve averages
     * to one. */
    {
        struct simulator *s = simulator_new(symbols, SYMBOLS, 20, 7);
        int64_t time_ns = START_NS;
        unsigned events = 20 * 86400;

        for (unsigned i = 0; i < events; i++)
            time_ns += simulator_gap_ns(s, time_ns);
        seconds = (double)(time_ns - START_NS) / 1e9;
        simulator_free(s);
    }
    assert_true(seconds > 86400 * 0.98 && seconds < 86400 * 1.02);
    bytes_close(&all);
}

static void a_price_near_zero_stays_above_it(void **state)
{
    struct simulator *s = simulator_new(symbols + 3, 1, 0.001, 1);
    int64_t time_ns = START_NS;
    struct bytes line;

    (void)state;
    bytes_init(&line);
    /* A thousand seconds between events: the walk takes large steps. */
    for (int i = 0; i < 200000; i++) {
        struct event ev;
        unsigned column;

        bytes_clear(&line);
        simulator_event(s, time_ns, &line);
        bytes_reserve(&line, LINE_PAD);
        assert_int_equal(event_read_strict(bytes_span(&line), &ev, &column),
                         EVENT_OK);
        time_ns += simulator_gap_ns(s, time_ns);
    }
    simulator_free(s);
    bytes_close(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_bytes),
        cmocka_unit_test(a_seed_gives_the_bytes_that_it_always_gave),
        cmocka_unit_test(every_event_is_valid_and_looks_like_a_market),
        cmocka_unit_test(the_rate_is_what_was_asked_for),
        cmocka_unit_test(a_price_near_zero_stays_above_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
