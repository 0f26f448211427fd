/* How a client ends: with a close frame that it can read, whatever it sends
 * meanwhile and whatever waits to be sent to it. */
#include "tests/unit/wsgate/client_world.h"

#include "wsgate/client/inbox.h"
#include "wsgate/client/slice.h"

enum { BOUND = 1000, LONG = 400000 /* more than a socket takes at once */ };

static struct client_world world;

static int open_world(void **state)
{
    struct clients_options o = world_options();

    client_world_open(&world, false, &o);
    world.up.fanout.limits.out_bytes = BOUND;
    *state = &world;
    return 0;
}

static int close_world(void **state)
{
    client_world_close(*state);
    return 0;
}

static struct visitor *come(struct client_world *w)
{
    return visitor_come(w, "192.0.2.1", DIALECT_NATIVE);
}

/* A text frame of that many 'x', and what ends it. */
static void answer(struct visitor *v, size_t len, const char *end)
{
    struct bytes out = {0};
    size_t begun = ws_text_begin(&out);

    memset(bytes_reserve(&out, len), 'x', len);
    out.len += len;
    bytes_add_str(&out, end);
    ws_text_end(&out, begun);
    client_send(v->client, bytes_span(&out));
    bytes_close(&out);
}

/* It reads, and the gateway sends what waits. */
static void read_all(struct client_world *w, struct visitor *v)
{
    for (int i = 0; i < 100 && !v->ended; i++) {
        visitor_read(v);
        world_turn(&w->up);
    }
    visitor_read(v);
}

static void bytes_behind_its_close_frame_are_thrown_away(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    visitor_send(w, v, WS_OP_CLOSE, span_make("\x0f\xa7", 2));
    for (int i = 0; i < 3; i++)
        visitor_say(w, v, "{\"type\":\"ping\"}");
    assert_int_equal(w->clients->count, 1); /* its socket is not closed yet */
    visitor_read(v);
    assert_int_equal(v->close_code, 4007);
    assert_true(v->ended);
    assert_int_equal(w->clients->commands, 0);
    visitor_leave(v);
    world_turn(&w->up);
    world_turn(&w->up);
    assert_int_equal(w->clients->count, 0);
}

static void bytes_behind_a_protocol_error_are_thrown_away(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    answer(v, LONG, ""); /* the close frame has to wait */
    visitor_send(w, v, 3, span_str("no such opcode"));
    /* Read as frames they would say that it closes with another code. */
    visitor_send(w, v, WS_OP_CLOSE, span_make("\x0f\xa7", 2));
    read_all(w, v);
    assert_int_equal(v->close_code, WS_CLOSE_PROTOCOL);
    assert_non_null(strstr(visitor_hear(v), "xxx"));
}

static void who_does_not_close_its_socket_is_cut_off(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    visitor_send(w, v, WS_OP_CLOSE, span_make("\x0f\xa7", 2));
    world_wait(&w->up, CLIENT_CLOSE_MS - WORLD_STEP_MS, false);
    assert_int_equal(w->clients->count, 1);
    world_wait(&w->up, 3 * WORLD_STEP_MS, false);
    assert_int_equal(w->clients->count, 0);
    assert_non_null(strstr(world_activities(w), "disconnect   4007\n"));
}

static void who_shuts_its_end_still_gets_what_waits(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    answer(v, LONG, "end");
    visitor_send(w, v, WS_OP_CLOSE, span_make("\x0f\xa7", 2));
    assert_int_equal(shutdown(v->fd, SHUT_WR), 0);
    world_turn(&w->up);
    assert_int_equal(w->clients->count, 1);
    read_all(w, v);
    assert_non_null(strstr(visitor_hear(v), "end\n"));
    assert_int_equal(v->close_code, 4007);
    world_turn(&w->up);
    assert_int_equal(w->clients->count, 0); /* nothing is left to wait for */
}

static void one_answer_may_be_longer_than_the_bound(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    answer(v, LONG, "whole");
    assert_true(client_unread(v->client) > BOUND);
    assert_false(v->client->closing);
    read_all(w, v);
    assert_non_null(strstr(visitor_hear(v), "whole\n"));
    answer(v, LONG, "again");
    read_all(w, v);
    assert_non_null(strstr(visitor_hear(v), "again\n"));
    assert_int_equal(v->close_code, 0);
}

static void one_more_is_not_taken_and_the_client_told(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    answer(v, LONG, "first");
    answer(v, 0, "second");
    assert_true(v->client->closing);
    answer(v, 0, "third");
    assert_true(client_unread(v->client) < LONG);
    read_all(w, v);
    assert_non_null(strstr(visitor_hear(v), "first\n"));
    assert_null(strstr(visitor_hear(v), "second"));
    assert_null(strstr(visitor_hear(v), "third"));
    assert_int_equal(v->close_code, CLOSE_TOO_SLOW);
}

