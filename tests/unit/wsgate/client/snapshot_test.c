/* What a subscriber is shown, when, and that nothing goes backwards. */
#include "tests/unit/wsgate/client_world.h"

#include <inttypes.h>
#include <stdlib.h>

enum { CHANNELS = 40, PAD = 1000 };

static struct client_world world;

static int open_world(void **state)
{
    struct clients_options o = world_options();

    client_world_open(&world, true, &o);
    *state = &world;
    return 0;
}

static int close_world(void **state)
{
    memset(fake_redis.values, 0, sizeof fake_redis.values);
    client_world_close(*state);
    return 0;
}

static struct visitor *come(struct client_world *w)
{
    return visitor_come(w, "192.0.2.1", DIALECT_NATIVE);
}

/* A client whose socket takes little. */
static struct visitor *come_slowly(struct client_world *w)
{
    struct visitor *v = come(w);
    int bytes = 2048;

    assert_int_equal(setsockopt(v->client->m.fd, SOL_SOCKET, SO_SNDBUF, &bytes,
                                sizeof bytes),
                     0);
    return v;
}

static void publish(struct client_world *w, const char *channel,
                    const char *type, int n)
{
    struct bytes payload = {0};

    bytes_printf(&payload,
                 "{\"type\":\"%s\",\"time\":%" PRId64 ",\"n\":%d,\"pad\":\"",
                 type, INT64_C(1700000000000) + n, n);
    memset(bytes_reserve(&payload, PAD), 'x', PAD);
    payload.len += PAD;
    bytes_add_str(&payload, "\"}");
    fake_publish(span_str(channel), bytes_span(&payload));
    bytes_close(&payload);
    world_redis(&w->up);
}

/* Reads on until nothing more comes. */
static void read_all(struct client_world *w, struct visitor *v)
{
    size_t before;

    do {
        before = v->text.len + v->in.len;
        visitor_read(v);
        world_turn(&w->up);
        world_turn(&w->up);
        visitor_read(v);
    } while (v->text.len + v->in.len > before);
}

/* The seqs of a channel in what was heard never go back; an update's is above
 * everything before it.  Returns how many messages there were. */
static unsigned seqs_ascend(struct visitor *v, const char *channel)
{
    char needle[80];
    unsigned n = 0;
    uint64_t last = 0;

    snprintf(needle, sizeof needle, "\"channel\":\"%s\"", channel);
    for (const char *line = visitor_hear(v), *end; *line; line = end + 1) {
        const char *at, *seq;
        bool update;
        uint64_t now;

        end = strchr(line, '\n');
        at = strstr(line, needle);
        seq = at && at < end ? strstr(at, "\"seq\":") : NULL;
        if (!seq || seq > end)
            continue;
        update = strncmp(line, "{\"type\":\"update\"", 16) == 0;
        now = strtoull(seq + 6, NULL, 10);
        if (now < last || (update && now == last))
            fail_msg("%s: %d behind %d in %s", channel, (int)now, (int)last,
                     visitor_hear(v));
        last = now;
        n++;
    }
    return n;
}

/* Does v hear of the channel a message of that kind with this n? */
static bool heard(struct visitor *v, const char *kind, const char *channel,
                  const char *type, int n)
{
    char head[80], data[80];

    snprintf(head, sizeof head, "{\"type\":\"%s\",\"channel\":\"%s\"", kind,
             channel);
    snprintf(data, sizeof data,
             "{\"type\":\"%s\",\"time\":%" PRId64 ",\"n\":%d,", type,
             INT64_C(1700000000000) + n, n);
    for (const char *line = visitor_hear(v), *end; *line; line = end + 1) {
        const char *at;
        end = strchr(line, '\n');
        at = strstr(line, data);
        if (strncmp(line, head, strlen(head)) == 0 && at && at < end)
            return true;
    }
    return false;
}

static const char *last(struct visitor *v, const char *text)
{
    const char *found = NULL;

    for (const char *at = visitor_hear(v); (at = strstr(at, text)) != NULL;
         at++)
        found = at;
    return found;
}

