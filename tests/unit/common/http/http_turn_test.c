/* With a clock that goes on when a request says so: "/took/400" takes 400 us. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
/* after those */
#include <cmocka.h>

#include "common/http/http_internal.h"
#include "tests/fuzz/wsgate/client/fake_clock.h"

enum { MANY = 8, TURNS_MAX = 200 };

struct fixture {
    uv_loop_t loop;
    struct http_server *server;
    struct watch sockets[2 * MANY];
    unsigned handled, taken; /* other requests; those that took their socket */
};

static void on_taken_closed(struct watch *w)
{
    close(w->fd);
}

/* "GET /took/400", "GET /upgrade/400" (taken), "GET /refused/400" (asks for an
 * upgrade and does not get it). */
static void handle(void *arg, struct http_conn *conn,
                   const struct http_request *req)
{
    struct fixture *f = arg;
    struct span early;
    char path[64];
    unsigned us = 0;

    snprintf(path, sizeof path, "%.*s", SPAN_ARG(req->path));
    assert_int_equal(sscanf(strrchr(path, '/'), "/%u", &us), 1);
    fake_mono_ns += us * INT64_C(1000);
    if (req->upgrade && strncmp(path, "/upgrade", 8) == 0) {
        http_conn_take(conn, &early, &f->sockets[f->taken++]);
        return;
    }
    f->handled++;
    http_respond(conn, 200, "text/plain", NULL, span_str("done"));
}

static int setup(void **state)
{
    static struct fixture f;
    static const struct http_options options = {.max_per_address = 100};
    struct err err = {0};

    f = (struct fixture){0};
    assert_int_equal(uv_loop_init(&f.loop), 0);
    f.server =
        http_server_new(&f.loop, "127.0.0.1:0", &options, handle, &f, &err);
    assert_non_null(f.server);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < f->taken; i++)
        watch_close(&f->sockets[i], on_taken_closed);
    http_server_close(f->server);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    return 0;
}

static void turn(struct fixture *f)
{
    fake_mono_ns += 1000;
    uv_run(&f->loop, UV_RUN_NOWAIT);
}

/* From 127.0.0.<host>; it is accepted, and has said nothing. */
static int client(struct fixture *f, unsigned host)
{
    struct sockaddr_in own = {.sin_family = AF_INET,
                              .sin_addr = {htonl(0x7f000000 | host)}};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port =
                                 htons((uint16_t)http_server_port(f->server)),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    unsigned before = f->server->n_conns;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&own, sizeof own), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    for (int i = 0; i < TURNS_MAX && f->server->n_conns == before; i++)
        turn(f);
    assert_int_equal(f->server->n_conns, before + 1);
    turn(f);
    return fd;
}

static void ask(int fd, const char *path, bool upgrade)
{
    char text[200];
    int n = snprintf(
        text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n", path,
        upgrade ? "Connection: Upgrade\r\nUpgrade: websocket\r\n" : "");

    assert_int_equal(send(fd, text, (size_t)n, 0), n);
}

static void close_all(const int *fds, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        close(fds[i]);
}

/* Each a little more than half of an address's slice. */
static void requests_of_an_address_have_a_slice_of_the_turn(void **state)
{
    struct fixture *f = *state;
    int fds[MANY + 1];

    for (unsigned i = 0; i < MANY; i++)
        fds[i] = client(f, 1);
    fds[MANY] = client(f, 2);
    for (unsigned i = 0; i < MANY; i++)
        ask(fds[i], "/took/60", false);
    turn(f);
    assert_int_equal(f->handled, 2);
    ask(fds[MANY], "/took/60", false);
    turn(f);
    assert_int_equal(f->handled, 5); /* two more, and the other's */
    for (unsigned turns = 0; turns < TURNS_MAX && f->handled < MANY + 1;) {
        unsigned before = f->handled;
        turn(f);
        turns++;
        assert_in_range(f->handled, before, before + 2);
    }
    assert_int_equal(f->handled, MANY + 1);
    close_all(fds, MANY + 1);
}

