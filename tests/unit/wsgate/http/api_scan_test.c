/* All keys of a pattern, in steps: through /api/v1/symbols, which needs them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/wsgate/http/api_world.h"
#include "wsgate/http/api_call.h"

enum { MANY = 45 };

static const char *const mute[] = {NULL};
static const char one_key[] =
    "*2\r\n$1\r\n0\r\n*1\r\n$18\r\nlast:market_data:A\r\n";
static const char one_symbol[] =
    "{\"symbols\":[{\"symbol\":\"A\",\"resolutions\":[]}]}\n";

static const char *get(struct world *w, const char *const *answers)
{
    world_answers(w, answers);
    return world_get(w, "/api/v1/symbols");
}

static void a_prefix_is_a_name_not_a_pattern(void **state)
{
    static const char *const answers[] = {"*2\r\n$1\r\n0\r\n*0\r\n", NULL};
    struct world w;

    (void)state;
    world_open(&w, "a*[b]?\\:");
    assert_status(get(&w, answers), "200");
    assert_true(world_asked(&w, "\r\n$19\r\na\\*\\[b\\]\\?\\\\:last:*\r\n"));
    world_close(&w);
}

static void a_reply_that_is_none_of_scan_is_an_error(void **state)
{
    static const char *const odd[][2] = {{"+OK\r\n", NULL},
                                         {"*1\r\n$1\r\n0\r\n", NULL},
                                         {"*2\r\n$1\r\n0\r\n$1\r\nx\r\n", NULL},
                                         {"$-1\r\n", NULL}};
    struct world w;
    const char *text;

    (void)state;
    world_open(&w, "");
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        text = get(&w, odd[i]);
        assert_status(text, "503");
        assert_non_null(strstr(text, "{\"error\":\"redis_error\","));
    }
    world_close(&w);
}

#define NOPERM "NOPERM User gate has no permissions to run the 'scan' command"

static void what_redis_refuses_is_passed_on_to_operators(void **state)
{
    static const char *const answers[] = {"-" NOPERM "\r\n", NULL};
    struct world w;
    const char *text;

    (void)state;
    world_open_as(&w, "", API_STATUS_FULL);
    text = get(&w, answers);
    assert_status(text, "503");
    assert_non_null(strstr(text, "\"message\":\"Redis refused: " NOPERM "\""));
    world_close(&w);
}

/* It names the user, and may name a host (MOVED, MASTERDOWN) or a path
 * (MISCONF). */
static void the_public_hears_only_what_kind_of_refusal_it_is(void **state)
{
    static const struct {
        const char *answers[2], *told;
    } cases[] = {
        {{"-" NOPERM "\r\n"}, "Redis refused: NOPERM"},
        {{"-MOVED 3999 10.0.0.7:6379\r\n"}, "Redis refused: MOVED"},
        {{"-MISCONF\r\n"}, "Redis refused: MISCONF"},
        {{"-10.0.0.7 went away\r\n"}, "Redis refused: ERR"},
        {{"-User gate\r\n"}, "Redis refused: ERR"},
        {{"-\r\n"}, "Redis refused: ERR"},
    };
    struct world w;

    (void)state;
    world_open(&w, "");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char want[128];
        const char *text = get(&w, cases[i].answers);

        snprintf(want, sizeof want,
                 "{\"error\":\"redis_error\","
                 "\"message\":\"%s\"}\n",
                 cases[i].told);
        assert_status(text, "503");
        assert_body(text, want);
    }
    world_close(&w);
}

static void a_search_without_end_is_cut_and_says_so(void **state)
{
    static const char *const answers[] = {
        "*2\r\n$1\r\n7\r\n*1\r\n$18\r\nlast:market_data:A\r\n", NULL};
    struct world w;

    (void)state;
    world_open(&w, "");
    assert_body(get(&w, answers),
                "{\"symbols\":[{\"symbol\":\"A\",\"resolutions\":[]}],"
                "\"truncated\":true}\n");
    assert_int_equal(w.fake.commands, 1000);
    world_close(&w);
}

