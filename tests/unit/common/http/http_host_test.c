#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/http/http_host.h"

static struct http_host host(const char *text)
{
    struct http_host h;

    if (!http_host_read(span_str(text), &h))
        fail_msg("'%s' is no host", text);
    return h;
}

static void a_host_has_a_name_and_perhaps_a_port(void **state)
{
    static const struct {
        const char *text, *name;
        unsigned port;
        bool is_address;
    } cases[] = {
        {"x", "x", 0, false},
        {"quotes.example.com", "quotes.example.com", 0, false},
        {"quotes.example.com:443", "quotes.example.com", 443, false},
        {"x:1", "x", 1, false},
        {"x:65535", "x", 65535, false},
        {"x:00080", "x", 80, false},
        {"x:", "x", 0, false},
        {"x.", "x", 0, false},
        {"x.:80", "x", 80, false},
        {"a_b-c.d", "a_b-c.d", 0, false},
        {"xn--bcher-kva.example", "xn--bcher-kva.example", 0, false},
        {"127.0.0.1:8080", "127.0.0.1", 8080, true},
        {"1.2.3.4", "1.2.3.4", 0, true},
        {"[::1]", "::1", 0, true},
        {"[::1]:8080", "::1", 8080, true},
        {"[::1]:", "::1", 0, true},
        {"[2001:DB8::1]:443", "2001:DB8::1", 443, true},
        {"1.2.3", "1.2.3", 0, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_host h = host(cases[i].text);

        if (!span_is(h.name, cases[i].name) || h.port != cases[i].port ||
            h.is_address != cases[i].is_address)
            fail_msg("'%s' is '%.*s' port %u", cases[i].text, SPAN_ARG(h.name),
                     h.port);
    }
}

static void what_is_no_host_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        " x",
        "x ",
        "x:80 ",
        "\tx",
        ".",
        "..",
        ".x",
        "a..b",
        "x..",
        ":80",
        ":",
        "x:0",
        "x:65536",
        "x:99999",
        "x:123456",
        "x:-1",
        "x:+80",
        "x:8 0",
        "x:http",
        "x:80:80",
        "u@x",
        "u:p@x",
        "http://x",
        "x/",
        "x/y",
        "x?y",
        "x#y",
        "a b",
        "a,b",
        "a\\b",
        "*",
        "*.x",
        "a%2eb",
        "b\xc3\xbc"
        "cher.example",
        "x\x01",
        "[",
        "[]",
        "[::1",
        "::1",
        "[::1]x",
        "[::1]80",
        "[::1]:x",
        "[::g]",
        "[fe80::1%25eth0]",
        "[fe80::1%eth0]",
        "[127.0.0.1]",
        "[x]",
        "]",
        "x]:80",
        "[::1]:80:80",
        "[[::1]]",
    };
    char long_name[HTTP_HOST_MAX + 2];
    struct http_host h, before = {.port = 7};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        h = before;
        if (http_host_read(span_str(bad[i]), &h))
            fail_msg("'%s' was taken for a host", bad[i]);
        assert_memory_equal(&h, &before, sizeof h);
    }
    memset(long_name, 'a', sizeof long_name);
    assert_true(http_host_read(span_make(long_name, HTTP_HOST_MAX), &h));
    assert_false(http_host_read(span_make(long_name, HTTP_HOST_MAX + 1), &h));
    assert_false(http_host_read(span_make("x\0y", 3), &h));
    assert_false(http_host_read(span_make("[::1\0]", 6), &h));
    assert_false(http_host_read(span_make("127.0.0.1\0.x", 12), &h));
}

