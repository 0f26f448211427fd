#include "tests/tools/load/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { KEEP_BYTES = 1 << 16 };

void peer_init(struct peer *p)
{
    *p = (struct peer){.fd = -1};
    bytes_init(&p->out);
    bytes_init(&p->in);
}

static void watch(struct peer *p, int epoll, int how)
{
    struct epoll_event e = {.data.ptr = p};

    if (!p->deaf)
        e.events |= EPOLLIN | EPOLLRDHUP;
    if (p->watches_out)
        e.events |= EPOLLOUT;
    epoll_ctl(epoll, how, p->fd, &e);
}

static struct sockaddr_in loopback(unsigned last, unsigned port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr =
                                    htonl(INADDR_LOOPBACK - 1 + last)};
}

bool peer_open(struct peer *p, int epoll, unsigned from, unsigned port,
               const char *path, int rcvbuf)
{
    struct sockaddr_in own = loopback(from, 0), theirs = loopback(1, port);
    int on = 1;

    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (p->fd < 0)
        return false;
    setsockopt(p->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (rcvbuf > 0)
        setsockopt(p->fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof rcvbuf);
    p->state = PEER_CONNECTING;
    p->deaf = false;
    p->watches_out = true;
    p->path = path;
    p->close_code = 0;
    p->in_at = 0;
    bytes_clear(&p->in);
    bytes_clear(&p->out);
    if (bind(p->fd, (struct sockaddr *)&own, sizeof own) < 0 ||
        (connect(p->fd, (struct sockaddr *)&theirs, sizeof theirs) < 0 &&
         errno != EINPROGRESS)) {
        peer_close(p, false);
        return false;
    }
    watch(p, epoll, EPOLL_CTL_ADD);
    return true;
}

void peer_close(struct peer *p, bool rst)
{
    struct linger at_once = {1, 0};

    if (p->fd < 0)
        return;
    if (rst)
        setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(p->fd);
    p->fd = -1;
    p->state = PEER_CLOSED;
    if (p->in.cap > KEEP_BYTES)
        bytes_close(&p->in);
    if (p->out.cap > KEEP_BYTES)
        bytes_close(&p->out);
}

static bool flush(struct peer *p, int epoll)
{
    bool held;

    while (p->out.len > 0) {
        ssize_t n = send(p->fd, p->out.ptr, p->out.len, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        if (n <= 0)
            break;
        bytes_drop(&p->out, (size_t)n);
    }
    held = p->out.len > 0;
    if (held != p->watches_out) {
        p->watches_out = held;
        watch(p, epoll, EPOLL_CTL_MOD);
    }
    return true;
}

bool peer_send(struct peer *p, int epoll, struct span data)
{
    if (p->fd < 0 || p->out.len + data.len > PEER_OUT_MAX)
        return false;
    bytes_add_span(&p->out, data);
    /* An error is told by epoll as well. */
    if (!p->watches_out)
        (void)flush(p, epoll);
    return true;
}

bool peer_is_held(const struct peer *p)
{
    return p->out.len > 0;
}

void peer_set_deaf(struct peer *p, int epoll, bool deaf)
{
    p->deaf = deaf;
    if (p->fd >= 0)
        watch(p, epoll, EPOLL_CTL_MOD);
}

static enum peer_event end(struct peer *p)
{
    enum peer_event how = p->state == PEER_OPEN ? PEER_ENDED : PEER_REFUSED;

    peer_close(p, false);
    return how;
}

static enum peer_event connected(struct peer *p, int epoll)
{
    int error = 0;
    socklen_t len = sizeof error;

    getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error != 0)
        return end(p);
    p->state = p->path ? PEER_SHAKING : PEER_OPEN;
    if (p->path)
        bytes_printf(&p->out,
                     "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                     "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                     "Sec-WebSocket-Version: 13\r\n\r\n",
                     p->path);
    if (!flush(p, epoll))
        return end(p);
    return p->path ? PEER_NOTHING : PEER_OPENED;
}

/* PEER_OPENED where the answer to the upgrade is whole and granted. */
static enum peer_event shaken(struct peer *p)
{
    static const char granted[] = "HTTP/1.1 101 ";
    char *rest = memmem(p->in.ptr, p->in.len, "\r\n\r\n", 4);

    if (!rest)
        return PEER_NOTHING;
    if (strncmp(p->in.ptr, granted, sizeof granted - 1) != 0)
        return end(p);
    p->in_at = (size_t)(rest + 4 - p->in.ptr);
    p->state = PEER_OPEN;
    return PEER_OPENED;
}

static void drop_taken(struct peer *p)
{
    if (p->in_at == 0)
        return;
    bytes_drop(&p->in, p->in_at);
    p->in_at = 0;
}

enum peer_event peer_on_event(struct peer *p, int epoll, uint32_t events,
                              size_t read_max)
{
    ssize_t n;

    if (p->state == PEER_CONNECTING)
        return events & (EPOLLOUT | EPOLLERR | EPOLLHUP) ? connected(p, epoll)
                                                         : PEER_NOTHING;
    if ((events & EPOLLERR) || ((events & EPOLLOUT) && !flush(p, epoll)))
        return end(p);
    if (p->deaf && (events & EPOLLHUP))
        return end(p);
    if (p->deaf || !(events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)))
        return PEER_NOTHING;
    drop_taken(p);
    n = recv(p->fd, bytes_reserve(&p->in, read_max), read_max, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return PEER_NOTHING;
    if (n <= 0)
        return end(p);
    p->in.len += (size_t)n;
    p->received += (uint64_t)n;
    return p->state == PEER_SHAKING ? shaken(p) : PEER_DATA;
}

bool peer_frame(struct peer *p, struct peer_frame *frame)
{
    const unsigned char *at = (const unsigned char *)p->in.ptr + p->in_at;
    size_t left = p->in.len - p->in_at, head = 2, len;

    if (left < 2)
        return false;
    len = at[1] & 127;
    if (len == 126 || len == 127) {
        unsigned more = len == 126 ? 2 : 8;
        head += more;
        if (left < head)
            return false;
        len = 0;
        for (unsigned i = 0; i < more; i++)
            len = len << 8 | at[2 + i];
    }
    if (left - head < len)
        return false;
    frame->opcode = at[0] & 15;
    frame->payload = span_make((const char *)at + head, len);
    if (frame->opcode == PEER_CLOSE && len >= 2)
        p->close_code = (unsigned)at[head] << 8 | at[head + 1];
    p->in_at += head + len;
    return true;
}

void peer_add_frame(struct bytes *out, unsigned opcode, struct span payload)
{
    unsigned char head[14] = {0};
    size_t n = 2;

    head[0] = (unsigned char)(0x80 | opcode);
    if (payload.len < 126) {
        head[1] = (unsigned char)(0x80 | payload.len);
    } else {
        unsigned more = payload.len < 65536 ? 2 : 8;
        head[1] = more == 2 ? 0x80 | 126 : 0x80 | 127;
        for (unsigned i = 0; i < more; i++)
            head[2 + i] = (unsigned char)(payload.len >> 8 * (more - 1 - i));
        n += more;
    }
    bytes_add(out, head, n + 4); /* the key is zero */
    bytes_add_span(out, payload);
}
