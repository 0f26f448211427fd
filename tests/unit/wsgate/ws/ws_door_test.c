#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/common/http/request_text.h"
#include "wsgate/ws/ws_door.h"

static struct ws_door door(const char *origin, const char *host)
{
    const struct option_strs origins = {.at = {origin},
                                        .count = origin != NULL},
                             hosts = {.at = {host}, .count = host != NULL};
    struct err err = {0};
    struct ws_door d;

    if (!ws_door_init(&d, &origins, &hosts, &err))
        fail_msg("%s", err.text);
    return d;
}

#define BROWSER "User-Agent: Mozilla/5.0 (X11)\n"

/* Whoever listens on loopback only. */
static void a_browser_must_name_a_loopback_host(void **state)
{
    static const struct {
        const char *headers;
        bool ok;
    } cases[] = {
        {BROWSER "Host: localhost:8080\n", true},
        {BROWSER "Host: 127.0.0.1:8080\n", true},
        {BROWSER "Host: [::1]:8080\n", true},
        {BROWSER "Host: tick.localhost\n", true},
        {BROWSER "Host: evil.example:8080\n", false},
        {BROWSER "Host: 0.0.0.0:8080\n", false},
        {BROWSER "Host: 192.168.1.2:8080\n", false},
        {BROWSER "Host: u@localhost\n", false},
        {BROWSER "Host:\n", false},
        {BROWSER, false},
        {"Host: evil.example\nOrigin: http://evil.example\n", false},
        {"Host: evil.example\nOrigin:\n", false},
        {"Host: evil.example\nSec-Fetch-Site: same-origin\n", false},
        {"Host: evil.example\nsec-fetch-site: none\n", false},
        {"Host: localhost\nSec-Fetch-Site: none\n", true},
        /* no browsers */
        {"Host: evil.example\n", true},
        {"Host: evil.example\nUser-Agent: curl/7.88\n", true},
        {"Host: evil.example\nUser-Agent: Prometheus/2.4 Mozilla/5.0\n", true},
        {"", true},
    };
    struct ws_door d = door(NULL, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct http_request req = request_text(cases[i].headers);

        if (ws_door_host_ok(&d, &req) != cases[i].ok)
            fail_msg("%s", cases[i].headers);
    }
}

static void more_hosts_can_be_named(void **state)
{
    static const struct {
        const char *origin, *host, *headers;
        bool ok;
    } cases[] = {
        {NULL, "gw.lan", BROWSER "Host: GW.lan.:8080\n", true},
        {NULL, "gw.lan", BROWSER "Host: a.gw.lan\n", false},
        {NULL, "gw.lan", BROWSER "Host: localhost\n", true},
        {NULL, "*.lan", BROWSER "Host: a.b.lan:1\n", true},
        {NULL, "*.lan", BROWSER "Host: lan\n", false},
        {NULL, "10.0.0.1", BROWSER "Host: 10.0.0.1:80\n", true},
        {NULL, "*", BROWSER "Host: any.example\n", true},
        {NULL, "*", BROWSER "Host: ??\n", false},
        {"https://app.lan", NULL, BROWSER "Host: app.lan:8080\n", true},
        {"https://*.lan", NULL, BROWSER "Host: app.lan\n", true},
        {"https://*.lan", NULL, BROWSER "Host: evil.example\n", false},
        {"*", NULL, BROWSER "Host: evil.example\n", true},
        {"null", NULL, BROWSER "Host: evil.example\n", false},
        {"file://", NULL, BROWSER "Host: evil.example\n", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct http_request req = request_text(cases[i].headers);
        struct ws_door d = door(cases[i].origin, cases[i].host);

        if (ws_door_host_ok(&d, &req) != cases[i].ok)
            fail_msg("case %zu: %s", i, cases[i].headers);
    }
}

static void a_page_is_let_in_by_its_host_or_by_the_list(void **state)
{
    static const struct {
        const char *headers;
        bool ok;
    } cases[] = {
        {"Host: gw.test:8080\n", true},
        {"Host: gw.test:8080\nOrigin:\n", true},
        {"Host: gw.test:8080\nOrigin: \t \n", true},
        {"Host: gw.test:8080\nOrigin: http://gw.test:8080\n", true},
        {"Host: gw.test:8080\nOrigin: https://GW.test:8080 \n", true},
        {"Host: gw.test:443\nOrigin: https://gw.test\n", true},
        {"Host: gw.test:80\nOrigin: http://gw.test\n", true},
        {"Host: gw.test:8080\nOrigin: https://a.example.org\n", true},
        {"Host: ??\nOrigin: https://a.example.org\n", true},
        {"Host: gw.test:8080\nOrigin: null\n", false},
        {"Host: gw.test:8080\nOrigin: http://gw.test\n", false},
        {"Host: gw.test:8080\nOrigin: https://example.org\n", false},
        {"Host: gw.test:8080\nOrigin: http://a.example.org\n", false},
        {"Host: gw.test:8080\nOrigin: https://evil.com/x.example.org\n", false},
        {"Host: gw.test:8080\nOrigin: https://evil.com:1.example.org\n", false},
        {"Host: gw.test:8080\nOrigin: https://evil.com@x.example.org\n", false},
        {"Host: gw.test:8080\nOrigin: https://evil.com?.example.org\n", false},
        {"Host: gw.test:8080\nOrigin: https://evil.com#.example.org\n", false},
        {"Host: gw.test\nOrigin: http://evil.example http://gw.test\n", false},
        {"Host: gw.test\nOrigin: http://gw.test\nOrigin: http://gw.test\n",
         false},
        {"Host: gw.test\nOrigin:\nOrigin: http://gw.test\n", false},
        {"Host: u@gw.test\nOrigin: http://u@gw.test\n", false},
        {"Host:\nOrigin: http://\n", false},
        /* Not asked for a proxy's word. */
        {"Host: gw\nX-Forwarded-Host: a.test\nOrigin: http://a.test\n", false},
    };
    struct ws_door d = door("https://*.example.org", NULL);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct http_request req = request_text(cases[i].headers);

        if (ws_door_origin_ok(&d, &req) != cases[i].ok)
            fail_msg("%s", cases[i].headers);
    }
}

