#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/glob.h"

static void a_star_is_any_run(void **state)
{
    static const struct {
        const char *pattern, *text;
        bool match;
    } cases[] = {
        {"", "", true},       {"*", "", true},
        {"*", "abc", true},   {"a*c", "abc", true},
        {"a*c", "ac", true},  {"a*c", "acb", false},
        {"*b*", "abc", true}, {"a", "", false},
        {"", "a", false},     {"a*b*c", "aXbYbZc", true},
        {"**", "x", true},    {"ab", "abc", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(
            glob_match(span_str(cases[i].pattern), span_str(cases[i].text)),
            cases[i].match);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_star_is_any_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
