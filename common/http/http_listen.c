#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/loopback.h"
#include "common/http/http_internal.h"

enum { BACKLOG = 511 };

bool http_listen_parse(const char *text, char host[256], unsigned *port,
                       struct err *err)
{
    const char *colon = strrchr(text, ':');
    struct span name = {text, colon ? (size_t)(colon - text) : 0};
    uint64_t value = 0;
    bool ok = span_number(span_str(colon ? colon + 1 : text), 5, &value);

    if (name.len >= 2 && name.ptr[0] == '[' && name.ptr[name.len - 1] == ']')
        name = span_make(name.ptr + 1, name.len - 2);
    else if (memchr(name.ptr, ':', name.len))
        ok = false; /* an IPv6 address needs its brackets */
    if (!ok || value > 65535 || name.len > 255)
        return err_set(err, ERR_USAGE,
                       "'%s' is not an address (try 127.0.0.1:8080)", text);
    memcpy(host, name.ptr, name.len);
    host[name.len] = '\0';
    *port = (unsigned)value;
    return true;
}

static void set_on(int fd, int level, int name, int value)
{
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

/* -1 with errno where this address cannot be had. */
static int open_one(const struct addrinfo *a,
                    const struct http_options *options)
{
    int fd =
        socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int saved;

    if (fd < 0)
        return -1;
    set_on(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (options->reuse_port)
        set_on(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    set_on(fd, IPPROTO_TCP, TCP_NODELAY, 1); /* accepted ones inherit it */
    /* "[::]:8080" is every address, IPv4 too. */
    if (a->ai_family == AF_INET6)
        set_on(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 &&
        listen(fd, options->backlog > 0 ? options->backlog : BACKLOG) == 0)
        return fd;
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static unsigned bound_port(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in ip4;
        struct sockaddr_in6 ip6;
    } at;
    socklen_t size = sizeof at;

    memset(&at, 0, sizeof at);
    if (getsockname(fd, &at.any, &size) != 0)
        return 0;
    return ntohs(at.any.sa_family == AF_INET6 ? at.ip6.sin6_port
                                              : at.ip4.sin_port);
}

static bool cannot(const char *text, int errnum, struct err *err)
{
    if (errnum == EADDRINUSE)
        return err_set(err, ERR_SYSTEM, "%s is already in use", text);
    return err_errno(err, ERR_SYSTEM, errnum, "%s", text);
}

int http_listen_open(const char *text, const struct http_options *options,
                     unsigned *port, struct err *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    char host[256] = "", service[8];
    unsigned wanted = 0;
    int status, fd = -1;

    if (!http_listen_parse(text, host, &wanted, err))
        return -1;
    /* One address is listened on: the one that most who connect try. */
    if (loopback_name(host))
        snprintf(host, sizeof host, "127.0.0.1");
    snprintf(service, sizeof service, "%u", wanted);
    status = getaddrinfo(host[0] != '\0' ? host : NULL, service, &hints, &list);
    if (status != 0) {
        err_set(err, ERR_SYSTEM, "%s: %s", text, gai_strerror(status));
        return -1;
    }
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
        fd = open_one(a, options);
    if (fd < 0)
        cannot(text, errno, err);
    freeaddrinfo(list);
    if (fd >= 0)
        *port = bound_port(fd);
    return fd;
}
