#include <http_parser.h>
#include <stdlib.h>

#include "common/http/http_internal.h"

/* Pool entries that grew for a body are not kept at that size. */
enum { KEEP_BYTES = 16384 };

/* No other file knows whose parser it is. */
struct whole {
    struct http_parse parse; /* first */
    http_parser parser;
};

static struct http_parse *of(http_parser *parser)
{
    return parser->data;
}

static http_parser *parser_of(struct http_parse *p)
{
    return &((struct whole *)p)->parser;
}

static uint32_t offset(const struct http_parse *p, const char *at)
{
    return (uint32_t)(at - p->buf.ptr);
}

static int refuse(struct http_parse *p, int status)
{
    p->refuse = status;
    return -1; /* http-parser stops; 1 would mean "no body" to it */
}

/* Pieces of one thing that came in several reads stand side by side in buf.
 * Where they do not, a header was folded over lines: RFC 7230 3.2.4 lets a
 * server refuse that. */
static int extend(struct http_parse *p, struct http_piece *piece,
                  const char *at, size_t len)
{
    uint32_t from = offset(p, at);

    if (piece->len == 0)
        piece->at = from;
    else if (piece->at + piece->len != from)
        return refuse(p, 400);
    piece->len += (uint32_t)len;
    return 0;
}

static int on_url(http_parser *parser, const char *at, size_t len)
{
    return extend(of(parser), &of(parser)->url, at, len);
}

static int on_header_field(http_parser *parser, const char *at, size_t len)
{
    struct http_parse *p = of(parser);

    if (p->head_done)
        return 0; /* trailers of a chunked body: nobody asks for them */
    if (p->n_headers == 0 || p->in_value) {
        if (p->n_headers == HTTP_HEADERS_MAX)
            return refuse(p, 431);
        p->names[p->n_headers] = (struct http_piece){0};
        p->values[p->n_headers] = (struct http_piece){0};
        p->n_headers++;
        p->in_value = false;
    }
    return extend(p, &p->names[p->n_headers - 1], at, len);
}

static int on_header_value(http_parser *parser, const char *at, size_t len)
{
    struct http_parse *p = of(parser);

    if (p->head_done)
        return 0;
    p->in_value = true;
    return extend(p, &p->values[p->n_headers - 1], at, len);
}

static struct span piece_span(const struct http_parse *p, struct http_piece at)
{
    return span_make(p->buf.ptr + at.at, at.len);
}

static int on_headers_complete(http_parser *parser)
{
    struct http_parse *p = of(parser);
    int status = http_head_check(p, parser->http_major, parser->http_minor);

    p->head_done = true;
    if (status != 0)
        return refuse(p, status);
    if (parser->content_length != UINT64_MAX &&
        parser->content_length > HTTP_BODY_MAX)
        return refuse(p, 413);
    if (parser->flags & F_CHUNKED)
        http_strict_chunks(&p->strict);
    /* RFC 9110 10.1.1: not of 1.0, which knows no 100. */
    p->expects = parser->http_minor > 0 && http_head_expects(p);
    return 0;
}

/* Chunks are moved together, so that the body is one span. */
static int on_body(http_parser *parser, const char *at, size_t len)
{
    struct http_parse *p = of(parser);

    if (p->body.len + len > HTTP_BODY_MAX)
        return refuse(p, 413);
    if (p->body.len == 0)
        p->body.at = offset(p, at);
    memmove(p->buf.ptr + p->body.at + p->body.len, at, len);
    p->body.len += (uint32_t)len;
    return 0;
}

static int on_message_complete(http_parser *parser)
{
    struct http_parse *p = of(parser);

    p->complete = true;
    /* RFC 9110 7.8: an Upgrade in 1.0 is ignored. */
    p->upgrade = parser->http_minor > 0 && http_head_upgrades(p);
    /* After an upgrade that nobody took, what follows may be in the other
     * protocol: it must not be read as a request. */
    p->keep_alive = http_should_keep_alive(parser) != 0 && !p->upgrade &&
                    !http_head_connection(p, "close");
    p->head_only = parser->method == HTTP_HEAD;
    http_parser_pause(parser, 1); /* what follows is the next request's */
    return 0;
}

