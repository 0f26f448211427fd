#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/http/http_origin.h"

static struct http_origin origin(const char *text)
{
    struct http_origin o;

    if (!http_origin_read(span_str(text), &o))
        fail_msg("'%s' is no origin", text);
    return o;
}

static void what_is_no_origin_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "x",
        "x:80",
        "//x",
        "://x",
        "http:",
        "http:/x",
        "http:x",
        "http://",
        "https://",
        "http:///",
        "http://x/",
        "http://x/y",
        "http://x?",
        "http://x#",
        "http://u@x",
        "http://u:p@x",
        "http://@x",
        "http://x y",
        "http:// x",
        "http:// [::1]",
        "http://\tx",
        "http://x http://y",
        "http://x, http://y",
        "http://x,http://y",
        "http://.x",
        "http://a..b",
        "http://x:0",
        "http://x:65536",
        "http://x:y",
        "http://*",
        "http://*.x",
        "*",
        "NULL",
        "null null",
        "null,http://x",
        "1http://x",
        "-http://x",
        "ht tp://x",
        "h*://x",
        "http://::1",
        "http://[::1",
        "http://[x]",
        "http://evil.example\\@x",
        "http://b\xc3\xbc"
        "cher.example",
    };
    struct http_origin o;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (http_origin_read(span_str(bad[i]), &o))
            fail_msg("'%s' was taken for an origin", bad[i]);
    }
}

