#include "common/http/http_proxy.h"

enum {
    HEAD_BYTES = 16,
    COMMAND_AT = 12,
    FAMILY_AT = 13,
    LENGTH_AT = 14,
    /* of two addresses and their ports */
    IP4_BYTES = 12,
    IP6_BYTES = 36,
    UNIX_BYTES = 216,
};

static unsigned byte_at(struct span s, size_t at)
{
    return (unsigned char)s.ptr[at];
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The source is the first of the addresses. */
static enum http_proxy read_addresses(struct span s, unsigned family,
                                      struct in6_addr *client)
{
    struct in6_addr mapped = {.s6_addr = {[10] = 0xff, 0xff}};

    switch (family) {
    case 0x11: /* TCP over IPv4 */
        if (s.len < IP4_BYTES)
            return HTTP_PROXY_BAD;
        memcpy(&mapped.s6_addr[12], s.ptr, 4);
        *client = mapped;
        return HTTP_PROXY_READ;
    case 0x21: /* TCP over IPv6 */
        if (s.len < IP6_BYTES)
            return HTTP_PROXY_BAD;
        memcpy(client->s6_addr, s.ptr, sizeof client->s6_addr);
        return HTTP_PROXY_READ;
    case 0x31: /* a Unix stream */
        return s.len < UNIX_BYTES ? HTTP_PROXY_BAD : HTTP_PROXY_LOCAL;
    case 0x00:
        return HTTP_PROXY_LOCAL;
    default: /* datagrams, or what does not exist */
        return HTTP_PROXY_BAD;
    }
}

static enum http_proxy parse_2(struct span s, struct in6_addr *client,
                               size_t *len)
{
    enum { LOCAL = 0x20, PROXY = 0x21 };
    enum http_proxy got = HTTP_PROXY_LOCAL;
    unsigned command;
    size_t size;

    if (s.len < HEAD_BYTES)
        return HTTP_PROXY_MORE;
    command = byte_at(s, COMMAND_AT);
    size = HEAD_BYTES + byte_at(s, LENGTH_AT) * 256 + byte_at(s, LENGTH_AT + 1);
    if ((command != LOCAL && command != PROXY) || size > HTTP_PROXY_MAX)
        return HTTP_PROXY_BAD;
    if (s.len < size)
        return HTTP_PROXY_MORE;
    /* Of LOCAL, family and addresses say nothing. */
    if (command == PROXY)
        got = read_addresses(span_make(s.ptr + HEAD_BYTES, size - HEAD_BYTES),
                             byte_at(s, FAMILY_AT), client);
    if (got != HTTP_PROXY_BAD)
        *len = size;
    return got;
}

/* The next word of *s, and the one blank after it. */
static struct span take_word(struct span *s)
{
    const char *blank = s->len > 0 ? memchr(s->ptr, ' ', s->len) : NULL;
    size_t len = blank ? (size_t)(blank - s->ptr) : s->len;
    struct span word = span_make(s->ptr, len);

    len += blank != NULL;
    *s = span_make(s->ptr + len, s->len - len);
    return word;
}

static bool is_port(struct span word)
{
    uint64_t n;

    return span_number(word, 5, &n) && n <= 65535;
}

/* "TCP4 203.0.113.8 192.0.2.1 40001 443" */
static enum http_proxy parse_line(struct span line, struct in6_addr *client)
{
    struct span family = take_word(&line), from, to;
    struct in6_addr a, b;
    bool ip4 = span_is(family, "TCP4");

    if (span_is(family, "UNKNOWN"))
        return HTTP_PROXY_LOCAL; /* the rest means nothing */
    from = take_word(&line);
    to = take_word(&line);
    if ((!ip4 && !span_is(family, "TCP6")) || !http_address_plain(from, &a) ||
        !http_address_plain(to, &b) || !is_port(take_word(&line)) ||
        !is_port(take_word(&line)) || line.len > 0 ||
        ip4 != !memchr(from.ptr, ':', from.len) ||
        ip4 != !memchr(to.ptr, ':', to.len) ||
        memchr(from.ptr, '%', from.len) || memchr(to.ptr, '%', to.len))
        return HTTP_PROXY_BAD;
    *client = a;
    return HTTP_PROXY_READ;
}

static enum http_proxy parse_1(struct span s, size_t head,
                               struct in6_addr *client, size_t *len)
{
    size_t room = least(s.len, HTTP_PROXY_LINE_MAX);
    const char *end = memmem(s.ptr, room, "\r\n", 2);
    enum http_proxy got;

    if (!end)
        return room == HTTP_PROXY_LINE_MAX ? HTTP_PROXY_BAD : HTTP_PROXY_MORE;
    got = parse_line(span_make(s.ptr + head, (size_t)(end - s.ptr) - head),
                     client);
    if (got != HTTP_PROXY_BAD)
        *len = (size_t)(end - s.ptr) + 2;
    return got;
}

enum http_proxy http_proxy_parse(struct span bytes, struct in6_addr *client,
                                 size_t *len)
{
    static const char signature[12] = "\r\n\r\n\0\r\nQUIT\n";
    static const char word[6] = "PROXY ";

    if (bytes.len == 0)
        return HTTP_PROXY_MORE;
    if (memcmp(bytes.ptr, signature, least(bytes.len, sizeof signature)) == 0)
        return bytes.len < sizeof signature ? HTTP_PROXY_MORE
                                            : parse_2(bytes, client, len);
    if (memcmp(bytes.ptr, word, least(bytes.len, sizeof word)) == 0)
        return bytes.len < sizeof word
                   ? HTTP_PROXY_MORE
                   : parse_1(bytes, sizeof word, client, len);
    return HTTP_PROXY_ABSENT;
}