static void what_it_did_not_ask_for_never_closes_it(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);
    static const char ping[] = {(char)(0x80 | WS_OP_PING), 0};

    answer(v, LONG, "first");
    client_notify(v->client, span_make(ping, sizeof ping));
    assert_false(v->client->closing);
    read_all(w, v);
    assert_int_equal(v->pings, 1);
    assert_int_equal(v->close_code, 0);
}

/* All came in one read: it is not answered from memory without end. */
/* 50 commands of which each has an answer of some 25 KB. */
static void add_commands(struct bytes *frames)
{
    struct bytes text = {0};

    bytes_add_str(&text, "{\"type\":\"unsubscribe\",\"id\":1,\"channels\":[");
    for (int i = 0; i < 200; i++)
        bytes_printf(&text, "%s\"a:%d\"", i == 0 ? "" : ",", i);
    bytes_add_str(&text, "]}");
    for (int i = 0; i < 20; i++) {
        char *at = bytes_reserve(frames, text.len + 14);
        size_t n = ws_text_head(at, text.len);

        at[1] = (char)(at[1] | 0x80);
        memset(at + n, 0, 4);
        memcpy(at + n + 4, text.ptr, text.len);
        frames->len += n + 4 + text.len;
    }
    bytes_close(&text);
}

/* What it sent beyond the answers that it reads waits, and is served in order
 * when it has read them. */
static void a_read_is_not_answered_without_end(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);
    struct bytes frames = {0};
    size_t most = 0;

    w->up.fanout.limits.out_bytes = CLIENT_OUT_BYTES;
    add_commands(&frames);
    inbox_got(v->client, bytes_span(&frames));
    inbox_got(v->client, span_make("\x81\x84\0\0\0\0ping", 10));
    bytes_close(&frames);
    for (int i = 0; i < 1000 && visitor_count(v, "pong\n") == 0; i++) {
        if (client_unread(v->client) > most)
            most = client_unread(v->client);
        world_turn(&w->up);
    }
    assert_int_equal(visitor_count(v, "\"type\":\"unsubscribed\""), 20);
    assert_int_equal(visitor_count(v, "pong\n"), 1);
    assert_int_equal(v->close_code, 0);
    assert_in_range(most, 1, 2 * CLIENT_PAUSE_BYTES);
    assert_null(v->client->unserved);
}

/* What it waits for may be sent without it being told that there is room: by
 * whoever lets its updates go on. */
static void who_waited_for_room_goes_on_however_it_comes(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);
    struct bytes frames = {0};

    w->up.fanout.limits.out_bytes = CLIENT_OUT_BYTES;
    add_commands(&frames);
    inbox_got(v->client, bytes_span(&frames));
    bytes_close(&frames);
    assert_non_null(v->client->unserved);
    assert_false(inbox_has_turn(v->client));
    for (int i = 0; i < 1000 && client_unread(v->client) > 0; i++) {
        visitor_read(v);
        fanout_resume(&w->up.fanout, &v->client->m);
    }
    assert_int_equal(client_unread(v->client), 0);
    read_all(w, v);
    assert_int_equal(visitor_count(v, "\"type\":\"unsubscribed\""), 20);
    assert_null(v->client->unserved);
}

/* --- turns --- */

/* Masked; it waits in the socket. */
static void send_text(const struct visitor *v, size_t len, unsigned channel)
{
    struct bytes text = {0}, frame = {0};
    char *at;
    size_t n;

    bytes_printf(&text, "{\"type\":\"subscribe\",\"channels\":[\"a:%u\"]",
                 channel);
    while (text.len < len)
        bytes_add_str(&text, " ");
    bytes_add_str(&text, "}");
    at = bytes_reserve(&frame, text.len + 14);
    n = ws_text_head(at, text.len);
    at[1] = (char)(at[1] | 0x80);
    memset(at + n, 0, 4);
    memcpy(at + n + 4, text.ptr, text.len);
    frame.len = n + 4 + text.len;
    assert_int_equal(send(v->fd, frame.ptr, frame.len, MSG_NOSIGNAL),
                     frame.len);
    bytes_close(&text);
    bytes_close(&frame);
}

enum { SENDERS = 6 };

/* Each from an address of its own. */
static void come_all(struct client_world *w, struct visitor **senders)
{
    for (unsigned i = 0; i < SENDERS; i++) {
        char address[32];
        snprintf(address, sizeof address, "192.0.2.%u", i + 1);
        senders[i] = visitor_come(w, address, DIALECT_NATIVE);
    }
    world_turn(&w->up);
}

/* What is owed to other turns. */
static void forgive(struct client_world *w)
{
    for (unsigned i = 0; i < 100; i++)
        world_turn(&w->up);
}

/* They all have sent something that takes many turns: of these, each has one. */
static void are_served_one_a_turn(struct client_world *w,
                                  struct visitor **senders, int answers)
{
    struct visitor *other = visitor_come(w, "192.0.2.100", DIALECT_NATIVE);
    uint64_t before = w->clients->commands;

