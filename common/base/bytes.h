/*
 * bytes.h -- a growable run of bytes that its holder owns.
 *
 * Ownership   bytes_init/bytes_close; the struct is the caller's.
 * Errors      growing ends the process with status 71 when memory is out: who
 *             needs a bound checks `len` before appending.
 */
#pragma once

#include "common/base/span.h"

struct bytes {
    char *ptr;
    size_t len;
    size_t cap;
};

void bytes_init(struct bytes *b);
void bytes_close(struct bytes *b);
/* Room for n more bytes at the end; returns where they go.  The caller writes
 * at most n and adds what it wrote to len. */
char *bytes_reserve(struct bytes *b, size_t n);
void bytes_add(struct bytes *b, const void *data, size_t n);
void bytes_add_span(struct bytes *b, struct span s);
void bytes_add_str(struct bytes *b, const char *text);
void bytes_add_int(struct bytes *b, int64_t value);
void bytes_add_uint(struct bytes *b, uint64_t value);
void bytes_printf(struct bytes *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void bytes_drop(struct bytes *b, size_t n); /* at the front */
void bytes_clear(struct bytes *b);          /* len = 0, memory kept */

static inline struct span bytes_span(const struct bytes *b)
{
    return span_make(b->ptr, b->len);
}

/* malloc, calloc and realloc that end the process with status 71: a half-working
 * tool would be worse than one that a supervisor starts anew. */
void *mem_alloc(size_t n);
void *mem_zero(size_t n);
void *mem_grow(void *p, size_t n);
char *mem_str(struct span s); /* NUL-terminated copy */
