#include <assert.h>
#include <stdlib.h>

#include "common/base/bytes.h"
#include "common/json/scan.h"

/*
 * Every key of every object is written down with the number of its object; the
 * list is sorted and neighbours are compared.  n log n whatever the text is: to
 * compare each key with each would let one line of a megabyte stop a tool.
 */
struct key {
    uint32_t object; /* counted as they open */
    uint32_t len;
    const char *ptr; /* between its quotes */
};

enum { KEYS_INLINE = 64 };

struct keys {
    struct key inline_key[KEYS_INLINE];
    struct key *key;
    size_t count, cap;
};

static void add(struct keys *k, uint32_t object, const char *ptr,
                const char *stop)
{
    if (k->count == k->cap) {
        bool first = k->key == k->inline_key;

        k->cap *= 2;
        k->key = mem_grow(first ? NULL : k->key, k->cap * sizeof *k->key);
        if (first)
            memcpy(k->key, k->inline_key, sizeof k->inline_key);
    }
    k->key[k->count++] = (struct key){object, (uint32_t)(stop - ptr), ptr};
}

/* Byte by byte as if the escapes were replaced. */
static int compare_text(struct span a, struct span b)
{
    size_t n, m;
    int order;

    if (!memchr(a.ptr, '\\', a.len) && !memchr(b.ptr, '\\', b.len)) {
        order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
        return order ? order : (a.len > b.len) - (a.len < b.len);
    }
    {
        /* An escape is never shorter than what it stands for. */
        char *x = mem_alloc(a.len), *y = mem_alloc(b.len);

        scan_unescape(a, x, a.len, &n);
        scan_unescape(b, y, b.len, &m);
        order = memcmp(x, y, n < m ? n : m);
        free(x);
        free(y);
    }
    return order ? order : (n > m) - (n < m);
}

static int compare_keys(const void *left, const void *right)
{
    const struct key *a = left, *b = right;

    if (a->object != b->object)
        return a->object < b->object ? -1 : 1;
    return compare_text(span_make(a->ptr, a->len), span_make(b->ptr, b->len));
}

/* The text is valid: only its braces, brackets and strings matter. */
static void collect(struct keys *k, const char *s, const char *end)
{
    uint32_t open[SCAN_DEPTH_MAX + 1]; /* 0: an array, or outside of all */
    uint32_t objects = 0;
    unsigned depth = 0;
    bool key = false; /* is a string that comes now a key? */
    const char *bad;

    open[0] = 0;
    for (; s < end; s++) {
        const char *first = s + 1;

        switch (*s) {
        case '{':
        case '[':
            assert(depth < SCAN_DEPTH_MAX);
            open[++depth] = *s == '{' ? ++objects : 0;
            key = *s == '{';
            break;
        case '}':
        case ']':
            assert(depth > 0); /* the text was scanned before */
            depth--;
            break;
        case ',':
            key = open[depth] != 0;
            break;
        case '"':
            s = scan_string(first, end, &bad) - 1;
            if (key)
                add(k, open[depth], first, s);
            key = false;
            break;
        default:
            break;
        }
    }
}

bool scan_unique(struct span text, const char **bad)
{
    struct keys k;
    bool unique = true;

    k.key = k.inline_key;
    k.cap = KEYS_INLINE;
    k.count = 0;
    collect(&k, text.ptr, text.ptr + text.len);
    qsort(k.key, k.count, sizeof *k.key, compare_keys);
    for (size_t i = 1; i < k.count && unique; i++) {
        const struct key *a = &k.key[i - 1], *b = &k.key[i];

        if (compare_keys(a, b) != 0)
            continue;
        unique = false;
        *bad = (a->ptr > b->ptr ? a->ptr : b->ptr) - 1;
    }
    if (k.key != k.inline_key)
        free(k.key);
    return unique;
}
