#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/bytes.h"
#include "common/http/http_proxy.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

static struct bytes header;

/* Version 2: what comes after the signature, and `more` bytes of zeros. */
static struct span make(const char *rest, size_t len, size_t more)
{
    bytes_clear(&header);
    bytes_add(&header, SIGNATURE, 12);
    bytes_add(&header, rest, len);
    memset(bytes_reserve(&header, more), 0, more);
    header.len += more;
    return bytes_span(&header);
}
#define MAKE(rest, more) make(rest, sizeof(rest) - 1, more)

/* From every beginning of it: MORE up to its last byte, whatever follows. */
static const char *client_of(struct span s, enum http_proxy want)
{
    static char text[HTTP_ADDRESS_TEXT];
    struct in6_addr client = {.s6_addr = {0}};
    size_t len = 0;
    struct bytes longer = {0};

    for (size_t n = 0; n < s.len; n++) {
        char *part = malloc(n + 1);
        enum http_proxy got;
        memcpy(part, s.ptr, n);
        got = http_proxy_parse(span_make(part, n), &client, &len);
        free(part);
        if (got != HTTP_PROXY_MORE)
            fail_msg("%zu of %zu bytes: %d", n, s.len, got);
    }
    assert_int_equal(http_proxy_parse(s, &client, &len), want);
    assert_int_equal(len, s.len);
    bytes_add_span(&longer, s);
    bytes_add_str(&longer, "GET / HTTP/1.1\r\n\r\n");
    len = 0;
    assert_int_equal(http_proxy_parse(bytes_span(&longer), &client, &len),
                     want);
    assert_int_equal(len, s.len);
    bytes_close(&longer);
    http_address_text(&client, text);
    return text;
}

static void is(struct span s, enum http_proxy want)
{
    struct in6_addr client;
    size_t len = 77;

    assert_int_equal(http_proxy_parse(s, &client, &len), want);
    assert_int_equal(len, 77);
}

static void version_2_names_the_client(void **state)
{
    (void)state;
    assert_string_equal(
        client_of(MAKE("\x21\x11\0\x0c\xcb\0\x71\x08\xc0\0\x02\x01\x9c\x41\x01"
                       "\xbb",
                       0),
                  HTTP_PROXY_READ),
        "203.0.113.8");
    assert_string_equal(
        client_of(MAKE("\x21\x21\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0"
                       "\x01",
                       20),
                  HTTP_PROXY_READ),
        "2001:db8::1");
    /* An IPv4 client of a proxy that listens on [::]. */
    assert_string_equal(
        client_of(MAKE("\x21\x21\0\x24\0\0\0\0\0\0\0\0\0\0\xff\xff\xcb\0\x71"
                       "\x08",
                       20),
                  HTTP_PROXY_READ),
        "203.0.113.8");
    /* TLVs follow, up to the bound: 536 = 16 + 0x208. */
    assert_string_equal(
        client_of(MAKE("\x21\x11\x02\x08\xcb\0\x71\x08", 516), HTTP_PROXY_READ),
        "203.0.113.8");
}

static void a_header_may_name_nobody(void **state)
{
    (void)state;
    client_of(MAKE("\x20\0\0\0", 0), HTTP_PROXY_LOCAL);
    client_of(MAKE("\x20\x11\0\x0c\xcb\0\x71\x08", 8), HTTP_PROXY_LOCAL);
    client_of(MAKE("\x20\x7f\0\x03", 3), HTTP_PROXY_LOCAL);
    client_of(MAKE("\x21\0\0\0", 0), HTTP_PROXY_LOCAL);
    client_of(MAKE("\x21\0\0\x09", 9), HTTP_PROXY_LOCAL);
    client_of(MAKE("\x21\x31\0\xd8", 216), HTTP_PROXY_LOCAL);
    client_of(span_str("PROXY UNKNOWN\r\n"), HTTP_PROXY_LOCAL);
    client_of(span_str("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"),
              HTTP_PROXY_LOCAL);
}

