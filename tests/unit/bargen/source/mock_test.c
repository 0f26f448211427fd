#include "tests/unit/bargen/source/source_world.h"

#include "bargen/source/mock.h"
#include "common/base/clock.h"

static void open_mock(uint64_t seed)
{
    static const char *const symbols[] = {"X", "Y"};
    struct source_context to = world_open(NULL, 1);
    struct mock_config config = {symbols, 2, seed};

    w.source = mock_new(&to, &config);
}

/* The messages of the bars that were final after the invented past. */
static struct bytes past_of(uint64_t seed)
{
    struct bytes text;

    open_mock(seed);
    source_resume(w.source);
    text = w.feed.text;
    bytes_init(&w.feed.text);
    world_close();
    return text;
}

static void the_same_seed_gives_the_same_bars(void **state)
{
    int64_t hour_ms = 60 * MINUTE_MS,
            left_ms = hour_ms - clock_wall_ms() % hour_ms;
    struct bytes one, again, other;

    (void)state;
    if (left_ms < 10000) /* the past begins at another hour soon */
        skip();
    one = past_of(1);
    again = past_of(1);
    other = past_of(2);
    assert_true(one.len > 10000);
    /* The second may have seen a few seconds more. */
    assert_memory_equal(one.ptr, again.ptr, 10000);
    assert_memory_not_equal(one.ptr, other.ptr, 10000);
    bytes_close(&one);
    bytes_close(&again);
    bytes_close(&other);
}

static void it_begins_hours_ago_when_it_is_resumed(void **state)
{
    int64_t hours = MOCK_PAST_HOURS * 60 * MINUTE_MS * MS;

    (void)state;
    open_mock(1);
    world_settle();
    assert_int_equal(w.drained, 0);
    source_resume(w.source);
    assert_int_equal(w.drained, 1);
    assert_true(w.feed.at[0].bar.start_ns <= clock_wall_ns() - hours);
    assert_true(engine_newest(&w.feed.engine) > clock_wall_ns() - 6000 * MS);
    source_resume(w.source); /* only once */
    assert_int_equal(w.drained, 1);
    world_close();
}

static void it_goes_on_until_it_is_paused(void **state)
{
    uint64_t events;

    (void)state;
    open_mock(1);
    source_resume(w.source);
    events = w.feed.engine.counts.events;
    FAKE_RUN_UNTIL(&w.fake, w.feed.engine.counts.events > events);
    source_pause(w.source);
    events = w.feed.engine.counts.events;
    w.drained = 0;
    for (int i = 0; i < 3; i++) /* its timer is all that wakes the loop */
        uv_run(&w.fake.loop, UV_RUN_ONCE);
    assert_int_equal(w.feed.engine.counts.events, events);
    assert_int_equal(w.drained, 0);
    source_resume(w.source);
    FAKE_RUN_UNTIL(&w.fake, w.feed.engine.counts.events > events);
    world_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_bars),
        cmocka_unit_test(it_begins_hours_ago_when_it_is_resumed),
        cmocka_unit_test(it_goes_on_until_it_is_paused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
