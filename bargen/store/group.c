#include "bargen/store/group.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char PLAIN[] = "1"; /* the default's name */

/* --- ours --- */

static int by_width(const void *a, const void *b)
{
    const struct resolution *const *x = a, *const *y = b;
    int64_t i = (*x)->width_ns, k = (*y)->width_ns;

    if ((*x)->unit != (*y)->unit)
        return (*x)->unit < (*y)->unit ? -1 : 1;
    return i != k ? (i < k ? -1 : 1) : strcmp((*x)->name, (*y)->name);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_resolutions(struct bytes *out,
                            const struct resolution *resolutions, unsigned n)
{
    const struct resolution **sorted = mem_alloc((n + 1) * sizeof(*sorted));

    for (unsigned i = 0; i < n; i++)
        sorted[i] = &resolutions[i];
    qsort(sorted, n, sizeof(*sorted), by_width);
    for (unsigned i = 0; i < n; i++) {
        bytes_add_str(out, i > 0 ? "," : "");
        bytes_add_str(out, sorted[i]->name);
    }
    free(sorted);
}

/* Each name once. */
static unsigned add_symbols(struct bytes *out, const char *const *symbols,
                            unsigned n)
{
    const char **sorted = mem_alloc((n + 1) * sizeof(*sorted));
    unsigned added = 0;

    for (unsigned i = 0; i < n; i++)
        sorted[i] = symbols[i];
    qsort(sorted, n, sizeof(*sorted), by_text);
    for (unsigned i = 0; i < n; i++) {
        if (i > 0 && strcmp(sorted[i], sorted[i - 1]) == 0)
            continue;
        bytes_add_str(out, added++ > 0 ? "," : "");
        bytes_add_str(out, sorted[i]);
    }
    free(sorted);
    return added;
}

/* FNV-1a: the same in every process. */
static uint64_t fingerprint(struct span text)
{
    uint64_t h = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < text.len; i++)
        h = (h ^ (unsigned char)text.ptr[i]) * UINT64_C(1099511628211);
    return h;
}

/* The resolutions are at most 32 names of a few characters. */
static void make_name(struct group *g, struct span resolutions,
                      struct span symbols, unsigned n_symbols)
{
    char widths[48];

    if (resolutions.len < sizeof widths)
        snprintf(widths, sizeof widths, "%.*s", SPAN_ARG(resolutions));
    else
        snprintf(widths, sizeof widths, "%016" PRIx64,
                 fingerprint(resolutions));
    if (n_symbols == 0)
        snprintf(g->name, sizeof g->name, "%s", widths);
    else if (strlen(widths) + 1 + symbols.len < sizeof g->name)
        snprintf(g->name, sizeof g->name, "%s@%.*s", widths, SPAN_ARG(symbols));
    else
        snprintf(g->name, sizeof g->name, "%s@%u-%016" PRIx64, widths,
                 n_symbols, fingerprint(symbols));
}

void group_init(struct group *g, const struct resolution *resolutions,
                unsigned n_resolutions, const char *const *symbols,
                unsigned n_symbols)
{
    struct bytes widths, names;
    unsigned n;

    bytes_init(&g->options);
    bytes_init(&widths);
    bytes_init(&names);
    add_resolutions(&widths, resolutions, n_resolutions);
    n = add_symbols(&names, symbols, n_symbols);
    make_name(g, bytes_span(&widths), bytes_span(&names), n);
    bytes_add_str(&g->options, "--resolutions=");
    bytes_add_span(&g->options, bytes_span(&widths));
    bytes_add_str(&g->options, " --symbols=");
    if (n > 0)
        bytes_add_span(&g->options, bytes_span(&names));
    else
        bytes_add_str(&g->options, "*");
    bytes_close(&widths);
    bytes_close(&names);
}

void group_rule(struct group *g, const char *option, const char *value)
{
    bytes_add_str(&g->options, " ");
    bytes_add_str(&g->options, option);
    bytes_add_str(&g->options, "=");
    bytes_add_str(&g->options, value);
}

