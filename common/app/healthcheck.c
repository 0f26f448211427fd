#include "common/app/healthcheck.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/loopback.h"
#include "common/http/http.h"

struct check {
    uint64_t deadline_ms; /* CLOCK_MONOTONIC */
    char answer[4096];
    size_t len;
};

/* Wait for the socket; false with errno where the time is up. */
static bool ready_for(struct check *c, int fd, short what)
{
    struct pollfd p = {.fd = fd, .events = what};

    for (;;) {
        uint64_t now_ms = clock_mono_ms();
        int n = now_ms >= c->deadline_ms
                    ? 0
                    : poll(&p, 1, (int)(c->deadline_ms - now_ms));
        if (n > 0)
            return true;
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = ETIMEDOUT;
        return false;
    }
}

static bool connected(struct check *c, int fd, const struct addrinfo *to)
{
    int error = 0;
    socklen_t size = sizeof error;

    if (connect(fd, to->ai_addr, to->ai_addrlen) == 0)
        return true;
    if (errno != EINPROGRESS || !ready_for(c, fd, POLLOUT))
        return false;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
        return false;
    errno = error;
    return error == 0;
}

static bool asked(struct check *c, int fd)
{
    static const char text[] = "GET /ready HTTP/1.1\r\nHost: localhost\r\n"
                               "Connection: close\r\n\r\n";

    /* A fresh socket's buffer takes these few bytes at once. */
    if (send(fd, text, sizeof text - 1, MSG_NOSIGNAL) != sizeof text - 1)
        return false;
    while (c->len < sizeof c->answer - 1 && ready_for(c, fd, POLLIN)) {
        ssize_t n =
            recv(fd, c->answer + c->len, sizeof c->answer - 1 - c->len, 0);
        if (n == 0)
            break;
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return false;
        if (n > 0)
            c->len += (size_t)n;
    }
    c->answer[c->len] = '\0';
    if (c->len > 0)
        return true;
    if (errno == 0)
        errno = ECONNRESET;
    return false;
}

static bool try_one(struct check *c, const struct addrinfo *to)
{
    int fd =
        socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool done;
    int saved;

    if (fd < 0)
        return false;
    errno = 0;
    done = connected(c, fd, to) && asked(c, fd);
    saved = errno;
    close(fd);
    errno = saved;
    return done;
}

/* 200, or say what came: the body is {"ready":false,"why":"..."}. */
static int judge(const struct cli *cli, const char *at, const struct check *c)
{
    const char *body = strstr(c->answer, "\r\n\r\n");
    int status = 0;

    if (sscanf(c->answer, "HTTP/1.%*1d %3d", &status) == 1 && status == 200)
        return 0;
    if (status == 0) {
        fprintf(stderr, "%s: %s does not speak HTTP\n", cli->tool, at);
        return 1;
    }
    fprintf(stderr, "%s: %s is not ready: %d %.*s\n", cli->tool, at, status,
            body ? (int)strcspn(body + 4, "\r\n") : 0, body ? body + 4 : "");
    return 1;
}

int healthcheck(const struct cli *cli, const char *at, struct err *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list, *a;
    struct check c = {.deadline_ms = clock_mono_ms() + HEALTHCHECK_MS};
    struct err cause = {0};
    char host[256] = "", service[8];
    unsigned port = 0;
    int status;

    if (!at || !http_listen_parse(at, host, &port, &cause)) {
        err_set(err, ERR_USAGE, "--healthcheck: %s",
                at ? cause.text
                   : "where is it? add --http HOST:PORT, as the running one "
                     "has");
        return ERR_USAGE;
    }
    /* Listening on every address means that the local one answers. */
    if (host[0] == '\0' || strcmp(host, "0.0.0.0") == 0 || loopback_name(host))
        snprintf(host, sizeof host, "127.0.0.1");
    else if (strcmp(host, "::") == 0)
        snprintf(host, sizeof host, "::1");
    snprintf(service, sizeof service, "%u", port);
    status = getaddrinfo(host, service, &hints, &list);
    if (status != 0) {
        fprintf(stderr, "%s: %s: %s\n", cli->tool, at, gai_strerror(status));
        return 1;
    }
    for (a = list; a; a = a->ai_next)
        if (try_one(&c, a))
            break;
    if (!a)
        fprintf(stderr, "%s: %s: %s\n", cli->tool, at, strerror(errno));
    freeaddrinfo(list);
    return a ? judge(cli, at, &c) : 1;
}
