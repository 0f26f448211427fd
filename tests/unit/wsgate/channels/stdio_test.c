/* The gateway in a pipe: which lines become messages, what an activity looks
 * like, and when the end of input ends the gateway. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/log.h"
#include "common/base/metrics.h"
#include "wsgate/channels/stdio.h"
#include "wsgate/fanout/fanout.h"

struct world {
    struct app_options options;
    struct app app;
    struct fanout fanout;
    struct route_table *routes;
    struct upstream *upstream;
    struct stdio stdio;
    int in, out;         /* the test's ends of the pipes */
    int old_in, old_out; /* what 0 and 1 were */
    bool stopped;
    char text[8192];
};

static void nothing(void *arg)
{
    (void)arg;
}

static void on_stop(void *arg)
{
    ((struct world *)arg)->stopped = true;
}

static void swap_pipes(struct world *w)
{
    int in[2], out[2];

    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    w->old_in = dup(STDIN_FILENO);
    w->old_out = dup(STDOUT_FILENO);
    fflush(stdout);
    assert_true(dup2(in[0], STDIN_FILENO) >= 0);
    assert_true(dup2(out[1], STDOUT_FILENO) >= 0);
    close(in[0]);
    close(out[1]);
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    w->in = in[1];
    w->out = out[0];
}

static int open_world(void **state)
{
    static struct world w;
    static const struct upstream_events events = {.on_settled = nothing};
    struct upstream_config config = {.redis = NULL};
    struct err err = {0};

    memset(&w, 0, sizeof w);
    log_init("wsgate", LOG_LEVEL_ERROR);
    swap_pipes(&w);
    assert_int_equal(uv_loop_init(&w.app.loop), 0);
    w.app.tool = "wsgate";
    w.app.opts = &w.options;
    w.app.on_stop = on_stop;
    w.app.arg = &w;
    uv_timer_init(&w.app.loop, &w.app.stop);
    w.app.stop.data = &w.app;
    assert_non_null(w.routes = route_table_new(NULL, &err));
    fanout_init(&w.fanout, 1 << 20, &(struct fanout_limits){.out_bytes = 1},
                NULL);
    config.routes = w.routes;
    w.upstream = upstream_new(&w.app.loop, &config, &w.fanout, &events, NULL);
    *state = &w;
    return 0;
}

static void turn(struct world *w)
{
    for (int i = 0; i < 8; i++)
        uv_run(&w->app.loop, UV_RUN_NOWAIT);
}

static int close_world(void **state)
{
    struct world *w = *state;

    stdio_stop(&w->stdio);
    upstream_stop(w->upstream);
    uv_close((uv_handle_t *)&w->app.stop, NULL);
    /* What was written goes out before its handle closes. */
    for (int i = 0; i < 10000 && uv_loop_alive(&w->app.loop); i++) {
        uv_run(&w->app.loop, UV_RUN_NOWAIT);
        while (read(w->out, w->text, sizeof w->text) > 0) {
        }
    }
    assert_int_equal(uv_loop_close(&w->app.loop), 0);
    upstream_free(w->upstream);
    fanout_close(&w->fanout);
    route_table_free(w->routes);
    dup2(w->old_in, STDIN_FILENO);
    dup2(w->old_out, STDOUT_FILENO);
    close(w->old_in);
    close(w->old_out);
    close(w->out);
    if (w->in >= 0)
        close(w->in);
    return 0;
}

static void open_stdio(struct world *w, bool read, bool write, bool linger)
{
    const struct stdio_options options = {
        .read = read, .write = write, .linger = linger, .max_line_bytes = 1024};
    struct err err = {0};

    assert_true(stdio_open(&w->stdio, &w->app, w->upstream, &options, &err));
}

static void say(struct world *w, const char *text)
{
    assert_int_equal(write(w->in, text, strlen(text)), strlen(text));
    turn(w);
}

static void end_input(struct world *w)
{
    close(w->in);
    w->in = -1;
    turn(w);
}

/* What was written, but for the time of each line. */
static const char *written(struct world *w)
{
    static char buf[8192];
    ssize_t n;
    char *to = w->text;

    turn(w);
    n = read(w->out, buf, sizeof buf - 1);
    assert_true(n > 0);
    buf[n] = '\0';
    for (const char *at = buf; *at;) {
        if (strncmp(at, "{\"time\":", 8) == 0) {
            at += 8 + strspn(at + 8, "0123456789");
            *to++ = '{';
            at++; /* the comma */
        } else {
            *to++ = *at++;
        }
    }
    *to = '\0';
    return w->text;
}

static uint64_t seq_of(struct world *w, const char *name)
{
    const struct channel *c =
        channels_find(upstream_channels(w->upstream), span_str(name));

    return c ? c->seq : 0;
}

/* --- out --- */

