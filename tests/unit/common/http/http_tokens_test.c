#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/http/http_tokens.h"
#include "tests/unit/common/http/request_text.h"

static void a_list_reads_the_same_in_one_line_or_many(void **state)
{
    static const struct {
        const char *lines, *elements;
    } cases[] = {
        {"", ""},
        {"X: a\n", "a"},
        {"X: a, b\n", "a|b"},
        {"X: a\nY: no\nx: b\n", "a|b"},
        {"X:,, a ,\t,b,\n", "a|b"},
        {"X:\nX: , \nX: a\n", "a"},
        {"X: a b,c\n", "a b|c"},
        {"X: a\nX: a\n", "a|a"},
        {"XX: a\n", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct http_request req = request_text(cases[i].lines);
        struct http_tokens t = http_tokens_of(&req, "X");
        struct span one;
        char got[64] = "";

        while (http_tokens_next(&t, &one))
            snprintf(got + strlen(got), sizeof got - strlen(got), "%s%.*s",
                     got[0] ? "|" : "", SPAN_ARG(one));
        assert_string_equal(got, cases[i].elements);
        assert_false(http_tokens_next(&t, &one));
    }
}

static void an_element_is_found_in_any_case_but_only_whole(void **state)
{
    const struct http_request req =
        request_text("Upgrade: h2c, WebSocket\nUpgrade: other/1\n");

    (void)state;
    assert_true(http_tokens_have(&req, "upgrade", "websocket"));
    assert_true(http_tokens_have(&req, "upgrade", "other/1"));
    assert_false(http_tokens_have(&req, "upgrade", "web"));
    assert_false(http_tokens_have(&req, "upgrade", "socket"));
    assert_false(http_tokens_have(&req, "connection", "websocket"));
    assert_int_equal(http_tokens_lines(&req, "UPGRADE"), 2);
    assert_int_equal(http_tokens_lines(&req, "Host"), 0);
}

static void a_token_has_no_separators(void **state)
{
    static const char *const good[] = {"a", "tickwire.v1", "A9!#$%&'*+-.^_`|~"};
    static const char *const bad[] = {"",   "a b", "a,b",  "a/b", "a:b",
                                      "\"", "a=b", "\x7f", "a@b", "\xc3\xbc"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(http_tokens_valid(span_str(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(http_tokens_valid(span_str(bad[i])));
    assert_false(http_tokens_valid(span_make("a\0", 2)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_reads_the_same_in_one_line_or_many),
        cmocka_unit_test(an_element_is_found_in_any_case_but_only_whole),
        cmocka_unit_test(a_token_has_no_separators),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
