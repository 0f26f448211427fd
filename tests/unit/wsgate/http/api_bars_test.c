#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/wsgate/http/api_world.h"

#define BAR(TIME, REV) "{\"time\":" TIME ",\"rev\":" REV ",\"close\":1.10}"
/* Of an answer that holds all there is. */
#define HEAD(SYMBOL, RESOLUTION)                                               \
    "{\"symbol\":\"" SYMBOL "\",\"resolution\":\"" RESOLUTION                  \
    "\",\"limit\":500,\"truncated\":false,\"bars\":["
#define EVENT(TIME, REV) "{\"type\":\"bar\",\"bar\":" BAR(TIME, REV) "}"

static void redis_is_asked_for_one_page_and_no_more(void **state)
{
    static const char *const answers[] = {"$-1\r\n", "*0\r\n", NULL};
    struct world w;

    (void)state;
    world_open(&w, "dev:");
    world_answers(&w, answers);
    assert_body(world_get(&w, "/api/v1/bars/BTC/USD/5?from=-2&to=1000&limit=7"),
                "{\"symbol\":\"BTC/USD\",\"resolution\":\"5\",\"limit\":7,"
                "\"truncated\":false,\"bars\":[]}");
    assert_true(world_asked(&w, "*3\r\n$4\r\nHGET\r\n"
                                "$23\r\ndev:last:bars:BTC/USD:5\r\n"
                                "$3\r\nbar\r\n"));
    assert_true(world_asked(&w, "*7\r\n$16\r\nZREVRANGEBYSCORE\r\n"
                                "$26\r\ndev:bars:history:BTC/USD:5\r\n"
                                "$4\r\n1000\r\n$2\r\n-2\r\n"
                                "$5\r\nLIMIT\r\n$1\r\n0\r\n$1\r\n8\r\n"));
    world_close(&w);
}

static void without_bounds_it_is_the_newest_five_hundred(void **state)
{
    static const char *const answers[] = {"$-1\r\n", "*0\r\n", NULL};
    struct world w;

    (void)state;
    world_open(&w, "");
    world_answers(&w, answers);
    assert_status(world_get(&w, "/api/v1/bars/A/D"), "200");
    assert_true(world_asked(&w, "$4\r\n+inf\r\n$4\r\n-inf\r\n"
                                "$5\r\nLIMIT\r\n$1\r\n0\r\n$3\r\n501\r\n"));
    world_close(&w);
}

/* History is newest first and may lack the open bar, or hold an older version
 * of it; the answer is oldest first, each bar once. */
static void the_open_bar_joins_the_history(void **state)
{
    static const char *const answers[] = {
        "$55\r\n" EVENT("3000", "2") "\r\n",
        "*3\r\n$55\r\n" EVENT("3000", "1") "\r\n$34\r\n" BAR(
            "2000", "1") "\r\n$34\r\n" BAR("1000", "1") "\r\n",
        NULL};
    struct world w;

    (void)state;
    world_open(&w, "");
    world_answers(&w, answers);
    assert_body(world_get(&w, "/api/v1/bars/A/1S?limit=2"),
                "{\"symbol\":\"A\",\"resolution\":\"1S\",\"limit\":2,"
                "\"truncated\":true,\"bars\":[" BAR("2000", "1") "," BAR(
                    "3000", "2") "]}");
    world_close(&w);
}

/* Redis is asked for one more than is answered, which tells whether there are
 * more. */
static void what_the_limit_left_out_is_said(void **state)
{
    static const char *const three[] = {
        "$-1\r\n",
        "*3\r\n$34\r\n" BAR("3000", "1") "\r\n$34\r\n" BAR(
            "2000", "1") "\r\n$34\r\n" BAR("1000", "1") "\r\n",
        NULL};
    static const char *const two[] = {
        "$-1\r\n",
        "*2\r\n$34\r\n" BAR("3000", "1") "\r\n$34\r\n" BAR("2000", "1") "\r\n",
        NULL};
    struct world w;

    (void)state;
    world_open(&w, "");
    world_answers(&w, three);
    assert_body(world_get(&w, "/api/v1/bars/A/1S?countback=2&from=9000"),
                "{\"symbol\":\"A\",\"resolution\":\"1S\",\"limit\":2,"
                "\"truncated\":true,\"bars\":[" BAR("2000", "1") "," BAR(
                    "3000", "1") "]}");
    assert_true(world_asked(&w, "$4\r\n+inf\r\n$4\r\n-inf\r\n"
                                "$5\r\nLIMIT\r\n$1\r\n0\r\n$1\r\n3\r\n"));
    world_answers(&w, two);
    assert_body(world_get(&w, "/api/v1/bars/A/1S?limit=2"),
                "{\"symbol\":\"A\",\"resolution\":\"1S\",\"limit\":2,"
                "\"truncated\":false,\"bars\":[" BAR("2000", "1") "," BAR(
                    "3000", "1") "]}");
    world_close(&w);
}