static const http_parser_settings settings = {
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

static void reset(struct http_parse *p)
{
    http_parser_init(parser_of(p), HTTP_REQUEST);
    parser_of(p)->data = p;
    http_strict_head(&p->strict);
    p->fed = 0;
    p->url = p->body = (struct http_piece){0};
    p->n_headers = 0;
    p->in_value = p->head_done = p->complete = p->expects = false;
    p->refuse = 0;
}

struct http_parse *http_parse_new(void)
{
    struct whole *w = mem_alloc(sizeof *w);

    bytes_init(&w->parse.buf);
    w->parse.next = NULL;
    reset(&w->parse);
    return &w->parse;
}

void http_parse_free(struct http_parse *p)
{
    if (!p)
        return;
    bytes_close(&p->buf);
    free(p);
}

/* What may be shown to the parser of the bytes that it has not seen: no more
 * than the head, as the bound of the head is not that of the body, and nothing
 * that is not well-formed.  0: refused. */
static size_t presentable(struct http_parse *p)
{
    size_t n = p->buf.len - p->fed;
    int status;

    if (p->head_done && !p->strict.chunks)
        return n;
    if (!p->head_done && n > HTTP_HEAD_MAX - p->fed)
        n = HTTP_HEAD_MAX - p->fed;
    if (n == 0)
        status = http_strict_in_line(&p->strict) ? 414 : 431;
    else
        n = http_strict_look(&p->strict, span_make(p->buf.ptr + p->fed, n),
                             &status);
    if (status == 0)
        return n;
    (void)refuse(p, status);
    return 0;
}

static void execute(struct http_parse *p)
{
    while (p->fed < p->buf.len && !p->complete && p->refuse == 0) {
        size_t n = presentable(p);

        if (n == 0)
            return;
        p->fed += http_parser_execute(parser_of(p), &settings,
                                      p->buf.ptr + p->fed, n);
        if (!p->complete && p->refuse == 0 &&
            HTTP_PARSER_ERRNO(parser_of(p)) != HPE_OK)
            (void)refuse(p, 400);
    }
}

enum http_parse_result http_parse_feed(struct http_parse *p)
{
    execute(p);
    if (p->complete)
        return HTTP_PARSE_DONE;
    if (p->refuse != 0)
        return HTTP_PARSE_BAD;
    if (p->head_done && p->body.len > 0) {
        /* Chunk framing need not be kept: the parser has seen it. */
        p->buf.len = p->body.at + p->body.len;
        p->fed = p->buf.len;
    }
    return HTTP_PARSE_MORE;
}

void http_parse_next(struct http_parse *p)
{
    bytes_drop(&p->buf, p->fed);
    if (p->buf.len == 0 && p->buf.cap > KEEP_BYTES)
        bytes_close(&p->buf);
    reset(p);
}

/* Percent-decoding of n bytes in place; the new length, or -1 for a bad escape
 * or a control character.  plus: '+' is a space (queries). */
static ptrdiff_t unescape(char *text, size_t n, bool plus)
{
    size_t to = 0;

    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (c == '%') {
            int high = i + 2 < n ? span_hex_digit(text[i + 1]) : -1;
            int low = high >= 0 ? span_hex_digit(text[i + 2]) : -1;
            if (low < 0)
                return -1;
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if ((unsigned char)c < 0x20 || c == 0x7f)
            return -1;
        text[to++] = c;
    }
    return (ptrdiff_t)to;
}

/* Of "http://host/a?b", which proxies send: RFC 9112 3.2.2 puts that host in
 * the place of the Host field, whatever that says. */
static bool put_host(struct http_request *req, struct span host)
{
    for (unsigned i = 0; i < req->n_headers; i++) {
        if (http_head_same(req->headers[i].name, "host")) {
            req->headers[i].value = host;
            return true;
        }
    }
    if (req->n_headers == HTTP_HEADERS_MAX)
        return false;
    req->headers[req->n_headers].name = span_str("Host");
    req->headers[req->n_headers++].value = host;
    return true;
}

static bool split_authority(struct http_request *req, const char *text,
                            const struct http_parser_url *u)
{
    const struct span schema = {text + u->field_data[UF_SCHEMA].off,
                                u->field_data[UF_SCHEMA].len};
    const char *host = schema.ptr + schema.len + strlen("://");
    size_t n = 0;

    if ((!http_head_same(schema, "http") && !http_head_same(schema, "https")) ||
        (u->field_set & (1 << UF_USERINFO)))
        return false;
    while (host + n < text + HTTP_HEAD_MAX && !strchr("/?# ", host[n]))
        n++;
    return put_host(req, span_make(host, n));
}

/* The path and the query of "/a?b" and "http://host/a?b". */
static bool split_url(struct http_parse *p, struct http_request *req)
{
    char *text = p->buf.ptr + p->url.at;
    struct http_parser_url u;
    ptrdiff_t n;

    http_parser_url_init(&u);
    if (parser_of(p)->method == HTTP_CONNECT ||
        http_parser_parse_url(text, p->url.len, 0, &u) != 0)
        return false;
    if (u.field_set & (1 << UF_QUERY))
        req->query = span_make(text + u.field_data[UF_QUERY].off,
                               u.field_data[UF_QUERY].len);
    if (u.field_set & (1 << UF_HOST)) {
        if (!split_authority(req, text, &u))
            return false;
    } else if (text[0] != '/' && parser_of(p)->method != HTTP_OPTIONS) {
        return false; /* "*" is for OPTIONS only */
    }
    if (!(u.field_set & (1 << UF_PATH))) {
        req->path = span_str("/");
        return true;
    }
    text += u.field_data[UF_PATH].off;
    n = unescape(text, u.field_data[UF_PATH].len, false);
    req->path = span_make(text, n > 0 ? (size_t)n : 0);
    return n > 0;
}

int http_parse_request(struct http_parse *p, struct http_request *req)
{
    req->method =
        span_str(http_method_str((enum http_method)parser_of(p)->method));
    req->query = span_make("", 0);
    req->body = piece_span(p, p->body);
    req->upgrade = p->upgrade;
    req->n_headers = p->n_headers;
    for (unsigned i = 0; i < p->n_headers; i++) {
        req->headers[i].name = http_head_name(p, i);
        req->headers[i].value = http_head_value(p, i);
    }
    return split_url(p, req) ? 0 : 400;
}

struct span http_header(const struct http_request *req, const char *name)
{
    for (unsigned i = 0; i < req->n_headers; i++)
        if (http_head_same(req->headers[i].name, name))
            return req->headers[i].value;
    return span_make("", 0);
}

bool http_query(const struct http_request *req, const char *name,
                struct bytes *out)
{
    const char *at = req->query.ptr, *end = at + req->query.len;
    size_t wanted = strlen(name);

    while (at < end) {
        const char *amp = memchr(at, '&', (size_t)(end - at));
        const char *stop = amp ? amp : end;
        size_t len = (size_t)(stop - at);
        if (len >= wanted && memcmp(at, name, wanted) == 0 &&
            (len == wanted || at[wanted] == '=')) {
            size_t skip = len > wanted ? wanted + 1 : wanted;
            char *to = bytes_reserve(out, len - skip + 1);
            ptrdiff_t n;
            memcpy(to, at + skip, len - skip);
            n = unescape(to, len - skip, true);
            out->len += n > 0 ? (size_t)n : 0;
            return n >= 0;
        }
        at = amp ? amp + 1 : end;
    }
    return false;
}
