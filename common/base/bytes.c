#include "common/base/bytes.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Half-working is worse than gone: a supervisor starts us again. */
static void out_of_memory(size_t n)
{
    char text[80];
    int len = snprintf(text, sizeof text,
                       "level=error ev=out_of_memory bytes=%zu\n", n);

    if (write(STDERR_FILENO, text, (size_t)len) < 0) {
        /* Nobody is left to tell. */
    }
    _exit(71);
}

void *mem_grow(void *p, size_t n)
{
    void *q = realloc(p, n > 0 ? n : 1);

    if (!q)
        out_of_memory(n);
    return q;
}

void *mem_alloc(size_t n)
{
    return mem_grow(NULL, n);
}

void *mem_zero(size_t n)
{
    void *p = calloc(1, n > 0 ? n : 1);

    if (!p)
        out_of_memory(n);
    return p;
}

char *mem_str(struct span s)
{
    char *p = mem_alloc(s.len + 1);

    if (s.len > 0)
        memcpy(p, s.ptr, s.len);
    p[s.len] = '\0';
    return p;
}

void bytes_init(struct bytes *b)
{
    *b = (struct bytes){0};
}

void bytes_close(struct bytes *b)
{
    free(b->ptr);
    bytes_init(b);
}

char *bytes_reserve(struct bytes *b, size_t n)
{
    if (b->cap - b->len < n) {
        size_t cap = b->cap > 0 ? b->cap * 2 : 256;

        while (cap - b->len < n)
            cap *= 2;
        b->ptr = mem_grow(b->ptr, cap);
        b->cap = cap;
    }
    return b->ptr + b->len;
}

void bytes_add(struct bytes *b, const void *data, size_t n)
{
    if (n == 0)
        return;
    memcpy(bytes_reserve(b, n), data, n);
    b->len += n;
}

void bytes_add_span(struct bytes *b, struct span s)
{
    bytes_add(b, s.ptr, s.len);
}

void bytes_add_str(struct bytes *b, const char *text)
{
    bytes_add(b, text, strlen(text));
}

void bytes_add_int(struct bytes *b, int64_t value)
{
    if (value < 0)
        bytes_add(b, "-", 1);
    bytes_add_uint(b, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void bytes_add_uint(struct bytes *b, uint64_t value)
{
    char text[20];
    char *p = text + sizeof text;

    do {
        *--p = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    bytes_add(b, p, (size_t)(text + sizeof text - p));
}

void bytes_printf(struct bytes *b, const char *fmt, ...)
{
    va_list ap, again;
    int n;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    assert(n >= 0);
    vsnprintf(bytes_reserve(b, (size_t)n + 1), (size_t)n + 1, fmt, again);
    va_end(again);
    b->len += (size_t)n;
}

void bytes_drop(struct bytes *b, size_t n)
{
    assert(n <= b->len);
    b->len -= n;
    if (b->len > 0)
        memmove(b->ptr, b->ptr + n, b->len);
}

void bytes_clear(struct bytes *b)
{
    b->len = 0;
}
