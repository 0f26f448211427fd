#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/redis/instance.h"
#include "tests/unit/common/redis/fake_redis.h"

static const struct redis_cmd_events no_events;
static const struct instance_id id = {
    .tool = "bargen", .id = "5f0c", .started_ms = 1700000000123};

static bool got(const struct fake *f, const char *text)
{
    return f->got.len > 0 && memmem(f->got.ptr, f->got.len, text, strlen(text));
}

static void add_bars(void *arg, struct json_writer *json)
{
    json_write_uint(json, "bars", ++*(unsigned *)arg);
}

/* The entry is made of what is passed: no tool has to be running for it. */
static void an_instance_says_who_it_is_and_leaves_with_del(void **state)
{
    static const char *const answers[] = {"+OK\r\n", NULL};
    struct instance *instance;
    struct redis_cmd *cmd;
    struct fake f;
    unsigned bars = 6;

    (void)state;
    fake_start(&f, answers);
    snprintf(f.config.prefix, sizeof f.config.prefix, "t:");
    cmd = redis_cmd_new(&f.loop, &f.config, NULL, &no_events, NULL);
    instance = instance_new(&f.loop, id, cmd, &f.config, add_bars, &bars);
    FAKE_RUN_UNTIL(&f, got(&f, "$5\r\n10000\r\n"));
    assert_true(got(&f, "SET\r\n$22\r\nt:instance:bargen:5f0c\r\n"));
    assert_true(got(&f, "{\"tool\":\"bargen\",\"id\":\"5f0c\",\"pid\":"));
    assert_true(got(&f, ",\"start\":1700000000123,\"time\":"));
    assert_true(got(&f, "\",\"bars\":7}\r\n$2\r\nPX\r\n"));
    instance_close(instance);
    FAKE_RUN_UNTIL(&f, got(&f, "DEL\r\n$22\r\nt:instance:bargen:5f0c\r\n"));
    redis_cmd_close(cmd, NULL, NULL);
    fake_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_instance_says_who_it_is_and_leaves_with_del),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
