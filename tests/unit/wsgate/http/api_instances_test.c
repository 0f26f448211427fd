#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/wsgate/http/api_world.h"

static const char path[] = "/api/v1/simulator/status";

static void nobody_publishes(void **state)
{
    static const char *const answers[] = {"*2\r\n$1\r\n0\r\n*0\r\n", NULL};
    struct world w;

    (void)state;
    world_open(&w, "");
    world_answers(&w, answers);
    assert_body(world_get(&w, path),
                "{\"running\":false,\"simulators\":0,\"publishers\":0,"
                "\"rate\":0,\"symbols\":[],\"instances\":[]}\n");
    assert_int_equal(w.fake.commands, 1);
    world_close(&w);
}

/* Between SCAN and MGET one has expired, and another is not what it should. */
static void what_each_says_of_itself_is_added_up(void **state)
{
    static const char *const answers[] = {
        "*2\r\n$1\r\n0\r\n*5\r\n$20\r\nx:instance:tickpub:a\r\n"
        "$20\r\nx:instance:tickpub:b\r\n$20\r\nx:instance:tickpub:c\r\n"
        "$20\r\nx:instance:tickpub:d\r\n$20\r\nx:instance:tickpub:e\r\n",
        "*5\r\n"
        "$67\r\n{\"id\":\"5f0c\",\"simulator\":true,\"symbols\":[\"A\",\"B\"],"
        "\"rate\":2.5,\"n\":1}"
        "\r\n$-1\r\n$4\r\noops\r\n"
        "$33\r\n{\"simulator\":false,\"\\u0069d\":\"b\"}\r\n"
        "$45\r\n{\"simulator\":true,\"symbols\":[\"C\",1],\"rate\":4}\r\n",
        NULL};
    struct world w;

    (void)state;
    world_open_as(&w, "x:", API_STATUS_FULL);
    world_answers(&w, answers);
    assert_body(
        world_get(&w, path),
        "{\"running\":true,\"simulators\":2,\"publishers\":3,\"rate\":6.5,"
        "\"symbols\":[\"A\",\"B\",\"C\"],\"instances\":["
        "{\"simulator\":true,\"symbols\":[\"A\",\"B\"],\"rate\":2.5,\"n\":1},"
        "{\"simulator\":false},"
        "{\"simulator\":true,\"symbols\":[\"C\",1],\"rate\":4}]}\n");
    assert_true(world_asked(&w, "$20\r\nx:instance:tickpub:*\r\n"));
    assert_true(world_asked(&w, "*6\r\n$4\r\nMGET\r\n"
                                "$20\r\nx:instance:tickpub:a\r\n"));
    world_close(&w);
}

/* Whatever else publishers may say of themselves one day. */
static void of_their_processes_the_public_hears_nothing(void **state)
{
    static const char *const answers[] = {
        "*2\r\n$1\r\n0\r\n*1\r\n$18\r\ninstance:tickpub:a\r\n",
        "*1\r\n$95\r\n{\"tool\":\"tickpub\",\"id\":\"a\",\"pid\":17,"
        "\"host\":\"h\",\"simulator\":true,\"rate\":1,\"symbols\":"
        "[\"A\"],\"x\":1}\r\n",
        NULL};
    struct world w;

    (void)state;
    world_open(&w, "");
    world_answers(&w, answers);
    assert_body(world_get(&w, path),
                "{\"running\":true,\"simulators\":1,\"publishers\":1,"
                "\"rate\":1,\"symbols\":[\"A\"],\"instances\":["
                "{\"tool\":\"tickpub\",\"simulator\":true,\"rate\":1,"
                "\"symbols\":[\"A\"]}]}\n");
    world_close(&w);
}

static void without_redis_nobody_can_be_asked(void **state)
{
    struct world w;
    const char *text;

    (void)state;
    world_open(&w, NULL);
    text = world_get(&w, path);
    assert_status(text, "503");
    assert_non_null(strstr(text, "this gateway runs without Redis"));
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_publishes),
        cmocka_unit_test(what_each_says_of_itself_is_added_up),
        cmocka_unit_test(of_their_processes_the_public_hears_nothing),
        cmocka_unit_test(without_redis_nobody_can_be_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
