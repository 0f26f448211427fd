#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/line.h"
#include "common/base/log.h"
#include "common/redis/redis_cmd.h"
#include "tests/unit/common/redis/fake_redis.h"

struct owner {
    struct fake fake;
    struct redis_cmd *cmd;
    unsigned ready, down, refused, room, errors, done;
    char why[256];
    struct bytes replies; /* "1 OK;2 NULL;" */
    const char *close_in; /* the event in which to close */
};

static struct owner o;
static char one[] = "1", two[] = "2", three[] = "3", x[] = "x";

static void on_done(void *arg)
{
    ((struct owner *)arg)->done++;
}

static void event(const char *name)
{
    assert_int_equal(o.done, 0);
    assert_true(o.cmd != NULL);
    if (o.close_in && strcmp(o.close_in, name) == 0) {
        redis_cmd_close(o.cmd, on_done, &o);
        o.cmd = NULL; /* any event from now on fails above */
    }
}

static void on_ready(void *arg)
{
    (void)arg;
    o.ready++;
    event("ready");
}

static void on_down(void *arg, const char *why, bool refused)
{
    (void)arg;
    o.down++;
    o.refused += refused;
    snprintf(o.why, sizeof o.why, "%s", why);
    event("down");
}

static void on_room(void *arg)
{
    (void)arg;
    o.room++;
    event("room");
}

static void on_error(void *arg, struct span text)
{
    (void)arg;
    assert_true(text.len > 0);
    o.errors++;
    event("error");
}

static void note(void *arg, const struct redis_reply *r)
{
    bytes_printf(&o.replies, "%s ", (const char *)arg);
    if (r)
        bytes_printf(&o.replies, "%.*s;", SPAN_ARG(r->str));
    else
        bytes_add_str(&o.replies, "NULL;");
    if (r)
        event("reply");
}

static const struct redis_cmd_events events = {.on_ready = on_ready,
                                               .on_down = on_down,
                                               .on_room = on_room,
                                               .on_error = on_error};

static void begin(const char *const *answers)
{
    memset(&o, 0, sizeof o);
    fake_start(&o.fake, answers);
}

static void open_cmd(const struct redis_cmd_limits *limits)
{
    o.cmd = redis_cmd_new(&o.fake.loop, &o.fake.config, limits, &events, &o);
}

static void end(void)
{
    if (o.cmd)
        redis_cmd_close(o.cmd, on_done, &o);
    fake_stop(&o.fake);
    assert_int_equal(o.done, 1);
    bytes_close(&o.replies);
}

static void expect_replies(const char *want)
{
    bytes_add(&o.replies, "", 1);
    assert_string_equal(o.replies.ptr, want);
    o.replies.len--;
}

static const char *const pong[] = {"+PONG\r\n", NULL};
static const char *const pong_then_ok[] = {"+PONG\r\n", "+OK\r\n", NULL};

static void commands_of_one_turn_leave_in_one_write(void **state)
{
    unsigned reads;

    (void)state;
    begin(pong_then_ok);
    open_cmd(NULL);
    FAKE_RUN_UNTIL(&o.fake, o.ready);
    reads = o.fake.reads;
    assert_true(redis_cmd_words(o.cmd, note, one, "SET", "k", "v", NULL));
    assert_true(redis_cmd_words(o.cmd, NULL, NULL, "SET", "k", "v", NULL));
    assert_true(redis_cmd_words(o.cmd, note, two, "SET", "k", "v", NULL));
    assert_int_equal(redis_cmd_in_flight(o.cmd), 3);
    FAKE_RUN_UNTIL(&o.fake, redis_cmd_in_flight(o.cmd) == 0);
    assert_int_equal(o.fake.reads, reads + 1);
    expect_replies("1 OK;2 OK;");
    end();
}

static volatile char behind;

static void look_behind(void *arg, const struct redis_reply *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < LINE_PAD; i++)
        behind = r->str.ptr[r->str.len + i];
    ++*(unsigned *)arg;
}

