/* From a request to a WebSocket client, or to a refusal: what it hears first,
 * whatever else it sent with the request. */
#include "tests/fuzz/wsgate/client/fake_host.h"
#include "tests/unit/wsgate/client_world.h"
#include "wsgate/client/upgrade.h"

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define UPGRADE                                                                \
    " HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"    \
    "Sec-WebSocket-Version: 13\r\n"

static struct client_world world;
static struct http_server *server;
static enum dialect dialect;
static struct ws_door door;
static struct ws_refusals refusals;

static void on_http(void *arg, struct http_conn *conn,
                    const struct http_request *req)
{
    const struct upgrade_options options = {.door = &door,
                                            .refusals = &refusals,
                                            .instance = "0123456789abcdef",
                                            .ping_ms = 15000};

    upgrade(((struct client_world *)arg)->clients, &options, conn, req,
            dialect);
}

static int open_world(void **state)
{
    static const struct http_options http = {.max_conns = 10};
    static const struct option_strs none,
        allow = {.at = {"https://app.example.org"}, .count = 1};
    struct clients_options o = world_options();
    struct err err = {0};

    o.max_connections = 1;
    o.max_subscriptions = 7;
    client_world_open(&world, false, &o);
    assert_true(ws_door_init(&door, &allow, &none, &err));
    server = http_server_new(&world.up.loop, "127.0.0.1:0", &http, on_http,
                             &world, &err);
    assert_non_null(server);
    dialect = DIALECT_NATIVE;
    *state = &world;
    return 0;
}

static int close_world(void **state)
{
    http_server_close(server);
    client_world_close(*state);
    return 0;
}

/* The answer to the request, with frames that follow it as they are but for
 * NUL bytes. */
static const char *ask(struct client_world *w, const char *request, size_t len)
{
    static char answer[4096];
    struct visitor *v = &w->visitors[w->n++];
    struct in6_addr peer = {0};
    size_t got = 0;
    ssize_t n;
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends),
                     0);
    *v = (struct visitor){.fd = ends[0]};
    assert_int_equal(send(v->fd, request, len, 0), len);
    http_conn_start(server, ends[1], &peer);
    for (int i = 0; i < 4; i++)
        world_turn(&w->up);
    while ((n = recv(v->fd, answer + got, sizeof answer - 1 - got, 0)) > 0)
        got += (size_t)n;
    v->ended = n == 0;
    answer[got] = '\0';
    for (size_t i = 0; i < got; i++) /* lengths of frames */
        answer[i] = answer[i] == '\0' ? '?' : answer[i];
    return answer;
}

static const char *ask_text(struct client_world *w, const char *request)
{
    return ask(w, request, strlen(request));
}

static const char *starts(const char *text, const char *with)
{
    if (strncmp(text, with, strlen(with)) != 0)
        fail_msg("'%s' does not begin with '%s'", text, with);
    return text;
}

static void has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no '%s' in '%s'", part, text);
}

/* --- clients --- */