/* --- slow readers --- */

static void a_slow_reader_learns_what_is_quiet(void **state)
{
    struct client_world *w = *state;
    struct visitor *first = come(w), *slow = come_slowly(w);
    char name[40];

    visitor_subscribe(w, first, "\"market_data:*\"");
    world_redis(&w->up);
    for (int i = 0; i < CHANNELS; i++) {
        snprintf(name, sizeof name, "p:market_data:%d", i);
        publish(w, name, "tick", 1);
        publish(w, name, "trade", 2);
    }
    visitor_subscribe(w, slow, "\"market_data:*\"");
    world_redis(&w->up);
    for (int n = 3; n < 6; n++) {
        for (int i = 0; i < CHANNELS; i++) {
            snprintf(name, sizeof name, "p:market_data:%d", i);
            publish(w, name, "trade", n);
        }
    }
    read_all(w, slow);
    assert_true(last(slow, "{\"type\":\"snapshot\"") <
                strstr(visitor_hear(slow), "{\"type\":\"update\""));
    for (int i = 0; i < CHANNELS; i++) {
        snprintf(name, sizeof name, "market_data:%d", i);
        if (!heard(slow, "snapshot", name, "tick", 1))
            fail_msg("%s: no quote", name);
        assert_true(heard(slow, "update", name, "trade", 5));
        assert_true(seqs_ascend(slow, name) >= 2);
    }
}

/* Given up before the snapshot was sent that was to bring what was owed: the
 * wildcard that the client has still brings it then. */
static void give_up_unshown(struct client_world *w, const char *again)
{
    struct visitor *first = come(w), *slow = come_slowly(w);
    char text[120];

    visitor_subscribe(w, first, "\"market_data:*\"");
    world_redis(&w->up);
    for (int i = 0; i < CHANNELS; i++) {
        snprintf(text, sizeof text, "p:market_data:%d", i);
        publish(w, text, "tick", 1);
    }
    visitor_say(w, slow,
                "{\"type\":\"subscribe\",\"mode\":\"all\","
                "\"channel\":\"depth:*\"}");
    visitor_subscribe(w, slow, "\"market_data:*\"");
    world_redis(&w->up);
    assert_non_null(slow->client->snapshots); /* it does not take them */
    publish(w, "p:depth:A:1", "trade", 3);
    snprintf(text, sizeof text,
             "{\"type\":\"subscribe\",\"interval_ms\":250,\"channel\":\"%s\"}",
             again);
    visitor_say(w, slow, text);
    world_redis(&w->up);
    snprintf(text, sizeof text, "{\"type\":\"unsubscribe\",\"channel\":\"%s\"}",
             again);
    visitor_say(w, slow, text);
    publish(w, "p:depth:A:1", "tick", 4);
    read_all(w, slow);
    assert_int_equal(visitor_count(slow, "\"type\":\"unsubscribed\""), 1);
    assert_true(heard(slow, "snapshot", "depth:A:1", "trade", 3));
    assert_true(heard(slow, "update", "depth:A:1", "tick", 4));
    assert_int_equal(
        visitor_count(slow, "\"snapshot\",\"channel\":\"depth:A:1\""), 1);
    assert_true(seqs_ascend(slow, "depth:A:1") >= 2);
}

static void a_name_that_is_given_up_unshown_is_shown(void **state)
{
    give_up_unshown(*state, "depth:A:1");
}

static void a_wildcard_that_is_given_up_unshown_is_shown(void **state)
{
    give_up_unshown(*state, "depth:A:*");
}