/* One side says the port that the other leaves out. */
static void the_port_of_the_scheme_may_be_left_out(void **state)
{
    static const struct {
        const char *origin, *host;
        bool same;
    } cases[] = {
        {"https://quotes.example.com", "quotes.example.com:443", true},
        {"http://quotes.example.com", "quotes.example.com:80", true},
        {"https://quotes.example.com:443", "quotes.example.com", true},
        {"http://quotes.example.com:80", "quotes.example.com", true},
        {"https://quotes.example.com", "quotes.example.com", true},
        {"http://quotes.example.com", "quotes.example.com", true},
        {"https://quotes.example.com:443", "quotes.example.com:443", true},
        {"https://quotes.example.com", "quotes.example.com:", true},
        {"HTTPS://Quotes.Example.Com", "quotes.example.com:443", true},
        {"https://quotes.example.com.", "quotes.example.com:443", true},
        {"https://quotes.example.com", "quotes.example.com.:443", true},
        {"http://gw.test:8080", "GW.test:8080", true},
        {"https://gw.test:8080", "gw.test:8080", true},
        {"http://[::1]", "[::1]:80", true},
        {"https://[2001:db8::1]", "[2001:DB8:0::1]:443", true},
        {"http://127.0.0.1:8080", "127.0.0.1:8080", true},
        {"http://xn--bcher-kva.example", "XN--bcher-kva.example:80", true},
        {"https://quotes.example.com", "quotes.example.com:80", false},
        {"http://quotes.example.com", "quotes.example.com:443", false},
        {"https://quotes.example.com", "quotes.example.com:8443", false},
        {"https://quotes.example.com:8443", "quotes.example.com", false},
        {"https://quotes.example.com:80", "quotes.example.com", false},
        {"https://evil.example.com", "quotes.example.com", false},
        {"https://example.com", "quotes.example.com", false},
        {"https://quotes.example.com.evil", "quotes.example.com", false},
        {"http://localhost:8080", "127.0.0.1:8080", false},
        {"http://localhost:8080", "localhost:80800", false},
        {"ftp://gw.test:8080", "gw.test:8080", false},
        {"ws://gw.test:8080", "gw.test:8080", false},
        {"null", "null", false},
        {"file://", "x", false},
        {"chrome-extension://abc", "abc", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_origin o = origin(cases[i].origin);
        struct http_host h;
        bool same = http_host_read(span_str(cases[i].host), &h) &&
                    http_origin_is_of(&o, &h);

        if (same != cases[i].same)
            fail_msg("'%s' and '%s'", cases[i].origin, cases[i].host);
    }
}

static void a_star_never_leaves_its_place(void **state)
{
    static const struct {
        const char *pattern, *origin;
        bool match;
    } cases[] = {
        {"https://*.example.org", "https://a.example.org", true},
        {"https://*.example.org", "https://a.b.example.org", true},
        {"https://*.example.org", "https://a.example.org:443", true},
        {"https://*.EXAMPLE.org", "HTTPS://A.Example.ORG.", true},
        {"https://*.example.org/", "https://a.example.org", true},
        {" https://*.example.org ", "https://a.example.org", true},
        {"https://*.example.org", "https://example.org", false},
        {"https://*.example.org", "https://aexample.org", false},
        {"https://*.example.org", "http://a.example.org", false},
        {"https://*.example.org", "https://a.example.org:8443", false},
        {"https://*.example.org", "https://a.example.org.evil", false},
        {"https://*.example.org:8443", "https://a.example.org:8443", true},
        {"https://*.example.org:*", "https://a.example.org:8443", true},
        {"https://*.example.org:*", "https://a.example.org", true},
        {"http://localhost:3000", "http://localhost:3000", true},
        {"http://localhost:3000", "http://localhost:30000", false},
        {"http://localhost:3000", "http://localhost", false},
        {"http://localhost:*", "http://localhost:3000", true},
        {"http://localhost:*", "http://localhost", true},
        {"http://localhost:*", "https://localhost:3000", false},
        {"http://localhost:*", "http://localhost.evil.example:1", false},
        {"http://localhost", "http://localhost:80", true},
        {"http://localhost", "http://localhost:3000", false},
        {"http://localhost:80", "http://localhost", true},
        {"https://localhost:", "https://localhost", true},
        {"http://[::1]:*", "http://[0::1]:8080", true},
        {"http://[::1]", "http://[::1]", true},
        {"http://127.0.0.1:*", "http://127.0.0.1:5", true},
        {"https://*", "https://any.example", true},
        {"https://*", "https://[::1]", true},
        {"https://*", "https://any.example:8443", false},
        {"https://*", "http://any.example", false},
        {"https://*:*", "https://any.example:8443", true},
        {"*", "https://any.example:8443", true},
        {"*", "null", true},
        {"*", "file://", true},
        {"null", "null", true},
        {"null", "https://null", false},
        {"https://*", "null", false},
        {"https://*:*", "null", false},
        {"file://", "file://", true},
        {"file://", "file://x", false},
        {"https://*", "file://", false},
        {"chrome-extension://abcdef", "chrome-extension://abcdef", true},
        {"chrome-extension://*", "chrome-extension://abcdef", true},
        {"chrome-extension://abcdef", "https://abcdef", false},
        {"capacitor://localhost", "capacitor://localhost", true},
        {"capacitor://localhost", "capacitor://localhost:80", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_origin o = origin(cases[i].origin);
        struct http_origin_pattern p;
        struct err err = {0};

        if (!http_origin_pattern_read(span_str(cases[i].pattern), &p, &err))
            fail_msg("'%s': %s", cases[i].pattern, err.text);
        if (http_origin_matches(&p, &o) != cases[i].match)
            fail_msg("'%s' and '%s'", cases[i].pattern, cases[i].origin);
    }
}

static void
a_pattern_that_never_matches_is_refused_with_the_remedy(void **state)
{
    static const struct {
        const char *pattern, *says;
    } cases[] = {
        {"", "no scheme"},
        {"app.example.org", "write https:// or http://"},
        {"localhost:3000", "write https:// or http://"},
        {"*.example.org", "write https:// or http://"},
        {"*://app.example.org", "scheme"},
        {"//app.example.org", "scheme"},
        {"wss://app.example.org", "write https://app.example.org"},
        {"ws://app.example.org:81", "write http://app.example.org:81"},
        {"https://app.example.org/app", "write https://app.example.org"},
        {"https://app.example.org//", "write https://app.example.org"},
        {"https://app.example.org/*", "write https://app.example.org"},
        {"https://u@app.example.org", "before the @"},
        {"https://*@app.example.org", "before the @"},
        {"https://app.example.org:0", "port"},
        {"https://app.example.org:99999", "port"},
        {"https://app.example.org:8*", "port"},
        {"https://*example.org", "https://*.example.org"},
        {"https://app.*.example.org", "https://*.example.org"},
        {"https://app.*", "https://*.example.org"},
        {"https://app-*.example.org", "https://*.example.org"},
        {"https://", "try https://example.org"},
        {"https://:443", "try https://example.org"},
        {"https://a b", "try https://example.org"},
        {"https://a.example.org?x", "try https://example.org"},
        {"http://fe80::1:80", "try https://example.org"},
        {"http://2001:db8::1", "try https://example.org"},
        {"https://b\xc3\xbc"
         "cher.example",
         "xn--"},
        {"NULL", "scheme"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_origin_pattern p;
        struct err err = {0};

        if (http_origin_pattern_read(span_str(cases[i].pattern), &p, &err))
            fail_msg("'%s' was taken", cases[i].pattern);
        assert_int_equal(err.code, ERR_USAGE);
        if (!strstr(err.text, cases[i].says))
            fail_msg("'%s': %s", cases[i].pattern, err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_origin_is_refused),
        cmocka_unit_test(the_port_of_the_scheme_may_be_left_out),
        cmocka_unit_test(a_star_never_leaves_its_place),
        cmocka_unit_test(
            a_pattern_that_never_matches_is_refused_with_the_remedy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