static void a_client_is_welcomed_after_the_handshake(void **state)
{
    struct client_world *w = *state;
    const char *said = starts(ask_text(w, "GET /ws" UPGRADE KEY "\r\n"),
                              "HTTP/1.1 101 Switching Protocols\r\n");

    has(said, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n");
    has(said, "{\"type\":\"welcome\",\"instance\":\"0123456789abcdef\"");
    has(said, "\"ping_ms\":15000,\"max_subscriptions\":7");
    assert_int_equal(w->clients->count, 1);
}

static void a_list_in_the_address_is_answered_at_once(void **state)
{
    struct client_world *w = *state;
    const char *said =
        ask_text(w, "GET /ws?subscribe=market_data:A" UPGRADE KEY "\r\n");

    has(strstr(said, "welcome"), "\"market_data:A\",\"ok\":true");
    assert_int_equal(w->clients->subscriptions, 1);
}

static void a_list_that_cannot_be_read_is_answered_too(void **state)
{
    struct client_world *w = *state;

    has(ask_text(w, "GET /ws?subscribe=%zz" UPGRADE KEY "\r\n"),
        "\"bad_channel\"");
    assert_int_equal(w->clients->count, 1);
}

static void what_came_with_the_request_is_read(void **state)
{
    struct client_world *w = *state;
    static const char request[] =
        "GET /ws" UPGRADE KEY "\r\n\x81\x8f\0\0\0\0{\"type\":\"ping\"}";

    has(strstr(ask(w, request, sizeof request - 1), "welcome"),
        "\"type\":\"pong\"");
}

static void the_older_addresses_hear_only_what_is_published(void **state)
{
    struct client_world *w = *state;
    const char *said;

    dialect = DIALECT_STOCK;
    said = ask_text(w, "GET /ws?subscribe=market_data:A" UPGRADE KEY "\r\n");
    starts(said, "HTTP/1.1 101 ");
    assert_string_equal(strstr(said, "\r\n\r\n"), "\r\n\r\n");
    assert_int_equal(w->clients->subscriptions, 3);
}

/* --- refusals --- */

static void what_is_no_handshake_gets_an_answer_that_says_why(void **state)
{
    struct client_world *w = *state;
    const char *said = ask_text(w, "GET /ws HTTP/1.1\r\nHost: h\r\n\r\n");

    has(starts(said, "HTTP/1.1 426 "), "Sec-WebSocket-Version: 13\r\n");
    has(said, "Upgrade: websocket\r\n");
    has(said, "\r\n\r\n{\"error\":\"upgrade_required\",\"message\":\"this is a "
              "WebSocket address\"}\n");
    said = ask_text(w, "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n"
                       "Upgrade: h2c\r\n\r\n");
    starts(said, "HTTP/1.1 426 ");
    said = ask_text(w, "POST /ws" UPGRADE KEY "Content-Length: 0\r\n\r\n");
    has(starts(said, "HTTP/1.1 405 "), "Allow: GET\r\n");
    said = ask_text(w, "GET /ws" UPGRADE "\r\n");
    starts(said, "HTTP/1.1 400 ");
    said = ask_text(w, "GET /ws" UPGRADE KEY
                       "Origin: https://else.example.org\r\n\r\n");
    assert_null(strstr(starts(said, "HTTP/1.1 403 "), "Allow:"));
    has(said, "--allow-origin https://else.example.org");
    assert_int_equal(w->clients->count, 0);
}

static void an_origin_on_the_list_is_let_in(void **state)
{
    struct client_world *w = *state;

    starts(ask_text(w, "GET /ws" UPGRADE KEY
                       "Origin: https://app.example.org\r\n\r\n"),
           "HTTP/1.1 101 ");
}

/* The page that asks is told what a handshake of its origin would be. */
static void who_asks_why_hears_why(void **state)
{
    struct client_world *w = *state;
    const char *said =
        ask_text(w, "GET /ws?origin=https%3a%2f%2felse.example.org HTTP/1.1\r\n"
                    "Host: h\r\n\r\n");

    has(starts(said, "HTTP/1.1 403 "), "{\"error\":\"origin_refused\"");
    has(said, "--allow-origin https://else.example.org");
    starts(ask_text(w, "GET /ws?origin=https://app.example.org HTTP/1.1\r\n"
                       "Host: h\r\n\r\n"),
           "HTTP/1.1 426 ");
    starts(ask_text(w, "GET /ws?origin=http://h HTTP/1.1\r\nHost: h\r\n\r\n"),
           "HTTP/1.1 426 ");
    starts(ask_text(w, "GET /ws?origin=%ff HTTP/1.1\r\nHost: h\r\n\r\n"),
           "HTTP/1.1 403 ");
    /* A handshake is judged by its own. */
    starts(ask_text(w, "GET /ws?origin=https://else.example.org" UPGRADE KEY
                       "\r\n"),
           "HTTP/1.1 101 ");
}

static void a_subprotocol_is_agreed_on_by_the_address(void **state)
{
    static const char offer[] =
        "GET /ws" UPGRADE KEY
        "Sec-WebSocket-Protocol: x, tickwire.v1, json\r\n\r\n";
    static const char *const agreed[DIALECTS] = {"tickwire.v1", "json", "json",
                                                 NULL};
    struct client_world *w = *state;

    w->clients->options.max_connections = DIALECTS;
    for (int i = 0; i < DIALECTS; i++) {
        char line[64];
        const char *said;

        dialect = (enum dialect)i;
        said = starts(ask_text(w, offer), "HTTP/1.1 101 ");
        snprintf(line, sizeof line, "\r\nSec-WebSocket-Protocol: %s\r\n",
                 agreed[i] ? agreed[i] : "");
        if (agreed[i])
            has(said, line);
        else
            assert_null(strstr(said, "Sec-WebSocket-Protocol"));
    }
    /* Who is turned away hears it too: without it a browser takes the handshake
     * for a failed one, and does not see the code of the close frame. */
    dialect = DIALECT_NATIVE;
    has(ask_text(w, offer), "\r\nSec-WebSocket-Protocol: tickwire.v1\r\n");
    assert_int_equal(w->clients->count, DIALECTS);
}

/* A browser sees the code, not the status. */
static void who_has_to_be_turned_away_gets_a_close_frame(void **state)
{
    struct client_world *w = *state;
    const char *frame;

    ask_text(w, "GET /ws" UPGRADE KEY "\r\n");
    frame = strstr(starts(ask_text(w, "GET /ws" UPGRADE KEY "\r\n"),
                          "HTTP/1.1 101 "),
                   "\r\n\r\n") +
            4;
    assert_int_equal((unsigned char)frame[0], 0x88);
    assert_memory_equal(frame + 2, "\x03\xf5", 2); /* 1013 */
    has(frame + 4, "full");
    assert_true(w->visitors[1].ended);
    w->clients->stopping = true;
    frame = strstr(ask_text(w, "GET /ws" UPGRADE KEY "\r\n"), "\r\n\r\n") + 4;
    assert_memory_equal(frame + 2, "\x03\xe9", 2); /* 1001 */
    assert_int_equal(w->clients->count, 1);
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_client_is_welcomed_after_the_handshake),
        TEST(a_list_in_the_address_is_answered_at_once),
        TEST(a_list_that_cannot_be_read_is_answered_too),
        TEST(what_came_with_the_request_is_read),
        TEST(the_older_addresses_hear_only_what_is_published),
        TEST(what_is_no_handshake_gets_an_answer_that_says_why),
        TEST(an_origin_on_the_list_is_let_in),
        TEST(who_asks_why_hears_why),
        TEST(a_subprotocol_is_agreed_on_by_the_address),
        TEST(who_has_to_be_turned_away_gets_a_close_frame),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
