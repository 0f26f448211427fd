#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "tickpub/input/reader.h"
#include "tickpub/input/report.h"

#define TRADE(ID, TIME)                                                        \
    "{\"type\":\"trade\",\"symbol\":\"A\",\"time\":" TIME                      \
    ",\"price\":1.5,\"id\":\"" ID "\"}\n"

enum { FIRST = 1, SECOND = 2 }; /* reasons to stand still */

/* What a reader told, as text: "1:<id>" for an event of line 1, "2!<fault>" for
 * a bad line, "." when drained, "$" at the end. */
struct bench {
    uv_loop_t loop;
    struct reader reader;
    char path[32];
    struct bytes told;
    unsigned pause_at, stop_at; /* the events that do it; 0: none */
    bool ended;
    uv_timer_t guard;
};

static void on_event(void *arg, const struct event *ev, uint64_t line)
{
    struct bench *b = arg;

    bytes_printf(&b->told, "%d:%.*s ", (int)line, SPAN_ARG(ev->id));
    if (line == b->pause_at)
        reader_pause(&b->reader, FIRST);
    if (line == b->stop_at)
        reader_stop(&b->reader);
}

static void on_bad(void *arg, unsigned fault, uint64_t line, unsigned column)
{
    struct bench *b = arg;

    bytes_printf(&b->told, "%d,%u!%u ", (int)line, column, fault);
}

static void on_drained(void *arg)
{
    struct bench *b = arg;

    bytes_add_str(&b->told, ". ");
}

static void on_end(void *arg, int errnum)
{
    struct bench *b = arg;

    assert_int_equal(errnum, 0);
    bytes_add_str(&b->told, "$ ");
    b->ended = true;
}

static void on_guard(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("the input has not ended");
}

static struct bench *begin(const char *text, struct reader_options options)
{
    static const struct reader_events events = {.on_event = on_event,
                                                .on_bad = on_bad,
                                                .on_drained = on_drained,
                                                .on_end = on_end};
    struct bench *b = mem_zero(sizeof *b);
    struct err err = {0};
    int fd;

