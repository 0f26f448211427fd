#include "common/http/http_origin.h"

#include "common/http/http_tokens.h"

static unsigned default_port(struct span scheme)
{
    if (http_tokens_same(scheme, span_str("http")))
        return 80;
    return http_tokens_same(scheme, span_str("https")) ? 443 : 0;
}

/* RFC 3986 3.1. */
static bool scheme_ok(struct span scheme)
{
    for (size_t i = 0; i < scheme.len; i++) {
        char c = scheme.ptr[i], low = (char)(c | 0x20);
        bool letter = low >= 'a' && low <= 'z';

        if (!letter && (i == 0 || (!(c >= '0' && c <= '9') && c != '+' &&
                                   c != '-' && c != '.')))
            return false;
    }
    return scheme.len > 0;
}

/* "scheme://rest" */
static bool split(struct span text, struct span *scheme, struct span *rest)
{
    const char *at = memmem(text.ptr, text.len, "://", 3);
    size_t n;

    if (!at)
        return false;
    n = (size_t)(at - text.ptr);
    *scheme = span_make(text.ptr, n);
    *rest = span_make(at + 3, text.len - n - 3);
    /* Blanks around the whole do not count, but none belongs here. */
    return scheme_ok(*scheme) && http_tokens_trim(*rest).len == rest->len;
}

bool http_origin_read(struct span text, struct http_origin *out)
{
    struct http_origin o = {.opaque = false};
    struct span rest;

    text = http_tokens_trim(text);
    if (span_is(text, "null")) {
        *out = (struct http_origin){.opaque = true};
        return true;
    }
    if (!split(text, &o.scheme, &rest))
        return false;
    if (rest.len == 0 ? default_port(o.scheme) != 0
                      : !http_host_read(rest, &o.host))
        return false;
    if (o.host.port == 0)
        o.host.port = default_port(o.scheme);
    *out = o;
    return true;
}

bool http_origin_is_of(const struct http_origin *origin,
                       const struct http_host *host)
{
    unsigned standard;

    if (origin->opaque)
        return false;
    standard = default_port(origin->scheme);
    return standard != 0 && http_host_eq(&origin->host, host) &&
           origin->host.port == (host->port ? host->port : standard);
}

/* --- patterns --- */

/* An address to connect to is no page's. */
static bool is_page_scheme(struct span text, struct span scheme,
                           struct span rest, struct err *err)
{
    bool secure = http_tokens_same(scheme, span_str("wss"));

    if (secure || http_tokens_same(scheme, span_str("ws")))
        return err_set(err, ERR_USAGE,
                       "'%.*s': an origin is the address of a page: write "
                       "%s://%.*s",
                       SPAN_ARG(text), secure ? "https" : "http",
                       SPAN_ARG(rest));
    return true;
}

/* Takes the port off *rest, which is then a host. */
static bool take_port(struct span *rest, struct http_origin_pattern *p)
{
    struct span port;
    size_t n = rest->len;

    while (n > 0 && rest->ptr[n - 1] != ':' && rest->ptr[n - 1] != ']')
        n--;
    if (n > 0 && rest->ptr[n - 1] == ':') {
        port = span_make(rest->ptr + n, rest->len - n);
        rest->len = n - 1;
        p->any_port = span_is(port, "*");
        if (!p->any_port && !http_host_port(port, &p->port))
            return false;
    }
    if (p->port == 0)
        p->port = default_port(p->scheme);
    return true;
}

/* Takes a slash off the end of *rest; text is the whole of it. */
static bool take_path(struct span text, struct span *rest, struct err *err)
{
    const char *slash = memchr(rest->ptr, '/', rest->len);
    size_t n;

    if (!slash)
        return true;
    n = (size_t)(slash - rest->ptr);
    if (n + 1 < rest->len)
        return err_set(err, ERR_USAGE,
                       "'%.*s': an origin has no path: write %.*s",
                       SPAN_ARG(text), (int)(slash - text.ptr), text.ptr);
    rest->len = n;
    return true;
}

static bool read_place(struct span text, struct span rest,
                       struct http_origin_pattern *p, struct err *err)
{
    struct err cause = {0};

    if (!take_path(text, &rest, err))
        return false;
    if (memchr(rest.ptr, '@', rest.len))
        return err_set(err, ERR_USAGE,
                       "'%.*s': an origin names no user: write it without what "
                       "is before the @",
                       SPAN_ARG(text));
    if (!take_port(&rest, p))
        return err_set(err, ERR_USAGE,
                       "'%.*s': the port is not 1 to 65535 or *",
                       SPAN_ARG(text));
    if (rest.len == 0 && default_port(p->scheme) == 0)
        return true; /* file:// */
    /* With a port an IPv6 address needs its brackets. */
    if (memchr(rest.ptr, ':', rest.len) && rest.ptr[0] != '[')
        rest.len = 0;
    if (!http_host_pattern_read(rest, &p->host, &cause)) {
        if (strstr(cause.text, "xn--"))
            return err_set(err, cause.code, "%s", cause.text);
        return err_set(err, ERR_USAGE,
                       "'%.*s' is not an origin (try https://example.org, "
                       "https://*.example.org, http://localhost:*)",
                       SPAN_ARG(text));
    }
    return true;
}

bool http_origin_pattern_read(struct span text, struct http_origin_pattern *out,
                              struct err *err)
{
    struct http_origin_pattern p = {.any = false};
    struct span rest;

    text = http_tokens_trim(text);
    if (span_is(text, "*") || span_is(text, "null")) {
        *out = (struct http_origin_pattern){.any = text.len == 1,
                                            .opaque = text.len != 1};
        return true;
    }
    if (!memmem(text.ptr, text.len, "://", 3))
        return err_set(err, ERR_USAGE,
                       "'%.*s' has no scheme: write https:// or http:// in "
                       "front of it",
                       SPAN_ARG(text));
    if (!split(text, &p.scheme, &rest))
        return err_set(err, ERR_USAGE,
                       "'%.*s' has no scheme that a page can have (try https "
                       "or http)",
                       SPAN_ARG(text));
    if (!is_page_scheme(text, p.scheme, rest, err) ||
        !read_place(text, rest, &p, err))
        return false;
    *out = p;
    return true;
}

bool http_origin_matches(const struct http_origin_pattern *pattern,
                         const struct http_origin *origin)
{
    if (pattern->any)
        return true;
    if (pattern->opaque || origin->opaque)
        return pattern->opaque && origin->opaque;
    if (!http_tokens_same(pattern->scheme, origin->scheme) ||
        (!pattern->any_port && pattern->port != origin->host.port))
        return false;
    if (origin->host.name.len == 0 || /* file:// */
        (!pattern->host.any && pattern->host.host.name.len == 0))
        return origin->host.name.len == 0 && !pattern->host.any &&
               pattern->host.host.name.len == 0;
    return http_host_matches(&pattern->host, &origin->host);
}
