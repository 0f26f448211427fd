#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/redis/redis_config.h"

static struct redis_config c;
static struct err err;

static bool url(const char *text)
{
    memset(&c, 0, sizeof c);
    memset(&err, 0, sizeof err);
    return redis_config_url(&c, text, &err);
}

static bool read_with(const char *redis, const char *prefix)
{
    memset(&c, 0, sizeof c);
    memset(&err, 0, sizeof err);
    return redis_config_read(&c, redis, prefix, &err);
}

static int clear_environment(void **state)
{
    static const char *const names[] = {
        "REDIS_URL", "REDIS_HOST",        "REDIS_PORT",       "REDIS_PASSWORD",
        "REDIS_DB",  "REDIS_RETRY_DELAY", "REDIS_MAX_RETRIES"};

    (void)state;
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        unsetenv(names[i]);
    return 0;
}

static void a_tcp_url_is_taken_apart(void **state)
{
    (void)state;
    assert_true(url("redis://app:s%40c%3aret@cache.example:6380/3"));
    assert_string_equal(c.host, "cache.example");
    assert_int_equal(c.port, 6380);
    assert_string_equal(c.user, "app");
    assert_string_equal(c.password, "s@c:ret");
    assert_int_equal(c.db, 3);
    assert_string_equal(c.path, "");
    assert_string_equal(c.display, "redis://app@cache.example:6380/3");
}

static void what_is_left_out_has_its_default(void **state)
{
    (void)state;
    assert_true(url("redis://localhost"));
    assert_int_equal(c.port, 6379);
    assert_int_equal(c.db, 0);
    assert_true(url("redis://localhost/"));
    assert_true(url("redis://"));
    assert_string_equal(c.host, "127.0.0.1");
    assert_true(url("redis://:pw@h"));
    assert_string_equal(c.user, "");
    assert_string_equal(c.password, "pw");
    assert_string_equal(c.host, "h");
    assert_string_equal(c.display, "redis://h:6379/0");
    assert_true(url("redis://me@h?db=4"));
    assert_string_equal(c.user, "me");
    assert_int_equal(c.db, 4);
    assert_true(url("redis://:p@ss@h")); /* an '@' somebody did not encode */
    assert_string_equal(c.password, "p@ss");
}

static void an_ipv6_address_stands_in_brackets(void **state)
{
    (void)state;
    assert_true(url("redis://[::1]:6380"));
    assert_string_equal(c.host, "::1");
    assert_int_equal(c.port, 6380);
    assert_string_equal(c.display, "redis://[::1]:6380/0");
    assert_true(url("redis://[fe80::1]/2"));
    assert_int_equal(c.port, 6379);
    assert_int_equal(c.db, 2);
    assert_false(url("redis://[::1"));
    assert_false(url("redis://::1:6379"));
    assert_false(url("redis://[::1]x"));
}

static void a_unix_socket_has_a_path(void **state)
{
    (void)state;
    assert_true(url("unix:///run/redis.sock?db=2"));
    assert_string_equal(c.path, "/run/redis.sock");
    assert_int_equal(c.db, 2);
    assert_string_equal(c.display, "unix:///run/redis.sock?db=2");
    assert_true(url("unix://u:p@/tmp/a%20b"));
    assert_string_equal(c.user, "u");
    assert_string_equal(c.password, "p");
    assert_string_equal(c.path, "/tmp/a b");
    assert_string_equal(c.display, "unix://u@/tmp/a b?db=0");
    assert_false(url("unix://host/path"));
    assert_false(url("unix://"));
    assert_false(url("unix:///x?timeout=3"));
}

static void bad_urls_are_refused_with_a_remedy(void **state)
{
    static const char *const bad[] = {
        "",
        "localhost",
        "foo://x",
        "http://h",
        "redis:/h",
        "redis://h:0",
        "redis://h:x",
        "redis://h:65536",
        "redis://h/x",
        "redis://h/-1",
        "redis://h/1/2",
        "redis://%zz@h",
        "redis://h%00",
        "redis://h?x=1",
    };

    (void)state;
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(url(bad[i]));
        assert_int_equal(err.code, ERR_USAGE);
    }
    assert_false(read_with("foo://x", NULL));
    assert_string_equal(err.text,
                        "--redis: 'foo://x' is not a Redis URL (try "
                        "redis://127.0.0.1:6379/0 or unix:///run/redis.sock)");
}

static void what_comes_later_is_named_honestly(void **state)
{
    (void)state;
    assert_false(url("rediss://h"));
    assert_non_null(strstr(err.text, "rediss:// (TLS) is not supported yet"));
    assert_false(url("redis+sentinel://h/mymaster"));
    assert_non_null(strstr(err.text, "not supported yet"));
    assert_false(url("redis+cluster://h"));
    assert_non_null(strstr(err.text, "not supported yet"));
}

static void no_error_shows_a_password(void **state)
{
    (void)state;
    assert_false(url("redis://me:hunter2@h:99999"));
    assert_null(strstr(err.text, "hunter2"));
    assert_non_null(strstr(err.text, "redis://***@h:99999"));
    assert_false(url("redis://:hunter2"));
    assert_null(strstr(err.text, "hunter2"));
    assert_false(url("foo://:hunter2@h"));
    assert_null(strstr(err.text, "hunter2"));
}

