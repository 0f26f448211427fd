#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/glob.h"
#include "wsgate/ws/ws_handshake.h"

static void the_key_of_the_rfc_has_its_answer(void **state)
{
    struct bytes out;

    (void)state;
    bytes_init(&out);
    ws_handshake_add(&out, span_str("dGhlIHNhbXBsZSBub25jZQ=="));
    bytes_add(&out, "", 1);
    assert_non_null(strstr(
        out.ptr, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    bytes_close(&out);
}

static void origins_are_those_of_the_page_or_named(void **state)
{
    const struct option_strs allow = {
        .at = {"https://*.example.org", "http://localhost:3000"}, .count = 2};
    struct span host = span_str("gw.test:8080");
    static const char *const good[] = {"",
                                       "http://gw.test:8080",
                                       "https://GW.test:8080",
                                       "https://a.example.org",
                                       "https://a.b.example.org",
                                       "http://localhost:3000"};
    static const char *const bad[] = {"null",
                                      "http://gw.test",
                                      "https://example.org",
                                      "http://a.example.org",
                                      "https://a.example.org.evil",
                                      "ftp://gw.test:8080",
                                      "http://localhost:30000"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(ws_origin_ok(span_str(good[i]), host, &allow));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(ws_origin_ok(span_str(bad[i]), host, &allow));
}

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
        cmocka_unit_test(the_key_of_the_rfc_has_its_answer),
        cmocka_unit_test(origins_are_those_of_the_page_or_named),
        cmocka_unit_test(a_star_is_any_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
