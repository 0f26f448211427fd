#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/http/http_internal.h"

/* Feeds text in pieces of n bytes until there is a verdict. */
static enum http_parse_result feed(struct http_parse *p, const char *text,
                                   size_t len, size_t n)
{
    enum http_parse_result result = HTTP_PARSE_MORE;

    for (size_t at = 0; at < len && result == HTTP_PARSE_MORE; at += n) {
        bytes_add(&p->buf, text + at, len - at < n ? len - at : n);
        result = http_parse_feed(p);
    }
    return result;
}

static void refused(const char *text, int status)
{
    size_t len = strlen(text);
    const size_t sizes[] = {1, 2, 7, len};

    for (unsigned i = 0; i < 4; i++) {
        struct http_parse *p = http_parse_new();
        struct http_request req;
        enum http_parse_result got = feed(p, text, len, sizes[i]);

        int is = got == HTTP_PARSE_DONE  ? http_parse_request(p, &req)
                 : got == HTTP_PARSE_BAD ? p->refuse
                                         : -1; /* waits for more */

        if (is != status)
            fail_msg("%d, not %d, in pieces of %zu: %s", is, status, sizes[i],
                     text);
        http_parse_free(p);
    }
}

static void a_request_reads_the_same_in_pieces_of_any_size(void **state)
{
    static const char text[] = "GET /a%20b/c?x=1&y=%2f HTTP/1.1\r\n"
                               "Host: h:80\r\nX-Empty:\r\nX-Two:  a b \r\n"
                               "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                               "\r\nearly";

    (void)state;
    for (size_t n = 1; n < sizeof text; n++) {
        struct http_parse *p = http_parse_new();
        struct http_request req;

        assert_int_equal(feed(p, text, sizeof text - 1, n), HTTP_PARSE_DONE);
        assert_int_equal(http_parse_request(p, &req), 0);
        assert_true(span_is(req.method, "GET"));
        assert_true(span_is(req.path, "/a b/c"));
        assert_true(span_is(req.query, "x=1&y=%2f"));
        assert_int_equal(req.n_headers, 5);
        assert_true(span_is(http_header(&req, "HOST"), "h:80"));
        assert_true(span_is(http_header(&req, "x-two"), "a b"));
        assert_int_equal(http_header(&req, "x-empty").len, 0);
        assert_int_equal(http_header(&req, "x-none").len, 0);
        assert_true(req.upgrade);
        http_parse_free(p);
    }
}

static void pipelined_requests_come_one_after_the_other(void **state)
{
    static const char text[] = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
                               "POST /2 HTTP/1.1\r\nHost: a\r\n"
                               "Content-Length: 3\r\n\r\nxyz"
                               "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n";
    struct http_parse *p = http_parse_new();
    struct http_request req;

    (void)state;
    assert_int_equal(feed(p, text, sizeof text - 1, sizeof text),
                     HTTP_PARSE_DONE);
    assert_int_equal(http_parse_request(p, &req), 0);
    assert_true(span_is(req.path, "/1"));
    http_parse_next(p);
    assert_int_equal(http_parse_feed(p), HTTP_PARSE_DONE);
    assert_int_equal(http_parse_request(p, &req), 0);
    assert_true(span_is(req.path, "/2"));
    assert_true(span_is(req.body, "xyz"));
    http_parse_next(p);
    assert_int_equal(http_parse_feed(p), HTTP_PARSE_DONE);
    assert_int_equal(http_parse_request(p, &req), 0);
    assert_true(span_is(req.path, "/3"));
    http_parse_next(p);
    assert_int_equal(http_parse_feed(p), HTTP_PARSE_MORE);
    assert_int_equal(p->buf.len, 0);
    http_parse_free(p);
}