    assert_int_equal(send(other->fd, "\x89\x80\0\0\0\0", 6, 0), 6);
    world_turn(&w->up);
    assert_int_equal(w->clients->commands, before + 1);
    visitor_read(other);
    assert_int_equal(other->pongs, 1); /* who asks for little does not wait */
    for (int i = 0; i < 100 && w->clients->commands < before + SENDERS; i++) {
        uint64_t so_far = w->clients->commands;
        world_turn(&w->up);
        assert_in_range(w->clients->commands, so_far, so_far + 1);
    }
    for (unsigned i = 0; i < SENDERS; i++)
        assert_int_equal(visitor_count(senders[i], "\"type\":\"subscribed\""),
                         answers);
    forgive(w);
}

static void long_messages_of_several_do_not_add_up_in_a_turn(void **state)
{
    struct client_world *w = *state;
    struct visitor *senders[SENDERS];

    w->subscribing_ns = 3000000;
    come_all(w, senders);
    for (unsigned i = 0; i < SENDERS; i++)
        send_text(senders[i], SLICE_LONG_BYTES, i);
    are_served_one_a_turn(w, senders, 1);
}

static void nor_do_short_ones_of_those_who_took_long(void **state)
{
    struct client_world *w = *state;
    struct visitor *senders[SENDERS];

    w->subscribing_ns = 3000000;
    come_all(w, senders);
    for (unsigned i = 0; i < SENDERS; i++) {
        send_text(senders[i], 0, i);
        world_turn(&w->up);
    }
    forgive(w);
    for (unsigned i = 0; i < SENDERS; i++)
        send_text(senders[i], 0, SENDERS + i);
    are_served_one_a_turn(w, senders, 2);
}

/* --- echo --- */

static void an_echo_comes_as_it_was_said(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = visitor_come(w, "192.0.2.1", DIALECT_ECHO);

    for (int i = 0; i < 150; i++) { /* it has no allowance */
        visitor_say(w, v, "{\"type\":\"ping\"}");
        visitor_send(w, v, WS_OP_BINARY, span_make("\0\xff", 2));
        visitor_send(w, v, WS_OP_PING, span_str("p"));
        visitor_read(v);
    }
    assert_int_equal(visitor_count(v, "{\"type\":\"ping\"}\n"), 150);
    assert_int_equal(v->binaries, 150);
    assert_int_equal(v->pongs, 150);
    visitor_send(w, v, WS_OP_TEXT, span_make("\xff", 1));
    visitor_read(v);
    assert_int_equal(v->close_code, WS_CLOSE_BAD_DATA);
}

static void a_client_of_the_protocol_still_sends_no_binary(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = come(w);

    visitor_send(w, v, WS_OP_BINARY, span_str("x"));
    visitor_read(v);
    assert_int_equal(v->close_code, WS_CLOSE_UNSUPPORTED);
}

/* More than the bound waits, and nothing more is read: nobody is let go. */
static void who_does_not_read_its_echo_is_not_read_from(void **state)
{
    struct client_world *w = *state;
    struct visitor *v = visitor_come(w, "192.0.2.1", DIALECT_ECHO);
    struct bytes part = {0};
    uint64_t heard;

    memset(bytes_reserve(&part, 50000), 'e', 50000);
    part.len = 50000;
    for (int i = 0; i < 100 && client_unread(v->client) < CLIENT_PAUSE_BYTES;
         i++)
        visitor_send(w, v, WS_OP_TEXT, bytes_span(&part));
    assert_true(client_unread(v->client) > BOUND);
    heard = w->clients->commands;
    visitor_send(w, v, WS_OP_TEXT, span_str("the last"));
    world_turn(&w->up);
    assert_int_equal(w->clients->commands, heard);
    assert_false(v->client->closing);
    read_all(w, v);
    assert_int_equal(w->clients->commands, heard + 1);
    assert_non_null(strstr(visitor_hear(v), "the last\n"));
    bytes_close(&part);
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bytes_behind_its_close_frame_are_thrown_away),
        TEST(bytes_behind_a_protocol_error_are_thrown_away),
        TEST(who_does_not_close_its_socket_is_cut_off),
        TEST(who_shuts_its_end_still_gets_what_waits),
        TEST(one_answer_may_be_longer_than_the_bound),
        TEST(one_more_is_not_taken_and_the_client_told),
        TEST(what_it_did_not_ask_for_never_closes_it),
        TEST(a_read_is_not_answered_without_end),
        TEST(who_waited_for_room_goes_on_however_it_comes),
        TEST(long_messages_of_several_do_not_add_up_in_a_turn),
        TEST(nor_do_short_ones_of_those_who_took_long),
        TEST(an_echo_comes_as_it_was_said),
        TEST(a_client_of_the_protocol_still_sends_no_binary),
        TEST(who_does_not_read_its_echo_is_not_read_from),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