static void each_activity_is_a_line_with_what_it_has(void **state)
{
    struct world *w = *state;

    open_stdio(w, false, true, false);
    stdio_activity(&w->stdio, &(struct activity){.action = ACTIVITY_CONNECT,
                                                 .client = 7,
                                                 .peer = "192.0.2.1"});
    stdio_activity(&w->stdio,
                   &(struct activity){.action = ACTIVITY_SUBSCRIBE,
                                      .client = 7,
                                      .peer = "192.0.2.1",
                                      .channel = span_str("bars:\"A\":1"),
                                      .mode = span_str("latest"),
                                      .interval_ms = 250});
    stdio_activity(&w->stdio,
                   &(struct activity){.action = ACTIVITY_UNSUBSCRIBE,
                                      .client = 7,
                                      .peer = "192.0.2.1",
                                      .channel = span_str("bars:A:1")});
    stdio_activity(&w->stdio, &(struct activity){.action = ACTIVITY_DISCONNECT,
                                                 .client = 7,
                                                 .peer = "192.0.2.1",
                                                 .close_code = 1001,
                                                 .close_why = "gone"});
    assert_string_equal(
        written(w),
        "{\"action\":\"connect\",\"client\":7,\"peer\":\"192.0.2.1\"}\n"
        "{\"action\":\"subscribe\",\"client\":7,\"peer\":\"192.0.2.1\","
        "\"channel\":\"bars:\\\"A\\\":1\",\"mode\":\"latest\","
        "\"interval_ms\":250}\n"
        "{\"action\":\"unsubscribe\",\"client\":7,\"peer\":\"192.0.2.1\","
        "\"channel\":\"bars:A:1\"}\n"
        "{\"action\":\"disconnect\",\"client\":7,\"peer\":\"192.0.2.1\","
        "\"code\":1001,\"why\":\"gone\"}\n");
}

static uint64_t dropped(void)
{
    static const char name[] = "\ntickwire_wsgate_stdout_dropped_total ";
    struct bytes text = {0};
    const char *at;
    uint64_t n;

    metrics_render(&text);
    bytes_add(&text, "", 1);
    assert_non_null(at = strstr(text.ptr, name));
    n = strtoull(at + sizeof name - 1, NULL, 10);
    bytes_close(&text);
    return n;
}

static void clients_do_not_wait_for_a_slow_reader(void **state)
{
    struct world *w = *state;
    const struct activity a = {.action = ACTIVITY_CONNECT, .peer = "::1"};
    uint64_t before;

    open_stdio(w, false, true, false);
    before = dropped();
    /* Nobody reads: the pipe and what waits behind it are soon full. */
    for (int i = 0; i < 40000; i++)
        stdio_activity(&w->stdio, &a);
    assert_in_range(dropped() - before, 1, 39999);
    assert_false(w->stopped);
}

static void where_nothing_is_open_nothing_happens(void **state)
{
    struct world *w = *state;

    stdio_stop(&w->stdio); /* never opened */
    open_stdio(w, false, false, false);
    stdio_activity(&w->stdio, &(struct activity){.peer = ""});
    stdio_stop(&w->stdio);
    stdio_activity(&w->stdio, &(struct activity){.peer = ""});
    say(w, "{\"channel\":\"x\",\"data\":1}\n");
    assert_int_equal(seq_of(w, "x"), 0);
}

/* --- in --- */

static void lines_become_messages_and_bad_ones_do_not(void **state)
{
    struct world *w = *state;

    open_stdio(w, true, false, false);
    say(w, "{\"channel\":\"x\",\"data\":1}\n\nnot json\n"
           "{\"channel\":\"x\",\"da");
    assert_int_equal(seq_of(w, "x"), 1);
    say(w, "ta\":2}\n");
    assert_int_equal(seq_of(w, "x"), 2);
    assert_int_equal(upstream_stats(w->upstream).messages_invalid, 1);
    assert_false(w->stopped);
}

static void the_end_of_input_ends_the_gateway(void **state)
{
    struct world *w = *state;

    open_stdio(w, true, false, false);
    say(w, "{\"channel\":\"x\",\"data\":1}"); /* no line feed */
    end_input(w);
    assert_int_equal(seq_of(w, "x"), 1);
    assert_true(w->stopped);
}

static void unless_it_is_to_go_on(void **state)
{
    struct world *w = *state;

    open_stdio(w, true, true, true);
    end_input(w);
    assert_false(w->stopped);
    stdio_activity(&w->stdio, &(struct activity){.peer = "::1"});
    assert_non_null(strstr(written(w), "\"connect\""));
}

static void no_more_lines_are_read_while_output_goes_on(void **state)
{
    struct world *w = *state;

    open_stdio(w, true, true, false);
    stdio_stop_input(&w->stdio);
    say(w, "{\"channel\":\"x\",\"data\":1}\n");
    assert_int_equal(seq_of(w, "x"), 0);
    stdio_activity(&w->stdio, &(struct activity){.peer = "::1"});
    assert_non_null(strstr(written(w), "\"connect\""));
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_activity_is_a_line_with_what_it_has),
        TEST(clients_do_not_wait_for_a_slow_reader),
        TEST(where_nothing_is_open_nothing_happens),
        TEST(lines_become_messages_and_bad_ones_do_not),
        TEST(the_end_of_input_ends_the_gateway),
        TEST(unless_it_is_to_go_on),
        TEST(no_more_lines_are_read_while_output_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