static void a_link_that_is_lost_ends_it(void **state)
{
    struct world w;
    const char *text;

    (void)state;
    world_open(&w, "");
    w.fake.hang_up = true; /* whoever comes again */
    fake_hang_up(&w.fake);
    text = world_get(&w, "/api/v1/symbols");
    assert_status(text, "503");
    assert_non_null(strstr(text, "{\"error\":\"redis_unavailable\","));
    world_close(&w);
}

static int begin(struct world *w, const char *path)
{
    struct sockaddr_in at;
    char text[256];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int n = snprintf(text, sizeof text,
                     "GET %s HTTP/1.1\r\nHost: h\r\n"
                     "Connection: close\r\n\r\n",
                     path);

    uv_ip4_addr("127.0.0.1", (int)http_server_port(w->server), &at);
    assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(write(fd, text, (size_t)n), n);
    return fd;
}

static void begin_many(struct world *w, const char *path, int fds[MANY])
{
    const struct api_scan *scan = &w->api->scans[API_SCAN_SYMBOLS];

    for (int i = 0; i < MANY; i++)
        fds[i] = begin(w, path);
    FAKE_RUN_UNTIL(&w->fake, scan->waiting == MANY);
}

static void hear(int fd, char *text, size_t size)
{
    size_t got = 0;
    ssize_t n;

    while ((n = read(fd, text + got, size - 1 - got)) > 0)
        got += (size_t)n;
    text[got] = '\0';
    close(fd);
}

/* Each had its own, and with a large database none came to its end in time. */
static void many_who_ask_share_one_search(void **state)
{
    char text[4096];
    int fds[MANY];
    struct world w;

    (void)state;
    world_open(&w, "");
    world_answers(&w, mute);
    begin_many(&w, "/api/v1/symbols", fds);
    FAKE_RUN_UNTIL(&w.fake, w.fake.commands > 0);
    fake_send(&w.fake, one_key);
    FAKE_RUN_UNTIL(&w.fake, w.api->scans[API_SCAN_SYMBOLS].waiting == 0);
    for (int i = 0; i < MANY; i++) {
        hear(fds[i], text, sizeof text);
        assert_status(text, "200");
        assert_body(text, one_symbol);
    }
    assert_body(world_get(&w, "/api/v1/symbols"), one_symbol);
    assert_int_equal(w.fake.commands, 1);
    world_close(&w);
}

static void a_search_that_fails_fails_for_all(void **state)
{
    static const char *const again[] = {one_key, NULL};
    char text[4096];
    int fds[MANY];
    struct world w;

    (void)state;
    world_open(&w, "");
    world_answers(&w, mute);
    begin_many(&w, "/api/v1/symbols", fds);
    FAKE_RUN_UNTIL(&w.fake, w.fake.commands > 0);
    fake_send(&w.fake, "-NOPERM no\r\n");
    FAKE_RUN_UNTIL(&w.fake, w.api->scans[API_SCAN_SYMBOLS].waiting == 0);
    for (int i = 0; i < MANY; i++) {
        hear(fds[i], text, sizeof text);
        assert_status(text, "503");
        assert_non_null(strstr(text, "\"Redis refused: NOPERM\""));
    }
    /* And is not remembered. */
    world_answers(&w, again);
    assert_body(world_get(&w, "/api/v1/symbols"), one_symbol);
    world_close(&w);
}

