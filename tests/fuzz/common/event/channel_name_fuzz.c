/*
 * Two texts with a line feed between them, a pattern and a name: what is read
 * is canonical, and reads as itself; what a pattern matches is what its parts
 * say, one by one; what is private or internal is so behind a prefix, too.  Then
 * a payload, which perhaps names whose it is.
 */
#include <assert.h>
#include <stdlib.h>

#include "common/event/channel_name.h"
#include "common/event/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_name(struct span in, struct bytes *out)
{
    const char *why = NULL;
    bool ok = channel_name_read(in, out, &why);

    assert(ok == !why);
    assert(ok || out->len == 0);
    assert(!ok || (out->len > 0 && out->len <= ROUTE_NAME_MAX));
    return ok;
}

static void check_canonical(struct span name)
{
    bool pattern = channel_name_is_pattern(name);
    struct span family = channel_name_family(name);
    struct bytes again;

    bytes_init(&again);
    assert(read_name(name, &again));
    assert(span_eq(bytes_span(&again), name));
    assert(channel_name_is_canonical(name) == !pattern);
    assert(family.ptr == name.ptr && family.len > 0);
    assert(!channel_name_is_pattern(family));
    assert(pattern || channel_name_matches(name, name));
    assert(!channel_name_part_ok(name) || (!pattern && span_eq(family, name)));
    bytes_close(&again);
}

/* The rule again, from the end: parts until a * that takes what is left. */
static bool parts_match(struct span p, struct span n)
{
    bool bars = span_starts(p, "bars:") && span_starts(n, "bars:");
    struct span family = channel_name_family(p);

    if (p.len == family.len + 1 && p.ptr[family.len] == '*' &&
        family.ptr[family.len - 1] == ':')
        return n.len > family.len && memcmp(n.ptr, p.ptr, family.len) == 0;
    for (;;) {
        size_t pl = 0, nl = 0;

        while (pl < p.len && p.ptr[p.len - pl - 1] != ':')
            pl++;
        while (nl < n.len && n.ptr[n.len - nl - 1] != ':')
            nl++;
        if (!(pl == 1 && p.ptr[p.len - 1] == '*') &&
            !(pl == nl &&
              memcmp(p.ptr + p.len - pl, n.ptr + n.len - nl, pl) == 0))
            return false;
        if (pl == p.len || nl == n.len)
            return pl == p.len && nl == n.len;
        p.len -= pl + 1;
        n.len -= nl + 1;
        if (bars) { /* what stands between: one symbol, colons and all */
            struct span a = span_make(p.ptr + 5, p.len < 5 ? 0 : p.len - 5);
            struct span b = span_make(n.ptr + 5, n.len < 5 ? 0 : n.len - 5);
            return b.len > 0 && (span_is(a, "*") || span_eq(a, b));
        }
    }
}

/* Whoever a message names has a private channel, which clients could name. */
static void check_private(struct span name, struct span payload)
{
    struct route_table *t = route_table_new(NULL, NULL);
    struct bytes more;

    bytes_init(&more);
    if (route_private_target(t, payload, &more) && more.len > 0) {
        assert(route_is_private(t, bytes_span(&more)));
        assert(channel_name_is_canonical(bytes_span(&more)));
    }
    bytes_clear(&more);
    bytes_add_str(&more, "prod:");
    bytes_add_span(&more, name);
    assert(!route_is_private(t, name) ||
           route_is_private(t, bytes_span(&more)));
    assert(!route_channel_is_internal(name) ||
           route_channel_is_internal(bytes_span(&more)));
    assert(!route_may_hold_private(t, name) ||
           route_may_hold_private(t, bytes_span(&more)));
    (void)route_mode_of(t, name);
    (void)route_is_by_symbol(t, name);
    bytes_close(&more);
    route_table_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Exactly as long, so that reading past it is seen. */
    char *text = mem_alloc(size + 1);
    const char *lf;
    struct span first, second;
    struct bytes a, b;

    memcpy(text, data, size);
    lf = memchr(text, '\n', size);
    first = span_make(text, !lf ? size : (size_t)(lf - text));
    second = !lf ? span_make(text + size, 0)
                 : span_make(lf + 1, (size_t)(text + size - lf - 1));
    bytes_init(&a);
    bytes_init(&b);
    (void)channel_name_is_canonical(first);
    (void)channel_name_matches(first, second);
    check_private(first, second);
    if (read_name(first, &a))
        check_canonical(bytes_span(&a));
    if (read_name(second, &b))
        check_canonical(bytes_span(&b));
    if (a.len > 0 && b.len > 0 && !channel_name_is_pattern(bytes_span(&b)))
        assert(channel_name_matches(bytes_span(&a), bytes_span(&b)) ==
               (channel_name_is_pattern(bytes_span(&a))
                    ? parts_match(bytes_span(&a), bytes_span(&b))
                    : span_eq(bytes_span(&a), bytes_span(&b))));
    bytes_close(&a);
    bytes_close(&b);
    free(text);
    return 0;
}