static void seconds_are_asked_for_as_milliseconds(void **state)
{
    static const char *const answers[] = {"$-1\r\n", "*0\r\n", NULL};
    struct world w;

    (void)state;
    world_open(&w, "");
    world_answers(&w, answers);
    assert_status(
        world_get(&w, "/api/v1/bars/A/1?from=1705311000&to=1705311060"), "200");
    assert_true(world_asked(&w, "$13\r\n1705311060000\r\n"
                                "$13\r\n1705311000000\r\n"));
    world_close(&w);
}

static void without_redis_it_is_what_the_gateway_holds(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, NULL);
    world_publish(&w, "bars:A:1", EVENT("2000", "1"));
    world_publish(&w, "bars:A:1", EVENT("1000", "3"));
    world_publish(&w, "bars:A:5", EVENT("9000", "1"));
    assert_body(world_get(&w, "/api/v1/bars/A/1?to=2000"),
                HEAD("A", "1") BAR("1000", "3") "," BAR("2000", "1") "]}");
    assert_body(world_get(&w, "/api/v1/bars/B/1"), HEAD("B", "1") "]}");
    world_close(&w);
}

/* 1D was answered with 200 and nothing in it. */
static void another_spelling_is_the_same_resolution(void **state)
{
    static const char *const answers[] = {"$-1\r\n", "*0\r\n", NULL};
    struct world w;

    (void)state;
    world_open(&w, "");
    world_answers(&w, answers);
    assert_body(world_get(&w, "/api/v1/bars/A/1D"), HEAD("A", "D") "]}");
    assert_true(world_asked(&w, "\r\nlast:bars:A:D\r\n"));
    assert_true(world_asked(&w, "\r\nbars:history:A:D\r\n"));
    world_close(&w);
}

static void what_is_hidden_is_not_told_here_either(void **state)
{
    static const char *const hidden[] = {
        "/api/v1/bars/_X/1", "/api/v1/price/_X", "/api/v1/price/account",
        "/api/v1/bars/executions/5"};
    struct route_table *routes = route_table_new(NULL, NULL);
    struct world w;

    (void)state;
    world_open(&w, NULL);
    w.channels.routes = routes;
    world_publish(&w, "bars:_X:1", EVENT("2000", "1"));
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) {
        const char *text = world_get(&w, hidden[i]);

        assert_status(text, "403");
        assert_non_null(strstr(text, "{\"error\":\"forbidden\","));
    }
    assert_status(world_get(&w, "/api/v1/bars/accounts/5"), "200");
    world_close(&w);
    route_table_free(routes);
}

static void what_cannot_be_asked_for_is_a_bad_request(void **state)
{
    static const char *const bad[] = {
        "/api/v1/bars/A:B/1",          "/api/v1/bars/A/1?from=now",
        "/api/v1/bars/A/1?to=1e3",     "/api/v1/bars/A/1?limit=0",
        "/api/v1/bars/A/1?limit=5001", "/api/v1/bars/A/1?countback=0",
        "/api/v1/bars/A/1?from=2&to=1"};
    struct world w;

    (void)state;
    world_open(&w, NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *text = world_get(&w, bad[i]);

        assert_status(text, "400");
        assert_non_null(strstr(text, "{\"error\":\"bad_request\","));
    }
    assert_non_null(strstr(world_get(&w, "/api/v1/bars/A/1min"),
                           "{\"error\":\"bad_channel\",\"message\":"
                           "\"resolutions are 1S to"));
    assert_status(world_get(&w, "/api/v1/bars/1"), "404");
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(redis_is_asked_for_one_page_and_no_more),
        cmocka_unit_test(without_bounds_it_is_the_newest_five_hundred),
        cmocka_unit_test(the_open_bar_joins_the_history),
        cmocka_unit_test(what_the_limit_left_out_is_said),
        cmocka_unit_test(seconds_are_asked_for_as_milliseconds),
        cmocka_unit_test(without_redis_it_is_what_the_gateway_holds),
        cmocka_unit_test(another_spelling_is_the_same_resolution),
        cmocka_unit_test(what_is_hidden_is_not_told_here_either),
        cmocka_unit_test(what_cannot_be_asked_for_is_a_bad_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
