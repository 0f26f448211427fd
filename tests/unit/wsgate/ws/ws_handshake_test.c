#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/common/http/request_text.h"
#include "wsgate/ws/ws_handshake.h"

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n"
#define VERSION "Sec-WebSocket-Version: 13\n"
#define UPGRADE "Upgrade: websocket\nConnection: Upgrade\n"

static const char *const protocols[] = {"tickwire.v1", "json", NULL};

static int check(const char *headers, struct ws_handshake *out)
{
    struct http_request req = request_text(headers);
    const char *why = NULL;
    int status;

    req.upgrade = true;
    status = ws_handshake_check(&req, protocols, out, &why);
    assert_true((status == 0) == !why);
    return status;
}

static void the_key_of_the_rfc_has_its_answer(void **state)
{
    struct ws_handshake shake = {.key = span_str("dGhlIHNhbXBsZSBub25jZQ==")};
    struct bytes out;

    (void)state;
    bytes_init(&out);
    ws_handshake_add(&out, &shake);
    bytes_add(&out, "", 1);
    assert_non_null(strstr(
        out.ptr, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"));
    bytes_clear(&out);
    shake.protocol = "json";
    ws_handshake_add(&out, &shake);
    bytes_add(&out, "", 1);
    assert_non_null(
        strstr(out.ptr, "=\r\nSec-WebSocket-Protocol: json\r\n\r\n"));
    bytes_close(&out);
}

static void the_headers_of_a_handshake_are_lists(void **state)
{
    static const struct {
        const char *headers;
        int status;
    } cases[] = {
        {UPGRADE KEY VERSION, 0},
        {"Upgrade: WebSocket\nConnection: upgrade\n" KEY VERSION, 0},
        {"Upgrade: h2c, websocket\nConnection: Upgrade\n" KEY VERSION, 0},
        {"Upgrade: websocket,h2c\nConnection: Upgrade\n" KEY VERSION, 0},
        {"Upgrade: h2c\nUpgrade: websocket\nConnection: Upgrade\n" KEY VERSION,
         0},
        {"Upgrade: websocket\nConnection: keep-alive, Upgrade\n" KEY VERSION,
         0},
        {"Upgrade: websocket\nConnection: keep-alive\n"
         "Connection: Upgrade\n" KEY VERSION,
         0},
        {UPGRADE KEY "Sec-WebSocket-Version: 8, 13\n", 0},
        {UPGRADE KEY "Sec-WebSocket-Version: 13 \n", 0},
        {UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ== \n", 0},
        {KEY VERSION, 426},
        {"Upgrade: h2c\nConnection: Upgrade\n" KEY VERSION, 426},
        {"Upgrade: websockets\nConnection: Upgrade\n" KEY VERSION, 426},
        {"Upgrade: websocket\nConnection: close\n" KEY VERSION, 426},
        {"Upgrade: websocket\n" KEY VERSION, 426},
        {UPGRADE KEY, 426},
        {UPGRADE KEY "Sec-WebSocket-Version: 12\n", 426},
        {UPGRADE KEY "Sec-WebSocket-Version: 130\n", 426},
        {UPGRADE VERSION, 400},
        {UPGRADE KEY KEY VERSION, 400},
        {UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\n", 400},
        {UPGRADE VERSION "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ===\n", 400},
        {UPGRADE VERSION "Sec-WebSocket-Key: ????????????????????????\n", 400},
    };
    struct ws_handshake shake;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (check(cases[i].headers, &shake) != cases[i].status)
            fail_msg("%s", cases[i].headers);
    }
}

static void what_http_did_not_upgrade_is_no_handshake(void **state)
{
    struct http_request req = request_text(UPGRADE KEY VERSION);
    struct ws_handshake shake;
    const char *why;

    (void)state;
    req.upgrade = false; /* HTTP/1.0 */
    assert_int_equal(ws_handshake_check(&req, protocols, &shake, &why), 426);
    req.upgrade = true;
    assert_int_equal(ws_handshake_check(&req, protocols, &shake, &why), 0);
    req.method = span_str("POST");
    assert_int_equal(ws_handshake_check(&req, protocols, &shake, &why), 405);
}

static void the_clients_first_known_subprotocol_is_agreed_on(void **state)
{
    static const struct {
        const char *offer;
        int status;
        const char *agreed;
    } cases[] = {
        {"", 0, NULL},
        {"Sec-WebSocket-Protocol: json\n", 0, "json"},
        {"Sec-WebSocket-Protocol: tickwire.v1\n", 0, "tickwire.v1"},
        {"Sec-WebSocket-Protocol: json, tickwire.v1\n", 0, "json"},
        {"Sec-WebSocket-Protocol: x, tickwire.v1,json\n", 0, "tickwire.v1"},
        {"Sec-WebSocket-Protocol: x\nSec-WebSocket-Protocol: json\n", 0,
         "json"},
        {"Sec-WebSocket-Protocol: tickwire.v2\n", 0, NULL},
        {"Sec-WebSocket-Protocol: JSON\n", 0, NULL},
        {"Sec-WebSocket-Protocol:\n", 0, NULL},
        {"Sec-WebSocket-Protocol: ,json,\n", 0, "json"},
        {"Sec-WebSocket-Protocol: json, json\n", 400, NULL},
        {"Sec-WebSocket-Protocol: x, json, x\n", 400, NULL},
        {"Sec-WebSocket-Protocol: json\nSec-WebSocket-Protocol: json\n", 400,
         NULL},
        {"Sec-WebSocket-Protocol: a b\n", 400, NULL},
        {"Sec-WebSocket-Protocol: json, \"x\"\n", 400, NULL},
        {"Sec-WebSocket-Protocol: a/b\n", 400, NULL},
    };
    struct ws_handshake shake;
    char headers[512];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(headers, sizeof headers, "%s%s", UPGRADE KEY VERSION,
                 cases[i].offer);
        if (check(headers, &shake) != cases[i].status)
            fail_msg("%s", cases[i].offer);
        if (cases[i].agreed)
            assert_string_equal(shake.protocol, cases[i].agreed);
        else if (cases[i].status == 0)
            assert_null(shake.protocol);
    }
}

/* Comparing each with all others must stay cheap. */
static void a_list_of_subprotocols_has_an_end(void **state)
{
    struct ws_handshake shake;
    char headers[1024];

    (void)state;
    for (int n = WS_PROTOCOLS_MAX; n <= WS_PROTOCOLS_MAX + 1; n++) {
        int at =
            snprintf(headers, sizeof headers, "%sSec-WebSocket-Protocol: json",
                     UPGRADE KEY VERSION);

        for (int i = 1; i < n; i++)
            at +=
                snprintf(headers + at, sizeof headers - (size_t)at, ",p%d", i);
        snprintf(headers + at, sizeof headers - (size_t)at, "\n");
        assert_int_equal(check(headers, &shake),
                         n == WS_PROTOCOLS_MAX ? 0 : 400);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_key_of_the_rfc_has_its_answer),
        cmocka_unit_test(the_headers_of_a_handshake_are_lists),
        cmocka_unit_test(what_http_did_not_upgrade_is_no_handshake),
        cmocka_unit_test(the_clients_first_known_subprotocol_is_agreed_on),
        cmocka_unit_test(a_list_of_subprotocols_has_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
