#include "common/http/http_address.h"

#include <arpa/inet.h>
#include <strings.h>

enum { PORT_DIGITS_MAX = 5 };

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct span inside(struct span s)
{
    while (s.len > 0 && is_blank(s.ptr[0]))
        s = span_make(s.ptr + 1, s.len - 1);
    while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
        s.len--;
    if (s.len >= 2 && s.ptr[0] == '"' && s.ptr[s.len - 1] == '"')
        s = span_make(s.ptr + 1, s.len - 2);
    return s;
}

static bool is_name(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'))
            return false;
    }
    return s.len > 0;
}

/* Of a node, or of a port, that a proxy hides: RFC 7239, 6.3. */
static bool is_obfuscated(struct span s)
{
    return s.len >= 2 && s.ptr[0] == '_' && is_name(s);
}

/* Nothing, or a colon and a port. */
static bool is_port(struct span s)
{
    uint64_t n;

    if (s.len == 0)
        return true;
    if (s.ptr[0] != ':')
        return false;
    s = span_make(s.ptr + 1, s.len - 1);
    return span_number(s, PORT_DIGITS_MAX, &n) || is_obfuscated(s);
}

/* inet_pton() takes a string. */
static bool read_as(int family, struct span s, void *out)
{
    char text[INET6_ADDRSTRLEN];

    if (s.len >= sizeof text || memchr(s.ptr, '\0', s.len))
        return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    return inet_pton(family, text, out) == 1;
}

static bool read_ip4(struct span s, struct in6_addr *out)
{
    struct in6_addr mapped = {.s6_addr = {[10] = 0xff, 0xff}};

    if (s.len == 0 || !read_as(AF_INET, s, &mapped.s6_addr[12]))
        return false;
    *out = mapped;
    return true;
}

static bool read_ip6(struct span s, struct in6_addr *out)
{
    const char *percent = s.len > 0 ? memchr(s.ptr, '%', s.len) : NULL;

    if (percent) {
        size_t len = (size_t)(percent - s.ptr);
        if (!is_name(span_make(percent + 1, s.len - len - 1)))
            return false;
        s.len = len;
    }
    return s.len > 0 && read_as(AF_INET6, s, out);
}

bool http_address_plain(struct span text, struct in6_addr *out)
{
    return read_ip4(text, out) || read_ip6(text, out);
}

/* "[2001:db8::1]:443"; s begins with the bracket. */
static bool read_bracketed(struct span s, struct in6_addr *out)
{
    const char *end = memchr(s.ptr, ']', s.len);
    size_t len = end ? (size_t)(end - s.ptr) - 1 : 0;

    return end && is_port(span_make(end + 1, s.len - len - 2)) &&
           read_ip6(span_make(s.ptr + 1, len), out);
}

enum http_address http_address_parse(struct span text, struct in6_addr *out)
{
    struct span s = inside(text), name = s;
    const char *colon = s.len > 0 ? memchr(s.ptr, ':', s.len) : NULL;
    struct in6_addr got;

    if (s.len == 0)
        return HTTP_ADDRESS_MALFORMED;
    if (colon)
        name.len = (size_t)(colon - s.ptr);
    if (s.ptr[0] == '[' ? read_bracketed(s, &got) : read_ip6(s, &got)) {
        *out = got;
        return HTTP_ADDRESS_READ;
    }
    if (!is_port(span_make(s.ptr + name.len, s.len - name.len)))
        return HTTP_ADDRESS_MALFORMED;
    if (read_ip4(name, out))
        return HTTP_ADDRESS_READ;
    if (is_obfuscated(name) ||
        (name.len == 7 && strncasecmp(name.ptr, "unknown", 7) == 0))
        return HTTP_ADDRESS_WITHHELD;
    return HTTP_ADDRESS_MALFORMED;
}

bool http_address_is_ip4(const struct in6_addr *a)
{
    return IN6_IS_ADDR_V4MAPPED(a);
}

void http_address_text(const struct in6_addr *a, char text[HTTP_ADDRESS_TEXT])
{
    if (http_address_is_ip4(a))
        inet_ntop(AF_INET, &a->s6_addr[12], text, HTTP_ADDRESS_TEXT);
    else
        inet_ntop(AF_INET6, a, text, HTTP_ADDRESS_TEXT);
}

struct in6_addr http_address_bucket(const struct in6_addr *a)
{
    struct in6_addr bucket = *a;

    if (!http_address_is_ip4(a))
        memset(&bucket.s6_addr[8], 0, 8);
    return bucket;
}

void http_address_bucket_text(const struct in6_addr *a,
                              char text[HTTP_ADDRESS_TEXT])
{
    struct in6_addr bucket = http_address_bucket(a);

    http_address_text(&bucket, text);
    if (!http_address_is_ip4(a))
        memcpy(text + strlen(text), "/64", 4);
}
