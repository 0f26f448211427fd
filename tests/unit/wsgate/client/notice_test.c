/* Who is told what becomes of a subscription. */
#include "tests/unit/wsgate/client_world.h"

static struct client_world world;

static int open_world(void **state)
{
    struct clients_options o = world_options();

    client_world_open(&world, false, &o);
    *state = &world;
    return 0;
}

static int close_world(void **state)
{
    client_world_close(*state);
    return 0;
}

static struct visitor *come(struct client_world *w, const char *subscribe)
{
    struct visitor *v = visitor_come(w, "192.0.2.1", DIALECT_NATIVE);

    visitor_say(w, v, subscribe);
    return v;
}

/* In whatever form they have it, each once; not those who have it by chance. */
static void whoever_has_the_name_is_told(void **state)
{
    struct client_world *w = *state;
    struct visitor *plain =
        come(w, "{\"type\":\"subscribe\",\"channels\":[\"a:b\",\"a:c\"]}");
    struct visitor *slow =
        come(w, "{\"type\":\"subscribe\",\"channels\":[\"a:b\",\"a:*\"],"
                "\"interval_ms\":500}");
    struct visitor *wild =
        come(w, "{\"type\":\"subscribe\",\"channels\":[\"a:*\"]}");
    struct visitor *other =
        come(w, "{\"type\":\"subscribe\",\"channels\":[\"a:c\"]}");

    notice_access(w->clients, span_str("a:b"), false, true);
    world_turn(&w->up);
    assert_int_equal(visitor_count(plain, "\"code\":\"refused\""), 1);
    assert_int_equal(visitor_count(slow, "\"code\":\"refused\""), 1);
    assert_int_equal(visitor_count(wild, "\"code\":\"refused\""), 0);
    assert_int_equal(visitor_count(other, "\"code\":\"refused\""), 0);
    notice_access(w->clients, span_str("a:*"), true, true);
    world_turn(&w->up);
    assert_int_equal(visitor_count(plain, "\"code\":\"refused\""), 1);
    assert_int_equal(visitor_count(slow, "\"code\":\"refused\""), 2);
    assert_int_equal(visitor_count(wild, "\"code\":\"refused\""), 1);
    assert_int_equal(visitor_count(other, "\"code\":\"refused\""), 0);
    notice_access(w->clients, span_str("nobody:has:it"), false, true);
}

static void a_wildcard_without_room_is_told(void **state)
{
    struct client_world *w = *state;
    struct visitor *wild =
        come(w, "{\"type\":\"subscribe\",\"channels\":[\"a:*\"]}");
    struct visitor *other =
        come(w, "{\"type\":\"subscribe\",\"channels\":[\"a:c\",\"b:*\"]}");

    notice_no_room(w->clients, span_str("a:*"));
    world_turn(&w->up);
    assert_int_equal(visitor_count(wild, "\"code\":\"no_room\""), 1);
    assert_int_equal(visitor_count(other, "\"code\":\"no_room\""), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whoever_has_the_name_is_told,
                                        open_world, close_world),
        cmocka_unit_test_setup_teardown(a_wildcard_without_room_is_told,
                                        open_world, close_world),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