static void hosts_are_equal_whatever_their_spelling_and_port(void **state)
{
    static const struct {
        const char *a, *b;
        bool equal;
    } cases[] = {
        {"x", "x", true},
        {"X.Example", "x.eXample", true},
        {"x", "x.", true},
        {"x:80", "x:443", true},
        {"[::1]", "[0:0:0:0:0:0:0:1]", true},
        {"[2001:db8::a]", "[2001:DB8:0::A]:1", true},
        {"127.0.0.1", "[::ffff:127.0.0.1]", true},
        {"x", "y", false},
        {"x", "x.y", false},
        {"x.y", "y", false},
        {"[::1]", "[::2]", false},
        {"127.0.0.1", "127.0.0.2", false},
        {"127.0.0.1", "localhost", false},
        {"1.2.3", "1.2.3.0", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_host a = host(cases[i].a), b = host(cases[i].b);

        if (http_host_eq(&a, &b) != cases[i].equal ||
            http_host_eq(&b, &a) != cases[i].equal)
            fail_msg("'%s' and '%s'", cases[i].a, cases[i].b);
    }
}

static void loopback_names_are_those_that_no_name_server_answers(void **state)
{
    static const struct {
        const char *text;
        bool loopback;
    } cases[] = {
        {"localhost", true},
        {"LocalHost:8080", true},
        {"localhost.", true},
        {"a.localhost", true},
        {"a.b.LOCALHOST.:1", true},
        {"127.0.0.1", true},
        {"127.255.255.254:80", true},
        {"[::1]:8080", true},
        {"[::ffff:127.0.0.1]", true},
        {"0.0.0.0", false},
        {"[::]", false},
        {"128.0.0.1", false},
        {"126.0.0.1", false},
        {"[::2]", false},
        {"[::127.0.0.1]", false},
        {"localhost.evil.example", false},
        {"notlocalhost", false},
        {"localhost.localdomain", false},
        {"127.0.0.1.evil.example", false},
        {"127.1", false},
        {"evil.example", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_host h = host(cases[i].text);

        if (http_host_is_loopback(&h) != cases[i].loopback)
            fail_msg("'%s'", cases[i].text);
    }
}

static void a_pattern_is_a_host_or_all_below_one(void **state)
{
    static const struct {
        const char *pattern, *text;
        bool match;
    } cases[] = {
        {"x.example", "X.example.:80", true},
        {"x.example.", "x.example", true},
        {"x.example", "a.x.example", false},
        {"*.example.org", "a.example.org", true},
        {"*.Example.org", "a.b.EXAMPLE.org:1", true},
        {"*.example.org", "example.org", false},
        {"*.example.org", "aexample.org", false},
        {"*.example.org", "a.example.org.evil", false},
        {"*.example.org", "example.org.evil", false},
        {"*.1", "10.0.0.1", false},
        {"*", "anything.at.all", true},
        {"*", "[::1]", true},
        {"[::1]", "[0:0::1]:80", true},
        {"::1", "[::1]", true},
        {" 10.0.0.1 ", "10.0.0.1", true},
    };
    struct http_host_pattern p;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_host h = host(cases[i].text);
        struct err err = {0};

        if (!http_host_pattern_read(span_str(cases[i].pattern), &p, &err))
            fail_msg("'%s': %s", cases[i].pattern, err.text);
        if (http_host_matches(&p, &h) != cases[i].match)
            fail_msg("'%s' and '%s'", cases[i].pattern, cases[i].text);
    }
}

static void
a_pattern_that_never_matches_is_refused_with_the_remedy(void **state)
{
    static const struct {
        const char *pattern, *says;
    } cases[] = {
        {"https://x.example", "without scheme"},
        {"x.example/", "without scheme"},
        {"x.example:8080", "write x.example"},
        {"*.x.example:8080", "write x.example"},
        {"*x.example", "*.example.org"},
        {"a.*.example", "*.example.org"},
        {"x.*", "*.example.org"},
        {"**", "*.example.org"},
        {"", "try example.org"},
        {"*.", "try example.org"},
        {"*. x", "try example.org"},
        {"*.127.0.0.1", "try example.org"},
        {"u@x", "try example.org"},
        {"a b", "try example.org"},
        {"b\xc3\xbc"
         "cher.example",
         "xn--"},
    };
    struct http_host_pattern p;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err err = {0};

        if (http_host_pattern_read(span_str(cases[i].pattern), &p, &err))
            fail_msg("'%s' was taken", cases[i].pattern);
        assert_int_equal(err.code, ERR_USAGE);
        if (!strstr(err.text, cases[i].says))
            fail_msg("'%s': %s", cases[i].pattern, err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_has_a_name_and_perhaps_a_port),
        cmocka_unit_test(what_is_no_host_is_refused),
        cmocka_unit_test(hosts_are_equal_whatever_their_spelling_and_port),
        cmocka_unit_test(loopback_names_are_those_that_no_name_server_answers),
        cmocka_unit_test(a_pattern_is_a_host_or_all_below_one),
        cmocka_unit_test(
            a_pattern_that_never_matches_is_refused_with_the_remedy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