/* More replies than one read takes: the last of a read ends with its buffer. */
static void what_follows_a_reply_can_be_read_to_the_end_of_a_read(void **state)
{
    enum { COMMANDS = 8000 };
    struct bytes commands = {0};
    unsigned looked = 0;

    (void)state;
    begin((const char *const[]){
        "+PONG\r\n", "$32\r\n0123456789abcdef0123456789abcdef\r\n", NULL});
    open_cmd(NULL);
    FAKE_RUN_UNTIL(&o.fake, o.ready);
    for (int i = 0; i < COMMANDS; i++)
        bytes_add_str(&commands, "*1\r\n$1\r\nX\r\n");
    assert_true(redis_cmd_raw(o.cmd, commands.ptr, commands.len, COMMANDS,
                              look_behind, &looked));
    FAKE_RUN_UNTIL(&o.fake, looked == COMMANDS);
    bytes_close(&commands);
    end();
}

static void nothing_is_queued_while_not_ready(void **state)
{
    (void)state;
    begin(pong_then_ok);
    open_cmd(NULL);
    assert_false(redis_cmd_begin(o.cmd, 2, note, one));
    redis_cmd_str(o.cmd, "GET");
    redis_cmd_int(o.cmd, 7);
    assert_false(
        redis_cmd_raw(o.cmd, "*1\r\n$4\r\nPING\r\n", 14, 1, NULL, NULL));
    FAKE_RUN_UNTIL(&o.fake, o.ready);
    assert_int_equal(o.fake.commands, 1);
    expect_replies("");
    end();
}

static void a_lost_link_answers_each_command_with_null(void **state)
{
    (void)state;
    begin((const char *const[]){"+PONG\r\n", "+OK\r\n", "", NULL});
    open_cmd(NULL);
    FAKE_RUN_UNTIL(&o.fake, o.ready);
    redis_cmd_words(o.cmd, note, one, "A", NULL);
    redis_cmd_words(o.cmd, note, two, "B", NULL);
    redis_cmd_words(o.cmd, NULL, NULL, "C", NULL);
    redis_cmd_words(o.cmd, note, three, "D", NULL);
    FAKE_RUN_UNTIL(&o.fake, o.replies.len > 0);
    fake_hang_up(&o.fake);
    FAKE_RUN_UNTIL(&o.fake, o.down);
    expect_replies("1 OK;2 NULL;3 NULL;");
    assert_string_equal(o.why, "closed by Redis");
    FAKE_RUN_UNTIL(&o.fake, o.ready == 2);
    assert_int_equal(redis_cmd_in_flight(o.cmd), 0);
    end();
}

static void closing_answers_what_is_pending_with_null(void **state)
{
    (void)state;
    begin((const char *const[]){"+PONG\r\n", "", NULL});
    open_cmd(NULL);
    FAKE_RUN_UNTIL(&o.fake, o.ready);
    redis_cmd_words(o.cmd, note, one, "A", NULL);
    redis_cmd_close(o.cmd, on_done, &o);
    o.cmd = NULL;
    expect_replies("1 NULL;");
    end();
}

/* The server says why, closes, and resets what is written to it after that. */
static void the_last_words_of_a_server_are_heard(void **state)
{
    struct linger abort_it = {.l_onoff = 1, .l_linger = 0};
    uv_os_fd_t fd;

    (void)state;
    begin((const char *const[]){"+PONG\r\n", "", NULL});
    open_cmd(NULL);
    FAKE_RUN_UNTIL(&o.fake, o.ready);
    redis_cmd_words(o.cmd, note, one, "A", NULL);
    FAKE_RUN_UNTIL(&o.fake, o.fake.commands == 2);
    uv_fileno((uv_handle_t *)&o.fake.conn->tcp, &fd);
    assert_int_equal(write(fd, "-OOM no\r\n", 9), 9);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort_it, sizeof abort_it);
    fake_hang_up(&o.fake);
    redis_cmd_words(o.cmd, note, two, "B", NULL);
    redis_cmd_flush(o.cmd);
    FAKE_RUN_UNTIL(&o.fake, o.down);
    expect_replies("1 OOM no;2 NULL;");
    end();
}

