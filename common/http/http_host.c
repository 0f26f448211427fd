#include "common/http/http_host.h"

#include <arpa/inet.h>

#include "common/http/http_tokens.h"

enum { PORT_DIGITS = 5, PORT_MAX = 65535 };

bool http_host_port(struct span text, unsigned *port)
{
    uint64_t n;

    if (text.len == 0) {
        *port = 0;
        return true;
    }
    if (!span_number(text, PORT_DIGITS, &n) || n == 0 || n > PORT_MAX)
        return false;
    *port = (unsigned)n;
    return true;
}

static bool name_char(char c)
{
    char low = (char)(c | 0x20);

    return (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

/* Labels with one dot between them. */
static bool name_ok(struct span name)
{
    bool in_label = false;

    if (name.len > HTTP_HOST_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '.' ? !in_label : !name_char(name.ptr[i]))
            return false;
        in_label = name.ptr[i] != '.';
    }
    return in_label;
}

static bool read_ip(int family, struct span text, unsigned char ip[16])
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    char copy[INET6_ADDRSTRLEN];
    unsigned char bytes[16];

    if (text.len >= sizeof copy || memchr(text.ptr, '\0', text.len))
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (inet_pton(family, copy, bytes) != 1)
        return false;
    if (family == AF_INET6) {
        memcpy(ip, bytes, 16);
    } else {
        memcpy(ip, mapped, sizeof mapped);
        memcpy(ip + sizeof mapped, bytes, 4);
    }
    return true;
}

/* "[::1]" and what follows it. */
static bool read_bracketed(struct span text, struct http_host *h)
{
    const char *end = memchr(text.ptr, ']', text.len);
    size_t n;

    if (!end)
        return false;
    n = (size_t)(end - text.ptr) + 1;
    h->name = span_make(text.ptr + 1, n - 2);
    h->is_address = read_ip(AF_INET6, h->name, h->ip);
    if (!h->is_address || (n < text.len && text.ptr[n] != ':'))
        return false;
    return n == text.len ||
           http_host_port(span_make(text.ptr + n + 1, text.len - n - 1),
                          &h->port);
}

static bool read_named(struct span text, struct http_host *h)
{
    const char *colon = memchr(text.ptr, ':', text.len);
    struct span name = text;

    if (colon) {
        size_t n = (size_t)(colon - text.ptr);

        name.len = n;
        if (!http_host_port(span_make(colon + 1, text.len - n - 1), &h->port))
            return false;
    }
    if (name.len > 0 && name.ptr[name.len - 1] == '.')
        name.len--;
    h->name = name;
    if (!name_ok(name))
        return false;
    /* Only what ends with a digit can be one, and few names do. */
    h->is_address = name.ptr[name.len - 1] >= '0' &&
                    name.ptr[name.len - 1] <= '9' &&
                    read_ip(AF_INET, name, h->ip);
    return true;
}

bool http_host_read(struct span text, struct http_host *out)
{
    struct http_host h = {.port = 0};

    if (text.len == 0 ||
        !(text.ptr[0] == '[' ? read_bracketed(text, &h) : read_named(text, &h)))
        return false;
    *out = h;
    return true;
}

bool http_host_eq(const struct http_host *a, const struct http_host *b)
{
    if (a->is_address || b->is_address)
        return a->is_address && b->is_address &&
               memcmp(a->ip, b->ip, sizeof a->ip) == 0;
    return http_tokens_same(a->name, b->name);
}

/* Is it the last labels of the name, with something in front? */
static bool is_below(struct span name, struct span of)
{
    size_t before;

    if (name.len < of.len + 2)
        return false;
    before = name.len - of.len;
    return name.ptr[before - 1] == '.' &&
           http_tokens_same(span_make(name.ptr + before, of.len), of);
}

bool http_host_is_loopback(const struct http_host *host)
{
    static const unsigned char one[16] = {[15] = 1};
    static const unsigned char net127[13] = {
        [10] = 0xff, [11] = 0xff, [12] = 127};

    if (host->is_address)
        return memcmp(host->ip, one, sizeof one) == 0 ||
               memcmp(host->ip, net127, sizeof net127) == 0;
    return http_tokens_same(host->name, span_str("localhost")) ||
           is_below(host->name, span_str("localhost"));
}

/* --- patterns --- */

/* An IPv6 address needs no brackets where there can be no port. */
static bool read_whole(struct span text, struct http_host *h)
{
    struct http_host bare = {.name = text, .is_address = true};

    if (read_ip(AF_INET6, text, bare.ip)) {
        *h = bare;
        return true;
    }
    return http_host_read(text, h);
}

bool http_host_pattern_read(struct span text, struct http_host_pattern *out,
                            struct err *err)
{
    struct http_host_pattern p = {.any = false};
    struct span host = http_tokens_trim(text);

    if (span_is(host, "*")) {
        *out = (struct http_host_pattern){.any = true};
        return true;
    }
    if (memmem(host.ptr, host.len, "://", 3) || memchr(host.ptr, '/', host.len))
        return err_set(err, ERR_USAGE,
                       "'%.*s' is more than a host: write it as example.org, "
                       "without scheme and path",
                       SPAN_ARG(text));
    if (span_starts(host, "*.")) {
        p.below = true;
        host = span_make(host.ptr + 2, host.len - 2);
    }
    if (host.len > 0 && memchr(host.ptr, '*', host.len))
        return err_set(err, ERR_USAGE,
                       "'%.*s': a * stands for the first labels of a host, as "
                       "in *.example.org",
                       SPAN_ARG(text));
    for (size_t i = 0; i < host.len; i++) {
        if ((unsigned char)host.ptr[i] >= 0x80)
            return err_set(err, ERR_USAGE,
                           "'%.*s': browsers send such names in ASCII: write "
                           "it as xn--...",
                           SPAN_ARG(text));
    }
    if (!read_whole(host, &p.host) || (p.below && p.host.is_address))
        return err_set(err, ERR_USAGE,
                       "'%.*s' is not a host (try example.org, *.example.org "
                       "or [::1])",
                       SPAN_ARG(text));
    if (p.host.port != 0)
        return err_set(err, ERR_USAGE,
                       "'%.*s': hosts have any port here: write %.*s",
                       SPAN_ARG(text), SPAN_ARG(p.host.name));
    *out = p;
    return true;
}

bool http_host_matches(const struct http_host_pattern *pattern,
                       const struct http_host *host)
{
    if (pattern->any)
        return true;
    if (pattern->below)
        return !host->is_address && is_below(host->name, pattern->host.name);
    return http_host_eq(&pattern->host, host);
}