static void a_bad_header_is_not_read(void **state)
{
    (void)state;
    is(MAKE("\x11\x11\0\x0c", 12), HTTP_PROXY_BAD); /* version 1 */
    is(MAKE("\x31\x11\0\x0c", 12), HTTP_PROXY_BAD); /* version 3 */
    is(MAKE("\x22\x11\0\x0c", 12), HTTP_PROXY_BAD); /* no such command */
    is(MAKE("\x21\x11\0\x0b", 11), HTTP_PROXY_BAD); /* too short */
    is(MAKE("\x21\x21\0\x23", 35), HTTP_PROXY_BAD);
    is(MAKE("\x21\x31\0\xd7", 215), HTTP_PROXY_BAD);
    is(MAKE("\x21\x12\0\x0c", 12), HTTP_PROXY_BAD); /* datagrams */
    is(MAKE("\x21\x41\0\x0c", 12), HTTP_PROXY_BAD); /* no such family */
    is(MAKE("\x21\x13\0\x0c", 12), HTTP_PROXY_BAD);
    /* Refused at once, not when all of it has come. */
    is(MAKE("\x21\x11\x02\x09", 0), HTTP_PROXY_BAD);
    is(MAKE("\x20\0\xff\xff", 0), HTTP_PROXY_BAD);
}

static void version_1_names_the_client(void **state)
{
    (void)state;
    assert_string_equal(
        client_of(span_str("PROXY TCP4 203.0.113.8 192.0.2.1 40001 443\r\n"),
                  HTTP_PROXY_READ),
        "203.0.113.8");
    assert_string_equal(
        client_of(span_str("PROXY TCP6 2001:DB8::1 ::1 65535 0\r\n"),
                  HTTP_PROXY_READ),
        "2001:db8::1");
}

static void a_bad_line_is_not_read(void **state)
{
    static const char *const all[] = {
        "PROXY \r\n",
        "PROXY TCP4\r\n",
        "PROXY TCP5 203.0.113.8 192.0.2.1 1 2\r\n",
        "PROXY tcp4 203.0.113.8 192.0.2.1 1 2\r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY  TCP4 203.0.113.8 192.0.2.1 1 2\r\n",
        "PROXY TCP4 203.0.113.8 192.0.2.1 1\r\n",
        "PROXY TCP4 203.0.113.8 192.0.2.1 1 2 3\r\n",
        "PROXY TCP4 203.0.113.8 192.0.2.1 1 65536\r\n",
        "PROXY TCP4 203.0.113.8 192.0.2.1 x 2\r\n",
        "PROXY TCP4 2001:db8::1 ::1 1 2\r\n",
        "PROXY TCP6 203.0.113.8 192.0.2.1 1 2\r\n",
        "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
        "PROXY TCP4 203.0.113.8:1 192.0.2.1 1 2\r\n",
        "PROXY TCP4 unknown 192.0.2.1 1 2\r\n",
        /* 107 bytes without an end */
        "PROXY UNKNOWN 0000000000000000000000000000000000000000000000000000000"
        "000000000000000000000000000000000000000\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        is(span_str(all[i]), HTTP_PROXY_BAD);
}

static void a_request_is_no_header(void **state)
{
    static const char *const all[] = {"GET / HTTP/1.1\r\n",
                                      "POST / HTTP/1.1\r\n",
                                      "PROPFIND / HTTP/1.1\r\n",
                                      "PROXYING / HTTP/1.1",
                                      "\r\nGET / HTTP/1.1",
                                      "\r\n\r\nGET / HTTP/1.1",
                                      "\r\n\r\n\r\nQUIT\n",
                                      "\n",
                                      "proxy TCP4 1",
                                      "PROXY\tTCP4 1.2.3.4 "};

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        is(span_str(all[i]), HTTP_PROXY_ABSENT);
    is(span_str("P"), HTTP_PROXY_MORE);
    is(span_str("\r\n\r\n"), HTTP_PROXY_MORE);
    is(span_make(NULL, 0), HTTP_PROXY_MORE);
}

static int forget(void **state)
{
    (void)state;
    bytes_close(&header);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_2_names_the_client),
        cmocka_unit_test(a_header_may_name_nobody),
        cmocka_unit_test(a_bad_header_is_not_read),
        cmocka_unit_test(version_1_names_the_client),
        cmocka_unit_test(a_bad_line_is_not_read),
        cmocka_unit_test(a_request_is_no_header),
    };

    return cmocka_run_group_tests(tests, NULL, forget);
}