static void what_was_queued_before_a_close_is_written(void **state)
{
    (void)state;
    begin((const char *const[]){"+PONG\r\n", "", NULL});
    open_cmd(NULL);
    FAKE_RUN_UNTIL(&o.fake, o.ready);
    redis_cmd_words(o.cmd, NULL, NULL, "DEL", "k", NULL);
    redis_cmd_close(o.cmd, on_done, &o);
    o.cmd = NULL;
    FAKE_RUN_UNTIL(&o.fake, o.done);
    while (o.fake.conn)
        uv_run(&o.fake.loop, UV_RUN_ONCE);
    assert_int_equal(o.fake.commands, 2);
    end();
}

static void it_can_be_closed_in_any_event(void **state)
{
    static const char *const places[] = {"ready", "reply", "error", "room",
                                         "down"};

    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct redis_cmd_limits limits = {.max_in_flight = 2};

        /* the last one only for "down" */
        begin((const char *const[]){"+PONG\r\n", "+OK\r\n", "-ERR\r\n",
                                    "+OK\r\n", "?\r\n", NULL});
        o.close_in = places[i];
        open_cmd(&limits);
        FAKE_RUN_UNTIL(&o.fake, o.ready);
        for (int n = 0; o.cmd && n < (i == 4 ? 4 : 3); n++)
            redis_cmd_words(o.cmd, n % 2 ? NULL : note, x, "A", NULL);
        FAKE_RUN_UNTIL(&o.fake, !o.cmd);
        end();
    }
}

static void a_peer_that_hangs_does_not_delay_a_close(void **state)
{
    static char megabyte[1 << 20];
    uint64_t begun;

    (void)state;
    begin(pong);
    open_cmd(NULL);
    FAKE_RUN_UNTIL(&o.fake, o.ready);
    uv_read_stop((uv_stream_t *)&o.fake.conn->tcp);
    for (int i = 0; i < 16; i++) {
        redis_cmd_begin(o.cmd, 2, NULL, NULL);
        redis_cmd_str(o.cmd, "SET");
        redis_cmd_arg(o.cmd, megabyte, sizeof megabyte);
    }
    uv_run(&o.fake.loop, UV_RUN_NOWAIT);
    uv_run(&o.fake.loop, UV_RUN_NOWAIT);
    assert_true(redis_cmd_full(o.cmd));
    begun = uv_hrtime();
    end();
    assert_true(uv_hrtime() - begun < 1000000000);
}

static void a_mute_server_is_pinged_and_then_dropped(void **state)
{
    (void)state;
    begin((const char *const[]){"+PONG\r\n", "", NULL});
    o.fake.config.idle_ping_ms = 30;
    o.fake.config.pong_timeout_ms = 30;
    open_cmd(NULL);
    FAKE_RUN_UNTIL(&o.fake, o.down);
    assert_int_equal(o.fake.commands, 2);
    assert_string_equal(o.why, "no answer to PING");
    FAKE_RUN_UNTIL(&o.fake, o.ready == 2);
    end();
}

static void an_idle_server_that_answers_is_kept(void **state)
{
    (void)state;
    begin(pong);
    o.fake.config.idle_ping_ms = 10;
    o.fake.config.pong_timeout_ms = 500;
    open_cmd(NULL);
    FAKE_RUN_UNTIL(&o.fake, o.fake.commands >= 5);
    assert_int_equal(o.down, 0);
    assert_int_equal(o.fake.accepted, 1);
    end();
}

static void an_attempt_without_an_answer_is_given_up(void **state)
{
    (void)state;
    begin(NULL);
    o.fake.config.connect_timeout_ms = 30;
    open_cmd(NULL);
    FAKE_RUN_UNTIL(&o.fake, o.down == 2);
    assert_string_equal(o.why, "no answer within 30 ms (handshake)");
    assert_int_equal(o.ready, 0);
    end();
}

