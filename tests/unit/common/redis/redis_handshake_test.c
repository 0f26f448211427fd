#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/redis/redis_handshake.h"

static const char *sent(struct redis_handshake *h,
                        const struct redis_config *config, const char *name)
{
    static struct bytes out;

    bytes_clear(&out);
    redis_handshake_begin(h, config, name, &out);
    bytes_add(&out, "", 1);
    return out.ptr;
}

static enum redis_handshake_result
answer(struct redis_handshake *h, enum redis_reply_type type, const char *text)
{
    struct redis_reply r = {.type = type, .str = span_str(text)};

    return redis_handshake_reply(h, &r);
}

static enum redis_handshake_result ok(struct redis_handshake *h)
{
    return answer(h, REDIS_STATUS, "OK");
}

static enum redis_handshake_result error(struct redis_handshake *h,
                                         const char *text)
{
    return answer(h, REDIS_ERROR_REPLY, text);
}

static void all_four_commands_leave_together(void **state)
{
    struct redis_config config = {.user = "u", .password = "p", .db = 3};
    struct redis_handshake h;

    (void)state;
    assert_string_equal(sent(&h, &config, "tool:1:cmd"),
                        "*3\r\n$4\r\nAUTH\r\n$1\r\nu\r\n$1\r\np\r\n"
                        "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n"
                        "*3\r\n$6\r\nCLIENT\r\n$7\r\nSETNAME\r\n"
                        "$10\r\ntool:1:cmd\r\n"
                        "*1\r\n$4\r\nPING\r\n");
    assert_int_equal(ok(&h), REDIS_HANDSHAKE_MORE);
    assert_int_equal(ok(&h), REDIS_HANDSHAKE_MORE);
    assert_int_equal(ok(&h), REDIS_HANDSHAKE_MORE);
    assert_int_equal(answer(&h, REDIS_STATUS, "PONG"), REDIS_HANDSHAKE_DONE);
}

static void only_what_is_needed_is_sent(void **state)
{
    struct redis_config config = {.password = "p"};
    struct redis_config nothing = {.db = 0};
    struct redis_handshake h;

    (void)state;
    assert_string_equal(sent(&h, &config, ""),
                        "*2\r\n$4\r\nAUTH\r\n$1\r\np\r\n*1\r\n$4\r\nPING\r\n");
    assert_string_equal(sent(&h, &nothing, ""), "*1\r\n$4\r\nPING\r\n");
    assert_int_equal(answer(&h, REDIS_STATUS, "PONG"), REDIS_HANDSHAKE_DONE);
}

static void a_wrong_password_or_database_is_refused(void **state)
{
    struct redis_config config = {.password = "p", .db = 99};
    struct redis_handshake h;

    (void)state;
    sent(&h, &config, "");
    assert_int_equal(error(&h, "WRONGPASS invalid username-password pair"),
                     REDIS_HANDSHAKE_REFUSED);
    assert_string_equal(h.why,
                        "AUTH: WRONGPASS invalid username-password pair");
    sent(&h, &config, "");
    assert_int_equal(error(&h, "ERR AUTH <password> called without any "
                               "password configured for the default user."),
                     REDIS_HANDSHAKE_REFUSED);
    sent(&h, &config, "");
    ok(&h);
    assert_int_equal(error(&h, "ERR DB index is out of range"),
                     REDIS_HANDSHAKE_REFUSED);
}

static void a_missing_password_is_refused(void **state)
{
    struct redis_config config = {.db = 0};
    struct redis_handshake h;

    (void)state;
    sent(&h, &config, "x");
    assert_int_equal(error(&h, "NOAUTH Authentication required."),
                     REDIS_HANDSHAKE_REFUSED);
}

static void a_user_without_client_and_ping_is_let_in(void **state)
{
    struct redis_config config = {.user = "u", .password = "p"};
    struct redis_handshake h;

    (void)state;
    sent(&h, &config, "x");
    ok(&h);
    assert_int_equal(error(&h, "NOPERM this user has no permissions to run "
                               "the 'client|setname' command"),
                     REDIS_HANDSHAKE_MORE);
    assert_int_equal(error(&h, "NOPERM this user has no permissions to run "
                               "the 'ping' command"),
                     REDIS_HANDSHAKE_DONE);
}

static void a_server_that_is_not_there_yet_is_tried_again(void **state)
{
    struct redis_config config = {.db = 0};
    struct redis_handshake h;

    (void)state;
    sent(&h, &config, "");
    assert_int_equal(error(&h, "LOADING Redis is loading the dataset"),
                     REDIS_HANDSHAKE_RETRY);
    sent(&h, &config, "");
    assert_int_equal(error(&h, "MASTERDOWN Link with MASTER is down"),
                     REDIS_HANDSHAKE_RETRY);
    sent(&h, &config, "x");
    assert_int_equal(error(&h, "ERR max number of clients reached"),
                     REDIS_HANDSHAKE_RETRY);
    sent(&h, &config, "x");
    assert_int_equal(error(&h, "DENIED Redis is running in protected mode"),
                     REDIS_HANDSHAKE_RETRY);
    sent(&h, &config, "");
    assert_int_equal(answer(&h, REDIS_INTEGER, ""), REDIS_HANDSHAKE_RETRY);
}

static void a_replica_without_its_master_may_do(void **state)
{
    struct redis_config config = {.db = 3, .replica_ok = true};
    struct redis_handshake h;

    (void)state;
    sent(&h, &config, "");
    ok(&h);
    assert_int_equal(error(&h, "MASTERDOWN Link with MASTER is down"),
                     REDIS_HANDSHAKE_DONE);
    sent(&h, &config, "");
    assert_int_equal(error(&h, "MASTERDOWN Link with MASTER is down"),
                     REDIS_HANDSHAKE_RETRY);
    config.db = 0;
    sent(&h, &config, "");
    assert_int_equal(error(&h, "LOADING Redis is loading the dataset"),
                     REDIS_HANDSHAKE_RETRY);
}

static void an_old_server_goes_without_a_name(void **state)
{
    struct redis_config config = {.db = 0};
    struct redis_handshake h;

    (void)state;
    sent(&h, &config, "x");
    assert_int_equal(error(&h, "ERR unknown command 'CLIENT'"),
                     REDIS_HANDSHAKE_MORE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_four_commands_leave_together),
        cmocka_unit_test(only_what_is_needed_is_sent),
        cmocka_unit_test(a_wrong_password_or_database_is_refused),
        cmocka_unit_test(a_missing_password_is_refused),
        cmocka_unit_test(a_user_without_client_and_ping_is_let_in),
        cmocka_unit_test(a_server_that_is_not_there_yet_is_tried_again),
        cmocka_unit_test(a_replica_without_its_master_may_do),
        cmocka_unit_test(an_old_server_goes_without_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
