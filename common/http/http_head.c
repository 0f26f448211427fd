/*
 * What the fields of a head must say before anything else is read of the
 * request: whom it is for, and where it ends.
 */
#include <strings.h>

#include "common/http/http_internal.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

struct span http_head_name(const struct http_parse *p, unsigned i)
{
    return span_make(p->buf.ptr + p->names[i].at, p->names[i].len);
}

/* RFC 9110 5.5: white space around a value is no part of it.  http-parser
 * leaves what is behind. */
struct span http_head_value(const struct http_parse *p, unsigned i)
{
    struct span value =
        span_make(p->buf.ptr + p->values[i].at, p->values[i].len);

    while (value.len > 0 && is_space(value.ptr[value.len - 1]))
        value.len--;
    return value;
}

bool http_head_same(struct span s, const char *word)
{
    return s.len == strlen(word) && strncasecmp(s.ptr, word, s.len) == 0;
}

/* The values of this name: how many there are, and the last. */
static unsigned find(const struct http_parse *p, const char *name,
                     struct span *value)
{
    size_t len = strlen(name);
    unsigned n = 0;

    for (unsigned i = 0; i < p->n_headers; i++) {
        if (p->names[i].len != len ||
            strncasecmp(http_head_name(p, i).ptr, name, len) != 0)
            continue;
        *value = http_head_value(p, i);
        n++;
    }
    return n;
}

/* RFC 9110 7.2: host[:port], by its characters.  A comma would be two that
 * somebody merged. */
static bool is_authority(struct span host)
{
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];

        if ((unsigned char)c <= 0x20 || (unsigned char)c >= 0x7f ||
            strchr("\"#,/<>?@\\^`{|}", c))
            return false;
    }
    return true;
}

/* RFC 9112 3.2: exactly one, and 1.0 knew none. */
static int check_host(const struct http_parse *p, unsigned minor)
{
    struct span host = {NULL, 0};
    unsigned n = find(p, "host", &host);

    return n > 1 || (n == 0 && minor > 0) || !is_authority(host) ? 400 : 0;
}

/* One element of a list, which may be empty; false: none is left. */
static bool next_element(struct span *list, struct span *element)
{
    const char *comma = memchr(list->ptr, ',', list->len);
    size_t n = comma ? (size_t)(comma - list->ptr) : list->len;

    if (list->len == 0)
        return false;
    *element = span_make(list->ptr, n);
    list->ptr += comma ? n + 1 : n;
    list->len -= comma ? n + 1 : n;
    while (element->len > 0 && is_space(element->ptr[0]))
        *element = span_make(element->ptr + 1, element->len - 1);
    while (element->len > 0 && is_space(element->ptr[element->len - 1]))
        element->len--;
    return true;
}

/* RFC 9112 6.1: "chunked", once and last, tells where a body ends; what comes
 * before it would have to be understood.  Anything else has no end. */
static int check_codings(struct span list)
{
    struct span coding;
    unsigned n = 0, chunked = 0;
    bool last = false;

    for (; next_element(&list, &coding); n++) {
        last = http_head_same(coding, "chunked");
        chunked += last;
        if (coding.len == 0)
            return 400;
    }
    if (chunked != 1 || !last)
        return 400;
    return n == 1 ? 0 : 501;
}

/* RFC 9112 6.3, where it leaves a choice, the strict one: of two lengths, also
 * equal ones, and of a length beside a coding. */
static int check_length(const struct http_parse *p, unsigned minor)
{
    struct span length = {NULL, 0}, codings = {NULL, 0};
    unsigned lengths = find(p, "content-length", &length);
    unsigned coded = find(p, "transfer-encoding", &codings);

    if (lengths + coded > 1)
        return 400;
    for (size_t i = 0; i < length.len; i++)
        if (length.ptr[i] < '0' || length.ptr[i] > '9')
            return 400;
    if (lengths > 0 && length.len == 0)
        return 400;
    if (coded > 0)
        return minor == 0 ? 400 : check_codings(codings);
    return 0;
}

int http_head_check(const struct http_parse *p, unsigned major, unsigned minor)
{
    int refuse;

    if (major != 1)
        return 505;
    refuse = check_host(p, minor);
    return refuse != 0 ? refuse : check_length(p, minor);
}

bool http_head_expects(const struct http_parse *p)
{
    struct span value = {NULL, 0};

    return find(p, "expect", &value) > 0 &&
           http_head_same(value, "100-continue");
}

bool http_head_connection(const struct http_parse *p, const char *option)
{
    for (unsigned i = 0; i < p->n_headers; i++) {
        struct span list, one;

        if (!http_head_same(http_head_name(p, i), "connection"))
            continue;
        list = http_head_value(p, i);
        while (next_element(&list, &one))
            if (http_head_same(one, option))
                return true;
    }
    return false;
}

bool http_head_upgrades(const struct http_parse *p)
{
    struct span value;

    return find(p, "upgrade", &value) > 0 && http_head_connection(p, "upgrade");
}
