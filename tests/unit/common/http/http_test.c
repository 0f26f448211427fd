#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/http/http_internal.h"

/* A server and its clients in one process: the loop turns without waiting
 * between the client's calls. */
struct fixture {
    uv_loop_t loop;
    struct http_server *server;
    struct http_conn *later; /* a request that waits for its answer */
    int taken;               /* a socket that was taken, or -1 */
    struct watch watch;      /* of it */
    char early[64];
    unsigned handled;
};

static struct bytes big;

static void on_taken_closed(struct watch *w)
{
    close(w->fd);
}

static void handle(void *arg, struct http_conn *conn,
                   const struct http_request *req)
{
    struct fixture *f = arg;
    struct span early;

    f->handled++;
    if (span_is(req->path, "/later")) {
        f->later = http_conn_ref(conn);
    } else if (span_is(req->path, "/big")) {
        http_respond(conn, 200, "text/plain", NULL, bytes_span(&big));
    } else if (span_is(req->path, "/busy")) {
        uint64_t end_ns = clock_mono_ns() + 2000 * (uint64_t)HTTP_TURN_US;
        while (clock_mono_ns() < end_ns) {
        }
        http_respond(conn, 200, "text/plain", NULL, req->path);
    } else if (span_is(req->path, "/ws") && req->upgrade) {
        http_conn_take(conn, &early, &f->watch);
        f->taken = f->watch.fd;
        snprintf(f->early, sizeof f->early, "%.*s", SPAN_ARG(early));
    } else if (span_is(req->path, "/peer")) {
        char text[2 * HTTP_ADDRESS_TEXT];
        snprintf(text, sizeof text, "%s %s", req->peer, req->bucket);
        http_respond(conn, 200, "text/plain", "X-Extra: 1\r\n", span_str(text));
    } else {
        http_respond(conn, 200, "text/plain", NULL, req->path);
    }
}

static struct fixture *start_with(struct http_options options)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct err err = {0};

    f->taken = -1;
    uv_loop_init(&f->loop);
    f->server =
        http_server_new(&f->loop, "127.0.0.1:0", &options, handle, f, &err);
    assert_non_null(f->server);
    return f;
}

static struct fixture *start(unsigned max_conns)
{
    return start_with((struct http_options){.max_conns = max_conns});
}

static void stop(struct fixture *f)
{
    http_server_close(f->server);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    http_conn_unref(f->later);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    free(f);
}

/* host: the last byte of its own address, which begins with 127.0.0. */
static int client_at(const struct fixture *f, unsigned host)
{
    struct sockaddr_in own = {.sin_family = AF_INET,
                              .sin_addr = {htonl(0x7f000000 | host)}};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port =
                                 htons((uint16_t)http_server_port(f->server)),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&own, sizeof own), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static int client(const struct fixture *f)
{
    return client_at(f, 1);
}

static void turn(struct fixture *f, int times)
{
    for (int i = 0; i < times; i++)
        uv_run(&f->loop, UV_RUN_NOWAIT);
}

/* Turns the loop until what came holds `want` (or, for NULL, until the server
 * closes); within 5 s. */
