#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "ratelimitd/limit/heavy_hitters.h"
#include "tests/unit/common/limit/rule_of.h"

static void a_frequent_key_is_among_the_top_whatever_else_comes(void **state)
{
    static struct heavy_hitters all;
    struct rule r = rule_of("a", 1, 1000000, RULE_LOG);
    struct bytes json = {0};
    struct json_writer w = {.out = &json};
    char key[32];

    (void)state;
    for (int i = 0; i < 10000; i++) {
        snprintf(key, sizeof key, "noise%d", i);
        heavy_hitters_add(&all, &r, span_str(key));
        if (i % 4 == 0)
            heavy_hitters_add(&all, &r, span_str("loud"));
    }
    heavy_hitters_json(&all, NULL, &w);
    bytes_add(&json, "", 1);
    assert_non_null(strstr(json.ptr, "[{\"rule\":\"a\",\"key\":\"loud\","));
    bytes_close(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frequent_key_is_among_the_top_whatever_else_comes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