static void nobody_there_is_tried_again(void **state)
{
    (void)state;
    begin(pong);
    uv_close((uv_handle_t *)&o.fake.listener, NULL);
    uv_run(&o.fake.loop, UV_RUN_NOWAIT);
    open_cmd(NULL);
    FAKE_RUN_UNTIL(&o.fake, o.down == 3);
    assert_string_equal(o.why, "connect: connection refused");
    end();
}

static void nonsense_drops_the_link(void **state)
{
    (void)state;
    begin((const char *const[]){"+PONG\r\n", "HTTP/1.1 400\r\n", NULL});
    open_cmd(NULL);
    FAKE_RUN_UNTIL(&o.fake, o.ready);
    redis_cmd_words(o.cmd, note, one, "A", NULL);
    FAKE_RUN_UNTIL(&o.fake, o.down);
    expect_replies("1 NULL;");
    assert_non_null(strstr(o.why, "Protocol error"));
    FAKE_RUN_UNTIL(&o.fake, o.ready == 2);
    end();
}

static void a_reply_nobody_asked_for_drops_the_link(void **state)
{
    (void)state;
    begin(pong);
    open_cmd(NULL);
    FAKE_RUN_UNTIL(&o.fake, o.ready);
    fake_send(&o.fake, "+OK\r\n");
    FAKE_RUN_UNTIL(&o.fake, o.down);
    assert_string_equal(o.why, "reply that nobody asked for");
    end();
}

static void a_replica_is_left_after_its_answer(void **state)
{
    (void)state;
    begin((const char *const[]){
        "+PONG\r\n", "-READONLY You can't write against a read only.\r\n",
        NULL});
    open_cmd(NULL);
    FAKE_RUN_UNTIL(&o.fake, o.ready);
    redis_cmd_words(o.cmd, note, one, "SET", "k", "v", NULL);
    redis_cmd_words(o.cmd, note, two, "SET", "k", "v", NULL);
    FAKE_RUN_UNTIL(&o.fake, o.down);
    expect_replies("1 READONLY You can't write against a read only.;2 NULL;");
    FAKE_RUN_UNTIL(&o.fake, o.ready == 2);
    end();
}

static void a_replica_that_will_do_is_kept(void **state)
{
    (void)state;
    begin((const char *const[]){
        "+PONG\r\n", "-READONLY You can't write against a read only.\r\n",
        "-MASTERDOWN no\r\n", "+OK\r\n", "-MASTERDOWN no\r\n", NULL});
    o.fake.config.replica_ok = true;
    o.fake.config.idle_ping_ms = 30;
    open_cmd(NULL);
    FAKE_RUN_UNTIL(&o.fake, o.ready);
    redis_cmd_words(o.cmd, note, one, "SET", "k", "v", NULL);
    redis_cmd_words(o.cmd, NULL, NULL, "GET", "k", NULL);
    redis_cmd_words(o.cmd, note, three, "PUBLISH", "k", "v", NULL);
    FAKE_RUN_UNTIL(&o.fake, redis_cmd_in_flight(o.cmd) == 0);
    expect_replies("1 READONLY You can't write against a read only.;3 OK;");
    assert_int_equal(o.errors, 1);
    /* So is an idle PING that is answered so. */
    FAKE_RUN_UNTIL(&o.fake, o.fake.commands >= 7);
    assert_int_equal(o.down, 0);
    assert_int_equal(o.fake.accepted, 1);
    end();
}

static void errors_without_a_callback_are_told(void **state)
{
    (void)state;
    begin((const char *const[]){"+PONG\r\n", "-OOM no\r\n", "+OK\r\n", NULL});
    open_cmd(NULL);
    FAKE_RUN_UNTIL(&o.fake, o.ready);
    redis_cmd_raw(o.cmd, "*1\r\n$1\r\nA\r\n*1\r\n$1\r\nB\r\n", 22, 2, NULL,
                  NULL);
    FAKE_RUN_UNTIL(&o.fake, redis_cmd_in_flight(o.cmd) == 0);
    assert_int_equal(o.errors, 1);
    assert_int_equal(o.down, 0);
    end();
}

