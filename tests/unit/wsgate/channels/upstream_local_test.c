/* Messages from a pipe, with no Redis: where they go and which are refused. */
#include "tests/unit/wsgate/upstream_world.h"

struct world {
    struct upstream_world up;
    struct listener listener;
};

static int open_world(void **state)
{
    static struct world w;

    memset(&w, 0, sizeof w);
    upstream_world_open(&w.up, false, listener_io());
    *state = &w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;

    fanout_leave(&w->up.fanout, &w->listener.m);
    fanout_forget(&w->up.fanout, &w->listener.m);
    upstream_world_close(&w->up);
    fanout_close(&w->up.fanout);
    bytes_close(&w->listener.got);
    return 0;
}

static uint32_t open_channel(struct world *w, const char *name)
{
    return upstream_open(w->up.upstream, span_str(name), DIALECT_NATIVE, 0);
}

static void without_redis_everything_is_live_and_settled(void **state)
{
    struct world *w = *state;
    uint32_t a = open_channel(w, "market_data:A");

    assert_int_equal(upstream_state(w->up.upstream), UPSTREAM_LIVE);
    assert_null(upstream_redis(w->up.upstream));
    assert_true(upstream_is_settled(w->up.upstream, a));
    upstream_close(w->up.upstream, a);
}

static void lines_go_to_the_channel_of_their_route_or_envelope(void **state)
{
    struct world *w = *state;
    uint32_t a = open_channel(w, "market_data:A");
    uint32_t b = open_channel(w, "my:own");
    const uint64_t keys[] = {subscription_key(a, false),
                             subscription_key(b, false)};
    struct err err = {0};

    fanout_subscribe(&w->up.fanout, &w->listener.m, keys, 2);
    assert_true(world_line(&w->up,
                           "{\"type\":\"tick\",\"symbol\":\"A\",\"bid\":1.5,"
                           "\"ask\":1.6,\"time\":1700000000000}",
                           &err));
    assert_true(
        world_line(&w->up, "{\"channel\":\"my:own\",\"data\":[7]}", &err));
    assert_int_equal(listener_count(&w->listener, "\"bid\":1.5"), 1);
    assert_int_equal(listener_count(&w->listener, "\"data\":[7]"), 1);
    assert_int_equal(listener_count(&w->listener, "\"source\":\"local\""), 2);
    assert_int_equal(upstream_stats(w->up.upstream).messages_local, 2);
    upstream_close(w->up.upstream, a);
    upstream_close(w->up.upstream, b);
}

static void refused_lines_say_why(void **state)
{
    static const char *const bad[][2] = {
        {"{\"channel\":\"prod:_x\",\"data\":1}", "internal"},
        {"{\"channel\":\"a:*\",\"data\":1}", "pattern"},
        {"{\"channel\":\"bars:A:1min\",\"data\":1}", "end with a resolution"}};
    struct world *w = *state;
    struct err err = {0};

    assert_false(world_line(&w->up, "{\"channel\":\"_x\",\"data\":1}", &err));
    assert_non_null(strstr(err.text, "internal"));
    err = (struct err){0};
    assert_false(world_line(&w->up, "{\"channel\":\"a b\",\"data\":1}", &err));
    assert_non_null(strstr(err.text, "cannot be a channel"));
    assert_non_null(strstr(err.text, "letters, digits"));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        err = (struct err){0};
        assert_false(world_line(&w->up, bad[i][0], &err));
        assert_non_null(strstr(err.text, bad[i][1]));
    }
    err = (struct err){0};
    assert_false(world_line(&w->up, "{\"channel\":7,\"data\":1}", &err));
    assert_non_null(strstr(err.text, "not a string"));
    assert_int_equal(upstream_stats(w->up.upstream).messages_invalid, 0);
    err = (struct err){0};
    assert_false(world_line(&w->up, "{\"type\":\"tick\"", &err));
    assert_int_equal(upstream_stats(w->up.upstream).messages_invalid, 1);
}

static void a_bar_goes_to_the_canonical_name_of_its_channel(void **state)
{
    struct world *w = *state;
    uint32_t a = open_channel(w, "bars:A:D");
    const uint64_t key = subscription_key(a, false);
    struct err err = {0};

    fanout_subscribe(&w->up.fanout, &w->listener.m, &key, 1);
    assert_true(world_line(
        &w->up, "{\"channel\":\"bars:A:1D\",\"data\":{\"n\":1}}", &err));
    assert_true(world_line(&w->up,
                           "{\"type\":\"bar\",\"symbol\":\"A\","
                           "\"resolution\":\"1D\",\"bar\":{\"time\":"
                           "1700000000000,\"n\":2}}",
                           &err));
    assert_int_equal(listener_count(&w->listener, "\"channel\":\"bars:A:D\""),
                     2);
    upstream_close(w->up.upstream, a);
}

static void
what_a_pipe_has_said_is_kept_and_what_nobody_said_is_not(void **state)
{
    struct world *w = *state;
    const struct channels *cs = upstream_channels(w->up.upstream);
    struct err err = {0};

    assert_true(
        world_line(&w->up, "{\"channel\":\"my:own\",\"data\":1}", &err));
    upstream_close(w->up.upstream, open_channel(w, "my:other"));
    world_wait(&w->up, 2 * UPSTREAM_LINGER_MS, false);
    assert_non_null(channels_find(cs, span_str("my:own")));
    assert_null(channels_find(cs, span_str("my:other")));
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_redis_everything_is_live_and_settled),
        TEST(lines_go_to_the_channel_of_their_route_or_envelope),
        TEST(refused_lines_say_why),
        TEST(a_bar_goes_to_the_canonical_name_of_its_channel),
        TEST(what_a_pipe_has_said_is_kept_and_what_nobody_said_is_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
