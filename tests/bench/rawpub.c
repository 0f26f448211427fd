/*
 * rawpub PORT CHANNEL      lines of standard input, each one a PUBLISH; what one
 *                          read() brought is one write()
 * rawpub PORT CHANNEL sub  subscribes and throws away what comes
 *
 * Nothing else is in the way: no check of the line, no key, no journal.  With
 * `rawfan -m relay -R PORT` behind Redis it is the raw chain that the chain of
 * tickpub, Redis and wsgate is compared with.
 * Build: cc -O3 -D_GNU_SOURCE -o rawpub rawpub.c
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char in[1 << 18], out[1 << 21], reply[1 << 18];

static int dial(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((unsigned short)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        perror("rawpub: connect");
        exit(1);
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static void put(int fd, const char *p, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, p, len);

        if (n < 0) {
            perror("rawpub: write");
            exit(1);
        }
        p += n;
        len -= (size_t)n;
    }
}

static void subscribe(int fd, const char *channel)
{
    int n = snprintf(out, sizeof out, "*2\r\n$9\r\nSUBSCRIBE\r\n$%zu\r\n%s\r\n",
                     strlen(channel), channel);

    put(fd, out, (size_t)n);
    while (read(fd, reply, sizeof reply) > 0)
        ;
}

/* Publishes the whole lines of in[0..len); returns what they took. */
static size_t publish(int fd, const char *channel, size_t len)
{
    const char *line = in, *end = in + len, *lf;
    size_t n = 0;

    while ((lf = memchr(line, '\n', (size_t)(end - line))) != NULL) {
        size_t size = (size_t)(lf - line);

        n += (size_t)sprintf(out + n,
                             "*3\r\n$7\r\nPUBLISH\r\n$%zu\r\n%s\r\n$%zu\r\n",
                             strlen(channel), channel, size);
        memcpy(out + n, line, size);
        n += size;
        memcpy(out + n, "\r\n", 2);
        n += 2;
        line = lf + 1;
        if (n > sizeof out / 2) {
            put(fd, out, n);
            n = 0;
        }
    }
    put(fd, out, n);
    return (size_t)(line - in);
}

int main(int argc, char **argv)
{
    struct pollfd from[2] = {{.fd = 0, .events = POLLIN}, {.events = POLLIN}};
    size_t len = 0, used;
    ssize_t n;

    if (argc < 3 || strlen(argv[2]) > 200) {
        fprintf(stderr, "usage: rawpub PORT CHANNEL [sub]\n");
        return 64;
    }
    from[1].fd = dial((int)strtol(argv[1], NULL, 10));
    if (argc > 3) {
        subscribe(from[1].fd, argv[2]);
        return 0;
    }
    for (;;) {
        poll(from, 2, -1);
        if (from[1].revents) {
            n = recv(from[1].fd, reply, sizeof reply, MSG_DONTWAIT);
            if (n == 0)
                return 1; /* Redis went away */
        }
        if (!from[0].revents)
            continue;
        n = read(0, in + len, sizeof in - len);
        if (n <= 0)
            return 0;
        used = publish(from[1].fd, argv[2], len += (size_t)n);
        memmove(in, in + used, len -= used);
    }
}