static void what_a_request_took_beyond_is_made_up_for(void **state)
{
    struct fixture *f = *state;
    int fds[2] = {client(f, 1), client(f, 1)};
    unsigned turns = 0;

    ask(fds[0], "/took/1000", false);
    turn(f);
    assert_int_equal(f->handled, 1);
    ask(fds[1], "/took/1", false);
    for (; turns < TURNS_MAX && f->handled == 1; turns++)
        turn(f);
    assert_int_equal(f->handled, 2);
    assert_in_range(turns, 1000 / HTTP_SLICE_US, 1000 / HTTP_SLICE_US + 1);
    close_all(fds, 2);
}

static void requests_of_all_addresses_share_a_part_of_the_turn(void **state)
{
    struct fixture *f = *state;
    int fds[MANY];

    for (unsigned i = 0; i < MANY; i++)
        fds[i] = client(f, i + 1);
    for (unsigned i = 0; i < MANY; i++)
        ask(fds[i], "/took/90", false);
    for (unsigned turns = 0; turns < TURNS_MAX && f->handled < MANY; turns++) {
        unsigned before = f->handled;
        turn(f);
        assert_in_range(f->handled, before, before + 3);
    }
    assert_int_equal(f->handled, MANY);
    close_all(fds, MANY);
}

/* Of one address, too: an upgrade asks once. */
static void sockets_that_are_taken_have_the_whole_turn(void **state)
{
    struct fixture *f = *state;
    int fds[2 * MANY];

    for (unsigned i = 0; i < 2 * MANY; i++)
        fds[i] = client(f, i < MANY ? 1 : i);
    for (unsigned i = MANY; i < 2 * MANY; i++)
        ask(fds[i], "/took/90", false);
    for (unsigned i = 0; i < MANY; i++)
        ask(fds[i], "/upgrade/80", true);
    turn(f);
    assert_int_equal(f->taken, MANY);
    assert_in_range(f->handled, 0, 3);
    for (unsigned i = 0; i < TURNS_MAX && f->handled < MANY; i++)
        turn(f);
    assert_int_equal(f->handled, MANY);
    close_all(fds, 2 * MANY);
}

static void and_no_more_than_that(void **state)
{
    struct fixture *f = *state;
    int fds[2 * MANY];

    for (unsigned i = 0; i < 2 * MANY; i++)
        fds[i] = client(f, 1);
    for (unsigned i = 0; i < 2 * MANY; i++)
        ask(fds[i], "/upgrade/200", true);
    for (unsigned i = 0; i < TURNS_MAX && f->taken < 2 * MANY; i++) {
        unsigned before = f->taken;
        turn(f);
        assert_in_range(f->taken, before, before + HTTP_TURN_US / 200);
    }
    assert_int_equal(f->taken, 2 * MANY);
    close_all(fds, 2 * MANY);
}

static void what_only_asks_to_be_taken_counts_as_others_do(void **state)
{
    struct fixture *f = *state;
    int fds[MANY];

    for (unsigned i = 0; i < MANY; i++)
        fds[i] = client(f, 1);
    for (unsigned i = 0; i < MANY; i++)
        ask(fds[i], "/refused/60", true);
    for (unsigned i = 0; i < TURNS_MAX && f->handled < MANY; i++) {
        unsigned before = f->handled;
        turn(f);
        assert_in_range(f->handled, before, before + 2);
    }
    assert_int_equal(f->handled, MANY);
    close_all(fds, MANY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(requests_of_an_address_have_a_slice_of_the_turn),
        TEST(what_a_request_took_beyond_is_made_up_for),
        TEST(requests_of_all_addresses_share_a_part_of_the_turn),
        TEST(sockets_that_are_taken_have_the_whole_turn),
        TEST(and_no_more_than_that),
        TEST(what_only_asks_to_be_taken_counts_as_others_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