/* What the connection needs to know of a request without asking its parser. */
static void a_whole_request_says_what_becomes_of_the_connection(void **state)
{
    static const struct {
        const char *text;
        bool keep_alive, upgrade, head_only;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true, false, false},
        {"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", true, false, true},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false, false,
         false},
        {"GET / HTTP/1.0\r\n\r\n", false, false, false},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true, false,
         false},
        {"GET / HTTP/1.0\r\nHost: a\r\nConnection: Upgrade\r\n"
         "Upgrade: websocket\r\n\r\n",
         false, false, false},
        {"GET / HTTP/1.0\r\nConnection: keep-alive, Upgrade\r\n"
         "Upgrade: websocket\r\n\r\n",
         true, false, false},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n"
         "Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n\r\n",
         false, true, false},
        {"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", true, false,
         false},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
         "Upgrade: websocket\r\n\r\n",
         false, true, false},
        /* RFC 9110 5.6.1.2: empty elements of a list do not count. */
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: ,Upgrade\r\n"
         "Upgrade: websocket\r\n\r\n",
         false, true, false},
        {"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: ,h2c\r\n"
         "Connection: keep-alive, ,\tUPGRADE ,\r\n\r\n",
         false, true, false},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: ,close\r\n\r\n", false,
         false, false},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: x,,close\r\n"
         "Connection: keep-alive\r\n\r\n",
         false, false, false},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: closed, not-close\r\n\r\n",
         true, false, false},
        {"GET / HTTP/1.0\r\nConnection: ,Upgrade\r\nUpgrade: websocket\r\n\r\n",
         false, false, false},
    };
    struct http_parse *p = http_parse_new();

    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t len = strlen(cases[i].text);

        assert_int_equal(feed(p, cases[i].text, len, 5), HTTP_PARSE_DONE);
        assert_int_equal(p->keep_alive, cases[i].keep_alive);
        assert_int_equal(p->upgrade, cases[i].upgrade);
        assert_int_equal(p->head_only, cases[i].head_only);
        http_parse_next(p); /* nothing of one is left for the other */
    }
    http_parse_free(p);
}

static void chunks_become_one_body(void **state)
{
    static const char text[] =
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n1;ext=1\r\nd\r\n4\r\nefgh\r\n0\r\nTrailer: t\r\n\r\nrest";

    (void)state;
    for (size_t n = 1; n < sizeof text; n++) {
        struct http_parse *p = http_parse_new();
        struct http_request req;

        assert_int_equal(feed(p, text, sizeof text - 1, n), HTTP_PARSE_DONE);
        assert_int_equal(http_parse_request(p, &req), 0);
        assert_true(span_is(req.body, "abcdefgh"));
        http_parse_free(p);
    }
}

