/* Requests whose answers are late, with a Redis that says nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/common/redis/fake_redis.h"
#include "wsgate/http/api.h"
#include "wsgate/http/api_call.h"
#include "wsgate/http/api_limit.h"

/* The API has a loop of its own: while that of the fake is not run, its Redis is
 * there and mute. */
struct world {
    struct fake fake;
    uv_loop_t loop;
    struct redis_cmd *redis;
    struct api *api;
    struct http_server *server;
    int client;
    bool ready;
};

static void on_ready(void *arg)
{
    struct world *w = arg;

    w->ready = true;
}

static void on_down(void *arg, const char *why, bool refused)
{
    (void)arg;
    (void)why;
    (void)refused;
}

static void start(struct world *w)
{
    static const struct redis_cmd_events events = {.on_ready = on_ready,
                                                   .on_down = on_down};
    static const char *const greeting[] = {"+PONG\r\n", NULL};
    static const struct channels channels = {0};
    const struct api_config config = {
        .loop = &w->loop, .redis_prefix = "", .channels = &channels};
    struct err err = {0};

    memset(w, 0, sizeof *w);
    w->client = -1;
    fake_start(&w->fake, greeting);
    assert_int_equal(uv_loop_init(&w->loop), 0);
    w->redis = redis_cmd_new(&w->fake.loop, &w->fake.config, NULL, &events, w);
    FAKE_RUN_UNTIL(&w->fake, w->ready);
    w->api = api_new(&config, &err);
    assert_non_null(w->api);
    api_connect(w->api, w->redis);
    w->server = http_server_new(&w->loop, "127.0.0.1:0", NULL, api_handle,
                                w->api, &err);
    assert_non_null(w->server);
}

static void ask(struct world *w, const char *path)
{
    struct sockaddr_in at;
    char text[256];
    int n = snprintf(text, sizeof text,
                     "GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
                     path);

    uv_ip4_addr("127.0.0.1", (int)http_server_port(w->server), &at);
    w->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(
        connect(w->client, (const struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(write(w->client, text, (size_t)n), n);
    while (w->api->timeouts.all.next == &w->api->timeouts.all)
        uv_run(&w->loop, UV_RUN_ONCE);
}

/* All that the server said. */
static void hear(struct world *w, char *text, size_t size)
{
    size_t got = 0;
    ssize_t n;

    while ((n = read(w->client, text + got, size - 1 - got)) > 0)
        got += (size_t)n;
    text[got] = '\0';
    close(w->client);
}

static void stop(struct world *w)
{
    http_server_close(w->server);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    redis_cmd_close(w->redis, NULL, NULL);
    fake_stop(&w->fake);
    api_free(w->api);
}

/* After a pause of the whole process both are late, in either order. */
static void a_call_outlives_the_limit_that_was_asked_for_it(void **state)
{
    struct world *w = malloc(sizeof *w);
    char text[4096];

    (void)state;
    start(w);
    ask(w, "/api/v1/price/AAPL");
    w->api->stopping = true;
    timeout_queue_close(&w->api->timeouts);
    uv_close((uv_handle_t *)&w->api->answers, NULL);
    hear(w, text, sizeof text);
    assert_non_null(strstr(text, "503"));
    assert_non_null(strstr(text, "redis_timeout"));
    api_limit_stop(w->api->limit);
    stop(w);
    free(w);
}

static void the_limit_first_is_answered_once_as_well(void **state)
{
    struct world *w = malloc(sizeof *w);
    char text[4096];

    (void)state;
    start(w);
    ask(w, "/api/v1/price/AAPL");
    api_stop(w->api);
    hear(w, text, sizeof text);
    assert_non_null(strstr(text, "503"));
    assert_non_null(strstr(text, "redis_unavailable"));
    stop(w);
    free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_outlives_the_limit_that_was_asked_for_it),
        cmocka_unit_test(the_limit_first_is_answered_once_as_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
