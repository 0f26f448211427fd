#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/wsgate/http/api_world.h"

static const struct stats figures = {
    .clients = 1,
    .clients_total = 2,
    .clients_behind = 3,
    .subscriptions = 4,
    .channels = 5,
    .groups = 6,
    .messages_redis = 7,
    .messages_local = 8,
    .messages_invalid = 9,
    .expected = 10,
    .delivered = 11,
    .conflated = 12,
    .dropped = 13,
    .queued = 14,
    .bytes_sent = 15,
    .bytes_received = 16,
    .commands = 17,
    .redis_subscriptions = 18,
};

static void each_figure_of_the_gateway_stands_under_its_name(void **state)
{
    struct world w;
    const char *text;

    (void)state;
    world_open(&w, NULL);
    w.stats = figures;
    text = world_get(&w, "/api/v1/ws/status");
    assert_status(text, "200");
    assert_non_null(strstr(text, "Cache-Control: no-store\r\n"));
    assert_body(
        text,
        "{\"websocket_enabled\":true,\"connected_clients\":1,"
        "\"redis_enabled\":false,\"redis_connected\":false,"
        "\"upstream\":\"live\",\"instance\":\"i1\",\"clients_total\":2,"
        "\"clients_behind\":3,\"subscriptions\":4,\"channels\":5,\"groups\":6,"
        "\"messages_redis\":7,\"messages_local\":8,\"messages_invalid\":9,"
        "\"expected\":10,\"delivered\":11,\"conflated\":12,\"dropped\":13,"
        "\"queued\":14,\"commands\":17,\"bytes_sent\":15,"
        "\"bytes_received\":16}\n");
    world_close(&w);
}

static void without_redis_its_page_says_so_and_no_more(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, NULL);
    assert_body(world_get(&w, "/api/v1/redis/status"),
                "{\"status\":\"unhealthy\",\"metrics\":{\"connected\":false,"
                "\"publishedEvents\":0,\"receivedEvents\":0,\"errors\":0,"
                "\"subscriptions\":0},"
                "\"redis_enabled\":false,\"redis_connected\":false,"
                "\"redis\":\"disabled\",\"redis_available\":false,"
                "\"upstream\":\"live\"}\n");
    world_close(&w);
}

static void the_redis_page_shows_operators_the_link(void **state)
{
    struct world w;
    const char *text;

    (void)state;
    world_open_as(&w, "dev:", API_STATUS_FULL);
    w.stats = figures;
    w.upstream = UPSTREAM_STALE;
    text = world_get(&w, "/health/redis");
    assert_status(text, "200");
    assert_non_null(strstr(text,
                           ",\"redis_enabled\":true,\"redis_connected\":true,"
                           "\"redis\":\"connected\",\"redis_available\":true,"
                           "\"upstream\":\"stale\",\"state\":\"ready\","
                           "\"url\":\"redis://r:6379\",\"prefix\":\"dev:\","
                           "\"events_received\":7,\"events_published\":0,"
                           "\"subscriptions\":18,\"in_flight\":0,"));
    world_close(&w);
}

static const char *const status_pages[] = {
    "/health/redis", "/api/v1/redis/status", "/api/v1/ws/status",
    "/api/v1/simulator/status"};
enum { STATUS_PAGES = sizeof status_pages / sizeof *status_pages };

static void the_public_is_not_told_which_redis(void **state)
{
    struct world w;
    const char *text;

    (void)state;
    world_open(&w, "dev:");
    for (unsigned i = 0; i < 2; i++) {
        text = world_get(&w, status_pages[i]);
        assert_status(text, "200");
        assert_non_null(
            strstr(text, "\"state\":\"ready\",\"events_received\""));
        assert_null(strstr(text, "redis://"));
        assert_null(strstr(text, "dev:"));
    }
    world_close(&w);
}