    snprintf(b->path, sizeof b->path, "/tmp/reader_test.XXXXXX");
    fd = mkstemp(b->path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    options.max_future_ms = 1000;
    if (options.max_line_bytes == 0)
        options.max_line_bytes = 1024;
    if (!options.simulation)
        options.replay = b->path;
    uv_loop_init(&b->loop);
    uv_timer_init(&b->loop, &b->guard);
    uv_timer_start(&b->guard, on_guard, 20000, 0);
    if (!reader_open(&b->reader, &b->loop, &options, &events, b, &err))
        fail_msg("%s", err.text);
    return b;
}

static const char *told(struct bench *b)
{
    bytes_add(&b->told, "", 1);
    b->told.len--;
    return b->told.ptr;
}

/* The same without what was said of drains, which may come at any time. */
static const char *events(struct bench *b)
{
    char *to = b->told.ptr;

    for (const char *p = told(b); *p != '\0'; p++) {
        if (*p == '.')
            p++;
        else
            *to++ = *p;
    }
    *to = '\0';
    return b->told.ptr;
}

static void run_to_end(struct bench *b)
{
    while (!b->ended)
        uv_run(&b->loop, UV_RUN_ONCE);
}

static void end(struct bench *b)
{
    reader_close(&b->reader);
    uv_close((uv_handle_t *)&b->guard, NULL);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    reader_free(&b->reader);
    assert_int_equal(uv_loop_close(&b->loop), 0);
    bytes_close(&b->told);
    unlink(b->path);
    free(b);
}

static void lines_have_their_number_whatever_is_in_them(void **state)
{
    struct bench *b =
        begin(TRADE("a", "1700000000001") "\n{]\n" TRADE("b", "1700000000002"),
              (struct reader_options){0});
    char expected[64];

    (void)state;
    run_to_end(b);
    snprintf(expected, sizeof expected, "1:a 3,2!%u 4:b . $ ", EVENT_NOT_JSON);
    assert_string_equal(told(b), expected);
    end(b);
}

static void a_line_too_long_is_bad_and_the_next_one_is_read(void **state)
{
    char text[2048], expected[64];
    struct bench *b;

    (void)state;
    memset(text, 'x', 1500);
    snprintf(text + 1500, sizeof text - 1500, "\n%s",
             TRADE("b", "1700000000002"));
    b = begin(text, (struct reader_options){0});
    run_to_end(b);
    snprintf(expected, sizeof expected, "1,0!%u 2:b ", REPORT_TOO_LONG);
    assert_non_null(strstr(told(b), expected));
    end(b);
}

static void it_stands_still_while_any_reason_holds(void **state)
{
    struct bench *b =
        begin(TRADE("a", "1700000000001") TRADE("b", "1700000000002")
                  TRADE("c", "1700000000003"),
              (struct reader_options){0});

    (void)state;
    b->pause_at = 1;
    while (b->told.len == 0)
        uv_run(&b->loop, UV_RUN_ONCE);
    reader_pause(&b->reader, SECOND);
    reader_resume(&b->reader, FIRST);
    for (int i = 0; i < 10; i++)
        uv_run(&b->loop, UV_RUN_NOWAIT);
    assert_null(strstr(told(b), "2:b"));
    reader_resume(&b->reader, SECOND);
    run_to_end(b);
    assert_string_equal(events(b), "1:a 2:b 3:c $ ");
    end(b);
}

static void a_stopped_reader_tells_nothing_more(void **state)
{
    struct bench *b =
        begin(TRADE("a", "1700000000001") TRADE("b", "1700000000002")
                  TRADE("c", "1700000000003"),
              (struct reader_options){0});

    (void)state;
    b->stop_at = 2;
    while (b->told.len == 0)
        uv_run(&b->loop, UV_RUN_ONCE);
    for (int i = 0; i < 10; i++)
        uv_run(&b->loop, UV_RUN_NOWAIT);
    assert_non_null(strstr(told(b), "1:a 2:b "));
    assert_null(strstr(told(b), "3:c"));
    assert_false(b->ended);
    end(b);
}

static void recorded_events_keep_their_distance_and_order(void **state)
{
    struct bench *b =
        begin(TRADE("a", "1700000000100") TRADE("b", "1700000000130")
                  TRADE("c", "1700000000090") TRADE("d", "1700000000160"),
              (struct reader_options){.pace = {.speed = 1}});
    uint64_t from_ns = uv_hrtime();

    (void)state;
    run_to_end(b);
    assert_in_range(uv_hrtime() - from_ns, 20000000, UINT64_C(20000000000));
    /* Whoever waits leaves nothing unsent; a clock set back delays nobody. */
    assert_int_equal(strncmp(told(b), "1:a . 2:b . ", 12), 0);
    assert_string_equal(events(b), "1:a 2:b 3:c 4:d $ ");
    end(b);
}

static void the_end_of_a_recording_can_come_while_an_event_waits(void **state)
{
    struct bench *b =
        begin(TRADE("a", "1700000000100") TRADE("b", "1700003600100"),
              (struct reader_options){.pace = {.speed = 1}});

    (void)state;
    while (b->told.len == 0)
        uv_run(&b->loop, UV_RUN_ONCE);
    for (int i = 0; i < 10; i++)
        uv_run(&b->loop, UV_RUN_NOWAIT);
    assert_string_equal(told(b), "1:a . ");
    end(b); /* an hour early: its timer is closed with it */
}

static void a_simulation_is_read_like_a_file(void **state)
{
    struct span symbol = span_str("A");
    struct source_simulation simulation = {.symbols = &symbol,
                                           .n_symbols = 1,
                                           .rate = 100,
                                           .seed = 1,
                                           .start_ns =
                                               INT64_C(1700000000000000000),
                                           .count = 5};
    struct bench *b =
        begin("", (struct reader_options){.simulation = &simulation});

    (void)state;
    run_to_end(b);
    assert_non_null(strstr(told(b), " 5:"));
    assert_null(strstr(told(b), " 6:"));
    assert_null(strchr(told(b), '!'));
    end(b);
}

static void what_could_not_be_opened_can_be_closed(void **state)
{
    struct reader_options options = {.replay = "/nowhere/at.all",
                                     .max_line_bytes = 1024};
    struct reader_events events = {.on_event = on_event};
    struct reader reader;
    struct err err = {0};
    uv_loop_t loop;

    (void)state;
    uv_loop_init(&loop);
    assert_false(reader_open(&reader, &loop, &options, &events, NULL, &err));
    assert_int_equal(err.code, ERR_USAGE);
    assert_non_null(strstr(err.text, "--replay: /nowhere/at.all"));
    reader_close(&reader);
    reader_free(&reader);
    options.feed = "nosuch";
    assert_false(reader_open(&reader, &loop, &options, &events, NULL, &err));
    reader_close(&reader);
    reader_free(&reader);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_have_their_number_whatever_is_in_them),
        cmocka_unit_test(a_line_too_long_is_bad_and_the_next_one_is_read),
        cmocka_unit_test(it_stands_still_while_any_reason_holds),
        cmocka_unit_test(a_stopped_reader_tells_nothing_more),
        cmocka_unit_test(recorded_events_keep_their_distance_and_order),
        cmocka_unit_test(the_end_of_a_recording_can_come_while_an_event_waits),
        cmocka_unit_test(a_simulation_is_read_like_a_file),
        cmocka_unit_test(what_could_not_be_opened_can_be_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
