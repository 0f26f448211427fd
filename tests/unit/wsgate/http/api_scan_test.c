/* All keys of a pattern, in steps: through /api/v1/symbols, which needs them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/wsgate/http/api_world.h"

static const char *get(struct world *w, const char *const *answers)
{
    world_answers(w, answers);
    return world_get(w, "/api/v1/symbols");
}

static void a_prefix_is_a_name_not_a_pattern(void **state)
{
    static const char *const answers[] = {"*2\r\n$1\r\n0\r\n*0\r\n", NULL};
    struct world w;

    (void)state;
    world_open(&w, "a*[b]?\\:");
    assert_status(get(&w, answers), "200");
    assert_true(world_asked(&w, "\r\n$19\r\na\\*\\[b\\]\\?\\\\:last:*\r\n"));
    world_close(&w);
}

static void a_reply_that_is_none_of_scan_is_an_error(void **state)
{
    static const char *const odd[][2] = {{"+OK\r\n", NULL},
                                         {"*1\r\n$1\r\n0\r\n", NULL},
                                         {"*2\r\n$1\r\n0\r\n$1\r\nx\r\n", NULL},
                                         {"$-1\r\n", NULL}};
    struct world w;
    const char *text;

    (void)state;
    world_open(&w, "");
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        text = get(&w, odd[i]);
        assert_status(text, "503");
        assert_non_null(strstr(text, "{\"error\":\"redis_error\","));
    }
    world_close(&w);
}

static void what_redis_refuses_is_passed_on(void **state)
{
    static const char *const answers[] = {"-NOPERM no\r\n", NULL};
    struct world w;
    const char *text;

    (void)state;
    world_open(&w, "");
    text = get(&w, answers);
    assert_status(text, "503");
    assert_non_null(strstr(text, "\"message\":\"Redis refused: NOPERM no\""));
    world_close(&w);
}

static void a_search_without_end_is_cut_and_says_so(void **state)
{
    static const char *const answers[] = {
        "*2\r\n$1\r\n7\r\n*1\r\n$18\r\nlast:market_data:A\r\n", NULL};
    struct world w;

    (void)state;
    world_open(&w, "");
    assert_body(get(&w, answers),
                "{\"symbols\":[{\"symbol\":\"A\",\"resolutions\":[]}],"
                "\"truncated\":true}\n");
    assert_int_equal(w.fake.commands, 1000);
    world_close(&w);
}

static void a_link_that_is_lost_ends_it(void **state)
{
    struct world w;
    const char *text;

    (void)state;
    world_open(&w, "");
    w.fake.hang_up = true; /* whoever comes again */
    fake_hang_up(&w.fake);
    text = world_get(&w, "/api/v1/symbols");
    assert_status(text, "503");
    assert_non_null(strstr(text, "{\"error\":\"redis_unavailable\","));
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prefix_is_a_name_not_a_pattern),
        cmocka_unit_test(a_reply_that_is_none_of_scan_is_an_error),
        cmocka_unit_test(what_redis_refuses_is_passed_on),
        cmocka_unit_test(a_search_without_end_is_cut_and_says_so),
        cmocka_unit_test(a_link_that_is_lost_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
