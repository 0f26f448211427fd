/* What a change of subscriptions costs beside many channels with messages: in
 * streams that are looked at and in memory, not in time. */
#include "tests/unit/wsgate/client_world.h"

#include <malloc.h>

#include "wsgate/fanout/backlog.h"

enum { CHANNELS = 20000, CHANGES = 20, SETS = 50, SET_BYTES = 8192 };

static struct client_world world;

static int open_world(void **state)
{
    struct clients_options o = world_options();

    o.allowance.rate = 100000;
    o.allowance.burst = 100000;
    client_world_open(&world, false, &o);
    *state = &world;
    return 0;
}

static int close_world(void **state)
{
    client_world_close(*state);
    return 0;
}

/* Bytes that are allocated now. */
extern size_t __sanitizer_get_current_allocated_bytes(void)
    __attribute__((weak));

static size_t allocated(void)
{
    return __sanitizer_get_current_allocated_bytes
               ? __sanitizer_get_current_allocated_bytes()
               : mallinfo2().uordblks;
}

/* Something is said on so many of the channels. */
static void say_all(struct client_world *w, unsigned n)
{
    struct err err = {0};
    char line[64];

    for (unsigned i = 0; i < n; i++) {
        snprintf(line, sizeof line, "{\"channel\":\"bars:S%u:1\",\"data\":%u}",
                 i, i);
        assert_true(world_line(&w->up, line, &err));
    }
    upstream_flush(w->up.upstream);
}

/* Streams that were looked at for the member that was served last. */
static unsigned marked(const struct fanout *f)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < f->n_marks; i++)
        n += f->stamp > 0 && f->marks[i].stamp == f->stamp;
    return n;
}

static void change(struct client_world *w, struct visitor *v, const char *type,
                   const char *name, unsigned interval_ms)
{
    char text[160];

    snprintf(text, sizeof text,
             "{\"type\":\"%s\",\"snapshot\":false,\"interval_ms\":%u,"
             "\"channel\":\"%s\"}",
             type, interval_ms, name);
    visitor_say(w, v, text);
}

/* The channels have messages because `all` has the wildcard; the other one has
 * it, too, and a name. */
static struct visitor *come(struct client_world *w)
{
    struct visitor *all = visitor_come(w, "192.0.2.1", DIALECT_NATIVE);
    struct visitor *v = visitor_come(w, "192.0.2.2", DIALECT_NATIVE);

    change(w, all, "subscribe", "bars:*", 0);
    say_all(w, CHANNELS);
    visitor_leave(all);
    world_turn(&w->up);
    change(w, v, "subscribe", "bars:*", 0);
    change(w, v, "subscribe", "x:1", 0);
    visitor_forget(v);
    return v;
}

static void change_much(struct client_world *w, struct visitor *v)
{
    char name[32];

    for (unsigned i = 0; i < CHANGES; i++) {
        snprintf(name, sizeof name, "own:%u", i);
        change(w, v, "subscribe", name, 0);
        change(w, v, "subscribe", name, 50 * (i + 1));
        change(w, v, "unsubscribe", name, 0);
        change(w, v, "unsubscribe", "bars:*", 0);
        change(w, v, "subscribe", "bars:*", 0);
    }
}

static void a_change_costs_what_changes(void **state)
{
    struct client_world *w = *state;
    struct fanout *f = &w->up.fanout;
    struct visitor *v = come(w);
    uint32_t streams = f->n_streams, stamp = f->stamp;

    change_much(w, v);
    /* Each interval of the wildcard is a new one. */
    for (unsigned i = 0; i < CHANGES; i++)
        change(w, v, "subscribe", "bars:*", 50 * (i + 1));
    assert_int_equal(visitor_count(v, "\"ok\":true"), 6 * CHANGES);
    assert_int_equal(f->stamp, stamp);
    assert_true(f->n_streams <= streams + 2 * CHANGES);
}

/* As many messages as fill its socket, and some that wait. */
static void fall_behind(struct client_world *w, struct visitor *v)
{
    for (unsigned n = 64; !v->client->m.backlog; n *= 2)
        say_all(w, n < CHANNELS ? n : CHANNELS);
    say_all(w, 1);
}