static const char *receive(struct fixture *f, int fd, const char *want)
{
    static char text[16 * 1024 * 1024];
    uint64_t end_ms = clock_mono_ms() + 5000;
    size_t len = 0;

    text[0] = '\0';
    while (clock_mono_ms() < end_ms && (!want || !strstr(text, want))) {
        ssize_t n;
        turn(f, 1);
        n = recv(fd, text + len, sizeof text - 1 - len, 0);
        if (n > 0)
            len += (size_t)n;
        text[len] = '\0';
        if (n == 0 && !want)
            return text;
        if (n == 0 || (n < 0 && errno != EAGAIN))
            break;
    }
    if (!want || !strstr(text, want))
        fail_msg("wanted %s, got: %.300s", want ? want : "a close", text);
    return text;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void a_connection_is_kept_for_the_next_request(void **state)
{
    struct fixture *f = start(0);
    int fd = client(f);

    (void)state;
    for (int i = 0; i < 3; i++) {
        say(fd, "GET /peer HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_non_null(strstr(receive(f, fd, "127.0.0.1"), "X-Extra: 1\r\n"));
    }
    assert_int_equal(f->server->n_conns, 1);
    say(fd, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_non_null(strstr(receive(f, fd, NULL), "Connection: close\r\n"));
    assert_int_equal(f->server->n_conns, 0);
    close(fd);
    stop(f);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct fixture *f = start(0);
    int fd = client(f);
    const char *text;

    (void)state;
    say(fd, "GET /one HTTP/1.1\r\nHost: a\r\n\r\n"
            "GET /later HTTP/1.1\r\nHost: a\r\n\r\n"
            "GET /three HTTP/1.1\r\nHost: a\r\n\r\nGET /fo");
    receive(f, fd, "/one");
    turn(f, 20);
    assert_int_equal(f->handled, 2); /* the third waits for the second */
    assert_true(http_conn_open(f->later));
    http_respond(f->later, 200, "text/plain", NULL, span_str("/two"));
    assert_false(http_conn_open(f->later));
    text = receive(f, fd, "/three");
    assert_true(strstr(text, "/two") < strstr(text, "/three"));
    say(fd, "ur HTTP/1.1\r\nHost: a\r\n\r\n");
    receive(f, fd, "/four");
    close(fd);
    stop(f);
}

/* 40 of them in one segment were answered in one go, while all others waited
 * for the last. */
static void a_connection_gets_one_answer_a_turn(void **state)
{
    enum { REQUESTS = 40 };
    struct fixture *f = start(0);
    int fd = client(f), other = client(f);

    (void)state;
    for (int i = 0; i < REQUESTS; i++)
        say(fd, "GET /many HTTP/1.1\r\nHost: a\r\n\r\n");
    for (unsigned before = 0; before < REQUESTS; before = f->handled) {
        turn(f, 1);
        /* One that was here, and one that has just been read. */
        assert_true(f->handled <= before + 2);
    }
    for (int i = 0; i < REQUESTS; i++)
        say(fd, "GET /more HTTP/1.1\r\nHost: a\r\n\r\n");
    say(other, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    receive(f, other, "/x"); /* not after all of them */
    assert_true(f->handled < REQUESTS + 10);
    while (f->handled < 2 * REQUESTS + 1)
        turn(f, 1);
    close(fd);
    close(other);
    stop(f);
}

/* As many connections as there are, a turn ends. */
static void requests_of_many_do_not_make_a_turn_long(void **state)
{
    enum { CLIENTS = 20, ROUNDS = 2 };
    struct fixture *f = start(0);
    int fds[CLIENTS];

    (void)state;
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = client(f);
        for (int k = 0; k < ROUNDS; k++)
            say(fds[i], "GET /busy HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    for (unsigned before = 0; before < CLIENTS * ROUNDS; before = f->handled) {
        turn(f, 1);
        /* One before the sockets are looked at, one after. */
        assert_true(f->handled <= before + 2);
    }
    for (int i = 0; i < CLIENTS; i++) {
        receive(f, fds[i], "/busy");
        close(fds[i]);
    }
    stop(f);
}

/* What it sends meanwhile stays in the kernel. */
static void a_connection_that_waits_for_an_answer_is_not_read(void **state)
{
    static const char piece[] = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";
    struct fixture *f = start(0);
    int fd = client(f);
    ssize_t n;

    (void)state;
    say(fd, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    while (!f->later)
        turn(f, 1);
    do {
        n = send(fd, piece, sizeof piece - 1, MSG_NOSIGNAL);
        turn(f, 1);
    } while (n > 0);
    assert_int_equal(errno, EAGAIN);
    assert_null(f->later->parse); /* nothing of it is here */
    assert_int_equal(f->handled, 1);
    http_respond(f->later, 200, "text/plain", NULL, span_str("/now"));
    receive(f, fd, "/next");
    turn(f, 1);
    assert_true(f->later->parse->buf.len < HTTP_HEAD_MAX + 16384);
    close(fd);
    stop(f);
}

static void closing_the_server_ends_requests_that_wait_for_a_turn(void **state)
{
    struct fixture *f = start(0);
    int fd = client(f);

    (void)state;
    for (int i = 0; i < 5; i++)
        say(fd, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    while (f->handled < 2)
        turn(f, 1);
    stop(f);
    close(fd);
}

/* It went on under the time limit of the answer: half a request could then be
 * held open for 30 s instead of 5. */
static void after_a_late_answer_the_next_request_has_its_own_time(void **state)
{
    struct fixture *f = start(0);
    int fd = client(f);

    (void)state;
    say(fd, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    while (!f->later)
        turn(f, 1);
    assert_int_equal(f->later->waiting, HTTP_WAIT_ANSWER);
    http_respond_json(f->later, 200, span_str("{}"));
    assert_int_equal(f->later->waiting, HTTP_WAIT_IDLE);
    receive(f, fd, "{}");
    say(fd, "GET /");
    turn(f, 5);
    assert_int_equal(f->later->waiting, HTTP_WAIT_REQUEST);
    close(fd);
    stop(f);
}

static void an_answer_that_does_not_come_is_504(void **state)
{
    struct fixture *f = start(0);
    int fd = client(f);

    (void)state;
    say(fd, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    while (!f->later)
        turn(f, 1);
    http_conn_late(f->later); /* as after the time for it */
    assert_non_null(
        strstr(receive(f, fd, NULL), "HTTP/1.1 504 Gateway Timeout\r\n"));
    assert_false(http_conn_open(f->later));
    close(fd);
    stop(f);
}

static void who_asks_before_it_sends_a_body_is_told_to_go_on(void **state)
{
    struct fixture *f = start(0);
    int fd = client(f);

    (void)state;
    say(fd, "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
            "Expect: 100-continue\r\n\r\n");
    assert_string_equal(receive(f, fd, "\r\n\r\n"),
                        "HTTP/1.1 100 Continue\r\n\r\n");
    assert_int_equal(f->handled, 0);
    say(fd, "12345");
    assert_non_null(strstr(receive(f, fd, "/body"), "HTTP/1.1 200 OK\r\n"));
    close(fd);
    stop(f);
}

static void only_a_proxy_that_is_trusted_says_who_asks(void **state)
{
    static const struct {
        const char *header, *peer;
    } cases[] = {
        {"X-Forwarded-For: 192.0.2.7\r\n", "192.0.2.7 192.0.2.7"},
        {"x-forwarded-for: 203.0.113.1, 192.0.2.7:80  \r\n",
         "192.0.2.7 192.0.2.7"},
        {"X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 2001:DB8:0::1\r\n",
         "2001:db8::1 2001:db8::/64"},
        {"Forwarded: for=\"[2001:db8::1]:443\";proto=https\r\n",
         "2001:db8::1 2001:db8::/64"},
        {"X-Forwarded-For: unknown\r\n", "127.0.0.1 127.0.0.1"},
        {"X-Forwarded-For: 192.0.2.7,\r\n", "127.0.0.1 127.0.0.1"},
        {"X-Forwarded-For: \r\n", "127.0.0.1 127.0.0.1"},
        {"", "127.0.0.1 127.0.0.1"},
    };
    struct http_options options = {.max_conns = 10}, others = options;
    struct fixture *trusting, *f;
    char text[256];
    int fd, other;

    (void)state;
    http_networks_add(&options.trust_proxy, "127.0.0.0/30", NULL);
    http_networks_add(&others.trust_proxy, "127.0.0.2/31,10.0.0.0/8,::/0",
                      NULL);
    trusting = start_with(options);
    f = start_with(others);
    fd = client(trusting);
    other = client(f);
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(text, sizeof text, "GET /peer HTTP/1.1\r\nHost: a\r\n%s\r\n",
                 cases[i].header);
        say(fd, text);
        say(other, text);
        snprintf(text, sizeof text, "\r\n\r\n%s", cases[i].peer);
        receive(trusting, fd, text);
        receive(f, other, "\r\n\r\n127.0.0.1 127.0.0.1");
    }
    close(fd);
    close(other);
    stop(trusting);
    stop(f);
}

static void head_is_answered_without_a_body(void **state)
{
    struct fixture *f = start(0);
    int fd = client(f);
    const char *text;

    (void)state;
    say(fd, "HEAD /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    text = receive(f, fd, NULL);
    assert_non_null(strstr(text, "Content-Length: 2\r\n"));
    assert_string_equal(text + strlen(text) - 4, "\r\n\r\n");
    close(fd);
    stop(f);
}

/* It was told the length of a body that did not come. */
static void a_refusal_after_head_has_its_body(void **state)
{
    struct fixture *f = start(0);
    int fd = client(f);

    (void)state;
    say(fd, "HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n");
    receive(f, fd, "\r\n\r\n");
    say(fd, "nonsense\r\n\r\n");
    assert_non_null(strstr(receive(f, fd, NULL), "\r\n\r\nBad Request\n"));
    close(fd);
    stop(f);
}

static void an_answer_that_nobody_reads_is_given_up(void **state)
{
    enum { SIZE = 12000000 }; /* more than the kernel buffers */
    struct fixture *f = start(0);
    struct http_conn *conn;
    int fd = client(f);

    (void)state;
    bytes_init(&big);
    memset(bytes_reserve(&big, SIZE), 'x', SIZE);
    big.len = SIZE;
    say(fd, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    while (f->handled == 0)
        turn(f, 1);
    conn = (struct http_conn *)f->server->waits[HTTP_WAIT_ANSWER].next;
    assert_int_equal(conn->state, HTTP_WRITING);
    http_conn_late(conn); /* as after the time for it */
    turn(f, 2);
    assert_int_equal(f->server->n_conns, 0);
    close(fd);
    bytes_close(&big);
    stop(f);
}

static void an_upgrade_hands_the_socket_over_with_what_came_early(void **state)
{
    struct fixture *f = start(0);
    int fd = client(f), on = 0;
    socklen_t size = sizeof on;
    char got[16] = "";

    (void)state;
    say(fd, "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
            "Upgrade: websocket\r\n\r\nfirst frame");
    while (f->taken < 0)
        turn(f, 1);
    assert_string_equal(f->early, "first frame");
    assert_int_equal(f->server->n_conns, 0);
    assert_true(fcntl(f->taken, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(f->taken, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(getsockopt(f->taken, IPPROTO_TCP, TCP_NODELAY, &on, &size),
                     0);
    assert_int_equal(on, 1);
    turn(f, 5);
    assert_int_equal(write(f->taken, "hello", 5), 5);
    assert_int_equal(read(fd, got, sizeof got), 5);
    watch_close(&f->watch, on_taken_closed);
    close(fd);
    stop(f);
}

static void after_an_upgrade_that_nobody_took_the_connection_ends(void **state)
{
    struct fixture *f = start(0);
    int fd = client(f);

    (void)state;
    say(fd, "GET /no HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
            "Upgrade: h2c\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_null(strstr(receive(f, fd, NULL), "smuggled"));
    assert_int_equal(f->handled, 1);
    close(fd);
    stop(f);
}

static void refusals_can_be_read_before_the_close(void **state)
{
    static char body[200000];
    static const struct {
        const char *request, *status;
    } all[] = {
        {"nonsense\r\n\r\n", "HTTP/1.1 400 "},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n",
         "HTTP/1.1 413 "},
        {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
    };
    struct fixture *f = start(0);

    (void)state;
    memset(body, 'x', sizeof body);
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
        int fd = client(f);
        say(fd, all[i].request);
        turn(f, 3);
        /* Still sending: a reset would take the answer away. */
        (void)send(fd, body, sizeof body, MSG_NOSIGNAL);
        receive(f, fd, all[i].status);
        close(fd);
        turn(f, 5);
    }
    assert_int_equal(f->handled, 0);
    stop(f);
}

static void a_slow_reader_gets_all_of_a_large_answer(void **state)
{
    enum { SIZE = 12000000 }; /* more than the kernel buffers */
    struct fixture *f = start(0);
    int fd = client(f);
    const char *text;

    (void)state;
    bytes_init(&big);
    memset(bytes_reserve(&big, SIZE), 'x', SIZE);
    big.len = SIZE;
    say(fd, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n"
            "GET /after HTTP/1.1\r\nHost: a\r\n\r\n");
    turn(f, 10);
    assert_int_equal(f->handled, 1); /* the second waits */
    text = receive(f, fd, "/after");
    assert_true(strlen(text) > SIZE);
    close(fd);
    bytes_close(&big);
    stop(f);
}

static void a_client_that_goes_away_while_its_answer_is_made(void **state)
{
    struct fixture *f = start(0);
    int fd = client(f);

    (void)state;
    say(fd, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    while (!f->later)
        turn(f, 1);
    close(fd);
    turn(f, 5);
    http_respond_json(f->later, 200, span_str("{}"));
    http_respond_json(f->later, 200, span_str("{}"));
    turn(f, 5);
    stop(f);
}

/* Its data can still be read, and the answer cannot be sent. */
static void a_client_that_goes_away_after_a_bad_request(void **state)
{
    static const struct linger reset = {.l_onoff = 1};
    struct fixture *f = start(0);
    int fd = client(f);

    (void)state;
    say(fd, "nonsense\r\n\r\n");
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
    turn(f, 5);
    assert_int_equal(f->server->n_conns, 0);
    stop(f);
}

static void closing_the_server_ends_a_request_that_waits(void **state)
{
    struct fixture *f = start(0);
    int fd = client(f);

    (void)state;
    say(fd, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    while (!f->later)
        turn(f, 1);
    http_server_close(f->server);
    assert_false(http_conn_open(f->later));
    http_respond_json(f->later, 200, span_str("{}"));
    stop(f);
    close(fd);
}

static void one_connection_too_many_is_told_so(void **state)
{
    struct fixture *f = start(2);
    int a = client(f), b = client(f), c;

    (void)state;
    turn(f, 5);
    assert_int_equal(f->server->n_conns, 2);
    c = client(f);
    assert_non_null(strstr(receive(f, c, NULL), "HTTP/1.1 503 "));
    say(a, "GET /still HTTP/1.1\r\nHost: a\r\n\r\n");
    receive(f, a, "/still");
    close(a);
    close(b);
    close(c);
    stop(f);
}

static void ask(struct fixture *f, int fd)
{
    say(fd, "GET /it HTTP/1.1\r\nHost: a\r\n\r\n");
    receive(f, fd, "/it");
}

/* As if time had passed for the connection that is idle for longest. */
static void let_idle(struct fixture *f, unsigned ms)
{
    struct http_conn *first =
        (struct http_conn *)f->server->waits[HTTP_WAIT_IDLE].next;

    first->deadline_ms -= ms;
}

static void the_longest_idle_connection_makes_room(void **state)
{
    struct fixture *f = start(2);
    int a = client(f), b, c;

    (void)state;
    ask(f, a);
    b = client(f);
    ask(f, b);
    ask(f, a); /* now b is the one */
    c = client(f);
    receive(f, c, "HTTP/1.1 503 "); /* but was in use just now */
    close(c);
    let_idle(f, HTTP_SPARE_MS);
    c = client(f);
    ask(f, c);
    assert_string_equal(receive(f, b, NULL), "");
    ask(f, a);
    assert_int_equal(f->server->n_conns, 2);
    close(a);
    close(b);
    close(c);
    stop(f);
}

static void each_address_has_connections_of_its_own(void **state)
{
    struct fixture *f = start_with((struct http_options){.max_per_address = 2});
    int a = client_at(f, 1), b = client_at(f, 1), c, other;

    (void)state;
    ask(f, a);
    ask(f, b);
    c = client_at(f, 1);
    assert_non_null(strstr(receive(f, c, NULL), "Retry-After: 1\r\n"));
    close(c);
    c = client_at(f, 1);
    assert_non_null(strstr(receive(f, c, NULL), "HTTP/1.1 429 "));
    other = client_at(f, 2);
    ask(f, other);
    ask(f, a);
    assert_int_equal(f->server->n_conns, 3);
    assert_int_equal(f->server->buckets.count, 2);
    close(a); /* and the next may come */
    turn(f, 5);
    a = client_at(f, 1);
    ask(f, a);
    /* What becomes a WebSocket does not count as HTTP any more. */
    say(a, "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
           "Upgrade: websocket\r\n\r\n");
    while (f->taken < 0)
        turn(f, 1);
    close(c);
    c = client_at(f, 1);
    ask(f, c);
    close(a);
    close(b);
    close(c);
    close(other);
    watch_close(&f->watch, on_taken_closed);
    turn(f, 5);
    assert_int_equal(f->server->buckets.count, 0);
    stop(f);
}

/* They are seen out for a moment.  The next client gets its answer, too. */
static void refused_connections_that_leave_are_bounded_apart(void **state)
{
    struct fixture *f = start_with((struct http_options){.max_per_address = 1});
    int fds[HTTP_LEAVING_MAX], last;

    (void)state;
    for (int i = 0; i < HTTP_LEAVING_MAX; i++) {
        fds[i] = client(f);
        say(fds[i], "nonsense\r\n\r\n");
        receive(f, fds[i], "HTTP/1.1 400 ");
    }
    last = client(f);
    receive(f, last, "HTTP/1.1 429 ");
    close(last);
    close(fds[0]);
    turn(f, 5);
    last = client(f);
    ask(f, last);
    for (int i = 1; i < HTTP_LEAVING_MAX; i++)
        close(fds[i]);
    turn(f, 5);
    assert_int_equal(f->server->n_conns, 1);
    close(last);
    turn(f, 5);
    assert_int_equal(f->server->buckets.count, 0);
    stop(f);
}

static void a_trusted_proxy_is_not_held_to_the_limit_of_an_address(void **state)
{
    struct http_options options = {.max_per_address = 1};
    struct fixture *f;
    int fds[5];

    (void)state;
    http_networks_add(&options.trust_proxy, "127.0.0.1", NULL);
    f = start_with(options);
    for (int i = 0; i < 5; i++) {
        fds[i] = client_at(f, 1);
        ask(f, fds[i]);
    }
    for (int i = 0; i < 5; i++)
        close(fds[i]);
    fds[0] = client_at(f, 2);
    ask(f, fds[0]);
    fds[1] = client_at(f, 2);
    receive(f, fds[1], "HTTP/1.1 429 ");
    close(fds[0]);
    close(fds[1]);
    stop(f);
}

static void addresses_of_one_64_share_their_connections(void **state)
{
    struct fixture *f = start_with((struct http_options){.max_per_address = 1});
    struct in6_addr a, near, far;
    int ends[2];

    (void)state;
    http_address_plain(span_str("2001:db8::1"), &a);
    http_address_plain(span_str("2001:db8::ffff:0:0:2"), &near);
    http_address_plain(span_str("2001:db8:0:1::1"), &far);
    assert_true(http_bucket_has_room(f->server, &a));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends),
                     0);
    http_conn_start(f->server, ends[1], &a);
    assert_false(http_bucket_has_room(f->server, &a));
    assert_false(http_bucket_has_room(f->server, &near));
    assert_true(http_bucket_has_room(f->server, &far));
    close(ends[0]);
    turn(f, 5);
    assert_true(http_bucket_has_room(f->server, &near));
    stop(f);
}

/* --- PROXY headers --- */

#define GET_PEER "GET /peer HTTP/1.1\r\nHost: a\r\n\r\n"

static const char local_header[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

/* Version 2, of 203.0.113.host. */
static size_t make_header(char text[28], char host)
{
    static const char start[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71";

    memcpy(text, start, 19);
    text[19] = host;
    memcpy(text + 20, "\x7f\0\0\1\x9c\x41\1\xbb", 8);
    return 28;
}

static struct fixture *start_trusting(unsigned max_per_address)
{
    struct http_options options = {.max_per_address = max_per_address};

    http_networks_add(&options.trust_proxy, "127.0.0.1", NULL);
    return start_with(options);
}

static void say_bytes(int fd, const char *bytes, size_t len)
{
    assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
}

static void a_trusted_proxy_may_name_its_client_first(void **state)
{
    struct fixture *f = start_trusting(0);
    char header[28];
    int fd = client(f);

    (void)state;
    /* Byte by byte, the request too. */
    make_header(header, 8);
    for (size_t i = 0; i < sizeof header; i++) {
        say_bytes(fd, header + i, 1);
        turn(f, 3);
    }
    for (const char *at = GET_PEER; *at != '\0'; at++) {
        say_bytes(fd, at, 1);
        turn(f, 2);
    }
    receive(f, fd, "\r\n\r\n203.0.113.8 203.0.113.8");
    /* For every request, and a client's own claim changes nothing. */
    say(fd, "GET /peer HTTP/1.1\r\nHost: a\r\n"
            "X-Forwarded-For: 192.0.2.1\r\n\r\n");
    receive(f, fd, "\r\n\r\n203.0.113.8 203.0.113.8");
    /* It stands once, before the first request. */
    say_bytes(fd, header, sizeof header);
    assert_non_null(strstr(receive(f, fd, NULL), "HTTP/1.1 400 "));
    close(fd);
    fd = client(f);
    say(fd, "PROXY TCP6 2001:db8::1 ::1 1 2\r\n" GET_PEER);
    receive(f, fd, "\r\n\r\n2001:db8::1 2001:db8::/64");
    close(fd);
    stop(f);
}

static void a_proxy_may_speak_for_itself_or_not_at_all(void **state)
{
    struct fixture *f = start_trusting(0);
    int fd = client(f);

    (void)state;
    say_bytes(fd, local_header, 16);
    say(fd, GET_PEER);
    receive(f, fd, "\r\n\r\n127.0.0.1 127.0.0.1");
    /* Then what it says in a request is believed. */
    say(fd, "GET /peer HTTP/1.1\r\nHost: a\r\n"
            "X-Forwarded-For: 192.0.2.1\r\n\r\n");
    receive(f, fd, "\r\n\r\n192.0.2.1 192.0.2.1");
    close(fd);
    fd = client(f);
    say(fd, "\r\n" GET_PEER); /* an empty line before the request is none */
    receive(f, fd, "\r\n\r\n127.0.0.1 127.0.0.1");
    close(fd);
    stop(f);
}

static void a_header_of_anybody_else_is_a_bad_request(void **state)
{
    struct fixture *f = start_trusting(0);
    char header[28];
    int fd = client_at(f, 2);

    (void)state;
    make_header(header, 8);
    say_bytes(fd, header, sizeof header);
    say(fd, GET_PEER);
    assert_non_null(strstr(receive(f, fd, NULL), "HTTP/1.1 400 "));
    close(fd);
    fd = client_at(f, 2);
    say(fd, "PROXY TCP4 203.0.113.8 127.0.0.1 1 2\r\n" GET_PEER);
    assert_non_null(strstr(receive(f, fd, NULL), "HTTP/1.1 400 "));
    close(fd);
    fd = client(f);
    say(fd, "PROXY TCP4 203.0.113.8 1 2\r\n" GET_PEER);
    assert_non_null(strstr(receive(f, fd, NULL), "HTTP/1.1 400 "));
    close(fd);
    assert_int_equal(f->handled, 0);
    stop(f);
}

static void a_client_named_by_a_proxy_has_connections_of_its_own(void **state)
{
    struct fixture *f = start_trusting(1);
    char header[28];
    int fds[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        fds[i] = client(f);
        make_header(header, (char)(i < 2 ? 8 : 9));
        say_bytes(fds[i], header, sizeof header);
        turn(f, 3); /* the header is enough to tell */
        say(fds[i], GET_PEER);
        receive(f, fds[i], i == 1 ? "HTTP/1.1 429 " : "HTTP/1.1 200 ");
    }
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    turn(f, 5);
    assert_int_equal(f->server->n_conns, 0);
    assert_int_equal(f->server->buckets.count, 0);
    stop(f);
}

static void many_connections_are_answered(void **state)
{
    struct fixture *f = start(0);
    int fds[200];

    (void)state;
    for (int i = 0; i < 200; i++) {
        fds[i] = client(f);
        say(fds[i], "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    for (int i = 0; i < 200; i++) {
        receive(f, fds[i], "/x");
        close(fds[i]);
    }
    turn(f, 10);
    assert_int_equal(f->server->n_conns, 0);
    stop(f);
}

static void out_of_descriptors_the_idle_connection_makes_room(void **state)
{
    struct fixture *f = start(0);
    struct rlimit old, tight;
    int a = client(f), b, probe;

    (void)state;
    ask(f, a);
    let_idle(f, HTTP_SPARE_MS);
    b = client(f);
    probe = dup(0);
    getrlimit(RLIMIT_NOFILE, &old);
    tight = old;
    tight.rlim_cur = (rlim_t)probe;
    close(probe);
    setrlimit(RLIMIT_NOFILE, &tight);
    ask(f, b);
    assert_string_equal(receive(f, a, NULL), "");
    setrlimit(RLIMIT_NOFILE, &old);
    close(a);
    close(b);
    stop(f);
}

/* Descriptors run out: accepting pauses instead of spinning, and goes on. */
static void out_of_descriptors_is_survived(void **state)
{
    struct fixture *f = start(0);
    struct rlimit old, tight;
    int a = client(f), b = client(f), probe = dup(0);

    (void)state;
    getrlimit(RLIMIT_NOFILE, &old);
    tight = old;
    tight.rlim_cur = (rlim_t)probe;
    close(probe);
    setrlimit(RLIMIT_NOFILE, &tight);
    turn(f, 20);
    assert_int_equal(f->server->n_conns, 0);
    setrlimit(RLIMIT_NOFILE, &old);
    say(a, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    say(b, "GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    receive(f, a, "/a");
    receive(f, b, "/b");
    close(a);
    close(b);
    stop(f);
}

static void a_port_in_use_is_named(void **state)
{
    struct fixture *f = start(0);
    struct err err = {0};
    char text[64], want[96];

    (void)state;
    snprintf(text, sizeof text, "127.0.0.1:%u", http_server_port(f->server));
    snprintf(want, sizeof want, "%s is already in use", text);
    assert_null(http_server_new(&f->loop, text, NULL, handle, f, &err));
    assert_string_equal(err.text, want);
    assert_int_equal(err.code, ERR_SYSTEM);
    stop(f);
}

/* Where only this machine can connect, whatever the spelling. */
static void a_connection_knows_whether_others_can_connect(void **state)
{
    static const struct {
        const char *listen;
        bool loopback;
    } cases[] = {{"127.0.0.1:0", true},
                 {"127.8.9.10:0", true},
                 {"localhost:0", true},
                 {"0.0.0.0:0", false},
                 {":0", false}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uv_loop_t loop;
        struct err err = {0};
        struct http_conn conn = {.fd = -1};

        assert_int_equal(uv_loop_init(&loop), 0);
        conn.server =
            http_server_new(&loop, cases[i].listen, NULL, NULL, NULL, &err);
        assert_non_null(conn.server);
        if (http_conn_is_loopback(&conn) != cases[i].loopback)
            fail_msg("%s", cases[i].listen);
        http_server_close(conn.server);
        uv_run(&loop, UV_RUN_DEFAULT);
        assert_int_equal(uv_loop_close(&loop), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_knows_whether_others_can_connect),
        cmocka_unit_test(a_connection_is_kept_for_the_next_request),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(a_connection_gets_one_answer_a_turn),
        cmocka_unit_test(requests_of_many_do_not_make_a_turn_long),
        cmocka_unit_test(a_connection_that_waits_for_an_answer_is_not_read),
        cmocka_unit_test(closing_the_server_ends_requests_that_wait_for_a_turn),
        cmocka_unit_test(after_a_late_answer_the_next_request_has_its_own_time),
        cmocka_unit_test(an_answer_that_does_not_come_is_504),
        cmocka_unit_test(who_asks_before_it_sends_a_body_is_told_to_go_on),
        cmocka_unit_test(only_a_proxy_that_is_trusted_says_who_asks),
        cmocka_unit_test(head_is_answered_without_a_body),
        cmocka_unit_test(a_refusal_after_head_has_its_body),
        cmocka_unit_test(an_answer_that_nobody_reads_is_given_up),
        cmocka_unit_test(an_upgrade_hands_the_socket_over_with_what_came_early),
        cmocka_unit_test(after_an_upgrade_that_nobody_took_the_connection_ends),
        cmocka_unit_test(refusals_can_be_read_before_the_close),
        cmocka_unit_test(a_slow_reader_gets_all_of_a_large_answer),
        cmocka_unit_test(a_client_that_goes_away_while_its_answer_is_made),
        cmocka_unit_test(a_client_that_goes_away_after_a_bad_request),
        cmocka_unit_test(closing_the_server_ends_a_request_that_waits),
        cmocka_unit_test(one_connection_too_many_is_told_so),
        cmocka_unit_test(the_longest_idle_connection_makes_room),
        cmocka_unit_test(each_address_has_connections_of_its_own),
        cmocka_unit_test(refused_connections_that_leave_are_bounded_apart),
        cmocka_unit_test(
            a_trusted_proxy_is_not_held_to_the_limit_of_an_address),
        cmocka_unit_test(addresses_of_one_64_share_their_connections),
        cmocka_unit_test(a_trusted_proxy_may_name_its_client_first),
        cmocka_unit_test(a_proxy_may_speak_for_itself_or_not_at_all),
        cmocka_unit_test(a_header_of_anybody_else_is_a_bad_request),
        cmocka_unit_test(a_client_named_by_a_proxy_has_connections_of_its_own),
        cmocka_unit_test(many_connections_are_answered),
        cmocka_unit_test(out_of_descriptors_the_idle_connection_makes_room),
        cmocka_unit_test(out_of_descriptors_is_survived),
        cmocka_unit_test(a_port_in_use_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