static void a_missing_password_is_a_refusal(void **state)
{
    (void)state;
    begin((const char *const[]){"-NOAUTH Authentication required.\r\n", NULL});
    open_cmd(NULL);
    FAKE_RUN_UNTIL(&o.fake, o.down);
    assert_int_equal(o.refused, 1);
    assert_string_equal(o.why, "PING: NOAUTH Authentication required.");
    end();
}

static void full_ends_at_half_of_the_bound(void **state)
{
    struct redis_cmd_limits limits = {.max_in_flight = 4};

    (void)state;
    begin((const char *const[]){"+PONG\r\n", "", NULL});
    open_cmd(&limits);
    FAKE_RUN_UNTIL(&o.fake, o.ready);
    for (int i = 0; i < 3; i++)
        redis_cmd_words(o.cmd, NULL, NULL, "A", NULL);
    assert_false(redis_cmd_full(o.cmd));
    assert_true(redis_cmd_words(o.cmd, NULL, NULL, "A", NULL));
    assert_true(redis_cmd_full(o.cmd));
    assert_true(redis_cmd_words(o.cmd, NULL, NULL, "A", NULL));
    fake_send(&o.fake, "+OK\r\n+OK\r\n");
    FAKE_RUN_UNTIL(&o.fake, redis_cmd_in_flight(o.cmd) == 3);
    assert_true(redis_cmd_full(o.cmd));
    assert_int_equal(o.room, 0);
    fake_send(&o.fake, "+OK\r\n+OK\r\n");
    FAKE_RUN_UNTIL(&o.fake, o.room);
    assert_false(redis_cmd_full(o.cmd));
    end();
}

/* A prepare callback of someone else runs after the loop's own preparations:
 * what it queues must not wait for the next event. */
static void queue_once(uv_prepare_t *h)
{
    uv_prepare_stop(h);
    redis_cmd_words(o.cmd, note, one, "A", NULL);
}

static void a_command_queued_while_the_loop_prepares_leaves_too(void **state)
{
    uv_prepare_t prepare;
    uint64_t begun;

    (void)state;
    begin(pong_then_ok);
    open_cmd(NULL);
    FAKE_RUN_UNTIL(&o.fake, o.ready);
    uv_prepare_init(&o.fake.loop, &prepare);
    uv_prepare_start(&prepare, queue_once);
    begun = uv_hrtime();
    FAKE_RUN_UNTIL(&o.fake, o.replies.len > 0);
    assert_true(uv_hrtime() - begun < 1000000000);
    uv_close((uv_handle_t *)&prepare, NULL);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_of_one_turn_leave_in_one_write),
        cmocka_unit_test(what_follows_a_reply_can_be_read_to_the_end_of_a_read),
        cmocka_unit_test(nothing_is_queued_while_not_ready),
        cmocka_unit_test(a_lost_link_answers_each_command_with_null),
        cmocka_unit_test(closing_answers_what_is_pending_with_null),
        cmocka_unit_test(the_last_words_of_a_server_are_heard),
        cmocka_unit_test(what_was_queued_before_a_close_is_written),
        cmocka_unit_test(it_can_be_closed_in_any_event),
        cmocka_unit_test(a_peer_that_hangs_does_not_delay_a_close),
        cmocka_unit_test(a_mute_server_is_pinged_and_then_dropped),
        cmocka_unit_test(an_idle_server_that_answers_is_kept),
        cmocka_unit_test(an_attempt_without_an_answer_is_given_up),
        cmocka_unit_test(nobody_there_is_tried_again),
        cmocka_unit_test(nonsense_drops_the_link),
        cmocka_unit_test(a_reply_nobody_asked_for_drops_the_link),
        cmocka_unit_test(a_replica_is_left_after_its_answer),
        cmocka_unit_test(a_replica_that_will_do_is_kept),
        cmocka_unit_test(errors_without_a_callback_are_told),
        cmocka_unit_test(a_missing_password_is_a_refusal),
        cmocka_unit_test(full_ends_at_half_of_the_bound),
        cmocka_unit_test(a_command_queued_while_the_loop_prepares_leaves_too),
    };

    log_init("test", LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