void group_close(struct group *g)
{
    bytes_close(&g->options);
}

void group_base(struct span name, struct bytes *out)
{
    bytes_add_str(out, "bargen:");
    if (span_is(name, PLAIN))
        return;
    bytes_add_span(out, name);
    bytes_add_str(out, ":");
}

/* --- others --- */

/* Cuts the next one off a list. */
static bool next_of(struct span *list, char between, struct span *item)
{
    const char *end;

    if (list->len == 0)
        return false;
    end = memchr(list->ptr, between, list->len);
    *item = span_make(list->ptr, end ? (size_t)(end - list->ptr) : list->len);
    list->ptr += item->len;
    list->len -= item->len;
    if (end) {
        list->ptr++;
        list->len--;
    }
    return true;
}

/* The value of an option; empty: it is not there. */
static struct span value_of(struct span options, struct span option)
{
    struct span item;

    while (next_of(&options, ' ', &item))
        if (item.len > option.len && item.ptr[option.len] == '=' &&
            memcmp(item.ptr, option.ptr, option.len) == 0)
            return span_make(item.ptr + option.len + 1,
                             item.len - option.len - 1);
    return span_make("", 0);
}

static bool is_in(struct span item, struct span list)
{
    struct span other;

    while (next_of(&list, ',', &other))
        if (span_eq(item, other))
            return true;
    return false;
}

/* The first that is in both; "*" is all there are. */
static bool first_common(struct span a, struct span b, struct span *item)
{
    if (span_is(a, "*") || span_is(b, "*")) {
        *item = span_is(a, "*") ? b : a;
        return true;
    }
    while (next_of(&a, ',', item))
        if (is_in(*item, b))
            return true;
    return false;
}

static bool covers(struct span all, struct span some)
{
    struct span item;

    if (span_is(all, "*"))
        return true;
    while (next_of(&some, ',', &item))
        if (!is_in(item, all))
            return false;
    return true;
}

static void copy(char *to, size_t size, struct span text)
{
    bool whole = text.len < size;

    snprintf(to, size, "%.*s%s", whole ? (int)text.len : (int)size - 4,
             text.ptr, whole ? "" : "...");
}

/* The first option that is not the same in both. */
static bool find_difference(struct group_clash *c, struct span ours,
                            struct span theirs)
{
    struct span all = ours, item;

    while (next_of(&ours, ' ', &item)) {
        struct span option = span_make(item.ptr, 0), value, other;

        while (option.len < item.len && item.ptr[option.len] != '=')
            option.len++;
        value = value_of(all, option);
        other = value_of(theirs, option);
        if (span_eq(value, other))
            continue;
        copy(c->option, sizeof c->option, option);
        copy(c->ours, sizeof c->ours, value);
        copy(c->theirs, sizeof c->theirs, other);
        return true;
    }
    return false;
}

struct group_clash group_compare(const struct group *g, struct span name,
                                 struct span options)
{
    struct span ours = bytes_span(&g->options);
    struct span widths = span_str("--resolutions");
    struct span symbols = span_str("--symbols");
    struct span width, symbol;
    struct group_clash c = {.relation = GROUP_APART};

    if (span_is(name, g->name)) {
        c.relation =
            find_difference(&c, ours, options) ? GROUP_RULES : GROUP_SAME;
        return c;
    }
    if (!first_common(value_of(ours, widths), value_of(options, widths),
                      &width) ||
        !first_common(value_of(ours, symbols), value_of(options, symbols),
                      &symbol))
        return c;
    c.relation = GROUP_OVERLAPS;
    c.covers = covers(value_of(options, symbols), value_of(ours, symbols));
    find_difference(&c, ours, options);
    return c;
}

unsigned group_shards(struct span options)
{
    struct span text = value_of(options, span_str("--shards"));
    uint64_t n = 0;

    return span_number(text, 4, &n) ? (unsigned)n : 0;
}