static void subscribe_again(struct client_world *w, const char *mode,
                            const char *channels, const char *again)
{
    struct visitor *slow = come_slowly(w);
    char text[200];

    snprintf(text, sizeof text,
             "{\"type\":\"subscribe\",\"mode\":\"%s\",\"channels\":[%s]}", mode,
             channels);
    visitor_say(w, slow, text);
    world_redis(&w->up);
    for (int n = 1; n < 30; n++)
        publish(w, "p:market_data:A", "trade", n);
    visitor_say(w, slow, again);
    world_redis(&w->up);
    publish(w, "p:market_data:A", "trade", 30);
    read_all(w, slow);
    assert_int_equal(visitor_count(slow, "\"type\":\"subscribed\""), 2);
    assert_true(seqs_ascend(slow, "market_data:A") > 3);
    assert_true(heard(slow, "update", "market_data:A", "trade", 30));
    if (strcmp(mode, "all") == 0 && !strstr(again, "latest"))
        assert_int_equal(visitor_count(slow, "\"type\":\"update\""), 30);
    visitor_leave(slow);
    world_turn(&w->up);
}

static void who_subscribes_again_while_behind_hears_all_in_order(void **state)
{
    static const char *const again[] = {
        "{\"type\":\"subscribe\",\"channels\":[\"market_data:A\"]}",
        "{\"type\":\"subscribe\",\"mode\":\"all\",\"channels\":[\"market_data:"
        "A\"]"
        "}",
        "{\"type\":\"subscribe\",\"mode\":\"latest\",\"channels\":[\"market_"
        "data:"
        "A\",\"market_data:*\"]}",
    };

    for (size_t i = 0; i < sizeof again / sizeof *again; i++) {
        const char *mode = i == 0 ? "latest" : "all";

        subscribe_again(*state, mode, "\"market_data:A\"", again[i]);
        subscribe_again(*state, mode, "\"market_data:*\"", again[i]);
    }
}

/* --- late --- */

static struct redis_conn *command_link(void)
{
    struct redis_conn *c = fake_redis.first;

    while (c->closed || c->n_names > 0)
        c = c->next;
    return c;
}

static const char cached[] =
    "{\"type\":\"tick\",\"time\":1700000000007,\"n\":7,\"cached\":1}";

static void who_could_not_be_shown_at_once_is_shown_later(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    fake_redis.values[0] = cached;
    fake_lose(command_link());
    visitor_subscribe(w, v, "\"market_data:A\"");
    for (int i = 0; i < 30; i++) { /* confirmed, and nobody to ask */
        world_deliver(&w->up, true, false);
        world_wait(&w->up, WORLD_STEP_MS, false);
    }
    ORDER(v, "\"type\":\"subscribed\"");
    assert_int_equal(visitor_count(v, "snapshot"), 0);
    world_wait(&w->up, 5000, true);
    ORDER(v, "\"type\":\"subscribed\"", "\"type\":\"snapshot\"", "\"seq\":0",
          "\"cached\":1", "\"timestamp\":1700000000007");
    assert_int_equal(visitor_count(v, "cached"), 1);
    assert_int_equal(w->clients->late, 0);
}

static void
who_came_while_redis_was_away_is_shown_what_it_remembers(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w), *other;

    fake_redis.values[0] = cached;
    world_lose_redis(&w->up);
    visitor_subscribe(w, v, "\"market_data:A\"");
    assert_int_equal(visitor_count(v, "subscribed"), 1);
    visitor_subscribe(w, v, "\"market_data:A\""); /* waits once all the same */
    assert_int_equal(w->clients->late, 1);
    world_wait(&w->up, 5000, true);
    assert_int_equal(visitor_count(v, "snapshot"), 1);
    assert_int_equal(visitor_count(v, "update"), 0);
    other = come(w);
    visitor_subscribe(w, other, "\"market_data:A\"");
    assert_int_equal(visitor_count(other, "snapshot"), 1);
    assert_int_equal(visitor_count(v, "snapshot"), 1);
}

/* --- refused --- */

