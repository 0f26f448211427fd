#include "tests/unit/bargen/source/source_world.h"

#include <fcntl.h>
#include <unistd.h>

#include "bargen/source/lines.h"

static int input, feeder; /* the two ends of a pipe */

static void open_lines(bool strict, size_t line_max_bytes)
{
    struct source_context to = world_open(NULL, 1);
    struct lines_config config = {.line_max_bytes = line_max_bytes,
                                  .strict = strict};
    struct err err = {0};
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    config.fd = input = fds[0];
    feeder = fds[1];
    w.source = lines_new(&to, &config, &err);
    assert_non_null(w.source);
    source_resume(w.source);
}

static void put(const char *text)
{
    size_t n = strlen(text);

    assert_int_equal(write(feeder, text, n), n);
}

static void end_input(void)
{
    close(feeder);
    feeder = -1;
}

static void close_lines(void)
{
    world_close();
    if (feeder >= 0)
        close(feeder);
    close(input);
}

static unsigned events(void)
{
    return (unsigned)w.feed.engine.counts.events;
}

static void a_bad_line_is_skipped(void **state)
{
    (void)state;
    open_lines(false, 1000);
    put(TRADE("1") "\n\n{\"type\":1}\n" TRADE("2") "\n" TRADE("3"));
    FAKE_RUN_UNTIL(&w.fake, w.drained);
    assert_int_equal(events(), 2);
    assert_int_equal(w.ended, 0);
    /* The last line needs no line feed. */
    end_input();
    FAKE_RUN_UNTIL(&w.fake, w.ended);
    assert_int_equal(events(), 3);
    assert_int_equal(w.err.code, 0);
    assert_true(span_is(bytes_span(&w.accepted),
                        TRADE("1") "\n" TRADE("2") "\n" TRADE("3") "\n"));
    close_lines();
}

static void where_it_is_strict_the_first_bad_line_ends_it(void **state)
{
    (void)state;
    open_lines(true, 1000);
    put(TRADE("1") "\n{\"type\":\"trade\",\n" TRADE("2") "\n");
    FAKE_RUN_UNTIL(&w.fake, w.ended);
    assert_int_equal(w.err.code, ERR_INPUT);
    assert_non_null(strstr(w.err.text, "line 2, column 17: "));
    world_settle();
    assert_int_equal(events(), 1);
    assert_int_equal(w.drained, 0);
    close_lines();
}

static void a_line_that_is_too_long_is_a_bad_one(void **state)
{
    (void)state;
    open_lines(true, 100);
    put(TRADE("1") "\n");
    for (int i = 0; i < 3; i++)
        put("                                                            ");
    put(TRADE("2") "\n");
    FAKE_RUN_UNTIL(&w.fake, w.ended);
    assert_int_equal(w.err.code, ERR_INPUT);
    assert_string_equal(w.err.text, "line 2, column 100: line is too long");
    assert_int_equal(events(), 1);
    close_lines();
}

static void an_event_from_the_future_is_a_bad_line(void **state)
{
    (void)state;
    open_lines(true, 1000);
    put(TRADE_AT "4102444800000,\"price\":1,\"size\":1}\n");
    FAKE_RUN_UNTIL(&w.fake, w.ended);
    assert_non_null(strstr(w.err.text, "line 1, column 37: "));
    close_lines();
}

static void while_it_is_paused_nothing_is_read(void **state)
{
    (void)state;
    open_lines(false, 1000);
    w.pause_in_drained = true;
    assert_true(source_caught_up(w.source));
    put(TRADE("1") "\n");
    FAKE_RUN_UNTIL(&w.fake, w.drained);
    assert_false(source_caught_up(w.source));
    put(TRADE("2") "\n");
    end_input();
    world_settle();
    assert_int_equal(events(), 1);
    w.pause_in_drained = false;
    source_resume(w.source);
    assert_true(source_caught_up(w.source));
    FAKE_RUN_UNTIL(&w.fake, w.ended);
    assert_int_equal(events(), 2);
    close_lines();
}

static void a_pause_holds_back_lines_that_were_read_already(void **state)
{
    (void)state;
    open_lines(false, 1000);
    w.pause_in_accepted = true;
    put(TRADE("1") "\n" TRADE("2") "\n" TRADE("3") "\n");
    end_input();
    for (unsigned i = 1; i <= 3; i++) {
        FAKE_RUN_UNTIL(&w.fake, events() == i);
        world_settle();
        assert_int_equal(events(), i);
        assert_int_equal(w.ended, 0);
        source_resume(w.source);
    }
    FAKE_RUN_UNTIL(&w.fake, w.ended);
    close_lines();
}

static void nothing_follows_a_close(void **state)
{
    (void)state;
    open_lines(false, 1000);
    w.close_in_drained = true;
    put(TRADE("1") "\n");
    FAKE_RUN_UNTIL(&w.fake, w.drained);
    put(TRADE("2") "\n");
    end_input();
    world_settle();
    assert_int_equal(events(), 1);
    assert_int_equal(w.ended, 0);
    close_lines();
}

static void an_input_that_cannot_be_read_is_an_error(void **state)
{
    struct source_context to = world_open(NULL, 1);
    struct lines_config config = {.line_max_bytes = 100};
    struct err err = {0};

    (void)state;
    config.fd = open("/dev/null", O_WRONLY);
    assert_null(lines_new(&to, &config, &err));
    assert_int_equal(err.code, ERR_SYSTEM);
    close(config.fd);
    config.fd = open("/", O_RDONLY);
    w.source = lines_new(&to, &config, &err);
    assert_non_null(w.source);
    source_resume(w.source);
    FAKE_RUN_UNTIL(&w.fake, w.ended);
    assert_int_equal(w.err.code, ERR_SYSTEM);
    assert_non_null(strstr(w.err.text, "standard input"));
    world_close();
    close(config.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bad_line_is_skipped),
        cmocka_unit_test(where_it_is_strict_the_first_bad_line_ends_it),
        cmocka_unit_test(a_line_that_is_too_long_is_a_bad_one),
        cmocka_unit_test(an_event_from_the_future_is_a_bad_line),
        cmocka_unit_test(while_it_is_paused_nothing_is_read),
        cmocka_unit_test(a_pause_holds_back_lines_that_were_read_already),
        cmocka_unit_test(nothing_follows_a_close),
        cmocka_unit_test(an_input_that_cannot_be_read_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
