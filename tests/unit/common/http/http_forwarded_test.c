#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/http/http_forwarded.h"

enum { LINES_MAX = 4 };

static struct http_networks trusted;

/* "name: value" each, up to NULL; the proxy is 10.0.0.1. */
static const char *client_of(const char *const lines[LINES_MAX],
                             enum http_forwarded want)
{
    static char out[HTTP_ADDRESS_TEXT];
    struct http_request req = {.n_headers = 0};
    char *copies[LINES_MAX];
    struct in6_addr client;
    struct span text = {NULL, 0};
    enum http_forwarded got;

    for (unsigned i = 0; i < LINES_MAX && lines[i]; i++) {
        size_t name = strcspn(lines[i], ":"), len = strlen(lines[i] + name + 2);
        copies[i] = malloc(len + 1); /* so that ASan sees its end */
        memcpy(copies[i], lines[i] + name + 2, len);
        req.headers[req.n_headers++] = (struct http_header){
            span_make(lines[i], name), span_make(copies[i], len)};
    }
    http_address_plain(span_str("10.0.0.1"), &client);
    got = http_forwarded_client(&req, &trusted, &client, &text);
    if (got != want)
        fail_msg("%s: %s, not %s", lines[0], http_forwarded_name(got),
                 http_forwarded_name(want));
    for (unsigned i = 0; i < req.n_headers; i++)
        free(copies[i]);
    http_address_text(&client, out);
    return out;
}

struct sample {
    const char *lines[LINES_MAX];
    const char *client;
};

static void all_are(const struct sample *all, size_t n,
                    enum http_forwarded want)
{
    for (size_t i = 0; i < n; i++) {
        const char *got = client_of(all[i].lines, want);
        if (strcmp(got, all[i].client) != 0)
            fail_msg("%s: %s, not %s", all[i].lines[0], got, all[i].client);
    }
}
#define ALL(samples, want)                                                     \
    all_are(samples, sizeof samples / sizeof *samples, want)

#define X "X-Forwarded-For: "
#define F "Forwarded: "

static void the_last_address_that_is_no_proxys_is_the_clients(void **state)
{
    static const struct sample all[] = {
        {{X "203.0.113.8"}, "203.0.113.8"},
        {{X "203.0.113.8:40001"}, "203.0.113.8"},
        {{X "[2001:db8::1]:443"}, "2001:db8::1"},
        {{X "::ffff:203.0.113.9"}, "203.0.113.9"},
        {{X "2001:0DB8:0:0::1"}, "2001:db8::1"},
        {{X "198.51.100.1, 203.0.113.8"}, "203.0.113.8"},
        {{X "nonsense, 203.0.113.8 \t"}, "203.0.113.8"},
        {{X ",,203.0.113.8"}, "203.0.113.8"},
        {{X "203.0.113.8,10.0.0.2,\t10.0.0.3:80"}, "203.0.113.8"},
        {{X "198.51.100.1,203.0.113.8, [fd00::1]:1, ::ffff:10.0.0.3"},
         "203.0.113.8"},
        {{X "198.51.100.1", X "203.0.113.8"}, "203.0.113.8"},
        {{X "203.0.113.8", "Via: 1.1 a", "x-forwarded-for: 10.0.0.2"},
         "203.0.113.8"},
        {{X "10.0.0.9, 10.0.0.2"}, "10.0.0.9"}, /* all are trusted */
        {{X "10.0.0.9", X "10.0.0.2"}, "10.0.0.9"},
    };

    (void)state;
    ALL(all, HTTP_FORWARDED_READ);
}

static void forwarded_is_read_as_the_rfc_says(void **state)
{
    static const struct sample all[] = {
        /* RFC 7239, 4 and 6 */
        {{F "For=\"[2001:db8:cafe::17]:4711\""}, "2001:db8:cafe::17"},
        {{F "for=192.0.2.60;proto=http;by=203.0.113.43"}, "192.0.2.60"},
        {{F "for=192.0.2.43, for=198.51.100.17"}, "198.51.100.17"},
        {{F "for=192.0.2.43", F "for=198.51.100.17;by=\"_x\""},
         "198.51.100.17"},
        {{F "by=203.0.113.43;for=192.0.2.60;proto=http"}, "192.0.2.60"},
        {{F "for=192.0.2.60; proto=http ; host=a"}, "192.0.2.60"},
        {{F ";for=192.0.2.60;;"}, "192.0.2.60"},
        {{F "for=\"192.0.2.60:80\""}, "192.0.2.60"},
        {{F "for=192.0.2.60:80"}, "192.0.2.60"}, /* no token, but written */
        {{F "for=[2001:db8::1]:80"}, "2001:db8::1"},
        {{F "for=\"192.0.\\2.60\""}, "192.0.2.60"},
        {{F "for=192.0.2.60;host=\"a,b;for=1.2.3.4\""}, "192.0.2.60"},
        {{F "for=192.0.2.60;host=\"a\\\",for=1.2.3.4\""}, "192.0.2.60"},
        {{F "for=192.0.2.60, for=10.0.0.2;proto=https, for=\"[fd00::1]\""},
         "192.0.2.60"},
        {{F "nonsense, for=192.0.2.60"}, "192.0.2.60"},
        {{F "for=\"open", F "for=192.0.2.60"}, "192.0.2.60"},
    };

    (void)state;
    ALL(all, HTTP_FORWARDED_READ);
}