static void what_redis_refuses_is_said(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w), *all = come(w), *holder = come(w);

    visitor_subscribe(w, holder, "\"orderbook:X\",\"bars:A:1\"");
    visitor_subscribe(w, all, "\"orderbook:*\"");
    world_redis(&w->up);
    assert_int_equal(visitor_count(holder, "\"ok\":true"), 2);
    fake_redis.denies = true;
    visitor_subscribe(w, v, "\"market_data:A\",\"ivdex:*\"");
    world_redis(&w->up);
    ORDER(v, "\"market_data:A\",\"ok\":false,\"code\":\"refused\"",
          "\"temporary\":true", "\"ivdex:*\",\"ok\":false");
    visitor_say(w, v, "{\"type\":\"list\"}");
    assert_int_equal(visitor_count(v, "\"mode\""), 0);
    world_lose_redis(&w->up); /* as after a change of the ACL */
    world_wait(&w->up, 5000, true);
    assert_int_equal(visitor_count(holder, "\"code\":\"refused\""), 2);
    ORDER(all,
          "\"type\":\"error\",\"channel\":\"orderbook:*\",\"code\":"
          "\"refused\"",
          "\"temporary\":true");
    assert_true(upstream_stats(w->up.upstream).redis_refused >= 3);
    fake_redis.denies = false;
    visitor_forget(holder);
    visitor_forget(all);
    world_wait(&w->up, 60000, true);
    ORDER(holder, "\"type\":\"subscribed\"", "\"ok\":true");
    assert_int_equal(visitor_count(holder, "\"ok\":true"), 2);
    assert_int_equal(visitor_count(all, "\"orderbook:*\",\"ok\":true"), 1);
    assert_int_equal(upstream_stats(w->up.upstream).redis_refused, 0);
}

/* --- from one interval to another --- */

static void what_waited_for_a_name_is_shown_when_it_is_given_up(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    visitor_subscribe(w, v, "\"market_data:*\"");
    visitor_say(w, v,
                "{\"type\":\"subscribe\",\"interval_ms\":10000,"
                "\"channel\":\"market_data:A\"}");
    world_redis(&w->up);
    publish(w, "p:market_data:A", "trade", 1);
    publish(w, "p:market_data:A", "trade", 2);
    assert_false(heard(v, "update", "market_data:A", "trade", 2));
    visitor_say(w, v,
                "{\"type\":\"unsubscribe\",\"channels\":[\"market_data:A\"]}");
    assert_true(heard(v, "snapshot", "market_data:A", "trade", 2));
    publish(w, "p:market_data:A", "trade", 3);
    assert_true(heard(v, "update", "market_data:A", "trade", 3));
    seqs_ascend(v, "market_data:A");
}

static void who_changes_to_a_view_that_is_behind_hears_nothing_old(void **state)
{
    struct client_world *w = *state;
    struct visitor *often = come(w), *seldom = come(w);

    visitor_subscribe(w, often, "\"market_data:A\"");
    visitor_say(w, seldom,
                "{\"type\":\"subscribe\",\"interval_ms\":10000,"
                "\"channel\":\"market_data:A\"}");
    world_redis(&w->up);
    for (int n = 1; n <= 40; n++)
        publish(w, "p:market_data:A", "trade", n);
    assert_true(heard(often, "update", "market_data:A", "trade", 40));
    visitor_forget(often);
    visitor_say(w, often,
                "{\"type\":\"subscribe\",\"interval_ms\":10000,"
                "\"channel\":\"market_data:A\"}");
    world_redis(&w->up);
    assert_false(heard(often, "snapshot", "market_data:A", "trade", 1));
    publish(w, "p:market_data:A", "trade", 41);
    world_wait(&w->up, 11000, true);
    assert_false(heard(often, "update", "market_data:A", "trade", 40));
    assert_true(heard(often, "update", "market_data:A", "trade", 41));
    seqs_ascend(often, "market_data:A");
}

#define TEST(test)                                                             \
    cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_slow_reader_learns_what_is_quiet),
        TEST(a_name_that_is_given_up_unshown_is_shown),
        TEST(a_wildcard_that_is_given_up_unshown_is_shown),
        TEST(who_subscribes_again_while_behind_hears_all_in_order),
        TEST(who_could_not_be_shown_at_once_is_shown_later),
        TEST(who_came_while_redis_was_away_is_shown_what_it_remembers),
        TEST(what_redis_refuses_is_said),
        TEST(what_waited_for_a_name_is_shown_when_it_is_given_up),
        TEST(who_changes_to_a_view_that_is_behind_hears_nothing_old),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