static void a_failed_read_changes_nothing(void **state)
{
    (void)state;
    assert_true(url("redis://h:1234"));
    assert_false(redis_config_url(&c, "redis://other:x", &err));
    assert_string_equal(c.host, "h");
    assert_int_equal(c.port, 1234);
}

static void the_flag_goes_before_the_url_before_the_parts(void **state)
{
    (void)state;
    assert_true(read_with(NULL, NULL));
    assert_string_equal(c.display, "redis://127.0.0.1:6379/0");
    assert_int_equal(c.retry_base_ms, 50);
    assert_int_equal(c.retry_max_ms, 2000);
    setenv("REDIS_HOST", "parts", 1);
    setenv("REDIS_PORT", "7000", 1);
    setenv("REDIS_DB", "5", 1);
    setenv("REDIS_PASSWORD", "secret", 1);
    assert_true(read_with(NULL, NULL));
    assert_string_equal(c.display, "redis://parts:7000/5");
    assert_string_equal(c.password, "secret");
    setenv("REDIS_URL", "redis://url:1", 1);
    assert_true(read_with(NULL, NULL));
    assert_string_equal(c.host, "url");
    assert_string_equal(c.password, "");
    assert_true(read_with("redis://flag", NULL));
    assert_string_equal(c.host, "flag");
    setenv("REDIS_URL", "", 1);
    assert_true(read_with(NULL, NULL));
    assert_string_equal(c.host, "parts");
}

static void a_user_without_password_takes_that_of_the_environment(void **state)
{
    (void)state;
    setenv("REDIS_PASSWORD", "secret", 1);
    assert_true(read_with("redis://app@h", NULL));
    assert_string_equal(c.password, "secret");
    assert_true(read_with("redis://app:own@h", NULL));
    assert_string_equal(c.password, "own");
    assert_true(read_with("redis://h", NULL));
    assert_string_equal(c.password, "");
}

static void bad_variables_are_named(void **state)
{
    (void)state;
    setenv("REDIS_PORT", "http", 1);
    assert_false(read_with(NULL, NULL));
    assert_non_null(strstr(err.text, "REDIS_PORT: 'http'"));
    unsetenv("REDIS_PORT");
    setenv("REDIS_URL", "nonsense", 1);
    assert_false(read_with(NULL, NULL));
    assert_non_null(strstr(err.text, "REDIS_URL: 'nonsense'"));
    unsetenv("REDIS_URL");
    setenv("REDIS_RETRY_DELAY", "soon", 1);
    assert_false(read_with(NULL, NULL));
    assert_non_null(strstr(err.text, "REDIS_RETRY_DELAY: 'soon'"));
    setenv("REDIS_RETRY_DELAY", "0", 1);
    assert_false(read_with(NULL, NULL));
    unsetenv("REDIS_RETRY_DELAY");
    setenv("REDIS_MAX_RETRIES", "-1", 1);
    assert_false(read_with(NULL, NULL));
    assert_non_null(strstr(err.text, "REDIS_MAX_RETRIES: '-1'"));
}

static void retry_settings_of_existing_deployments_hold(void **state)
{
    (void)state;
    setenv("REDIS_RETRY_DELAY", "100", 1);
    setenv("REDIS_MAX_RETRIES", "10", 1);
    assert_true(read_with(NULL, NULL));
    assert_int_equal(c.retry_base_ms, 100);
    assert_int_equal(c.max_retries, 10);
    setenv("REDIS_RETRY_DELAY", "5s", 1);
    assert_true(read_with(NULL, NULL));
    assert_int_equal(c.retry_base_ms, 5000);
    assert_int_equal(c.retry_max_ms, 5000);
}

static void a_prefix_may_not_mean_something_in_a_pattern(void **state)
{
    (void)state;
    assert_true(read_with(NULL, "prod:"));
    assert_string_equal(c.prefix, "prod:");
    assert_false(read_with(NULL, "a*"));
    assert_false(read_with(NULL, "a b"));
    assert_false(read_with(NULL, "a\n"));
    assert_false(read_with(NULL, "0123456789012345678901234567890123456789"
                                 "012345678901234567890123"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tcp_url_is_taken_apart),
        cmocka_unit_test(what_is_left_out_has_its_default),
        cmocka_unit_test(an_ipv6_address_stands_in_brackets),
        cmocka_unit_test(a_unix_socket_has_a_path),
        cmocka_unit_test(bad_urls_are_refused_with_a_remedy),
        cmocka_unit_test(what_comes_later_is_named_honestly),
        cmocka_unit_test(no_error_shows_a_password),
        cmocka_unit_test(a_failed_read_changes_nothing),
        cmocka_unit_test_setup(the_flag_goes_before_the_url_before_the_parts,
                               clear_environment),
        cmocka_unit_test_setup(
            a_user_without_password_takes_that_of_the_environment,
            clear_environment),
        cmocka_unit_test_setup(bad_variables_are_named, clear_environment),
        cmocka_unit_test_setup(retry_settings_of_existing_deployments_hold,
                               clear_environment),
        cmocka_unit_test_setup(a_prefix_may_not_mean_something_in_a_pattern,
                               clear_environment),
    };

    return cmocka_run_group_tests(tests, clear_environment, NULL);
}