/* A database that takes longer than an answer may: who comes later has it. */
static void a_search_goes_on_when_those_who_asked_are_late(void **state)
{
    struct api_call *call;
    char text[4096];
    int fds[MANY];
    struct world w;

    (void)state;
    world_open(&w, "");
    world_answers(&w, mute);
    begin_many(&w, "/api/v1/symbols", fds);
    FAKE_RUN_UNTIL(&w.fake, w.fake.commands > 0);
    /* The first, the last and one between them are over; as after the time. */
    for (int i = 0; i < MANY; i++) {
        call = w.api->scans[API_SCAN_SYMBOLS].first;
        if (i == 1)
            call = call->scan_next;
        if (i == 2)
            call = w.api->scans[API_SCAN_SYMBOLS].last;
        call->timeout.on_due(&call->timeout);
    }
    assert_int_equal(w.api->scans[API_SCAN_SYMBOLS].waiting, 0);
    assert_null(w.api->scans[API_SCAN_SYMBOLS].first);
    assert_null(w.api->scans[API_SCAN_SYMBOLS].last);
    for (int i = 0; i < MANY; i++) {
        hear(fds[i], text, sizeof text);
        assert_status(text, "503");
    }
    fake_send(&w.fake, one_key);
    assert_body(world_get(&w, "/api/v1/symbols"), one_symbol);
    assert_int_equal(w.fake.commands, 1);
    world_close(&w);
}

/* Beside the share of an address: each may ask three things of Redis. */
static void an_address_has_so_many_requests_under_way(void **state)
{
    enum { MORE = 5 };
    const struct api_scan *scan;
    char text[4096];
    int fds[API_SHARE_MAX], late[MORE];
    struct world w;

    (void)state;
    world_open(&w, "");
    world_answers(&w, mute);
    scan = &w.api->scans[API_SCAN_SYMBOLS];
    for (int i = 0; i < API_SHARE_MAX; i++)
        fds[i] = begin(&w, "/api/v1/symbols");
    FAKE_RUN_UNTIL(&w.fake, scan->waiting == API_SHARE_MAX);
    assert_status(world_get(&w, "/api/v1/price/A"), "429");
    for (int i = 0; i < MORE; i++) {
        assert_non_null(
            strstr(world_get(&w, "/api/v1/symbols"), "\r\nRetry-After: 1\r\n"));
        late[i] = begin(&w, "/api/v1/ws/status");
    }
    fake_send(&w.fake, one_key);
    FAKE_RUN_UNTIL(&w.fake, scan->waiting == 0);
    assert_int_equal(w.api->shares.count, 0);
    assert_status(world_get(&w, "/api/v1/symbols"), "200");
    for (int i = 0; i < API_SHARE_MAX; i++) {
        hear(fds[i], text, sizeof text);
        assert_status(text, "200");
    }
    for (int i = 0; i < MORE; i++) {
        hear(late[i], text, sizeof text);
        assert_status(text, "429");
    }
    world_close(&w);
}

static void the_end_of_the_gateway_is_told_to_those_who_wait(void **state)
{
    char text[4096];
    int fds[MANY];
    struct world w;

    (void)state;
    world_open(&w, "");
    world_answers(&w, mute);
    begin_many(&w, "/api/v1/symbols", fds);
    world_close(&w);
    for (int i = 0; i < MANY; i++) {
        hear(fds[i], text, sizeof text);
        assert_status(text, "503");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prefix_is_a_name_not_a_pattern),
        cmocka_unit_test(a_reply_that_is_none_of_scan_is_an_error),
        cmocka_unit_test(what_redis_refuses_is_passed_on_to_operators),
        cmocka_unit_test(the_public_hears_only_what_kind_of_refusal_it_is),
        cmocka_unit_test(a_search_without_end_is_cut_and_says_so),
        cmocka_unit_test(a_link_that_is_lost_ends_it),
        cmocka_unit_test(many_who_ask_share_one_search),
        cmocka_unit_test(a_search_that_fails_fails_for_all),
        cmocka_unit_test(a_search_goes_on_when_those_who_asked_are_late),
        cmocka_unit_test(an_address_has_so_many_requests_under_way),
        cmocka_unit_test(the_end_of_the_gateway_is_told_to_those_who_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