static void a_proxy_says_for_which_host_it_was_asked(void **state)
{
    static const struct {
        const char *headers;
        bool ok;
    } cases[] = {
        {"Host: 127.0.0.1:8080\nX-Forwarded-Host: quotes.example.com\n"
         "Origin: https://quotes.example.com\n",
         true},
        {"Host: quotes.example.com\nX-Forwarded-Host: other.example\n"
         "Origin: https://quotes.example.com\n",
         true},
        {"Host: x\nX-Forwarded-Host: claimed.example, quotes.example.com:443\n"
         "Origin: https://quotes.example.com\n",
         true},
        {"Host: x\nX-Forwarded-Host: claimed.example, quotes.example.com\n"
         "Origin: https://claimed.example\n",
         false},
        {"Host: x\nX-Forwarded-Host: claimed.example\n"
         "X-Forwarded-Host: quotes.example.com\n"
         "Origin: https://claimed.example\n",
         false},
        {"Host: x\nX-Forwarded-Host: ??\nOrigin: https://x.example\n", false},
        {"Host: x\nX-Forwarded-Host: quotes.example.com\nOrigin: null\n",
         false},
    };
    struct ws_door d = door(NULL, NULL);

    (void)state;
    d.proxied = true;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct http_request req = request_text(cases[i].headers);

        if (ws_door_origin_ok(&d, &req) != cases[i].ok)
            fail_msg("%s", cases[i].headers);
    }
}

static void an_error_names_its_option(void **state)
{
    const struct option_strs none = {.count = 0},
                             bad = {.at = {"ok.example", "b d"}, .count = 2},
                             path = {.at = {"https://x/y"}, .count = 1};
    struct err err = {0};
    struct ws_door d;

    (void)state;
    assert_false(ws_door_init(&d, &path, &none, &err));
    assert_int_equal(err.code, ERR_USAGE);
    assert_string_equal(err.text, "--allow-origin: 'https://x/y': an origin "
                                  "has no path: write https://x");
    err = (struct err){0};
    assert_false(ws_door_init(&d, &none, &bad, &err));
    assert_int_equal(err.code, ERR_USAGE);
    assert_memory_equal(err.text, "--allow-host: 'b d'", 19);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_browser_must_name_a_loopback_host),
        cmocka_unit_test(more_hosts_can_be_named),
        cmocka_unit_test(a_page_is_let_in_by_its_host_or_by_the_list),
        cmocka_unit_test(a_proxy_says_for_which_host_it_was_asked),
        cmocka_unit_test(an_error_names_its_option),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
