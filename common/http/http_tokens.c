#include "common/http/http_tokens.h"

#include <strings.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct span http_tokens_trim(struct span text)
{
    while (text.len > 0 && is_blank(text.ptr[0])) {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && is_blank(text.ptr[text.len - 1]))
        text.len--;
    return text;
}

bool http_tokens_same(struct span a, struct span b)
{
    return a.len == b.len &&
           (a.len == 0 || strncasecmp(a.ptr, b.ptr, a.len) == 0);
}

bool http_tokens_valid(struct span token)
{
    static const char others[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < token.len; i++) {
        char c = token.ptr[i], low = (char)(c | 0x20);

        if (!(c >= '0' && c <= '9') && !(low >= 'a' && low <= 'z') &&
            (c == '\0' || !strchr(others, c)))
            return false;
    }
    return token.len > 0;
}

struct http_tokens http_tokens_of(const struct http_request *req,
                                  const char *name)
{
    return (struct http_tokens){.req = req, .name = name};
}

/* The next line of that name becomes the present one. */
static bool next_line(struct http_tokens *t)
{
    const struct span name = span_str(t->name);

    while (t->line < t->req->n_headers) {
        const struct http_header *h = &t->req->headers[t->line++];

        if (http_tokens_same(h->name, name)) {
            t->rest = h->value;
            return true;
        }
    }
    return false;
}

bool http_tokens_next(struct http_tokens *t, struct span *element)
{
    for (;;) {
        const char *comma;
        struct span one;

        if (t->rest.len == 0) {
            if (!next_line(t))
                return false;
            continue;
        }
        comma = memchr(t->rest.ptr, ',', t->rest.len);
        one = span_make(t->rest.ptr,
                        comma ? (size_t)(comma - t->rest.ptr) : t->rest.len);
        t->rest.ptr += one.len + (comma != NULL);
        t->rest.len -= one.len + (comma != NULL);
        one = http_tokens_trim(one);
        if (one.len > 0) {
            *element = one;
            return true;
        }
    }
}

bool http_tokens_have(const struct http_request *req, const char *name,
                      const char *token)
{
    struct http_tokens t = http_tokens_of(req, name);
    struct span one;

    while (http_tokens_next(&t, &one)) {
        if (http_tokens_same(one, span_str(token)))
            return true;
    }
    return false;
}

unsigned http_tokens_lines(const struct http_request *req, const char *name)
{
    const struct span wanted = span_str(name);
    unsigned n = 0;

    for (unsigned i = 0; i < req->n_headers; i++)
        n += http_tokens_same(req->headers[i].name, wanted);
    return n;
}
