#include "common/event/channel_name.h"

#include "common/event/event_name.h"
#include "common/event/resolution.h"
#include "common/event/route.h"

#define BARS "bars:"

static bool fail(const char **why, const char *text)
{
    *why = text;
    return false;
}

/* --- parts --- */

/* Cuts off the first part; what is left has no colon in front. */
static struct span next_part(struct span *rest)
{
    const char *colon =
        rest->len == 0 ? NULL : memchr(rest->ptr, ':', rest->len);
    struct span part = *rest;

    if (!colon) {
        *rest = span_make(rest->ptr + rest->len, 0);
        return part;
    }
    part.len = (size_t)(colon - rest->ptr);
    rest->ptr += part.len + 1;
    rest->len -= part.len + 1;
    return part;
}

static bool is_star(struct span part)
{
    return part.len == 1 && part.ptr[0] == '*';
}

/* The symbol and the resolution of a name that begins with BARS; false: there
 * is only one part behind it. */
static bool split_bars(struct span name, struct span *symbol,
                       struct span *resolution)
{
    const char *from = name.ptr + strlen(BARS), *end = name.ptr + name.len;
    const char *cut = end;

    while (cut > from && cut[-1] != ':')
        cut--;
    if (cut == from)
        return false;
    *symbol = span_make(from, (size_t)(cut - 1 - from));
    *resolution = span_make(cut, (size_t)(end - cut));
    return true;
}

/* --- the canonical form --- */

static bool letters_ok(struct span name, const char **why)
{
    char before = ':';

    if (name.len == 0 || name.len > ROUTE_NAME_MAX)
        return fail(why, "a channel name has 1 to 255 bytes");
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i], after = i + 1 < name.len ? name.ptr[i + 1] : ':';

        if (c == ':' && (before == ':' || i + 1 == name.len))
            return fail(why, "no part of a channel name is empty");
        if (c == '*' && (i == 0 || before != ':' || after != ':'))
            return fail(why, "a * stands for one whole part of a channel name, "
                             "and never for the first");
        if (c != ':' && c != '*' && !event_name_letter(c))
            return fail(why, "a channel name has letters, digits and "
                             "._/-@+#, and colons between its parts");
        before = c;
    }
    return true;
}

/* Puts the resolution's own name in place of the last part. */
static bool read_bars(struct span name, struct bytes *canonical,
                      const char **why)
{
    struct span symbol, last;
    struct resolution r;

    if (!split_bars(name, &symbol, &last))
        return fail(why, "bars need a symbol and a resolution, "
                         "bars:SYMBOL:RESOLUTION");
    if (memchr(symbol.ptr, '*', symbol.len) && !is_star(symbol))
        return fail(why, "in bars:SYMBOL:RESOLUTION a * stands for the whole "
                         "symbol or the whole resolution");
    if (is_star(last))
        return true;
    switch (resolution_parse(last, &r)) {
    case RESOLUTION_UNKNOWN:
        return fail(why, "bars end with a resolution: 1S to 3600S, 1 to 1440 "
                         "(minutes), D, W, M or *");
    case RESOLUTION_UNEVEN:
        return fail(why, "bars end with a resolution that divides a day "
                         "evenly (try 1, 5, 15, 60, D, W, M)");
    case RESOLUTION_OK:
        break;
    }
    canonical->len -= last.len;
    bytes_add_str(canonical, r.name);
    return canonical->len <= ROUTE_NAME_MAX ||
           fail(why, "a channel name has 1 to 255 bytes");
}

static bool is_family_pattern(struct span name)
{
    struct span rest = name;

    (void)next_part(&rest);
    return is_star(rest);
}

bool channel_name_read(struct span in, struct bytes *canonical,
                       const char **why)
{
    bool ok;

    bytes_clear(canonical);
    if (!letters_ok(in, why))
        return false;
    bytes_add_span(canonical, in);
    if (span_is(in, "bars"))
        ok = fail(why, "bars need a symbol and a resolution, "
                       "bars:SYMBOL:RESOLUTION");
    else
        ok = !span_starts(in, BARS) || is_family_pattern(in) ||
             read_bars(in, canonical, why);
    if (!ok)
        bytes_clear(canonical);
    return ok;
}

bool channel_name_is_canonical(struct span name)
{
    const char *why;
    struct span symbol, last;
    struct resolution r;

    if (!letters_ok(name, &why) || channel_name_is_pattern(name) ||
        span_is(name, "bars"))
        return false;
    return !span_starts(name, BARS) ||
           (split_bars(name, &symbol, &last) &&
            resolution_parse(last, &r) == RESOLUTION_OK &&
            span_is(last, r.name));
}

bool channel_name_part_ok(struct span part)
{
    size_t n = 0;

    while (n < part.len && event_name_letter(part.ptr[n]))
        n++;
    return n > 0 && n == part.len && n <= EVENT_NAME_MAX;
}

/* --- patterns --- */

bool channel_name_is_pattern(struct span name)
{
    return name.len > 0 && memchr(name.ptr, '*', name.len);
}

struct span channel_name_family(struct span name)
{
    const char *colon = name.len == 0 ? NULL : memchr(name.ptr, ':', name.len);

    if (colon)
        name.len = (size_t)(colon - name.ptr) + 1;
    return name;
}

static bool part_matches(struct span pattern, struct span part)
{
    return part.len > 0 && (is_star(pattern) || span_eq(pattern, part));
}

bool channel_name_matches(struct span pattern, struct span name)
{
    struct span family = channel_name_family(pattern);
    struct span symbol, last, symbol2, last2;

    if (!channel_name_is_pattern(pattern))
        return span_eq(pattern, name);
    if (is_family_pattern(pattern))
        return name.len > family.len &&
               memcmp(name.ptr, family.ptr, family.len) == 0;
    if (span_starts(pattern, BARS) && span_starts(name, BARS))
        return split_bars(pattern, &symbol, &last) &&
               split_bars(name, &symbol2, &last2) &&
               part_matches(symbol, symbol2) && part_matches(last, last2);
    while (pattern.len > 0 && name.len > 0)
        if (!part_matches(next_part(&pattern), next_part(&name)))
            return false;
    return pattern.len == 0 && name.len == 0;
}