static void a_change_of_who_is_behind_costs_what_it_is_owed(void **state)
{
    struct client_world *w = *state;
    struct fanout *f = &w->up.fanout;
    struct visitor *v = come(w);
    uint32_t streams;
    uint64_t owed;
    char name[32];

    fall_behind(w, v);
    assert_non_null(v->client->m.backlog);
    owed = f->log.head - v->client->m.backlog->next;
    assert_true(owed < CHANNELS / 2);
    streams = f->n_streams;
    for (unsigned i = 0; i < CHANGES; i++) {
        snprintf(name, sizeof name, "own:%u", i);
        change(w, v, "subscribe", name, 0);
        assert_true(marked(f) <= 8);
        change(w, v, "unsubscribe", "bars:*", 0);
        assert_true(marked(f) <= 8);
        change(w, v, "subscribe", "bars:*", 0);
        assert_true(marked(f) <= 8);
        change(w, v, "unsubscribe", name, 0);
        assert_true(marked(f) <= 8);
    }
    assert_true(f->n_streams <= streams + CHANGES);
    /* One wildcard takes over from another. */
    change(w, v, "subscribe", "bars:*", 250);
    assert_true(marked(f) <= 2 * owed + 8); /* both streams of each */
    assert_true(f->n_streams <= streams + CHANGES + owed);
    assert_non_null(v->client->m.backlog);
}

static void a_set_of_subscriptions_takes_the_memory_of_its_names(void **state)
{
    struct client_world *w = *state;
    char names[64];
    size_t before, after;

    (void)come(w);
    before = allocated();
    for (unsigned i = 0; i < SETS; i++) {
        struct visitor *v = visitor_come(w, "192.0.2.3", DIALECT_NATIVE);

        snprintf(names, sizeof names, "own:%u", i);
        change(w, v, "subscribe", names, 0);
        change(w, v, "subscribe", "bars:*", 0);
        visitor_forget(v);
    }
    after = allocated();
    print_message("%zu bytes a set\n", (after - before) / SETS);
    assert_true(after - before <= (size_t)SETS * SET_BYTES);
}

/* Each interval of a wildcard is a view of each channel. */
static void views_that_nobody_has_any_more_are_given_back(void **state)
{
    struct client_world *w = *state;
    const struct fanout *f = &w->up.fanout;
    struct visitor *all = visitor_come(w, "192.0.2.1", DIALECT_NATIVE);
    struct visitor *v = visitor_come(w, "192.0.2.2", DIALECT_NATIVE);

    change(w, all, "subscribe", "bars:*", 0);
    for (unsigned i = 0; i < CHANGES; i++) {
        change(w, v, "subscribe", "bars:*", 50 * (i + 1));
        say_all(w, SETS);
        visitor_read(all);
    }
    assert_true(f->n_streams - f->n_free_ids >= 2 * SETS);
    visitor_leave(v);
    world_wait(&w->up, 3000, false);
    say_all(w, SETS);
    assert_int_equal(f->n_streams - f->n_free_ids, SETS);
    assert_int_equal(visitor_count(all, "\"type\":\"update\""),
                     (CHANGES + 1) * SETS);
}

/* Who looks at the channel for new wildcards makes room in it for their views. */
static void a_view_that_is_left_is_there_until_it_was_looked_at(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = visitor_come(w, "192.0.2.1", DIALECT_NATIVE);
    struct visitor *other = visitor_come(w, "192.0.2.2", DIALECT_NATIVE);
    struct err err = {0};

    change(w, other, "subscribe", "bars:A:1", 750);
    change(w, v, "subscribe", "bars:A:1", 500);
    change(w, v, "subscribe", "bars:A:1", 250);
    change(w, v, "subscribe", "bars:*", 0);
    change(w, other, "unsubscribe", "bars:A:1", 0);
    change(w, other, "subscribe", "bars:*", 1000);
    change(w, v, "subscribe", "bars:A:1", 500);
    assert_true(
        world_line(&w->up, "{\"channel\":\"bars:A:1\",\"data\":1}", &err));
    upstream_flush(w->up.upstream);
    assert_int_equal(visitor_count(v, "\"ok\":true"), 4);
    assert_int_equal(visitor_count(v, "\"data\":1,"), 1);
    assert_int_equal(visitor_count(other, "\"data\":1,"), 1);
}

#define TEST(test)                                                             \
    cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_change_costs_what_changes),
        TEST(a_change_of_who_is_behind_costs_what_it_is_owed),
        TEST(a_set_of_subscriptions_takes_the_memory_of_its_names),
        TEST(views_that_nobody_has_any_more_are_given_back),
        TEST(a_view_that_is_left_is_there_until_it_was_looked_at),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