static void the_pages_of_operators_can_be_elsewhere(void **state)
{
    struct world w;

    (void)state;
    world_open_as(&w, NULL, API_STATUS_NONE);
    for (unsigned i = 0; i < STATUS_PAGES; i++) {
        const char *text = world_get(&w, status_pages[i]);

        assert_status(text, "404");
        assert_non_null(strstr(text, "{\"error\":\"not_found\","));
    }
    assert_status(world_get(&w, "/api/v1/symbols"), "200");
    world_close(&w);
}

static void at_their_address_they_are_alone_and_whole(void **state)
{
    static const char *const others[] = {"/", "/api/v1/symbols", "/ws",
                                         "/api/v1/price/A", "/api/v1/bars/A/1"};
    struct world w;
    const char *text;

    (void)state;
    world_open_as(&w, "dev:", API_STATUS_NONE);
    text = world_ask_at(&w, w.admin, "GET", "/health/redis");
    assert_status(text, "200");
    assert_non_null(strstr(text, "\"url\":\"redis://r:6379\""));
    assert_status(world_ask_at(&w, w.admin, "HEAD", "/api/v1/ws/status"),
                  "200");
    assert_status(world_ask_at(&w, w.admin, "POST", "/api/v1/ws/status"),
                  "405");
    for (unsigned i = 0; i < sizeof others / sizeof *others; i++)
        assert_status(world_ask_at(&w, w.admin, "GET", others[i]), "404");
    world_close(&w);
}

/* Both links count: messages come through the one, commands go through the
 * other. */
static void the_redis_page_has_the_shape_of_event_bridges(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, "");
    w.stats = figures;
    assert_non_null(strstr(world_get(&w, "/health/redis"),
                           "\r\n\r\n{\"status\":\"healthy\",\"metrics\":{"
                           "\"connected\":true,\"publishedEvents\":0,"
                           "\"receivedEvents\":7,\"errors\":"));
    assert_non_null(strstr(world_get(&w, "/api/v1/redis/status"),
                           ",\"subscriptions\":18},\"redis_enabled\":true,"));
    w.upstream = UPSTREAM_STALE;
    assert_non_null(strstr(world_get(&w, "/api/v1/redis/status"),
                           "\r\n\r\n{\"status\":\"unhealthy\",\"metrics\":{"
                           "\"connected\":false,"));
    world_close(&w);
}

static bool is_well(struct world *w, const char *want)
{
    struct bytes text = {0};
    struct json_writer json = {.out = &text};
    bool well = api_health(w->api, &json);

    bytes_add(&text, "", 1);
    assert_string_equal(text.ptr, want);
    bytes_close(&text);
    return well;
}

static void health_is_that_of_upstream_where_there_is_redis(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, "");
    w.stats = figures;
    assert_true(is_well(&w, "\"redis\":\"connected\",\"redis_available\":true,"
                            "\"upstream\":\"live\",\"connected_clients\":1"));
    w.upstream = UPSTREAM_STALE;
    assert_false(is_well(&w, "\"redis\":\"connected\",\"redis_available\":true,"
                             "\"upstream\":\"stale\",\"connected_clients\":1"));
    world_close(&w);
    world_open(&w, NULL);
    w.upstream = UPSTREAM_DOWN;
    assert_true(is_well(&w, "\"redis\":\"disabled\",\"redis_available\":false,"
                            "\"upstream\":\"down\",\"connected_clients\":0"));
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_figure_of_the_gateway_stands_under_its_name),
        cmocka_unit_test(without_redis_its_page_says_so_and_no_more),
        cmocka_unit_test(the_redis_page_shows_operators_the_link),
        cmocka_unit_test(the_public_is_not_told_which_redis),
        cmocka_unit_test(the_pages_of_operators_can_be_elsewhere),
        cmocka_unit_test(at_their_address_they_are_alone_and_whole),
        cmocka_unit_test(the_redis_page_has_the_shape_of_event_bridges),
        cmocka_unit_test(health_is_that_of_upstream_where_there_is_redis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
