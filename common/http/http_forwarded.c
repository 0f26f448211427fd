#include "common/http/http_forwarded.h"

#include <strings.h>

enum { VALUE_MAX = 256 }; /* of a quoted for=, without its backslashes */

typedef enum http_forwarded reader(struct span element, struct in6_addr *out);

static bool is_named(struct span s, const char *name)
{
    return s.len == strlen(name) && strncasecmp(s.ptr, name, s.len) == 0;
}

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c);
}

static struct span trim(struct span s)
{
    while (s.len > 0 && is_one_of(s.ptr[0], " \t"))
        s = span_make(s.ptr + 1, s.len - 1);
    while (s.len > 0 && is_one_of(s.ptr[s.len - 1], " \t"))
        s.len--;
    return s;
}

static enum http_forwarded read_address(struct span text, struct in6_addr *out)
{
    switch (http_address_parse(text, out)) {
    case HTTP_ADDRESS_READ:
        return HTTP_FORWARDED_READ;
    case HTTP_ADDRESS_WITHHELD:
        return HTTP_FORWARDED_WITHHELD;
    case HTTP_ADDRESS_MALFORMED:
        break;
    }
    return HTTP_FORWARDED_MALFORMED;
}

static enum http_forwarded read_plain(struct span element, struct in6_addr *out)
{
    return trim(element).len == 0 ? HTTP_FORWARDED_MISSING
                                  : read_address(element, out);
}

/* --- Forwarded: for="[2001:db8::1]:443";proto=https --- */

/* The length of the quoted string that s begins with; 0: it has no end. */
static size_t quoted_len(struct span s)
{
    for (size_t i = 1; i < s.len; i++) {
        if (s.ptr[i] == '"')
            return i + 1;
        i += s.ptr[i] == '\\';
    }
    return 0;
}

/* One value off the front of *s: a quoted string, or what goes up to a
 * semicolon.  An address with a port is no token, but is written as one. */
static bool take_value(struct span *s, struct span *value)
{
    size_t len = 0;

    if (s->len > 0 && s->ptr[0] == '"') {
        len = quoted_len(*s);
        if (len == 0)
            return false;
    } else {
        while (len < s->len && !is_one_of(s->ptr[len], "; \t\""))
            len++;
    }
    *value = span_make(s->ptr, len);
    *s = trim(span_make(s->ptr + len, s->len - len));
    return len > 0 && (s->len == 0 || s->ptr[0] == ';');
}

/* One "name=value" off the front of *s, and the semicolon after it. */
static bool take_pair(struct span *s, struct span *name, struct span *value)
{
    const char *equals = memchr(s->ptr, '=', s->len);
    size_t len = equals ? (size_t)(equals - s->ptr) : 0;

    *name = span_make(s->ptr, len);
    for (size_t i = 0; i < len; i++)
        if (is_one_of(s->ptr[i], " \t;\""))
            return false;
    if (len == 0)
        return false;
    *s = span_make(equals + 1, s->len - len - 1);
    if (!take_value(s, value))
        return false;
    if (s->len > 0)
        *s = trim(span_make(s->ptr + 1, s->len - 1));
    return true;
}

static enum http_forwarded read_for(struct span value, struct in6_addr *out)
{
    char plain[VALUE_MAX];
    size_t len = 0;

    if (value.ptr[0] != '"')
        return read_address(value, out);
    for (size_t i = 1; i + 1 < value.len; i++) {
        i += value.ptr[i] == '\\';
        if (len == sizeof plain)
            return HTTP_FORWARDED_MALFORMED;
        plain[len++] = value.ptr[i];
    }
    return read_address(span_make(plain, len), out);
}

/* All of it is looked at before its address is believed. */
static enum http_forwarded read_pairs(struct span element, struct in6_addr *out)
{
    struct span s = trim(element), name, value, node = {NULL, 0};

    while (s.len > 0) {
        if (s.ptr[0] == ';') { /* a pair may be empty */
            s = trim(span_make(s.ptr + 1, s.len - 1));
            continue;
        }
        if (!take_pair(&s, &name, &value))
            return HTTP_FORWARDED_MALFORMED;
        if (!is_named(name, "for"))
            continue;
        if (node.len > 0) /* once an element: RFC 7239, 4 */
            return HTTP_FORWARDED_MALFORMED;
        node = value;
    }
    return node.len > 0 ? read_for(node, out) : HTTP_FORWARDED_MISSING;
}

/* --- lists --- */

/* Where the last element of a line begins.  Commas in quoted strings are part
 * of them; a string without an end makes the line one element, which cannot be
 * read. */
static size_t last_element(struct span line, bool quotes)
{
    size_t from = 0;

    for (size_t i = 0; i < line.len; i++) {
        if (line.ptr[i] == ',')
            from = i + 1;
        if (line.ptr[i] == '"' && quotes) {
            size_t len = quoted_len(span_make(line.ptr + i, line.len - i));
            if (len == 0)
                return 0;
            i += len - 1;
        }
    }
    return from;
}

struct walk {
    const struct http_networks *trusted;
    struct in6_addr *client;
    struct span *text;
    unsigned hops;
    bool done; /* nothing before this is believed */
};

/* From the end of a line to its beginning. */
static enum http_forwarded walk_line(struct walk *w, struct span line,
                                     bool quotes, reader *read)
{
    for (;;) {
        size_t from = last_element(line, quotes);
        struct in6_addr a;
        enum http_forwarded got;

        *w->text = trim(span_make(line.ptr + from, line.len - from));
        got = read(*w->text, &a);
        w->done = true;
        if (got != HTTP_FORWARDED_READ)
            return got;
        *w->client = a;
        if (!http_networks_have(w->trusted, &a) ||
            ++w->hops == HTTP_FORWARDED_HOPS)
            return got;
        w->done = false;
        if (from == 0)
            return got;
        line.len = from - 1;
    }
}

enum http_forwarded http_forwarded_client(const struct http_request *req,
                                          const struct http_networks *trusted,
                                          struct in6_addr *client,
                                          struct span *text)
{
    static const struct {
        const char *name;
        bool quotes;
        reader *read;
    } headers[] = {
        {"X-Forwarded-For", false, read_plain},
        {"Forwarded", true, read_pairs},
    };
    struct walk w = {.trusted = trusted, .client = client, .text = text};
    enum http_forwarded got = HTTP_FORWARDED_NONE;

    for (unsigned h = 0; h < 2 && got == HTTP_FORWARDED_NONE; h++)
        for (unsigned i = req->n_headers; i-- > 0 && !w.done;)
            if (is_named(req->headers[i].name, headers[h].name))
                got = walk_line(&w, req->headers[i].value, headers[h].quotes,
                                headers[h].read);
    return got;
}

const char *http_forwarded_name(enum http_forwarded result)
{
    static const char *const names[HTTP_FORWARDED_RESULTS] = {
        "none", "read", "withheld", "missing", "malformed"};

    return names[result];
}
