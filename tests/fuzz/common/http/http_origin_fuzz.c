/*
 * Three lines: a pattern of origins, an origin, a host.  What is an origin is,
 * as a pattern, one that it matches; what is of a host is so under that host's
 * own spelling too; and a star never stands for more than labels or a port.
 */
#include <assert.h>
#include <strings.h>

#include "common/base/bytes.h"
#include "common/http/http_origin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct span next_line(struct span *text)
{
    const char *end = memchr(text->ptr, '\n', text->len);
    struct span line = *text;

    if (end)
        line.len = (size_t)(end - text->ptr);
    text->ptr += line.len + (end != NULL);
    text->len -= line.len + (end != NULL);
    return line;
}

static bool is_ws(struct span scheme)
{
    return (scheme.len == 2 && strncasecmp(scheme.ptr, "ws", 2) == 0) ||
           (scheme.len == 3 && strncasecmp(scheme.ptr, "wss", 3) == 0);
}

/* What a pattern could only let in by mistake. */
static void check_match(struct span pattern, const struct http_origin *o)
{
    size_t tail = 0;
    const char *star = memchr(pattern.ptr, '*', pattern.len);

    for (size_t i = 0; i < o->host.name.len; i++)
        assert(o->host.name.ptr[i] > ' ' &&
               !strchr("/@?#\\,*", o->host.name.ptr[i]));
    if (o->opaque || !star || star[1] != '.' ||
        star + 1 == pattern.ptr + pattern.len)
        return;
    /* "*.tail": the last bytes of the host are those. */
    star++;
    while (star + tail < pattern.ptr + pattern.len && star[tail] != ':' &&
           star[tail] != '/' && star[tail] != ' ' && star[tail] != '\t')
        tail++;
    while (tail > 1 && star[tail - 1] == '.')
        tail--;
    assert(o->host.name.len > tail);
    assert(strncasecmp(o->host.name.ptr + o->host.name.len - tail, star,
                       tail) == 0);
}

static void check_itself(struct span text, const struct http_origin *o)
{
    struct http_origin_pattern p;
    struct err err = {0};

    if (is_ws(o->scheme) && !o->opaque)
        return; /* no page has it */
    assert(http_origin_pattern_read(text, &p, &err));
    assert(http_origin_matches(&p, o));
}

static void check_host(const struct http_origin *o, struct span text)
{
    struct http_host host, again;
    struct http_host_pattern p;
    struct bytes spelt;
    struct err err = {0};

    if (!http_host_read(text, &host))
        return;
    assert(host.port <= 65535 && http_host_eq(&host, &host));
    assert(http_host_pattern_read(host.name, &p, &err));
    assert(http_host_matches(&p, &host));
    bytes_init(&spelt);
    bytes_add_str(&spelt, memchr(host.name.ptr, ':', host.name.len) ? "[" : "");
    bytes_add_span(&spelt, host.name);
    bytes_add_str(&spelt, memchr(host.name.ptr, ':', host.name.len) ? "]" : "");
    assert(http_host_read(bytes_span(&spelt), &again));
    assert(http_host_eq(&host, &again) && again.port == 0);
    if (http_origin_is_of(o, &host)) {
        assert(!o->opaque && http_host_eq(&o->host, &host));
        again.port = o->host.port;
        assert(http_origin_is_of(o, &again));
    }
    bytes_close(&spelt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = span_make((const char *)data, size);
    struct span pattern = next_line(&text), line = next_line(&text);
    struct http_origin_pattern p;
    struct http_origin o = {.opaque = true};
    struct err err = {0};
    bool is_pattern = http_origin_pattern_read(pattern, &p, &err);

    assert(is_pattern == (err.code == ERR_NONE));
    if (http_origin_read(line, &o)) {
        check_itself(line, &o);
        if (is_pattern && http_origin_matches(&p, &o))
            check_match(pattern, &o);
    }
    check_host(&o, text);
    return 0;
}