static void of_two_headers_the_one_that_proxies_write_wins(void **state)
{
    static const struct sample read[] = {
        {{F "for=192.0.2.60", X "203.0.113.8"}, "203.0.113.8"},
        {{X "203.0.113.8", F "for=192.0.2.60"}, "203.0.113.8"},
    };
    static const struct sample bad[] = {
        {{F "for=192.0.2.60", X "nonsense"}, "10.0.0.1"},
    };

    (void)state;
    ALL(read, HTTP_FORWARDED_READ);
    ALL(bad, HTTP_FORWARDED_MALFORMED);
}

/* What stands before it may be the client's own claim, so the address of the
 * nearest proxy that was read stands. */
static void what_cannot_be_read_leaves_the_proxys_address(void **state)
{
    static const struct sample malformed[] = {
        {{X "nonsense"}, "10.0.0.1"},
        {{X "203.0.113.8, nonsense"}, "10.0.0.1"},
        {{X "nonsense, 10.0.0.2"}, "10.0.0.2"},
        {{X "203.0.113.8", X "nonsense"}, "10.0.0.1"},
        {{X "203.0.113.8 198.51.100.1"}, "10.0.0.1"},
        {{F "for"}, "10.0.0.1"},
        {{F "for="}, "10.0.0.1"},
        {{F "=192.0.2.60"}, "10.0.0.1"},
        {{F "for=nonsense"}, "10.0.0.1"},
        {{F "for=\"192.0.2.60"}, "10.0.0.1"},
        {{F "for=\"192.0.2.60\"x"}, "10.0.0.1"},
        {{F "for=192.0.2.60 x"}, "10.0.0.1"},
        {{F "for=192.0.2.60;for=192.0.2.61"}, "10.0.0.1"},
        {{F "for=192.0.2.60;proto"}, "10.0.0.1"},
        {{F "for = 192.0.2.60"}, "10.0.0.1"},
        {{F "for=\"\\"}, "10.0.0.1"},
        /* The client's quote would swallow what the proxy appended. */
        {{F "for=198.51.100.1;host=\"x, for=192.0.2.60"}, "10.0.0.1"},
        {{F "for=198.51.100.1;host=\", for=\"[2001:db8::1]:443\""}, "10.0.0.1"},
        {{F "nonsense, for=10.0.0.2"}, "10.0.0.2"},
    };
    static const struct sample withheld[] = {
        {{X "unknown"}, "10.0.0.1"},
        {{X "203.0.113.8, unknown"}, "10.0.0.1"},
        {{F "for=unknown"}, "10.0.0.1"},
        {{F "for=\"_gazonk\""}, "10.0.0.1"},
        {{F "for=192.0.2.60, for=_hidden, for=10.0.0.2"}, "10.0.0.2"},
    };
    static const struct sample missing[] = {
        {{X ""}, "10.0.0.1"},
        {{X "203.0.113.8,"}, "10.0.0.1"},
        {{X "203.0.113.8, ,10.0.0.2"}, "10.0.0.2"},
        {{X "203.0.113.8", X " "}, "10.0.0.1"},
        {{F ""}, "10.0.0.1"},
        {{F "for=192.0.2.60,"}, "10.0.0.1"},
        {{F "for=192.0.2.60, proto=https"}, "10.0.0.1"},
    };
    static const struct sample none[] = {
        {{"Via: 1.1 a", "X-Real-IP: 203.0.113.8"}, "10.0.0.1"},
    };

    (void)state;
    ALL(malformed, HTTP_FORWARDED_MALFORMED);
    ALL(withheld, HTTP_FORWARDED_WITHHELD);
    ALL(missing, HTTP_FORWARDED_MISSING);
    ALL(none, HTTP_FORWARDED_NONE);
}

static void only_so_many_proxies_are_gone_over(void **state)
{
    char line[2048] = X "203.0.113.8";
    const char *const lines[LINES_MAX] = {line};

    (void)state;
    for (unsigned i = 1; i < HTTP_FORWARDED_HOPS; i++)
        strcat(line, ",10.0.0.2");
    assert_string_equal(client_of(lines, HTTP_FORWARDED_READ), "203.0.113.8");
    strcat(line, ",10.0.0.3");
    assert_string_equal(client_of(lines, HTTP_FORWARDED_READ), "10.0.0.2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_address_that_is_no_proxys_is_the_clients),
        cmocka_unit_test(forwarded_is_read_as_the_rfc_says),
        cmocka_unit_test(of_two_headers_the_one_that_proxies_write_wins),
        cmocka_unit_test(what_cannot_be_read_leaves_the_proxys_address),
        cmocka_unit_test(only_so_many_proxies_are_gone_over),
    };

    http_networks_add(&trusted, "true", NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
