#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/wsgate/http/api_world.h"

static void
without_redis_they_are_those_of_the_channels_that_are_known(void **s)
{
    struct route_table *routes = route_table_new(NULL, NULL);
    struct world w;

    (void)s;
    world_open(&w, NULL);
    w.channels.routes = routes;
    world_publish(&w, "bars:B:D", "{\"bar\":1}");
    world_publish(&w, "market_data:A", "{\"type\":\"tick\"}");
    world_publish(&w, "bars:A:5", "{\"bar\":1}");
    world_publish(&w, "bars:A:1", "{\"bar\":1}");
    world_publish(&w, "stock:price_updates", "{}");
    world_publish(&w, "bars:odd", "{}"); /* no resolution */
    world_publish(&w, "bars:C:1min", "{}");
    world_publish(&w, "bars:C:1D", "{}");
    /* internal, and private */
    world_publish(&w, "market_data:_X", "{}");
    world_publish(&w, "bars:_X:5", "{}");
    world_publish(&w, "bars:executions:5", "{}");
    assert_body(
        world_get(&w, "/api/v1/symbols"),
        "{\"symbols\":[{\"symbol\":\"A\",\"resolutions\":[\"1\",\"5\"]},"
        "{\"symbol\":\"B\",\"resolutions\":[\"D\"]}]}\n");
    world_close(&w);
    route_table_free(routes);
}

static void an_empty_gateway_has_none(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, NULL);
    assert_body(world_get(&w, "/api/v1/symbols"), "{\"symbols\":[]}\n");
    world_close(&w);
}

/* SCAN may give a key twice, and keys that others have put there. */
static void of_redis_each_is_told_once(void **state)
{
    static const char *const answers[] = {
        "*2\r\n$2\r\n17\r\n*3\r\n$22\r\ndev:last:market_data:A\r\n"
        "$19\r\ndev:last:bars:A:240\r\n$23\r\ndev:last:market_data:A \r\n",
        "*2\r\n$1\r\n0\r\n*3\r\n$22\r\ndev:last:market_data:A\r\n"
        "$20\r\ndev:last:exchange:up\r\n$9\r\ndev:last:\r\n",
        NULL};
    struct world w;

    (void)state;
    world_open(&w, "dev:");
    world_answers(&w, answers);
    assert_body(
        world_get(&w, "/api/v1/symbols"),
        "{\"symbols\":[{\"symbol\":\"A\",\"resolutions\":[\"240\"]}]}\n");
    assert_int_equal(w.fake.commands, 2);
    assert_true(world_asked(&w, "\r\n$1\r\n0\r\n$5\r\nMATCH\r\n"
                                "$10\r\ndev:last:*\r\n"));
    assert_true(world_asked(&w, "\r\n$2\r\n17\r\n$5\r\nMATCH\r\n"));
    world_close(&w);
}

static void redis_is_not_searched_again_for_the_next_page(void **state)
{
    static const char *const answers[] = {
        "*2\r\n$1\r\n0\r\n*1\r\n$18\r\nlast:market_data:A\r\n",
        "-ERR asked again\r\n", NULL};
    struct world w;

    (void)state;
    world_open(&w, "");
    world_answers(&w, answers);
    for (int i = 0; i < 2; i++)
        assert_body(world_get(&w, "/api/v1/symbols"),
                    "{\"symbols\":[{\"symbol\":\"A\",\"resolutions\":[]}]}\n");
    assert_int_equal(w.fake.commands, 1);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            without_redis_they_are_those_of_the_channels_that_are_known),
        cmocka_unit_test(an_empty_gateway_has_none),
        cmocka_unit_test(of_redis_each_is_told_once),
        cmocka_unit_test(redis_is_not_searched_again_for_the_next_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