static void malformed_requests_are_refused(void **state)
{
    (void)state;
    refused("nonsense\r\n\r\n", 400);
    refused("GET / HTTP/1.1\r\n\r\n", 400); /* no Host */
    refused("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400);
    refused("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    refused("GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    refused("GET /%0a HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    refused("GET /%4 HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    refused("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n", 400);
    refused("CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n", 400);
    refused("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400);
    refused("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
            "Transfer-Encoding: chunked\r\n\r\n",
            400); /* two lengths: request smuggling */
    refused("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505);
}

/* Forms that one reader takes for one request and another for two: what a
 * proxy in front reads differently would be smuggled past it. */
static void what_could_be_read_in_two_ways_is_refused(void **state)
{
#define GET "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        /* lines */
        {"GET / HTTP/1.1\nHost: a\n\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\n\r\n", 400},
        {"GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
        {GET "\n", 400},
        {GET "\r\r\n", 400},
        {GET "X: 1\r2\r\n\r\n", 400},
        {GET "X: 1\r\rX: 2\r\n\r\n", 400},
        {GET "X: 1\r\n\t2\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
        /* the request line */
        {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400},
        {"GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/01.1\r\nHost: a\r\n\r\n", 400},
        {"GET / http/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/1\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTPS/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET / ICE/1.0\r\nHost: a\r\n\r\n", 400},
        {"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET http://u:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /\r\n\r\n", 400}, /* HTTP/0.9 */
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
        {"get / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        /* names and values */
        {GET ": 1\r\n\r\n", 400},
        {GET "X\r\n\r\n", 400},
        {GET "X : 1\r\n\r\n", 400},
        {GET "X\t: 1\r\n\r\n", 400},
        {GET "X Y: 1\r\n\r\n", 400},
        {GET "X(: 1\r\n\r\n", 400},
        {GET "X\xe9: 1\r\n\r\n", 400},
        {GET "X: a\x01z\r\n\r\n", 400},
        {GET "X: a\x7fz\r\n\r\n", 400},
        {GET "X: a\x0bz\r\n\r\n", 400},
        /* Host */
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400},
        {"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        /* lengths */
        {POST "Content-Length : 4\r\n\r\nabcd", 400},
        {POST "Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd", 400},
        {POST "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd", 400},
        {POST "Content-Length: 4, 4\r\n\r\nabcd", 400},
        {POST "Content-Length: +4\r\n\r\nabcd", 400},
        {POST "Content-Length: -4\r\n\r\nabcd", 400},
        {POST "Content-Length: 0x4\r\n\r\nabcd", 400},
        {POST "Content-Length: 4 4\r\n\r\nabcd", 400},
        {POST "Content-Length: 4;\r\n\r\nabcd", 400},
        {POST "Content-Length:\r\n\r\nabcd", 400},
        {POST "Content-Length: \r\n\r\nabcd", 400},
        {POST "Content-Length: 18446744073709551616\r\n\r\n", 400},
        {POST "Content-Length: 18446744073709551615\r\n\r\n", 400},
        {POST "Content-Length: 9223372036854775808\r\n\r\n", 413},
        {POST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
              "0\r\n\r\n",
         400},
        {POST "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n"
              "0\r\n\r\n",
         400},
        /* codings */
        {POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400},
        {POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400},
        {POST "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n", 400},
        {POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400},
        {POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400},
        {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"
              "\r\n0\r\n\r\n",
         400},
        {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"
              "\r\n0\r\n\r\n",
         400},
        {POST "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"
              "\r\n0\r\n\r\n",
         400},
        {POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", 400},
        {POST "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", 400},
        {POST "Transfer-Encoding: \x0b"
              "chunked\r\n\r\n0\r\n\r\n",
         400},
        {POST "Transfer-Encoding:\r\n\r\n0\r\n\r\n", 400},
        {POST "Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n", 400},
        {POST "Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n", 400},
        {POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
        {GET "Transfer-Encoding: deflate\t, Chunked\r\n\r\n0\r\n\r\n", 501},
        {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        /* chunks */
        {CHUNKED "\r\n", 400},
        {CHUNKED "g\r\n", 400},
        {CHUNKED "-1\r\n", 400},
        {CHUNKED "+1\r\na\r\n", 400},
        {CHUNKED "0x1\r\na\r\n", 400},
        {CHUNKED " 1\r\na\r\n", 400},
        {CHUNKED "1 \r\na\r\n", 400},
        {CHUNKED "1 2\r\na\r\n", 400},
        {CHUNKED "1\na\r\n", 400},
        {CHUNKED "1\rXa\r\n", 400},
        {CHUNKED "1\r\naXX0\r\n\r\n", 400},
        {CHUNKED "1\r\na\n", 400},
        {CHUNKED "1\r\nab\r\n", 400},
        {CHUNKED "1\r\na\r0\r\n\r\n", 400},
        {CHUNKED "1;\n\r\na\r\n", 400},
        {CHUNKED "1;x=\"\n\"\r\na\r\n", 400},
        {CHUNKED "1;x\x01\r\na\r\n", 400},
        {CHUNKED "1;x\rY\r\na\r\n", 400},
        {CHUNKED "ffffffffffffffff\r\n", 413},
        {CHUNKED "fffffffffffffffff\r\n", 413},
        {CHUNKED "100000001\r\n", 413},
        {CHUNKED "00000000000000000001\r\n", 400},
        {CHUNKED "0\r\nT\r\n\r\n", 400},
        {CHUNKED "0\r\nT: 1\n\r\n", 400},
        {CHUNKED "0\r\nT : 1\r\n\r\n", 400},
        {CHUNKED "0\r\nT: 1\r\n folded\r\n\r\n", 400},
        {CHUNKED "0\r\n\n", 400},
        {CHUNKED "0\r\n\rX", 400},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
        refused(cases[i].text, cases[i].status);
}

static void what_can_be_read_in_one_way_is_taken(void **state)
{
    static const struct {
        const char *text, *path, *host, *body;
    } cases[] = {
        {"\r\n\r\n" GET "\r\n", "/", "a", ""},
        {GET "X!#$%&'*+-.^_`|~9: \t\"\x80\xff\" \t\r\n\r\n", "/", "a", ""},
        {"GET / HTTP/1.1\r\nHost:\ta \t\r\n\r\n", "/", "a", ""},
        {"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "/", "[::1]:80", ""},
        {"GET / HTTP/1.9\r\nHost:\r\n\r\n", "/", "", ""},
        {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "*", "a", ""},
        /* The Host of a request for a whole address is of no account. */
        {"GET http://b:8/x?y HTTP/1.1\r\nHost: a\r\n\r\n", "/x", "b:8", ""},
        {"GET HTTPS://[::1]?y HTTP/1.1\r\nHost: a\r\n\r\n", "/", "[::1]", ""},
        {"GET http://b HTTP/1.0\r\n\r\n", "/", "b", ""},
        {POST "Content-Length:4 \r\n\r\nabcd", "/", "a", "abcd"},
        {POST "Content-Length: 0000000004\r\n\r\nabcd", "/", "a", "abcd"},
        {POST "Transfer-Encoding:\tCHUNKED \r\n\r\n0\r\n\r\n", "/", "a", ""},
        {CHUNKED "1 \t;a=\"b;\"\r\nx\r\n000\r\nT: 1\r\nU:\r\n\r\n", "/", "a",
         "x"},
        {CHUNKED "0000000000000001\r\n\r\r\n0\r\n\r\n", "/", "a", "\r"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t len = strlen(cases[i].text);

        for (size_t n = 1; n <= len; n++) {
            struct http_parse *p = http_parse_new();
            struct http_request req;

            if (feed(p, cases[i].text, len, n) != HTTP_PARSE_DONE ||
                http_parse_request(p, &req) != 0)
                fail_msg("refused in pieces of %zu: %s", n, cases[i].text);
            assert_true(span_is(req.path, cases[i].path));
            assert_true(span_is(http_header(&req, "host"), cases[i].host));
            assert_true(span_is(req.body, cases[i].body));
            assert_int_equal(p->fed, p->buf.len);
            http_parse_free(p);
        }
    }
}

static void an_old_client_needs_no_host(void **state)
{
    struct http_parse *p = http_parse_new();
    struct http_request req;
    static const char text[] = "GET http://h/x HTTP/1.0\r\n\r\n";

    (void)state;
    assert_int_equal(feed(p, text, sizeof text - 1, 5), HTTP_PARSE_DONE);
    assert_int_equal(http_parse_request(p, &req), 0);
    assert_true(span_is(req.path, "/x"));
    http_parse_free(p);
}

static void too_much_of_anything_is_refused(void **state)
{
    static char text[HTTP_HEAD_MAX + 4096];
    size_t n =
        (size_t)snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    struct http_parse *p;

    (void)state;
    memset(text + n, 'x', HTTP_HEAD_MAX);
    refused(text, 431);
    /* A whole one that came in one read was let through once. */
    memcpy(text + n + HTTP_HEAD_MAX, "\r\n\r\n", 5);
    refused(text, 431);
    n = (size_t)snprintf(text, sizeof text, "GET /");
    memset(text + n, 'x', HTTP_HEAD_MAX);
    text[n + HTTP_HEAD_MAX] = '\0';
    refused(text, 414);
    text[0] = '\0';
    n = (size_t)snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < HTTP_HEADERS_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "X%d: 1\r\n", i);
    refused(text, 431);
    refused("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n", 413);
    refused("POST / HTTP/1.1\r\nHost: a\r\n"
            "Content-Length: 99999999999999999999999\r\n\r\n",
            400);
    /* Chunks that never end: refused when the body is too large, and the
     * framing is not kept meanwhile. */
    p = http_parse_new();
    n = (size_t)snprintf(
        text, sizeof text,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_int_equal(feed(p, text, n, n), HTTP_PARSE_MORE);
    for (n = 0; n <= HTTP_BODY_MAX; n++) {
        enum http_parse_result got = feed(p, "1\r\nx\r\n", 6, 6);
        assert_true(p->buf.len < HTTP_BODY_MAX + 1024);
        assert_int_equal(got,
                         n < HTTP_BODY_MAX ? HTTP_PARSE_MORE : HTTP_PARSE_BAD);
    }
    assert_int_equal(p->refuse, 413);
    http_parse_free(p);
}

static void query_values_are_decoded(void **state)
{
    struct http_request req = {
        .query = span_str("sub=a%3Ab,c+d&empty=&flag&subx=1&bad=%g1")};
    struct bytes out;

    (void)state;
    bytes_init(&out);
    /* Nothing, into nothing: once arithmetic on a null pointer. */
    assert_true(http_query(&req, "empty", &out));
    assert_int_equal(out.len, 0);
    assert_true(http_query(&req, "sub", &out));
    assert_true(span_is(bytes_span(&out), "a:b,c d"));
    bytes_clear(&out);
    assert_true(http_query(&req, "empty", &out));
    assert_true(http_query(&req, "flag", &out));
    assert_int_equal(out.len, 0);
    assert_true(http_query(&req, "subx", &out));
    assert_true(span_is(bytes_span(&out), "1"));
    assert_false(http_query(&req, "su", &out));
    assert_false(http_query(&req, "bad", &out));
    assert_true(span_is(bytes_span(&out), "1"));
    bytes_close(&out);
}

static void listen_addresses_are_taken_apart(void **state)
{
    static const char *const bad[] = {
        "",      "x",       "h:",   "h:65536", "::1:80",
        "h:80x", "[::1]80", "h:-1", "h:999999"};
    char host[256];
    unsigned port;

    (void)state;
    assert_true(http_listen_parse("127.0.0.1:8080", host, &port, NULL));
    assert_string_equal(host, "127.0.0.1");
    assert_int_equal(port, 8080);
    assert_true(http_listen_parse("[::1]:0", host, &port, NULL));
    assert_string_equal(host, "::1");
    assert_true(http_listen_parse(":9000", host, &port, NULL));
    assert_string_equal(host, "");
    assert_int_equal(port, 9000);
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(http_listen_parse(bad[i], host, &port, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_reads_the_same_in_pieces_of_any_size),
        cmocka_unit_test(pipelined_requests_come_one_after_the_other),
        cmocka_unit_test(a_whole_request_says_what_becomes_of_the_connection),
        cmocka_unit_test(chunks_become_one_body),
        cmocka_unit_test(malformed_requests_are_refused),
        cmocka_unit_test(what_could_be_read_in_two_ways_is_refused),
        cmocka_unit_test(what_can_be_read_in_one_way_is_taken),
        cmocka_unit_test(an_old_client_needs_no_host),
        cmocka_unit_test(too_much_of_anything_is_refused),
        cmocka_unit_test(query_values_are_decoded),
        cmocka_unit_test(listen_addresses_are_taken_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
